// The result of the command check as text or JSON.
import { checks, hasFailed, type Line, type LineStatus } from './catalogue.ts';

/** Raised when a member of the JSON output goes or changes its meaning; new members do not raise it. */
const SHAPE_VERSION = 1;

type Tint = (text: string, colour: 'green' | 'yellow' | 'red' | undefined) => string;

const COLOURS: Readonly<Record<LineStatus, 'green' | 'yellow' | 'red' | undefined>> = {
  ok: 'green',
  warn: 'yellow',
  fail: 'red',
  skip: undefined,
};

const NAME_WIDTH = Math.max(...Object.keys(checks).map((name) => name.length));

/** One line as text, and below it the remedy. */
export function lineText({ check, status, message, remedy }: Line, tint: Tint): string {
  const head = `${tint(status.padEnd(4), COLOURS[status])}  ${check.padEnd(NAME_WIDTH)}  ${message}\n`;
  return remedy === undefined ? head : `${head}${' '.repeat(NAME_WIDTH + 8)}remedy: ${remedy}\n`;
}

/** The last line: `24 ok, 1 warning, 0 failed, 2 skipped in 1.2 s`. */
export function summaryText(lines: readonly Line[], milliseconds: number): string {
  const count = (status: LineStatus): number => lines.filter((line) => line.status === status).length;
  const skipped = count('skip');
  const warnings = count('warn');
  return (
    `${count('ok')} ok, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}, ${count('fail')} failed` +
    `${skipped === 0 ? '' : `, ${skipped} skipped`} in ${(milliseconds / 1000).toFixed(1)} s\n`
  );
}

/** The whole result as one JSON document. */
export function jsonReport(lines: readonly Line[], milliseconds: number): string {
  const report = {
    version: SHAPE_VERSION,
    healthy: !hasFailed(lines),
    milliseconds: Math.round(milliseconds),
    checks: lines.map(({ check, status, message, remedy }) => ({
      area: checks[check].area,
      check,
      status,
      message,
      ...(remedy === undefined ? {} : { remedy }),
    })),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}
