// Beds with a node: two at once on both Kubernetes versions, what pods reach and what not, and nothing left of either, though
// the process of one is killed.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { nodeWanted } from '../environment.ts';
import { bundleTool, type Tool } from '../tool.ts';
import { openGate } from './gate.ts';
import { IMAGES } from './images.ts';
import { declareLeftOut } from './left-out.ts';
import { type BedWithNode, startBedWithNode } from './node.ts';
import { eventually } from '../../support/eventually.ts';

const SETTINGS = ['kernel/panic', 'kernel/panic_on_oops', 'vm/overcommit_memory', 'vm/panic_on_oom', 'net/ipv4/ip_forward'];

/** What a node could leave on the machine, beside processes and files. */
const traces = (): readonly string[] => [
  ...readFileSync('/proc/self/mounts', 'utf8').split('\n'),
  ...execFileSync('ip', ['-brief', 'link'], { encoding: 'utf8' }).split('\n'),
  ...execFileSync('ip', ['route', 'show', 'table', 'all'], { encoding: 'utf8' }).split('\n'),
  ...SETTINGS.map((name) => `${name}=${readFileSync(join('/proc/sys', name), 'utf8')}`),
  ...['/var/lib/kubelet', '/var/lib/cni', '/run/containerd', '/run/netns', '/opt/containerd'].filter((path) => existsSync(path)),
];

/** Cgroups and processes of one bed. */
const remains = (directory: string): readonly string[] => {
  const name = basename(directory);
  const root = '/sys/fs/cgroup';
  const folders = [root, ...readdirSync(root).map((hierarchy) => join(root, hierarchy))];
  const processes = execFileSync('ps', ['-eo', 'stat=,args='], { encoding: 'utf8' }).split('\n');
  return [
    ...folders.map((folder) => join(folder, name)).filter((folder) => existsSync(folder)),
    ...processes.filter((line) => line.includes(directory) && !/^[ZX]/.test(line)),
  ];
};

const stay = { name: 'app', image: IMAGES.app, command: ['sh', '-c', "trap 'exit 0' TERM; echo up; sleep 1000 & wait $!"] };

if (nodeWanted()) {
  let tool: Tool;
  let other: ChildProcess | undefined;
  let bed: BedWithNode | undefined;
  beforeAll(async () => {
    tool = await bundleTool('node/orphan.fixture.ts');
  });
  afterAll(async () => {
    other?.kill('SIGKILL');
    await bed?.stop('failed');
    tool.remove();
  }, 300_000);

  it('run side by side, let pods reach the servers and nothing else, and clean up', async () => {
    const before = traces();
    other = spawn(process.execPath, [tool.file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const said = once(other.stdout!, 'data');
    bed = await startBedWithNode({ kubernetes: '1.34', parts: ['openbao'], images: [] });
    const killed = String(await said).trim();

    const namespace = await bed.createNamespace();
    await bed.request('POST', `/api/v1/namespaces/${namespace}/pods`, {
      metadata: { name: 'web' },
      spec: { containers: [stay] },
    });
    await bed.untilReady(namespace, 'web');
    const inPod = async (script: string): Promise<string> =>
      (await bed!.exec(namespace, 'web', 'app', ['sh', '-c', script])).trim();
    expect(await bed.logs(namespace, 'web', 'app')).toBe('up\n');
    // Certificates are not looked at here: this is about what answers.
    const dial = (address: string, port: string | number): Promise<string> =>
      inPod(`nc -w 5 ${address} ${port} </dev/null >/dev/null 2>&1 && echo answers || echo silent`);
    expect(await dial(bed.hostAddress, new URL(bed.url).port)).toBe('answers');
    expect(await dial('10.96.0.1', 443)).toBe('answers');
    // An address for documentation, that no machine has.
    expect(await dial('198.51.100.1', 443)).toBe('silent');

    const gate = await openGate(bed, bed.openbao?.address ?? '');
    const health = (): Promise<string> => inPod(`wget -qO- ${gate.address}/v1/sys/health 2>&1 || true`);
    expect(await health()).toContain('"initialized":true');
    await gate.shut();
    expect(await health()).toContain('refused');
    await gate.open();
    expect(await health()).toContain('"initialized":true');

    expect(remains(killed).length).toBeGreaterThan(0);
    other.kill('SIGKILL');
    const gone = (): boolean => remains(killed).length === 0 && readdirSync(killed).join() === 'log';
    await eventually(gone);
    expect(remains(killed)).toEqual([]);
    expect(readdirSync(killed)).toEqual(['log']);
    rmSync(killed, { recursive: true });
    expect(await inPod('echo still')).toBe('still');

    const { directory } = bed;
    await bed.stop();
    bed = undefined;
    // Its watchdog has been sent away, and goes by itself.
    await eventually(() => expect(remains(directory)).toEqual([]));
    expect(existsSync(directory)).toBe(false);
    await eventually(() => expect(traces()).toEqual(before));
  }, 300_000);
} else {
  declareLeftOut('beds with a node');
}
