// Prints what the comparison found as the tables of docs/performance.md.

export interface Figures {
  readonly perSecond: number;
  /** Milliseconds, as the client saw them. */
  readonly p50: number;
  readonly p99: number;
  /** Processor time of the server per review. */
  readonly cpuMs: number;
  readonly errors: number;
}

export interface Cell {
  readonly reviews: string;
  readonly connections: number;
  /** By the name of the server. */
  readonly figures: ReadonlyMap<string, Figures>;
}

export interface ServerFigures {
  readonly name: string;
  readonly startMs: number;
  readonly idleMiB: number;
  readonly afterLoadMiB: number;
  readonly connectionKiB: number;
}

export interface Report {
  readonly node: string;
  readonly tool: string;
  /** Load average of the machine before the run; above 0.5 other processes took part of both cores. */
  readonly loadBefore: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly soakSeconds: number;
  /** Name of the server that the others are compared with. */
  readonly base: string;
  readonly servers: readonly ServerFigures[];
  readonly cells: readonly Cell[];
  /** For each server the rate of denied reviews, divided by that of reviews of the same size that inject. */
  readonly deniedToServed: ReadonlyMap<string, number>;
}

/** Prints the report to standard output, in Markdown. */
export function printReport(report: Report): void {
  const cells = report.cells.flatMap(({ reviews, connections, figures }) => {
    const bare = figures.get(report.base);
    return [...figures].map(([name, own]) => [
      `${reviews}; ${connections}`,
      name,
      own.perSecond.toFixed(0),
      own.p50.toFixed(2),
      own.p99.toFixed(2),
      own.cpuMs.toFixed(3),
      ...(bare && bare !== own
        ? (['perSecond', 'p99', 'cpuMs'] as const).map((key) => ratio(own[key], bare[key]))
        : ['', '', '']),
    ]);
  });
  const servers = report.servers.map((server) => [
    server.name,
    ...[server.startMs, server.idleMiB, server.afterLoadMiB, server.connectionKiB].map((value) => value.toFixed(0)),
  ]);
  const { base, node, tool, rounds, seconds, loadBefore } = report;
  const load = `load average before ${loadBefore.toFixed(2)}`;
  const lines = [
    `Node.js ${node}; load by ${tool}, ${rounds} × ${seconds} s per row in turns; ${load}`,
    '',
    ...table(
      [
        'reviews; connections',
        'server',
        'per second',
        'p50 ms',
        'p99 ms',
        'CPU ms',
        `rate ÷ ${base}`,
        `p99 ÷ ${base}`,
        `CPU ÷ ${base}`,
      ],
      cells,
    ),
    '',
    ...table(
      [
        'server',
        'start to first review, ms',
        'RSS idle, MiB',
        `RSS after ${report.soakSeconds} s of load`,
        'KiB per idle connection',
      ],
      servers,
    ),
    '',
    `Denied ÷ served reviews, rate: ${[...report.deniedToServed].map(([name, value]) => `${name} ${value.toFixed(2)}`).join(', ')}`,
  ];
  const errors = report.cells.flatMap(({ figures }) => [...figures.values()]).reduce((sum, figures) => sum + figures.errors, 0);
  if (errors > 0) lines.push('', `${errors} requests failed`);
  if (!report.tool.startsWith('wrk'))
    lines.push(
      '',
      'wrk was not found: the own client costs more than the bare server, so the ratios are too good (apt install wrk).',
    );
  process.stdout.write(`${lines.join('\n')}\n`);
}

const ratio = (own: number, bare: number): string => (own / bare).toFixed(2);

/** Rows of a Markdown table. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}
