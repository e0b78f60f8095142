// What the test bed takes from outside: environment variables, the cache folder, the repository's own folder.
// The only file of the test bed that reads process.env.
import { existsSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Path given by an environment variable for one program, for example BED_KUBE_APISERVER; undefined when not set or empty. */
export function programOverride(variable: string): string | undefined {
  return process.env[variable] || undefined;
}

/**
 * Whether beds may have a node: `BED_NODE=off` leaves everything out that needs one.
 * @throws when the variable holds anything but on, off or nothing.
 */
export function nodeWanted(): boolean {
  const value = process.env['BED_NODE'] ?? '';
  if (!['', 'on', 'off'].includes(value)) throw new Error(`BED_NODE is on or off, not "${value}"`);
  return value !== 'off';
}

/** Which of the processes among which Jest divides tests this one is, from 1; 0 outside of Jest. */
export function workerNumber(): number {
  return Number(process.env['JEST_WORKER_ID'] ?? 0);
}

/** Folder that keeps what was built, across checkouts: `$XDG_CACHE_HOME` or `~/.cache`, then our own name. */
export function cacheDirectory(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'vault-auth-injector', 'bed');
}

/** Absolute paths at which a program of that name exists, in `$KUBEBUILDER_ASSETS` (a folder of envtest) and then in PATH. */
export function foundInPath(program: string): readonly string[] {
  const searched = [process.env['KUBEBUILDER_ASSETS'] ?? '', ...(process.env['PATH'] ?? '').split(delimiter)];
  const folders = searched.filter((folder) => folder.startsWith('/'));
  return folders.map((folder) => join(folder, program)).filter((file) => existsSync(file));
}

/** Environment of `go`: the caller's own (proxy, caches), with what would change the result fixed. */
export function goEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOWORK: 'off', GOFLAGS: '' };
}

/** Environment of apt-get: the caller's own (proxies), without questions. */
export function aptEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
}

/** Environment of a started server or client: only PATH and a home of its own, so that nothing of the user's set-up leaks in. */
export function serverEnvironment(home: string): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: home, TMPDIR: tmpdir() };
}

/** True when colour is disabled (https://no-color.org). */
export function colourRefused(): boolean {
  return Boolean(process.env['NO_COLOR']) || process.env['TERM'] === 'dumb';
}

/** The repository's folder, wherever this code was bundled to. */
export function repositoryDirectory(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'test', 'bed', 'modules'))) {
    if (dirname(folder) === folder) throw new Error('test/bed/modules not found: run this from a checkout of the repository');
    folder = dirname(folder);
  }
  return folder;
}
