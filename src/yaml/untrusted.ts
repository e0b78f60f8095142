// A small YAML document of a pod author as texts, lists and maps. Untrusted: no types, no aliases, nothing that grows while it is
// read, and bounds on size and depth, because a webhook reads it during a review.
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  Lexer,
  LineCounter,
  type ParsedNode,
  Parser,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { YamlValue } from '../annotations/secret-list.ts';
import { offsetBelow } from './documents.ts';

/** A list of maps with lists has three levels; what is deeper is not composed, for that takes stack. */
const MAX_DEPTH = 10;

/**
 * Tokens of a few hundred secrets with all their fields. Each token costs, whatever its length: without this bound, 250 KiB of
 * punctuation would hold up all other reviews for a second.
 */
const MAX_TOKENS = 20_000;

/** Messages of the parser are cut to their first line and this length. */
const MAX_REASON = 160;

/**
 * Reads one document, or returns why not, with line and column where they help. Quotes do not matter: `0440`, `yes` and `null`
 * are texts, as in an annotation.
 */
export function readUntrustedYaml(text: string): YamlValue | { readonly because: string } {
  const lines = new LineCounter();
  const refuse = (offset: number, because: string): { readonly because: string } => {
    const { line, col } = lines.linePos(offset);
    return { because: `line ${line}, column ${col}: ${because.slice(0, MAX_REASON)}` };
  };
  const tokens = boundedTokens(text, lines);
  if (!tokens) return { because: `more than ${MAX_TOKENS} tokens` };
  for (const token of tokens) {
    const deep = offsetBelow(token, MAX_DEPTH);
    if (deep !== undefined) return refuse(deep, `nested deeper than ${MAX_DEPTH} levels`);
  }
  const documents: Document.Parsed[] = [];
  const composer = new Composer({ schema: 'failsafe', version: '1.2', merge: false, prettyErrors: false, uniqueKeys: false });
  for (const document of composer.compose(tokens)) {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem) return refuse(problem.pos[0], problem.message.split('\n')[0] ?? '');
    documents.push(document);
  }
  const [first, second] = documents;
  if (second) return refuse(second.range[0], 'a second document begins here, expected one');
  const { contents } = first ?? {};
  if (!contents) return { because: 'it is empty' };
  const value = valueOf(contents);
  return isViolation(value) ? refuse(value.offset, value.because) : value;
}

/** The tokens that `Parser.parse` returns; undefined as soon as there are too many. */
const boundedTokens = (text: string, lines: LineCounter): CST.Token[] | undefined => {
  const tokens: CST.Token[] = [];
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    count += 1;
    if (count > MAX_TOKENS) return undefined;
    for (const token of parser.next(lexeme)) tokens.push(token);
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
};

/** YAML that an annotation may not use. */
interface Violation {
  readonly offset: number;
  readonly because: string;
}

const isViolation = (value: YamlValue | Violation): value is Violation => typeof value === 'object' && 'offset' in value;

/** `range` begins after a tag or an anchor; close enough to find it. */
const violation = ({ range }: ParsedNode, because: string): Violation => ({ offset: range[0], because });

const valueOf = (node: ParsedNode): YamlValue | Violation => {
  if (node.tag !== undefined) return violation(node, 'tags are not allowed here');
  if (isAlias(node)) return violation(node, 'an alias is not allowed here');
  if (node.anchor !== undefined) return violation(node, 'an anchor is not allowed here');
  if (isScalar(node)) return typeof node.value === 'string' ? node.value : '';
  return isMap(node) ? mapOf(node) : listOf(node);
};

const listOf = ({ items }: YAMLSeq.Parsed): YamlValue | Violation => {
  const list: YamlValue[] = [];
  for (const item of items) {
    const value = valueOf(item);
    if (isViolation(value)) return value;
    list.push(value);
  }
  return list;
};

const mapOf = ({ items }: YAMLMap.Parsed): YamlValue | Violation => {
  const map = new Map<string, YamlValue>();
  for (const { key: keyNode, value: valueNode } of items) {
    const key = valueOf(keyNode);
    if (typeof key !== 'string') return isViolation(key) ? key : violation(keyNode, 'the name of a field must be text');
    if (map.has(key)) return violation(keyNode, `duplicate field ${JSON.stringify(key)}`);
    const value = valueNode ? valueOf(valueNode) : '';
    if (isViolation(value)) return value;
    map.set(key, value);
  }
  return map;
};
