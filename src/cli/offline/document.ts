// YAML or JSON text → documents that keep their places in the text.
import { Composer, LineCounter, Parser, type CST, type ParsedNode } from 'yaml';
import type { Json } from '../../json/json.ts';
import { duplicateKeyIn } from './duplicate.ts';

export interface SourceText {
  /** What a person calls the source: a path, or a word for standard input. */
  readonly file: string;
  readonly text: string;
}

export interface ManifestDocument {
  readonly source: SourceText;
  /** The line of an offset in the text, from 1. */
  readonly lineOf: (offset: number) => number;
  /** The part of the text that this document takes up, its separator included. */
  readonly start: number;
  readonly end: number;
  readonly contents: ParsedNode | null;
  readonly value: Json;
}

export interface ReadDocuments {
  readonly source: SourceText;
  readonly documents: readonly ManifestDocument[];
  /** One line each: file, line, column, what is wrong. */
  readonly problems: readonly string[];
}

/** Real manifests have some twenty levels; composing several thousand exhausts the stack of the process. */
const DEEPEST = 500;

/** Every document of a text, or where it cannot be read. Total. */
export function readDocuments(source: SourceText): ReadDocuments {
  const lines = new LineCounter();
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${source.file}:${line}:${col}`;
  };
  const lineOf = (offset: number): number => lines.linePos(offset).line;
  const problems: string[] = [];
  const documents: ManifestDocument[] = [];
  const tokens = [...new Parser(lines.addNewLine).parse(source.text)];
  const deep = tokens.map((token) => tooDeep(token, DEEPEST)).find((offset) => offset !== undefined);
  if (deep !== undefined)
    return { source, documents, problems: [`${place(deep)}: more than ${DEEPEST} levels within one another`] };
  let start = 0;
  // The schema is given for documents that ask for YAML 1.1 too: dates must stay text, as they do in kubectl.
  for (const document of new Composer({
    merge: true,
    schema: 'core',
    keepSourceTokens: true,
    prettyErrors: false,
    uniqueKeys: false,
  }).compose(tokens)) {
    const end = document.range[2];
    const first = document.contents?.range[0] ?? document.range[0];
    const [error] = document.errors;
    const twice = error ? undefined : duplicateKeyIn(document.contents);
    if (error) problems.push(`${place(error.pos[0])}: ${error.message}`);
    else if (twice !== undefined) problems.push(`${place(twice)}: the key ${keyAt(source.text, twice)} is there twice`);
    else {
      try {
        documents.push({ source, lineOf, start, end, contents: document.contents, value: document.toJS() as Json });
      } catch (error) {
        // An alias without its anchor, or so many of them that only an attack explains it.
        problems.push(`${place(first)}: ${(error as { readonly message?: string }).message ?? 'cannot be read'}`);
      }
    }
    start = end;
  }
  return {
    source,
    documents: documents.map((document) =>
      document.end === start ? Object.assign(document, { end: source.text.length }) : document,
    ),
    problems,
  };
}

const keyAt = (text: string, offset: number): string => {
  const end = text.slice(offset, offset + LONGEST_KEY).search(/[:\n]/);
  return text.slice(offset, offset + (end < 0 ? LONGEST_KEY : end)).trim();
};

/** Of a longer key this is enough to find it. */
const LONGEST_KEY = 300;

/** Where a token goes deeper than anything reasonable; without recursion, for it is the stack that is protected. */
export function tooDeep(token: CST.Token, deepest: number): number | undefined {
  const open: { readonly token: CST.Token; readonly depth: number }[] = [{ token, depth: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { token, depth } = next;
    if (depth > deepest) return token.offset;
    if (token.type === 'document' && token.value) open.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const { key, value } of token.items)
      for (const inner of [key, value]) if (inner) open.push({ token: inner, depth: depth + 1 });
  }
  return undefined;
}
