// YAML or JSON text → documents that remember where they stand in it, so that unchanged ones are printed byte for byte.
import {
  Composer,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  Parser,
  visit,
  type CST,
  type Document,
  type DocumentOptions,
  type ParseOptions,
  type SchemaOptions,
  stringify,
  type ParsedNode,
  type ScalarTag,
  type CollectionTag,
} from 'yaml';
import type { Json } from '../json/json.ts';
import { kubectlTags } from './kubectl-scalars.ts';

export interface SourceText {
  /** What error messages call the source: a path, or a word for standard input. */
  readonly file: string;
  readonly text: string;
}

export interface YamlDocument {
  readonly source: SourceText;
  /** The line of an offset in the text, from 1. */
  readonly lineOf: (offset: number) => number;
  /** The part of the text that this document takes up, its separator included. */
  readonly start: number;
  readonly end: number;
  readonly parsed: Document.Parsed;
  readonly value: Json;
}

export interface ReadDocuments {
  readonly source: SourceText;
  readonly documents: readonly YamlDocument[];
  /** One line each, as `file:line:column: message`. */
  readonly problems: readonly string[];
}

/** Keys and indexes from the root of a document. */
export type Path = readonly (string | number)[];

/** Real manifests have some twenty levels; composing several thousand exhausts the stack of the process. */
const MAX_DEPTH = 500;

/** Parses all documents of a text; those that cannot be read become problems. Never throws. */
export function readDocuments(source: SourceText): ReadDocuments {
  const lines = new LineCounter();
  const position = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${source.file}:${line}:${col}`;
  };
  const lineOf = (offset: number): number => lines.linePos(offset).line;
  const tokens = [...new Parser(lines.addNewLine).parse(source.text)];
  const deep = tokens.map((token) => offsetBelow(token, MAX_DEPTH)).find((offset) => offset !== undefined);
  if (deep !== undefined)
    return { source, documents: [], problems: [`${position(deep)}: nested deeper than ${MAX_DEPTH} levels`] };
  for (const token of tokens) if (token.type === 'document' && token.value) raiseComments(token.value);
  const problems: string[] = [];
  const documents: YamlDocument[] = [];
  let start = 0;
  for (const parsed of new Composer(OPTIONS).compose(tokens)) {
    const end = parsed.range[2];
    const [error] = parsed.errors;
    const duplicate = error ? undefined : duplicateKey(parsed);
    if (error) problems.push(`${position(error.pos[0])}: ${error.message}`);
    else if (duplicate) problems.push(`${position(duplicate.offset)}: duplicate key ${duplicate.key}`);
    else {
      try {
        documents.push({ source, lineOf, start, end, parsed, value: parsed.toJS() as Json });
      } catch (error) {
        // An alias without its anchor, or so many of them that only an attack explains it.
        const message = error instanceof Error ? error.message : String(error);
        problems.push(`${position(parsed.contents?.range[0] ?? parsed.range[0])}: ${message}`);
      }
    }
    start = end;
  }
  const last = documents.at(-1);
  if (last?.end === start) documents.splice(-1, 1, { ...last, end: source.text.length });
  return { source, documents, problems };
}

/**
 * Moves comments below the last entry of a block that are indented less than the block to the entry that follows it. The library
 * takes them for comments of the block if the first of them is indented like the block: an added entry would come below them.
 */
const raiseComments = (block: CST.Token): void => {
  if (block.type !== 'block-map' && block.type !== 'block-seq') return;
  const items: { start: CST.SourceToken[]; value?: CST.Token }[] = block.items;
  for (const [index, { value }] of items.entries()) {
    if (value?.type !== 'block-map' && value?.type !== 'block-seq') continue;
    raiseComments(value);
    const last = value.items.at(-1);
    if (!last || last.value || ('sep' in last && last.sep) || ('key' in last && last.key)) continue;
    const at = last.start.findIndex((token) => token.type === 'comment' && token.indent < value.indent);
    if (at < 0) continue;
    const raised = last.start.splice(at);
    const next = items[index + 1];
    if (next) next.start.unshift(...raised);
    else items.push({ start: raised });
  }
};

type Tag = ScalarTag | CollectionTag;

/** Prints a scalar that was not edited as its author wrote it: `yes`, `0644`, `1.0` and long numbers mean what they meant. */
const keepingSource = (tag: Tag): Tag => {
  if (tag.collection !== undefined) return tag;
  const stringify: ScalarTag['stringify'] = (item, context, onComment, onChompKeep) => {
    const token = item.srcToken;
    const raw = token && 'source' in token && token.type !== 'block-scalar' ? token.source : undefined;
    // A scalar of several lines is printed in one; the copy of an alias may have come between the brackets of a flow collection.
    const isKept =
      raw !== undefined && !raw.includes('\n') && !(context.inFlow === true && token?.type === 'scalar' && /[,[\]{}]/.test(raw));
    if (isKept) return raw;
    // The library writes the indentation of a block text that begins with a blank as 2 (`|2`), whatever it is.
    const isMisprinted = context.indentStep !== '  ' && typeof item.value === 'string' && /^\n* /.test(item.value);
    const fitting = isMisprinted ? { ...context, options: { ...context.options, blockQuote: false as const } } : context;
    return tag.stringify?.(item, fitting, onComment, onChompKeep) ?? '';
  };
  return { ...tag, stringify };
};

const OPTIONS: DocumentOptions & ParseOptions & SchemaOptions = {
  merge: true,
  // Given for documents that ask for YAML 1.1 too: dates must stay text, as they do in kubectl.
  schema: 'core',
  // New text that a reader of YAML 1.1, such as kubectl, takes for something else is quoted.
  compat: 'yaml-1.1',
  customTags: (tags) => kubectlTags(tags).map(keepingSource),
  keepSourceTokens: true,
  prettyErrors: false,
  // The library compares each key with each: a map of 100,000 keys would take minutes.
  uniqueKeys: false,
};

/** The first duplicate key of a document. */
const duplicateKey = (document: Document.Parsed): { readonly offset: number; readonly key: string } | undefined => {
  let first: { readonly offset: number; readonly key: string } | undefined;
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const offset = key.range?.[0] ?? 0;
        if (seen.has(key.value) && (first === undefined || offset < first.offset)) first = { offset, key: String(key.value) };
        seen.add(key.value);
      }
    },
  });
  return first;
};

/** The offset of a token that is nested deeper than `depth` levels. Not recursive, because it protects the stack. */
export function offsetBelow(token: CST.Token, depth: number): number | undefined {
  const open: { readonly token: CST.Token; readonly level: number }[] = [{ token, level: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { token, level } = next;
    if (level > depth) return token.offset;
    if (token.type === 'document' && token.value) open.push({ token: token.value, level });
    if (!('items' in token)) continue;
    for (const { key, value } of token.items)
      for (const inner of [key, value]) if (inner) open.push({ token: inner, level: level + 1 });
  }
  return undefined;
}

/** The line where a path begins; if an alias or a merge provides the rest of it, the line of the part before. */
export function lineOfPath({ parsed, lineOf, start }: YamlDocument, path: Path = []): number {
  let node: ParsedNode | null = parsed.contents;
  let offset = node?.range[0] ?? start;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
      if (!pair) break;
      offset = pair.key.range[0];
      node = pair.value;
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key] ?? null;
      offset = node?.range[0] ?? offset;
    } else break;
  }
  return lineOf(offset);
}

/**
 * A value as a document of its own, read alike by YAML 1.1 and 1.2. Long texts stay in one line; words that a reader of YAML 1.1
 * takes for something else are quoted: kubectl would read an unquoted Off as false.
 */
export function printYaml(value: Json): string {
  return stringify(value, { lineWidth: 0, compat: 'yaml-1.1', customTags: kubectlTags, aliasDuplicateObjects: false });
}
