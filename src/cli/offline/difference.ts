// What injection changes in a document, as a unified diff that `patch` understands and a person can read.
import { structuredPatch } from 'diff';
import { painter } from './paint.ts';

export interface ChangedDocument {
  /** What the document holds, for people. */
  readonly title: string;
  /** The line of the file where the document begins, from 1. */
  readonly firstLine: number;
  readonly before: string;
  readonly after: string;
}

const CONTEXT_LINES = 3;
/** The agent's configuration is one line of a thousand characters; on a terminal its beginning is enough. */
const LONGEST_LINE = 160;

/** The diff of one file, with the documents named in its header and at their hunks; empty when nothing differs. */
export function differenceOf(file: string, documents: readonly ChangedDocument[], colour: boolean): string {
  const paint = painter(colour);
  const shown = (line: string): string => {
    const short = colour && line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}… (${line.length} characters)` : line;
    return paint(short, line.startsWith('+') ? 'green' : line.startsWith('-') ? 'red' : undefined);
  };
  const body: string[] = [];
  const titles: string[] = [];
  let grown = 0;
  for (const { title, firstLine, before, after } of documents) {
    const { hunks } = structuredPatch('', '', before, after, '', '', { context: CONTEXT_LINES });
    if (hunks.length > 0) titles.push(title);
    for (const { oldStart, oldLines, newStart, newLines, lines } of hunks) {
      const [from, to] = [oldStart + firstLine - 1, newStart + firstLine - 1 + grown];
      body.push(paint(`@@ -${from},${oldLines} +${to},${newLines} @@ ${title}`, 'cyan'), ...lines.map(shown));
    }
    grown += linesIn(after) - linesIn(before);
  }
  if (body.length === 0) return '';
  // What stands behind a tab is a date for `patch`, and names for people.
  const names = titles.join(', ');
  return [paint(`--- ${file}\t${names}`, 'bold'), paint(`+++ ${file}\t${names}, injected`, 'bold'), ...body]
    .map((line) => `${line}\n`)
    .join('');
}

const linesIn = (text: string): number => text.split('\n').length;
