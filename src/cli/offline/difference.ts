// What injection changes in a document, as a unified diff that `patch` understands and a person can read.
import { structuredPatch } from 'diff';
import { painter } from './paint.ts';

export interface Difference {
  readonly file: string;
  /** What the document is, for people; `patch` takes it for a date. */
  readonly title: string;
  /** The line of the file where the document begins, from 1. */
  readonly firstLine: number;
  /** Lines that earlier documents of the file have grown by. */
  readonly grown: number;
  readonly before: string;
  readonly after: string;
}

const CONTEXT_LINES = 3;
/** The agent's configuration is one line of a thousand characters; on a terminal its beginning is enough. */
const LONGEST_LINE = 160;

/** Lines of the diff; empty when nothing differs. */
export const differenceOf = (difference: Difference, colour: boolean): string => {
  const { file, title, firstLine, grown, before, after } = difference;
  const { hunks } = structuredPatch('', '', before, after, '', '', { context: CONTEXT_LINES });
  if (hunks.length === 0) return '';
  const paint = painter(colour);
  const shown = (line: string): string => {
    const short = colour && line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}… (${line.length} characters)` : line;
    return paint(short, line.startsWith('+') ? 'green' : line.startsWith('-') ? 'red' : undefined);
  };
  const body = hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => {
    const [from, to] = [oldStart + firstLine - 1, newStart + firstLine - 1 + grown];
    return [paint(`@@ -${from},${oldLines} +${to},${newLines} @@`, 'cyan')].concat(lines.map(shown));
  });
  return [paint(`--- ${file}\t${title}`, 'bold'), paint(`+++ ${file}\t${title}, injected`, 'bold'), ...body]
    .map((line) => `${line}\n`)
    .join('');
};
