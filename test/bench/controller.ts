// The config controller with many roles: the first sync, a restart, idle time, and the latency of a single change.
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startBed } from '../bed/bed.ts';
import { type ControllerProcess, installController, runController } from '../bed/controller.ts';
import { changeSeen, createBackend, createMany, type Plan, type RoleName, roleNames } from './many-roles.ts';
import { cpuMsOf, rssMiBOf } from './process.ts';
import { table } from './report.ts';

const USAGE = `node build/bench.js controller [--roles 10000] [--namespaces 1000] [--rate 500] [--resync 86400] [--soak 20] [--changes 200] [--pause 0] [--node-flag FLAG]… [--json FILE]
  --rate    requests per second that the endpoint allows
  --resync  resync interval of roles in seconds; longer if resyncs would take more than half of the rate
  --soak    minutes of idle time
  --pause   milliseconds between two changes; a change takes three requests of the rate
`;
/** As the image starts it. */
const NODE_FLAGS = ['--max-semi-space-size=4', '--max-old-space-size=192', '--single-threaded-gc'];

const OPTIONS = {
  roles: { type: 'string', default: '10000' },
  namespaces: { type: 'string', default: '1000' },
  rate: { type: 'string', default: '500' },
  resync: { type: 'string', default: '86400' },
  soak: { type: 'string', default: '20' },
  changes: { type: 'string', default: '200' },
  pause: { type: 'string', default: '0' },
  'node-flag': { type: 'string', multiple: true, default: NODE_FLAGS },
  json: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

/** What the controller used during a period. */
interface Stretch {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** At its end, and the maximum of this process so far. */
  readonly rssMiB: number;
  readonly mostMiB: number;
  readonly heapMiB: number;
  readonly vaultRequests: number;
  readonly backendRuns: number;
  readonly roleRuns: number;
}

/** Measures and prints; returns the exit code. */
export async function measureController(words: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...words], options: OPTIONS });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const plan: Plan = {
    roles: Number(values.roles),
    namespaces: Number(values.namespaces),
    requestsPerSecond: Number(values.rate),
    resyncSeconds: Number(values.resync),
  };
  const [soakMinutes, changes] = [Number(values.soak), Number(values.changes)];
  const bed = await startBed({ parts: ['openbao', 'kube-apiserver'] });
  const rows: (readonly string[])[] = [];
  const results: Record<string, unknown> = { plan, loadBefore: loadavg() };
  const report = (title: string, stretch: Stretch): void => {
    results[title] = stretch;
    rows.push(rowOf(title, stretch));
    process.stderr.write(`${rows.at(-1)?.join(' | ')}   (load average ${loadavg()[0]?.toFixed(1)})\n`);
  };
  try {
    await installController(bed);
    process.stderr.write('creating the objects\n');
    await createMany(bed, plan);
    await createBackend(bed, plan);
    const start = (name: string): Promise<ControllerProcess> => runController(bed, { name, nodeFlags: values['node-flag'] });

    const first = await start('first');
    report('first sync', await during(first, () => untilReady(first, plan.roles)));
    report('the minute after', await during(first, () => sleep(60_000)));
    await first.server.stop('SIGTERM');

    const second = await start('second');
    const names = spreadOut(roleNames(plan), changes);
    const busy: number[] = [];
    const change = async (name: RoleName, round: number): Promise<number> => {
      const milliseconds = await changeSeen(bed, name, round);
      await sleep(Number(values.pause));
      return milliseconds;
    };
    const resynced = during(second, () => untilResynced(second, plan.roles));
    await until(async () => (await figures(second)).roleRuns > 0);
    for (const [at, name] of names.slice(0, Math.ceil(changes / 2)).entries()) busy.push(await change(name, at + 1));
    report('resync of all roles after a restart', await resynced);

    report('the minute after the restart', await during(second, () => sleep(60_000)));
    const rest: number[] = [];
    report(
      `${changes} single changes`,
      await during(second, async () => {
        for (const [at, name] of names.entries()) rest.push(await change(name, at + changes));
      }),
    );
    for (const quarter of soakMinutes > 0 ? [0, 1, 2, 3] : []) {
      const [from, to] = [(soakMinutes * quarter) / 4, (soakMinutes * (quarter + 1)) / 4];
      report(`idle, minutes ${from} to ${to}`, await during(second, () => sleep((to - from) * 60_000)));
    }
    const heads = [
      'stretch',
      'seconds',
      'CPU s',
      '% of a core',
      'RSS at its end, MiB',
      'most',
      'heap',
      'requests to Vault',
      'reconciles of roles',
      'of backends',
    ];
    const lines = [
      `${plan.roles} roles in ${plan.namespaces} namespaces; the endpoint allows ${plan.requestsPerSecond} requests/s; resync interval ${(await figures(second)).resyncSeconds} s`,
      '',
      ...table(heads, rows),
      '',
      ...table(
        ['latency of a single change until it is in Vault, ms', 'p50', 'p99', 'longest', 'changes'],
        [
          ['idle', ...percentiles(rest)],
          ['while all roles are resynced', ...percentiles(busy)],
        ],
      ),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
    if (values.json) writeFileSync(values.json, `${JSON.stringify({ ...results, rest, busy }, undefined, 1)}\n`);
    await bed.stop();
    return 0;
  } catch (error) {
    await bed.stop('failed');
    throw error;
  }
}

const during = async (controller: ControllerProcess, work: () => Promise<unknown>): Promise<Stretch> => {
  const { pid } = controller.server;
  const [began, cpuBefore, before] = [performance.now(), cpuMsOf(pid), await figures(controller)];
  await work();
  const [cpuMs, after] = [cpuMsOf(pid) - cpuBefore, await figures(controller)];
  return {
    seconds: (performance.now() - began) / 1000,
    cpuSeconds: cpuMs / 1000,
    rssMiB: rssMiBOf(pid),
    mostMiB: rssMiBOf(pid, 'VmHWM'),
    heapMiB: after.heapMiB,
    vaultRequests: after.vaultRequests - before.vaultRequests,
    backendRuns: after.backendRuns - before.backendRuns,
    roleRuns: after.roleRuns - before.roleRuns,
  };
};

const rowOf = (title: string, stretch: Stretch): readonly string[] => [
  title,
  stretch.seconds.toFixed(0),
  stretch.cpuSeconds.toFixed(1),
  ((100 * stretch.cpuSeconds) / stretch.seconds).toFixed(1),
  stretch.rssMiB.toFixed(0),
  stretch.mostMiB.toFixed(0),
  stretch.heapMiB.toFixed(0),
  ...[stretch.vaultRequests, stretch.roleRuns, stretch.backendRuns].map(String),
];

interface Figures {
  readonly heapMiB: number;
  readonly ready: number;
  readonly vaultRequests: number;
  readonly roleRuns: number;
  readonly backendRuns: number;
  readonly resyncSeconds: number;
}

/** The metrics of the controller. */
const figures = async ({ operations }: ControllerProcess): Promise<Figures> => {
  const text = await (await fetch(`${operations}/metrics`)).text();
  const sum = (name: string, ...labels: readonly string[]): number =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`vault_auth_injector_${name}{`) && labels.every((label) => line.includes(label)))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
  return {
    heapMiB: Number(/^nodejs_heap_size_used_bytes (\S+)/m.exec(text)?.[1]) / 2 ** 20,
    ready: sum('objects', 'kind="VaultAuthRole"', 'reason="Ready"'),
    vaultRequests: sum('vault_request_duration_seconds_count'),
    roleRuns: sum('reconciles_total', 'kind="VaultAuthRole"'),
    backendRuns: sum('reconciles_total', 'kind="VaultAuthBackend"'),
    resyncSeconds: sum('role_resync_seconds', 'backend="main"'),
  };
};

const untilReady = (controller: ControllerProcess, roles: number): Promise<void> =>
  until(async () => (await figures(controller)).ready >= roles);

const untilResynced = (controller: ControllerProcess, roles: number): Promise<void> =>
  until(async () => (await figures(controller)).roleRuns >= roles);

/** Polls rarely, since each scrape makes the controller count all objects. */
const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await sleep(5000);
};

/** `count` of the names, evenly spread. */
const spreadOut = (names: readonly RoleName[], count: number): readonly RoleName[] =>
  names.filter((_, index) => Math.floor((index * count) / names.length) !== Math.floor(((index - 1) * count) / names.length));

const percentiles = (values: readonly number[]): readonly string[] => {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (part: number): string => (sorted[Math.ceil(sorted.length * part) - 1] ?? 0).toFixed(0);
  return [at(0.5), at(0.99), at(1), String(sorted.length)];
};
