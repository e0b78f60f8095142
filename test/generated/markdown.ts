// The little Markdown that the generated documents are made of.
import { readFileSync } from 'node:fs';

export interface Document {
  /** Path in the repository. */
  readonly file: string;
  readonly text: string;
}

/** A text in a table cell: a pipe would end the cell, a line end the row. */
const cell = (text: string): string => text.replaceAll(/(?<!\\)\|/g, String.raw`\|`).replaceAll('\n', ' ');

export function code(text: string): string {
  return `\`${text}\``;
}

/** A table; every row has as many cells as the head. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n');
}

/** A document of blocks with one blank line between them, marked as generated. Paragraphs are wrapped. */
export function documentOf(file: string, title: string, blocks: readonly string[]): Document {
  const notice = '<!-- Printed from the sources by `make generate`; a test compares. Change the table, not this file. -->';
  const paragraphs = blocks.flatMap((block) => block.split('\n\n')).map(wrapped);
  return { file, text: `${[`# ${title}`, notice, ...paragraphs].join('\n\n')}\n` };
}

const WIDTH = 120;

/** A paragraph of text with lines of at most 120 characters; tables, lists, headings and indented code stay as they are. */
const wrapped = (block: string): string => {
  if (!/^(?:[A-Za-z0-9`[(]|\*\*)/.test(block) || /^(?:\||\s|```)/m.test(block)) return block;
  const lines: string[] = [];
  // A code span is one word.
  for (const word of block.match(/(?:`[^`]*`|\S)+/g) ?? []) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + word.length < WIDTH) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
};

/**
 * A document that people write, with one block in it that is printed: between `<!-- NAME: … -->` and `<!-- /NAME -->`.
 * @throws when the document has no such block.
 */
export function withBlock(file: string, name: string, block: string): Document {
  const text = readFileSync(file, 'utf8');
  const [begin, end] = [`<!-- ${name}: printed by \`make generate\`; a test compares. -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} has no block ${begin} … ${end}`);
  return { file, text: `${text.slice(0, from + begin.length)}\n\n${block}\n\n${text.slice(to)}` };
}

/** Cuts a list into titled groups: each begins at its first key and ends where the next one begins, so new keys need no entry. */
export function groupsOf<Key extends string>(
  keys: readonly Key[],
  firsts: readonly (readonly [first: Key, title: string])[],
): readonly { readonly title: string; readonly keys: readonly Key[] }[] {
  const starts = firsts.map(([first]) => keys.indexOf(first));
  if (starts[0] !== 0 || starts.some((start, index) => start < (starts[index - 1] ?? 0)))
    throw new Error(`groups out of order: ${firsts.join('; ')}`);
  return firsts.map(([, title], index) => ({ title, keys: keys.slice(starts[index], starts[index + 1]) }));
}
