// What a node needs from the system: root on Linux, and programs that come as packages of Debian.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { aptEnvironment, cacheDirectory, foundInPath } from '../environment.ts';
import { withLock } from '../lock.ts';
import type { Progress } from '../progress.ts';

/** Programs and the package that brings each. */
const PACKAGES: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  nft: 'nftables',
  ip: 'iproute2',
  busybox: 'busybox',
  nsenter: 'util-linux',
  unshare: 'util-linux',
};

/** Where Debian and where everybody else has the network plugins. */
const PLUGIN_FOLDERS = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];
const PLUGINS = ['bridge', 'host-local', 'loopback'];

const WAY_OUT = 'or leave out what needs a node with BED_NODE=off';

/**
 * Makes sure that a node can run here, and installs missing packages by apt-get.
 * @throws one line that says what is missing and how to go on, for example without root.
 */
export async function requireNode(progress: Progress): Promise<void> {
  const user = process.getuid?.();
  if (process.platform !== 'linux' || user !== 0) {
    const who = user === 0 ? 'root' : 'an ordinary user';
    throw new Error(
      `a node with containers needs root on Linux, but this is ${who} on ${process.platform}: run it there as root, ${WAY_OUT}`,
    );
  }
  if (missing().length === 0) return;
  mkdirSync(cacheDirectory(), { recursive: true, mode: 0o700 });
  await withLock(
    join(cacheDirectory(), 'packages.lock'),
    () => progress.status('Waiting for another process that installs packages'),
    async () => {
      if (missing().length > 0) await install(missing(), progress);
    },
  );
  if (missing().length > 0) throw new Error(`apt-get has not brought all of ${missing().join(', ')}: install them, ${WAY_OUT}`);
}

/** Folder with the network plugins. */
export function pluginFolder(): string {
  const found = PLUGIN_FOLDERS.find((folder) => PLUGINS.every((plugin) => existsSync(join(folder, plugin))));
  if (!found) throw new Error(`the network plugins ${PLUGINS.join(', ')} are in none of ${PLUGIN_FOLDERS.join(', ')}`);
  return found;
}

/** Absolute path of one of the programs. */
export function systemProgram(name: string): string {
  const [path] = foundInPath(name);
  if (path === undefined) throw new Error(`${name} is not in PATH: install the package ${PACKAGES[name] ?? name}, ${WAY_OUT}`);
  return path;
}

function missing(): readonly string[] {
  const programs = Object.keys(PACKAGES).filter((program) => foundInPath(program).length === 0);
  const plugins = PLUGIN_FOLDERS.some((folder) => PLUGINS.every((plugin) => existsSync(join(folder, plugin))));
  const packages = programs.map((program) => PACKAGES[program] ?? program);
  return [...new Set([...packages, ...(plugins ? [] : ['containernetworking-plugins'])])];
}

async function install(packages: readonly string[], progress: Progress): Promise<void> {
  const command = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (foundInPath('apt-get').length === 0) {
    throw new Error(`a node with containers needs ${packages.join(', ')}: install them by your system's means, ${WAY_OUT}`);
  }
  // Under systemd a service would be started with the package and stay; that is not ours to decide.
  if (existsSync('/run/systemd/system'))
    throw new Error(`a node with containers needs more packages: run "${command}", ${WAY_OUT}`);
  progress.line(`Installing ${packages.join(', ')} (apt-get, about half a minute)`);
  const lists = await aptGet(['update'], progress);
  const installed = await aptGet(['install', '-y', '--no-install-recommends', ...packages], progress);
  if (!installed.ok) throw new Error(`"${command}" failed:\n${installed.said || lists.said}\ninstall them, ${WAY_OUT}`);
}

function aptGet(args: readonly string[], progress: Progress): Promise<{ readonly ok: boolean; readonly said: string }> {
  const child = spawn('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env: aptEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const hear = (text: string): void => {
    said += text;
    const last = text.trimEnd().split('\n').at(-1) ?? '';
    progress.status(`  apt-get ${args[0]}: ${last}`);
  };
  child.stdout.setEncoding('utf8').on('data', hear);
  child.stderr.setEncoding('utf8').on('data', hear);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ ok: code === 0, said: said.trim().split('\n').slice(-8).join('\n') }));
  });
}
