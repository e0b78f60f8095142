// Runs the comparison: both servers at once, loaded in turns, so that what else the machine does hits both alike.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { issueAuthority, issueLeaf } from '../../src/tls/issue.ts';
import type { Load } from './client.ts';
import { loadTool } from './load.ts';
import { type Cell, type Figures, printReport, type Report } from './report.ts';
import { REVIEW_TITLES, type ReviewName, reviewOf } from './reviews.ts';
import { idleConnectionKiB, startTarget, type Target, type TargetSpec } from './target.ts';

const USAGE = `node build/bench.js [--seconds 3] [--rounds 3] [--starts 5] [--soak 60] [--quick] [--own-client] [--json FILE] [--ours FILE] [--node-flag FLAG]…
`;
const CELLS: readonly (readonly [ReviewName, number])[] = [
  ['typical', 1],
  ['typical', 8],
  ['typical', 64],
  ['plain', 8],
  ['large', 8],
];

/** Measures and prints; the answer is the exit code. */
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
    const specs = specsOf(scratch, values.ours, values['node-flag'] ?? []);
    const report = await measure(specs, plan, scratch, values['own-client']);
    printReport(report);
    if (values.json) writeFileSync(values.json, `${JSON.stringify(report, undefined, 1)}\n`);
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
  ours: { type: 'string', default: 'dist/vault-auth-injector.js' },
  'node-flag': { type: 'string', multiple: true },
  help: { type: 'boolean', default: false },
} as const;

interface Plan {
  readonly seconds: number;
  readonly rounds: number;
  readonly starts: number;
  readonly soakSeconds: number;
}

const specsOf = (scratch: string, ours: string, flags: readonly string[]): readonly TargetSpec[] => {
  const [certificate, key] = [join(scratch, 'tls.crt'), join(scratch, 'tls.key')];
  const dates = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 86_400_000) };
  const authority = issueAuthority({ commonName: 'bench', ...dates });
  const leaf = issueLeaf({
    authority,
    commonName: 'bench',
    dnsNames: [],
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
    ...dates,
  });
  writeFileSync(certificate, leaf.certificate);
  writeFileSync(key, leaf.key);
  const settings = ['-vault-address=https://vault.example:8200', `-tls-cert-file=${certificate}`, `-tls-key-file=${key}`];
  return [
    {
      name: 'ours',
      command: (port) => [process.execPath, ...flags, ours, 'agent-inject', `-listen=127.0.0.1:${port}`, ...settings],
    },
    { name: 'bare', command: (port) => [process.execPath, process.argv[1] ?? '', 'anchor', String(port), certificate, key] },
  ];
};

const measure = async (specs: readonly TargetSpec[], plan: Plan, scratch: string, own: boolean): Promise<Report> => {
  const loadBefore = loadavg()[0] ?? 0;
  const tool = loadTool(scratch, own);
  const files = new Map<ReviewName, string>();
  for (const name of REVIEW_NAMES) {
    files.set(name, join(scratch, `${name}.json`));
    writeFileSync(files.get(name) ?? '', reviewOf(name));
  }
  const run = async (
    target: Target,
    name: ReviewName,
    connections: number,
    seconds: number,
  ): Promise<Load & { readonly cpuMs: number }> => {
    const before = target.cpuMs();
    const load = await tool.run(target.port, files.get(name) ?? '', connections, seconds);
    return { ...load, cpuMs: target.cpuMs() - before };
  };
  const starts = await startTimes(specs, plan.starts);
  const targets: Target[] = [];
  try {
    for (const spec of specs) targets.push(await startTarget(spec, reviewOf('typical')));
    await sleep(1000);
    const idle = targets.map((target) => target.rssMiB());
    progress('warming up');
    for (const target of targets) await run(target, 'typical', 8, plan.seconds);
    const cells: Cell[] = [];
    for (const [name, connections] of CELLS) {
      progress(`${REVIEW_TITLES[name]}, ${connections} connections`);
      const loads = targets.map((): (Load & { readonly cpuMs: number })[] => []);
      for (let round = 0; round < plan.rounds; round += 1)
        for (const [index, target] of targets.entries()) loads[index]?.push(await run(target, name, connections, plan.seconds));
      cells.push({ review: REVIEW_TITLES[name], connections, figures: loads.map(figuresOf) });
    }
    progress(`${plan.soakSeconds} s of full load`);
    for (const target of targets) await run(target, 'typical', 8, plan.soakSeconds);
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
    return { node: process.version, tool: tool.name, loadBefore, ...plan, servers, cells };
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
};

const REVIEW_NAMES: readonly ReviewName[] = ['typical', 'plain', 'large'];

const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\u001B[2K\r${text} `);
};

const startTimes = async (specs: readonly TargetSpec[], starts: number): Promise<readonly number[]> => {
  const times = specs.map((): number[] => []);
  for (let start = 0; start < starts; start += 1)
    for (const [index, spec] of specs.entries()) {
      progress(`start ${start + 1} of ${starts}`);
      const target = await startTarget(spec, reviewOf('typical'));
      times[index]?.push(target.startMs);
      await target.stop();
    }
  return times.map(median);
};

/** In fresh processes: after load, a shrinking heap would hide what connections cost. */
const idleConnections = async (specs: readonly TargetSpec[]): Promise<readonly number[]> => {
  const kibibytes: number[] = [];
  for (const spec of specs) {
    const target = await startTarget(spec, reviewOf('typical'));
    try {
      await sleep(500);
      kibibytes.push(await idleConnectionKiB(target, 1000));
    } finally {
      await target.stop();
    }
  }
  return kibibytes;
};

const figuresOf = (loads: readonly (Load & { readonly cpuMs: number })[]): Figures => ({
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
