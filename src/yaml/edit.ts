// Edits a document: comments, the order of keys and unchanged scalars stay; spacing is normalised.
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type Range,
  type ToStringOptions,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { isObject, textOf, type Json, type JsonObject } from '../json/json.ts';
import { lineOfPath, readDocuments, type Path, type YamlDocument } from './documents.ts';

export interface EditedText {
  readonly text: string;
  /** Copies replace the aliases, because the edit of an anchor would have changed other values through them. */
  readonly expanded: boolean;
}

/**
 * The text of one document with the value `after`; its source text byte for byte if the value is the same.
 * @throws if the library prints a document that reads differently.
 */
export function editDocument(document: YamlDocument, after: Json): EditedText {
  const { source, start, end, parsed, value } = document;
  const before = source.text.slice(start, end);
  if (isEqual(value, after)) return { text: before, expanded: false };
  const json = editedJson(document, after);
  if (json !== undefined) return { text: json, expanded: false };
  const print = printerFor(document, before);
  const copy = copyOf(parsed);
  copy.contents = updated(copy, copy.contents, value, after);
  const text = print(copy);
  if (reads(text, after)) return { text, expanded: false };
  const expanded = copyOf(parsed);
  expandAliases(expanded);
  expanded.contents = updated(expanded, expanded.contents, value, after);
  const longer = print(expanded);
  if (reads(longer, after)) return { text: longer, expanded: true };
  throw new Error(`${source.file}:${lineOfPath(document)}: the YAML library does not print this document as it was edited`);
}

/** A copy of a value with `replacement` at a path; all other parts are shared. */
export function withValueAt(value: Json | undefined, path: Path, replacement: Json): Json {
  const [key, ...rest] = path;
  if (key === undefined) return replacement;
  if (Array.isArray(value))
    return value.map((item: Json, index) => (index === key ? withValueAt(item, rest, replacement) : item));
  const object = isObject(value) ? value : {};
  return { ...object, [key]: withValueAt(object[key], rest, replacement) };
}

const CREATE = { aliasDuplicateObjects: false } as const;

const copyOf = (parsed: Document.Parsed): Document => {
  const copy = parsed.clone();
  // Without the end marker `...`, directives of the next document would be content of this one.
  if (copy.directives) copy.directives.docEnd = parsed.directives.docEnd;
  return copy;
};

/** JSON with its own indentation; undefined if the document is not JSON, or has an integer that JavaScript would round. */
const editedJson = ({ source, start, end, parsed }: YamlDocument, after: Json): string | undefined => {
  const { contents } = parsed;
  if (!isFlow(contents)) return undefined;
  const text = source.text.slice(contents.range[0], contents.range[1]);
  if (/[[:,]\s*-?[0-9]{16}/.test(text) || !isJson(text)) return undefined;
  const indent = /[[{]\r?\n([ \t]+)/.exec(text)?.[1] ?? '';
  // Line breaks within JSON strings are escaped: each one here stands between two members.
  const json = JSON.stringify(after, undefined, indent).replaceAll('\n', newlineOf(text));
  return source.text.slice(start, contents.range[0]) + json + source.text.slice(contents.range[1], end);
};

const isFlow = (node: unknown): node is (YAMLMap | YAMLSeq) & { readonly range: Range } =>
  isCollection(node) && node.flow === true;

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

const newlineOf = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n');

/** True if a text is one document with this value. */
const reads = (text: string, value: Json): boolean => {
  const { documents, problems } = readDocuments({ file: '', text });
  return problems.length === 0 && documents.length === 1 && isEqual(documents[0]?.value, value);
};

/** True for the same JSON value; the order of keys does not count. */
const isEqual = (one: Json | undefined, other: Json | undefined): boolean => {
  if (Object.is(one, other)) return true;
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item: Json, index) => isEqual(item, other[index] as Json));
  if (!isObject(one) || !isObject(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && isEqual(one[key], other[key]))
  );
};

/** A node with the value `after` for `node`, which has the value `before`: the same node where possible, or a new one. */
const updated = (document: Document, node: Node | null, before: Json | undefined, after: Json): Node | null => {
  if (isEqual(before, after)) return node;
  // `[]` with new items becomes a block if its document is written in blocks, so it gets a new node.
  if (isMap(node) && node.items.length > 0 && isObject(before) && isObject(after)) updateMap(document, node, before, after);
  else if (isSeq(node) && node.items.length > 0 && Array.isArray(before) && Array.isArray(after))
    updateSeq(document, node, before as readonly Json[], after as readonly Json[]);
  else return inPlaceOf(node, document.createNode(after, CREATE) as Node);
  return node;
};

const updateMap = (document: Document, map: YAMLMap, before: JsonObject, after: JsonObject): void => {
  map.items = map.items.filter(({ key }) => {
    const name = isScalar(key) ? String(key.value) : '';
    return before[name] === undefined || after[name] !== undefined;
  });
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined || isEqual(before[key], value)) continue;
    const pair = pairOf(map, key);
    // A key that comes from a merge (<<) is overridden by one of the map's own.
    if (pair) pair.value = updated(document, pair.value as Node | null, before[key], value);
    else insertPair(map, document.createPair(key, value, CREATE), FOLLOWER.get(key));
  }
};

const pairOf = (map: YAMLMap, name: string | undefined): Pair | undefined =>
  map.items.find(({ key }) => isScalar(key) && String(key.value) === name);

/** New keys that a reader expects before another one; all others go to the end. */
const FOLLOWER: ReadonlyMap<string, string> = new Map([
  ['initContainers', 'containers'],
  ['metadata', 'spec'],
]);

const insertPair = (map: YAMLMap, pair: Pair, follower: string | undefined): void => {
  const next = pairOf(map, follower);
  const index = next ? map.items.indexOf(next) : map.items.length;
  if (index === 0) giveCommentToFirst(map);
  map.items.splice(index, 0, pair);
};

/** The library keeps a comment before the first entry on the collection: without this, a new first entry would get it. */
const giveCommentToFirst = (collection: YAMLMap | YAMLSeq): void => {
  const [first] = collection.items;
  const node = isPair(first) ? first.key : first;
  if (!isNode(node)) return;
  node.commentBefore = joined(collection.commentBefore, node.commentBefore);
  collection.commentBefore = null;
};

/** Items keep their nodes by position where the length stays, else by mount path or name. */
const updateSeq = (document: Document, seq: YAMLSeq, before: readonly Json[], after: readonly Json[]): void => {
  const items: unknown[] = [];
  let next = 0;
  for (const value of after) {
    const at =
      before.length === after.length ? next : before.findIndex((item, index) => index >= next && isSameItem(item, value));
    if (at === -1) items.push(document.createNode(value, CREATE));
    else {
      items.push(updated(document, seq.items[at] as Node | null, before[at], value));
      next = at + 1;
    }
  }
  if (items[0] !== seq.items[0]) giveCommentToFirst(seq);
  seq.items = items;
};

const isSameItem = (one: Json, other: Json): boolean => {
  if (!isObject(one) || !isObject(other)) return isEqual(one, other);
  const key = ['mountPath', 'name'].find((candidate) => textOf(one, candidate) !== undefined);
  return key === undefined ? isEqual(one, other) : textOf(one, key) === textOf(other, key);
};

/** Moves anchor and comments to a new node: behind a scalar, above a collection. An alias elsewhere may need the anchor. */
const inPlaceOf = (old: Node | null, fresh: Node): Node => {
  if (old && 'anchor' in old && old.anchor !== undefined && !isAlias(fresh)) fresh.anchor = old.anchor;
  const isBlock = isCollection(fresh) && fresh.items.length > 0;
  fresh.commentBefore = isBlock ? joined(old?.commentBefore, old?.comment) : (old?.commentBefore ?? null);
  fresh.comment = isBlock ? null : (old?.comment ?? null);
  return fresh;
};

const joined = (...comments: readonly (string | null | undefined)[]): string | null =>
  comments.filter((comment) => comment !== null && comment !== undefined).join('\n') || null;

/** Replaces aliases by copies, so that the edit of an anchor changes nothing else. */
const expandAliases = (document: Document): void => {
  visit(document, {
    Alias: (_, alias) => inPlaceOf(alias, alias.resolve(document)?.clone() as Node),
  });
  visit(document, { Value: (_, node) => void delete node.anchor });
};

/** Prints in the style of the document: indentation, lists below their key, blanks in brackets, line ends. */
const printerFor = ({ parsed }: YamlDocument, text: string): ((document: Document) => string) => {
  const options: ToStringOptions = {
    ...layoutOf(parsed),
    lineWidth: 0,
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
    flowCollectionPadding: /[[{] /.test(text),
    // JSON with comments or long numbers: new keys and texts are quoted as those around them.
    ...(isFlow(parsed.contents) ? { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'QUOTE_DOUBLE' } : {}),
  };
  return (document) => document.toString(options).replaceAll(/\r?\n/g, newlineOf(text));
};

/** Blanks per level, and whether lists are indented below their key, as in the first block that shows it. */
const layoutOf = (document: Document.Parsed): { readonly indent: number; readonly indentSeq: boolean } => {
  let indent: number | undefined;
  let listIndent: number | undefined;
  visit(document, {
    Pair: (_, { value }, path) => {
      const parent = path.at(-1);
      if (!isMap(parent) || !isCollection(value) || value.flow === true) return undefined;
      const step = columnOf(value) - columnOf(parent);
      if (isSeq(value)) listIndent ??= step;
      else if (step > 0) indent ??= step;
      return indent === undefined || listIndent === undefined ? undefined : visit.BREAK;
    },
  });
  return { indent: indent ?? (listIndent || 2), indentSeq: listIndent !== 0 };
};

const columnOf = ({ srcToken }: YAMLMap | YAMLSeq): number => (srcToken && 'indent' in srcToken ? srcToken.indent : 0);
