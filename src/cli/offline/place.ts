// Places in YAML text: where a block begins and ends, and how far in it stands.
import { isMap, isScalar, isSeq, type ParsedNode, type YAMLMap, type YAMLSeq } from 'yaml';
import type { Habits } from './layout.ts';

export type BlockMap = YAMLMap.Parsed;
export type BlockSeq = YAMLSeq.Parsed;
export type Collection = BlockMap | BlockSeq;

/** Characters `start` to `end` are replaced by `text`. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface EditContext {
  readonly text: string;
  readonly habits: Habits;
}

/** Column of the keys or dashes of a block, from 0. */
export function indentOf(node: Collection): number {
  return node.srcToken && 'indent' in node.srcToken ? node.srcToken.indent : 0;
}

/** Where the last character of a node's own text ends; comments behind it do not count. */
export function contentEnd(node: ParsedNode, text: string): number {
  if (isMap(node) && node.flow !== true) {
    const last = node.items.at(-1);
    if (!last) return node.range[1];
    const key = last.key.range[1];
    // A value that is not written at all has a place of its own, which can be behind a comment.
    return last.value && last.value.range[1] > last.value.range[0] ? contentEnd(last.value, text) : text.indexOf(':', key) + 1;
  }
  if (isSeq(node) && node.flow !== true) {
    const last = node.items.at(-1);
    return last && last.range[1] > last.range[0] ? contentEnd(last, text) : (last?.range[0] ?? node.range[1]);
  }
  if (!isScalar(node) || node.srcToken?.type !== 'block-scalar') return node.range[1];
  return blockScalarEnd(node.range, text);
}

/** Blank lines below a block scalar are not part of it, unless its header keeps them. */
const blockScalarEnd = ([start, end]: readonly [number, number, number], text: string): number => {
  const header = text.slice(start, text.indexOf('\n', start));
  if (/^[|>]\d?\+/.test(header)) return end;
  const blank = /\n((?:[ \t]*\r?\n)+)$/.exec(text.slice(start, end));
  return blank ? end - (blank[1] ?? '').length : end;
};

/** Where lines can be added behind a block: below its last line, and below comments there that are further in. */
export function afterBlock(node: Collection, text: string): number {
  const end = contentEnd(node, text);
  let place = text[end - 1] === '\n' ? end : nextLine(end, text);
  const least = indentOf(node) + (isSeq(node) ? 1 : 0);
  while (commentIndent(place, text) >= least) place = nextLine(place, text);
  return place;
}

/** Column of the comment that begins a line; -1 when something else does. */
const commentIndent = (line: number, text: string): number => {
  const pattern = /( *)#/y;
  pattern.lastIndex = line;
  return pattern.exec(text)?.[1]?.length ?? -1;
};

const nextLine = (offset: number, text: string): number => {
  const line = text.indexOf('\n', offset);
  return line === -1 ? text.length : line + 1;
};

/** The beginning of the line of a member, or of the comments right above it; undefined when something else begins that line. */
export function startOfMember(key: ParsedNode, text: string): number | undefined {
  let start = text.lastIndexOf('\n', key.range[0] - 1) + 1;
  if (text.slice(start, key.range[0]).trim() !== '') return undefined;
  const margin = key.range[0] - start;
  for (;;) {
    const above = text.lastIndexOf('\n', start - 2) + 1;
    const line = text.slice(above, start);
    if (start === 0 || !line.trimStart().startsWith('#') || line.length - line.trimStart().length !== margin) return start;
    start = above;
  }
}

/** The blanks that the line of an offset begins with. */
export function lineMargin(offset: number, text: string): string {
  return /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset))?.[0] ?? '';
}
