// Additions to collections in block style, and values that have to be written anew.
import { isMap, isScalar, type Pair, type ParsedNode } from 'yaml';
import type { Json } from '../../json/json.ts';
import { flowText, itemLines, memberLines, withMargin } from './layout.ts';
import {
  afterBlock,
  contentEnd,
  indentOf,
  lineMargin,
  startOfMember,
  type BlockMap,
  type BlockSeq,
  type Edit,
  type EditContext,
} from './place.ts';

export type Member = Pair<ParsedNode, ParsedNode | null>;

/** Members that people expect before another one; all else goes to the end. */
const BEFORE: Readonly<Record<string, string>> = { initContainers: 'containers', metadata: 'spec' };

/** A new member: before the one that it belongs to, else at the end. */
export function addMember(node: BlockMap, key: string, value: Json, context: EditContext): Edit {
  const { text, habits } = context;
  const lines = memberLines(key, value, habits);
  const next = node.items.find((item) => keyOf(item) === (Object.hasOwn(BEFORE, key) ? BEFORE[key] : undefined));
  const start = next && startOfMember(next.key, text);
  if (start !== undefined) return { start, end: start, text: withMargin(lines, indentOf(node), habits) };
  return addAfter(node, lines, indentOf(node), context);
}

/** New lines behind the last one of a block. */
const addAfter = (node: BlockMap | BlockSeq, lines: readonly string[], margin: number, { text, habits }: EditContext): Edit => {
  const start = afterBlock(node, text);
  const isEnded = start === 0 || text[start - 1] === '\n';
  return { start, end: start, text: (isEnded ? '' : habits.newline) + withMargin(lines, margin, habits) };
};

/** A member whose value cannot be edited: its key stays, and so does a comment behind it. */
export function rewriteMember(node: BlockMap, pair: Member, value: Json, { text, habits }: EditContext): Edit[] {
  const old = pair.value;
  const from = pair.key.range[1];
  if (node.flow === true) {
    const flow = flowText(
      value,
      text.slice(node.range[0], node.range[1]).includes('\n') ? lineMargin(from, text) : undefined,
      habits,
    );
    const bare = text.indexOf(':', from) + 1;
    return [
      old && old.range[1] > old.range[0]
        ? { start: old.range[0], end: old.range[1], text: flow }
        : { start: bare, end: bare, text: ` ${flow}` },
    ];
  }
  const [head = '', ...rest] = memberLines('k', value, habits);
  const inline = head.slice('k:'.length);
  const body = withMargin(rest, indentOf(node), habits);
  const colon = text.indexOf(':', from) + 1;
  const end = old ? contentEnd(old, text) : colon;
  if (text.slice(colon, end).includes('\n')) {
    const whole = `${inline}${habits.newline}${body}`;
    return [{ start: colon, end, text: text[end - 1] === '\n' ? whole : whole.replace(/\r?\n$/, '') }];
  }
  // One line, perhaps with a comment: that stays behind the key, and the rest comes below.
  const hasValue = old && old.range[1] > old.range[0];
  const first = hasValue ? { start: colon, end: old.range[1], text: inline } : { start: colon, end: colon, text: inline };
  const line = text.indexOf('\n', end);
  const place = line === -1 ? text.length : line + 1;
  return rest.length === 0 ? [first] : [first, { start: place, end: place, text: (line === -1 ? habits.newline : '') + body }];
}

/** An item whose value cannot be edited. */
export function rewriteItem(node: BlockSeq, index: number, value: Json, { text, habits }: EditContext): Edit[] | undefined {
  const item = node.items[index];
  if (!item) return undefined;
  const [start] = item.range;
  if (node.flow === true || !isMap(item) || item.flow === true)
    return [{ start, end: item.range[1], text: flowText(value, undefined, habits) }];
  const end = contentEnd(item, text);
  const lines = withMargin(itemLines(value, habits), indentOf(node), habits).slice(indentOf(node) + 2);
  return [{ start, end, text: text[end - 1] === '\n' ? lines : lines.replace(/\r?\n$/, '') }];
}

/** New items before the item at `index`, or at the end. */
export function addItems(node: BlockSeq, index: number, values: readonly Json[], context: EditContext): Edit[] {
  const lines = values.flatMap((value) => itemLines(value, context.habits));
  const margin = indentOf(node);
  const next = node.items[index];
  if (!next) return [addAfter(node, lines, margin, context)];
  const dash = context.text.lastIndexOf('-', next.range[0] - 1);
  const start = context.text.lastIndexOf('\n', dash) + 1;
  return [{ start, end: start, text: withMargin(lines, margin, context.habits) }];
}

/** The key of a member as text. */
export function keyOf({ key }: Member): string {
  return isScalar(key) ? String(key.value) : '';
}
