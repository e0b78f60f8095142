// What has to change in a text so that it says another value: every character that need not change stays, comments included.
import { isAlias, isMap, isSeq, type ParsedNode } from 'yaml';
import { isObject, textOf, type Json, type JsonObject } from '../../json/json.ts';
import { addItems, addMember, keyOf, rewriteItem, rewriteMember } from './block.ts';
import { extendFlow } from './flow.ts';
import type { BlockMap, BlockSeq, Edit, EditContext } from './place.ts';

/** Applies edits that do not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = '';
  let done = 0;
  // Several additions at one place keep their order: sort is stable.
  for (const { start, end, text: added } of [...edits].sort((one, other) => one.start - other.start)) {
    result += text.slice(done, start) + added;
    done = Math.max(done, end);
  }
  return result + text.slice(done);
}

/** True when two JSON values say the same; key order does not count. */
export function equal(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (Array.isArray(one))
    return Array.isArray(other) && one.length === other.length && one.every((item, index) => equal(item, other[index]));
  if (!isObject(one) || !isObject(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && equal(one[key], other[key]))
  );
}

/** Edits that turn the value `before` of a node into `after`; undefined when the node has to be written anew as a whole. */
export function editsOf(
  node: ParsedNode | null | undefined,
  before: Json | undefined,
  after: Json,
  context: EditContext,
): readonly Edit[] | undefined {
  if (equal(before, after)) return [];
  if (!node || isAlias(node) || isEmptyFlow(node)) return undefined;
  if (isMap(node) && isObject(before) && isObject(after)) return memberEdits(node, before, after, context);
  if (isSeq(node) && Array.isArray(before) && Array.isArray(after)) return itemEdits(node, before, after, context);
  return undefined;
}

/** `[]` or `{}`: what takes its place is written like its surroundings. */
const isEmptyFlow = (node: ParsedNode): boolean => (isMap(node) || isSeq(node)) && node.flow === true && node.items.length === 0;

const memberEdits = (
  node: BlockMap,
  before: JsonObject,
  after: JsonObject,
  context: EditContext,
): readonly Edit[] | undefined => {
  if (Object.keys(before).some((key) => after[key] === undefined)) return undefined;
  const edits: Edit[] = [];
  const added: [string, Json][] = [];
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined || equal(before[key], value)) continue;
    const pair = node.items.find((item) => keyOf(item) === key);
    // A member that only a merge key brings is overridden here.
    if (!pair) added.push([key, value]);
    else edits.push(...(editsOf(pair.value, before[key], value, context) ?? rewriteMember(node, pair, value, context)));
  }
  if (added.length === 0) return edits;
  return node.flow === true
    ? [
        ...edits,
        ...extendFlow(
          node,
          added.map(([key, value]) => ({ key, value })),
          context,
        ),
      ]
    : [...edits, ...added.map(([key, value]) => addMember(node, key, value, context))];
};

const itemEdits = (
  node: BlockSeq,
  before: readonly Json[],
  after: readonly Json[],
  context: EditContext,
): readonly Edit[] | undefined => {
  const edits: Edit[] = [];
  const added = new Map<number, Json[]>();
  let index = 0;
  // Lists of objects keep their items; only what is within them changes.
  const isInPlace = before.length === after.length;
  for (const value of after) {
    if (index < before.length && (isInPlace || isSame(before[index], value))) {
      const found = editsOf(node.items[index], before[index], value, context) ?? rewriteItem(node, index, value, context);
      if (!found) return undefined;
      edits.push(...found);
      index += 1;
    } else added.set(index, [...(added.get(index) ?? []), value]);
  }
  // An item went: that is no addition.
  if (index < before.length) return undefined;
  for (const [at, values] of added)
    edits.push(
      ...(node.flow === true
        ? extendFlow(
            node,
            values.map((value) => ({ value })),
            context,
            at,
          )
        : addItems(node, at, values, context)),
    );
  return edits;
};

/** Items of Kubernetes' lists are known by mount path or name. */
const isSame = (one: Json | undefined, other: Json): boolean => {
  if (!isObject(one) || !isObject(other)) return equal(one, other);
  const key = ['mountPath', 'name'].find((candidate) => textOf(one, candidate) !== undefined);
  return key === undefined ? equal(one, other) : textOf(one, key) === textOf(other, key);
};
