// What the comparison found, as a table for people.

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
  readonly review: string;
  readonly connections: number;
  /** In the order of the servers: ours, then the bare one. */
  readonly figures: readonly Figures[];
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
  /** Load average of the machine before the run: above 0.5 the figures tell of other work too. */
  readonly loadBefore: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly soakSeconds: number;
  readonly servers: readonly ServerFigures[];
  readonly cells: readonly Cell[];
}

/** Prints the report to standard output, in Markdown. */
export function printReport(report: Report): void {
  const rows = report.cells.map(({ review, connections, figures: [ours, bare] }) =>
    ours && bare
      ? [
          `${review}, ${connections}`,
          short(ours),
          short(bare),
          ratio(ours.perSecond, bare.perSecond),
          ratio(ours.p99, bare.p99),
          ratio(ours.cpuMs, bare.cpuMs),
        ]
      : [],
  );
  const servers = report.servers.map((server) => [
    server.name,
    ...[server.startMs, server.idleMiB, server.afterLoadMiB, server.connectionKiB].map((value) => value.toFixed(0)),
  ]);
  const lines = [
    `Node.js ${report.node}; load by ${report.tool}, ${report.rounds} × ${report.seconds} s per cell in turns; load average before ${report.loadBefore.toFixed(2)}`,
    '',
    ...table(
      ['review, connections', 'ours: reviews/s · p50 · p99 ms · CPU ms', 'bare server', 'rate ours ÷ bare', 'p99', 'CPU'],
      rows,
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
  ];
  const errors = report.cells.flatMap(({ figures }) => figures).reduce((sum, figures) => sum + figures.errors, 0);
  if (errors > 0) lines.push('', `${errors} requests failed`);
  if (!report.tool.startsWith('wrk'))
    lines.push(
      '',
      'wrk was not found; the own client costs more than the bare server, so ratios look better than they are (apt install wrk).',
    );
  process.stdout.write(`${lines.join('\n')}\n`);
}

const short = ({ perSecond, p50, p99, cpuMs }: Figures): string =>
  `${perSecond.toFixed(0)} · ${p50.toFixed(2)} · ${p99.toFixed(2)} · ${cpuMs.toFixed(3)}`;

const ratio = (ours: number, bare: number): string => (ours / bare).toFixed(2);

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}
