// A small YAML document of a stranger as texts, lists and maps: no types, no references, nothing that grows while it is read.
import {
  Composer,
  type CST,
  isAlias,
  isMap,
  isScalar,
  Lexer,
  LineCounter,
  Parser,
  type Document,
  type ParsedNode,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { ReadYaml, YamlValue } from '../annotations/secret-list.ts';
import { offsetBelow } from './document.ts';

/** A list of maps with lists has three levels; what is deeper is not composed, for that takes stack. */
const DEEPEST = 10;

/**
 * A few hundred secrets with all their fields. Each part costs, whatever its length: without this bound 250 KiB of signs would
 * hold up all other reviews for a second.
 */
const MOST_PARTS = 20_000;

/** Of a parser's message the first line: others point into the text. */
const LONGEST_REASON = 160;

/** Reads one document. Quotes do not matter: `0440`, `yes` and `null` are the texts that they are, as in an annotation. */
export const readUntrustedYaml: ReadYaml = (text) => {
  const lines = new LineCounter();
  const refuse = (offset: number, because: string): { readonly because: string } => {
    const { line, col } = lines.linePos(offset);
    return { because: `line ${line}, column ${col}: ${because.slice(0, LONGEST_REASON)}` };
  };
  const tokens = tokensOf(text, lines);
  if (!tokens) return { because: `more than ${MOST_PARTS} names, values and signs` };
  for (const token of tokens) {
    const deep = offsetBelow(token, DEEPEST);
    if (deep !== undefined) return refuse(deep, `more than ${DEEPEST} levels within one another`);
  }
  const documents: Document.Parsed[] = [];
  const composer = new Composer({ schema: 'failsafe', version: '1.2', merge: false, prettyErrors: false, uniqueKeys: false });
  for (const document of composer.compose(tokens)) {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem) return refuse(problem.pos[0], problem.message.split('\n')[0] ?? '');
    documents.push(document);
  }
  const [first, second] = documents;
  if (second) return refuse(second.range[0], 'one document is expected, and a second one begins here');
  const { contents } = first ?? {};
  if (!contents) return { because: 'it is empty' };
  const value = plain(contents);
  return isOddity(value) ? refuse(value.offset, value.because) : value;
};

/** As the parser gives them by itself, but not for ever. */
const tokensOf = (text: string, lines: LineCounter): CST.Token[] | undefined => {
  const tokens: CST.Token[] = [];
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let parts = 0;
  for (const part of new Lexer().lex(text)) {
    parts += 1;
    if (parts > MOST_PARTS) return undefined;
    for (const token of parser.next(part)) tokens.push(token);
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
};

interface Oddity {
  readonly offset: number;
  readonly because: string;
}

const isOddity = (value: YamlValue | Oddity): value is Oddity => typeof value === 'object' && 'offset' in value;

/** `range` begins after a tag or an anchor; near enough to be found. */
const odd = ({ range }: ParsedNode, because: string): Oddity => ({ offset: range[0], because });

const plain = (node: ParsedNode): YamlValue | Oddity => {
  if (node.tag !== undefined) return odd(node, 'a tag, which is not taken here');
  if (isAlias(node)) return odd(node, 'an alias, which is not taken here');
  if (node.anchor !== undefined) return odd(node, 'an anchor, which is not taken here');
  if (isScalar(node)) return typeof node.value === 'string' ? node.value : '';
  return isMap(node) ? plainMap(node) : plainList(node);
};

const plainList = ({ items }: YAMLSeq.Parsed): YamlValue | Oddity => {
  const list: YamlValue[] = [];
  for (const item of items) {
    const value = plain(item);
    if (isOddity(value)) return value;
    list.push(value);
  }
  return list;
};

const plainMap = ({ items }: YAMLMap.Parsed): YamlValue | Oddity => {
  const map = new Map<string, YamlValue>();
  for (const { key: keyNode, value: valueNode } of items) {
    const key = plain(keyNode);
    if (typeof key !== 'string') return isOddity(key) ? key : odd(keyNode, 'a name of a field is expected to be text');
    if (map.has(key)) return odd(keyNode, `the field ${JSON.stringify(key)} is there twice`);
    const value = valueNode ? plain(valueNode) : '';
    if (isOddity(value)) return value;
    map.set(key, value);
  }
  return map;
};
