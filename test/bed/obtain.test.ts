// Where programs come from, seen through the command: environment, PATH with the pinned version only, and a missing or old Go.
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleTool, type Tool } from './tool.ts';

let tool: Tool;
let folder: string;
beforeAll(async () => {
  tool = await bundleTool('cli.ts');
});
afterAll(() => tool.remove());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'obtain-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Puts a program into the folder that always prints the same text. */
const program = (name: string, says: string): string => {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(file, 0o755);
  return file;
};

const LEFT_OUT = 'BED_NODE=off: nothing for beds with a node was built, and tests on a node are left out\n';

/** Runs the command with nothing in PATH but the folder and with an empty cache, without what only a node needs. */
const bed = (
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ code: unknown; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const env = { PATH: folder, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache'), BED_NODE: 'off', ...environment };
    execFile(process.execPath, [tool.file, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });

const lineOf = (text: string, start: string): string | undefined => text.split('\n').find((line) => line.startsWith(start));

it('takes a program from PATH only when it is the pinned version', async () => {
  program('kubectl', 'Client Version: v1.32.1');
  const etcd = program('etcd', 'etcd Version: 3.6.16');
  const { stdout } = await bed(['versions']);
  expect(lineOf(stdout, 'kubectl 1.36.3')).toContain('not built yet');
  expect(lineOf(stdout, 'etcd 3.6.16')).toContain(`${etcd} (PATH)`);
});

it('takes a program from KUBEBUILDER_ASSETS only when it is the pinned version', async () => {
  const etcd = program('etcd', 'etcd Version: 3.6.16');
  program('kubectl', 'Client Version: v1.32.1');
  const { stdout } = await bed(['versions'], { PATH: join(folder, 'empty'), KUBEBUILDER_ASSETS: folder });
  expect(lineOf(stdout, 'etcd 3.6.16')).toContain(etcd);
  expect(lineOf(stdout, 'kubectl 1.36.3')).toContain('not built yet');
});

it('takes any executable that an environment variable names', async () => {
  const server = program('my-apiserver', 'Kubernetes v1.36.9');
  const { stdout } = await bed(['versions'], { BED_KUBE_APISERVER: server });
  expect(lineOf(stdout, 'kube-apiserver 1.36.3')).toContain(`${server} (environment)`);
  expect(lineOf(stdout, 'kube-apiserver 1.34.4')).toContain('not built yet; another by BED_KUBE_APISERVER_1_34');
});

it('refuses a variable that names no executable, in one line', async () => {
  const { code, stderr } = await bed(['versions'], { BED_ETCD: join(folder, 'absent') });
  expect(code).toBe(1);
  expect(stderr).toBe(`BED_ETCD=${join(folder, 'absent')} is not an executable file: correct the path or unset the variable\n`);
});

it.each([
  ['missing', undefined, 'no go command in PATH'],
  ['too old', 'go1.25.3', 'the go command in PATH is go1.25.3'],
])('says in one line what to install when Go is %s', async (_, version, problem) => {
  if (version) program('go', version);
  const { code, stderr } = await bed(['build']);
  expect(code).toBe(1);
  expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(`Go 1.26 or newer, but ${problem}: install it`)]);
});

it('prints before the first build what a node needs, and how to run without one', async () => {
  const { code, stderr } = await bed(['build'], { BED_NODE: 'on' });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^a node with containers needs .*, or leave out what needs a node with BED_NODE=off\n$/);
  expect((await bed(['build'], { BED_NODE: 'maybe' })).stderr).toBe('BED_NODE is on or off, not "maybe"\n');
});

it('builds each module once, also when two processes request it at the same time, and caches it', async () => {
  const log = join(folder, 'builds');
  const go = join(folder, 'go');
  // Prints a version, or records the module's folder: this test is about when a build runs, not about its output.
  writeFileSync(go, `#!/bin/sh\n[ "$1" = env ] && { echo go1.26.8; exit; }\n/bin/sleep 0.3\necho "\${PWD##*/}" >> '${log}'\n`);
  chmodSync(go, 0o755);
  const ends = await Promise.all([bed(['build']), bed(['build'])]);
  expect(ends.map(({ code }) => code)).toEqual([0, 0]);
  expect(readFileSync(log, 'utf8').trim().split('\n').toSorted()).toEqual([
    'etcd',
    'helm',
    'kubernetes-1.34',
    'kubernetes-1.36',
    'openbao',
    'promtool',
  ]);
  const again = await bed(['build']);
  expect(again).toEqual({ code: 0, stdout: '', stderr: LEFT_OUT });
  expect((await bed(['versions'])).stdout).not.toContain('not built yet');
}, 300_000);

it("shows the end of the compiler's output when a build fails, and builds again the next time", async () => {
  const go = join(folder, 'go');
  writeFileSync(go, '#!/bin/sh\n[ "$1" = env ] && { echo go1.26.8; exit; }\necho "main.go:1: undefined: x" >&2\nexit 1\n');
  chmodSync(go, 0o755);
  for (const attempt of [1, 2]) {
    const { code, stderr } = await bed(['build']);
    expect([attempt, code]).toEqual([attempt, 1]);
    expect(stderr).toContain('building etcd 3.6.16 failed');
    expect(stderr).toContain('main.go:1: undefined: x');
  }
});
