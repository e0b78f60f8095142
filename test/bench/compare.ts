// Runs the comparison: all servers at once, loaded in turns, so that other work of the machine slows all of them alike.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { issueCa, issueLeaf } from '../../src/tls/issue.ts';
import type { Load } from './client.ts';
import { loadTool, type LoadTool, type PodFiles, writePods } from './load.ts';
import { type Cell, type Figures, printReport, type Report } from './report.ts';
import { answerOf, idleConnectionKiB, startTarget, type Target, type TargetSpec } from './target.ts';
import { podReview, SET_TITLES, SETS, type SetName, type Workload } from './workloads.ts';

const USAGE = `node build/bench.js [--seconds 3] [--rounds 3] [--starts 5] [--soak 60] [--quick] [--own-client] [--json FILE] [--ours FILE]… [--node-flag FLAG]…

--ours names a bundle; several are compared in one run.
`;
const CELLS: readonly (readonly [SetName, number])[] = [
  ['mixed', 8],
  ['typical', 8],
  ['plain', 8],
  ['large', 8],
  ['denied', 8],
  ['typical', 1],
  ['typical', 64],
  ['same', 8],
];
const BARE = 'bare';

/** Measures and prints; returns the exit code. */
export async function compare(words: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...words], options: OPTIONS });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (availableParallelism() < 2) throw new Error('the comparison needs two processor cores: one for a server, one for the load');
  const number = (name: 'seconds' | 'rounds' | 'starts' | 'soak', quick: number): number =>
    values.quick ? quick : Number(values[name]);
  const scratch = mkdtempSync(join(tmpdir(), 'bench-'));
  try {
    const plan = {
      seconds: number('seconds', 1),
      rounds: number('rounds', 1),
      starts: number('starts', 1),
      soakSeconds: number('soak', 3),
    };
    const specs = specsOf(scratch, values.ours ?? ['dist/vault-auth-injector.js'], values['node-flag'] ?? []);
    const report = await measure(specs, plan, scratch, values['own-client']);
    printReport(report);
    if (values.json) writeFileSync(values.json, `${JSON.stringify(report, plainMap, 1)}\n`);
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const OPTIONS = {
  seconds: { type: 'string', default: '3' },
  rounds: { type: 'string', default: '3' },
  starts: { type: 'string', default: '5' },
  soak: { type: 'string', default: '60' },
  quick: { type: 'boolean', default: false },
  'own-client': { type: 'boolean', default: false },
  json: { type: 'string' },
  ours: { type: 'string', multiple: true },
  'node-flag': { type: 'string', multiple: true },
  help: { type: 'boolean', default: false },
} as const;

const plainMap = (_key: string, value: unknown): unknown => (value instanceof Map ? Object.fromEntries(value) : value);

interface Plan {
  readonly seconds: number;
  readonly rounds: number;
  readonly starts: number;
  readonly soakSeconds: number;
}

/** Of each bundle `webhook` (native pods) and `agent-inject` (compat pods), and the bare server. */
const specsOf = (scratch: string, bundles: readonly string[], flags: readonly string[]): readonly TargetSpec[] => {
  const [certificate, key] = [join(scratch, 'tls.crt'), join(scratch, 'tls.key')];
  const dates = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 86_400_000) };
  const ca = issueCa({ commonName: 'bench', ...dates });
  const leaf = issueLeaf({
    ca,
    commonName: 'bench',
    dnsNames: [],
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
    ...dates,
  });
  writeFileSync(certificate, leaf.certificate);
  writeFileSync(key, leaf.key);
  const settings = ['-vault-address=https://vault.example:8200', `-tls-cert-file=${certificate}`, `-tls-key-file=${key}`];
  const ours = (bundle: string, suffix: string, command: string, own: readonly string[]): TargetSpec => ({
    name: command + suffix,
    command: (port) => [process.execPath, ...flags, bundle, command, `-listen=127.0.0.1:${port}`, ...settings, ...own],
  });
  return [
    ...bundles.flatMap((bundle, index) => {
      const suffix = index === 0 ? '' : ` (${index + 1})`;
      return [
        ours(bundle, suffix, 'webhook', ['-watch=false', '-operations-listen=']),
        ours(bundle, suffix, 'agent-inject', ['-operations-listen=']),
      ];
    }),
    { name: BARE, command: (port) => [process.execPath, process.argv[1] ?? '', 'anchor', String(port), certificate, key] },
  ];
};

type Run = (target: Target, set: SetName, connections: number, seconds: number, round: number) => Promise<MeasuredLoad>;
type MeasuredLoad = Load & { readonly cpuMs: number };

const measure = async (specs: readonly TargetSpec[], plan: Plan, scratch: string, own: boolean): Promise<Report> => {
  const loadBefore = loadavg()[0] ?? 0;
  const tool = loadTool(scratch, own);
  const run = runner(tool, scratch);
  const starts = await startTimes(specs, plan.starts);
  const targets: Target[] = [];
  try {
    for (const spec of specs) targets.push(await startTarget(spec, firstReview()));
    await sleep(1000);
    const idle = targets.map((target) => target.rssMiB());
    progress('checking the answers');
    for (const target of targets) if (target.name !== BARE) await checkAnswers(target);
    progress('warming up');
    for (const target of targets) await run(target, 'typical', 8, plan.seconds, 0);
    const cells: (Cell & { readonly set: SetName })[] = [];
    // Each round of each cell has a number of its own: no server has seen its workloads before.
    let round = 0;
    for (const [set, connections] of CELLS) {
      progress(`${SET_TITLES[set]}, ${connections} connections`);
      const loads = targets.map((): MeasuredLoad[] => []);
      for (let count = 0; count < plan.rounds; count += 1) {
        round += 1;
        for (const [index, target] of targets.entries())
          loads[index]?.push(await run(target, set, connections, plan.seconds, round));
      }
      const figures = new Map(targets.map(({ name }, index) => [name, figuresOf(loads[index] ?? [])]));
      cells.push({ set, reviews: SET_TITLES[set], connections, figures });
    }
    progress(`${plan.soakSeconds} s of full load`);
    for (const target of targets) await run(target, 'mixed', 8, plan.soakSeconds, round + 1);
    const afterLoad = targets.map((target) => target.rssMiB());
    for (const target of targets.splice(0)) await target.stop();
    const connectionKiB = await idleConnections(specs);
    const servers = specs.map(({ name }, index) => ({
      name,
      startMs: starts[index] ?? 0,
      idleMiB: idle[index] ?? 0,
      afterLoadMiB: afterLoad[index] ?? 0,
      connectionKiB: connectionKiB[index] ?? 0,
    }));
    const rate = (set: SetName, name: string): number =>
      cells.find((cell) => cell.set === set && cell.connections === 8)?.figures.get(name)?.perSecond ?? 0;
    const ours = specs.map(({ name }) => name).filter((name) => name !== BARE);
    const deniedToServed = new Map(ours.map((name) => [name, rate('denied', name) / rate('typical', name)]));
    return { node: process.version, tool: tool.name, loadBefore, base: BARE, ...plan, servers, cells, deniedToServed };
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
};

/** Runs load on a target; the files of a set are written when it is first sent. */
const runner = (tool: LoadTool, scratch: string): Run => {
  const files = new Map<SetName, PodFiles>();
  return async (target, set, connections, seconds, round) => {
    const written = files.get(set) ?? writePods(scratch, set, SETS[set]());
    files.set(set, written);
    const before = target.cpuMs();
    const load = await tool.run(target.port, written, connections, seconds, round);
    return { ...load, cpuMs: target.cpuMs() - before };
  };
};

const firstReview = (): string => {
  const [workload] = SETS.same();
  return workload?.template ?? '';
};

/** A server that allows what it should deny, or injects nothing, would be measured as a fast one. */
const checkAnswers = async (target: Target): Promise<void> => {
  const sample: readonly Workload[] = [...SETS.mixed(), ...SETS.denied()].filter((_, index) => index % 7 === 0);
  for (const { template, size, isDenied } of sample) {
    const review = podReview(template, 0, 0);
    const { status, body } = await answerOf(target.port, review);
    const { response } = JSON.parse(body) as { readonly response: { readonly allowed: boolean; readonly patch?: string } };
    const isRight =
      status === 200 && response.allowed === !isDenied && (response.patch !== undefined) === (size !== 'plain' && !isDenied);
    if (!isRight) throw new Error(`${target.name} answers ${body.slice(0, 300)} to ${review.slice(0, 2000)}`);
  }
};

const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\u001B[2K\r${text} `);
};

const startTimes = async (specs: readonly TargetSpec[], starts: number): Promise<readonly number[]> => {
  const times = specs.map((): number[] => []);
  for (let start = 0; start < starts; start += 1)
    for (const [index, spec] of specs.entries()) {
      progress(`start ${start + 1} of ${starts}`);
      const target = await startTarget(spec, firstReview());
      times[index]?.push(target.startMs);
      await target.stop();
    }
  return times.map(median);
};

/** In fresh processes: after load, a shrinking heap would hide what connections cost. */
const idleConnections = async (specs: readonly TargetSpec[]): Promise<readonly number[]> => {
  const kibibytes: number[] = [];
  for (const spec of specs) {
    const target = await startTarget(spec, firstReview());
    try {
      await sleep(500);
      kibibytes.push(await idleConnectionKiB(target, 1000));
    } finally {
      await target.stop();
    }
  }
  return kibibytes;
};

const figuresOf = (loads: readonly MeasuredLoad[]): Figures => ({
  perSecond: median(loads.map(({ requests, seconds }) => requests / seconds)),
  p50: median(loads.map(({ p50 }) => p50)),
  p99: median(loads.map(({ p99 }) => p99)),
  cpuMs: median(loads.map(({ cpuMs, requests }) => cpuMs / requests)),
  errors: loads.reduce((sum, { errors }) => sum + errors, 0),
});

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return ((sorted[middle] ?? 0) + (sorted[sorted.length % 2 ? middle : middle - 1] ?? 0)) / 2;
};
