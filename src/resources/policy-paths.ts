// The paths that the text of an ACL policy speaks of, whether it is written in HCL or in JSON.

/** Tokens of HCL 1 as far as both forms need them: JSON's colon counts as an equals sign. */
type Token = { readonly kind: 'word' | 'text'; readonly text: string } | { readonly kind: 'mark'; readonly text: string };

export type PolicyPaths =
  | { readonly ok: true; readonly paths: readonly string[] }
  | { readonly ok: false; readonly problem: string };

/** Reads all paths; what cannot be read says why. A server may accept more than this reads, never the other way round. */
export function policyPaths(policy: string): PolicyPaths {
  const paths: string[] = [];
  try {
    const tokens = tokensOf(policy);
    const isJSON = tokens[0]?.text === '{' && tokens[0].kind === 'mark';
    readObject(isJSON ? tokens.slice(1) : tokens, 0, isJSON, (keys) => paths.push(...keys));
    return { ok: true, paths };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

const MARKS = '{}[]=,:()';
/** Deeper than any policy goes; the reader calls itself once for each level. */
const DEEPEST = 16;

const tokensOf = (policy: string): readonly Token[] => {
  const tokens: Token[] = [];
  let at = 0;
  while (at < policy.length) {
    const rest = policy.charAt(at);
    if (/\s/.test(rest) || rest === '\uFEFF') at += 1;
    else if (rest === '#' || policy.startsWith('//', at)) at = endOf(policy, '\n', at);
    else if (policy.startsWith('/*', at)) at = endOf(policy, '*/', at + 2);
    else if (policy.startsWith('<<', at))
      throw new Error('here-documents (<<) are not read in policies: write the text in quotes');
    else if (rest === '"') at = readText(policy, at, tokens);
    else if (MARKS.includes(rest)) {
      tokens.push({ kind: 'mark', text: rest === ':' ? '=' : rest });
      at += 1;
    } else at = readWord(policy, at, tokens);
  }
  return tokens;
};

const endOf = (policy: string, end: string, from: number): number => {
  const found = policy.indexOf(end, from);
  if (found >= 0) return found + end.length;
  if (end === '\n') return policy.length;
  throw new Error(`a comment is not closed (${end} is missing)`);
};

const readText = (policy: string, from: number, tokens: Token[]): number => {
  const text = /"([^"\\\n]|\\.)*"/y;
  text.lastIndex = from;
  const [found] = text.exec(policy) ?? [];
  if (found === undefined) throw new Error(`a text is not closed: ${policy.slice(from, from + 40)}`);
  tokens.push({ kind: 'text', text: found.slice(1, -1) });
  return from + found.length;
};

const readWord = (policy: string, from: number, tokens: Token[]): number => {
  // A comment or a here-document may begin right after a word.
  const word = /(?:(?!\/\/|\/\*|<<)[^\s{}[\]=,:()"#])+/y;
  word.lastIndex = from;
  const [found = policy.charAt(from)] = word.exec(policy) ?? [];
  // The servers end a number at the first letter: for them `1path` is a number, and then a path.
  if (!NAME_OR_NUMBER.test(found))
    throw new Error(
      `${JSON.stringify(found.slice(0, 40))} is neither a name nor a number: put spaces between words, texts in quotes`,
    );
  tokens.push({ kind: 'word', text: found });
  return from + found.length;
};

const NAME_OR_NUMBER = /^(?:[A-Za-z_][A-Za-z0-9_.-]*|-?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|0[xX][0-9A-Fa-f]+))$/;

/** Reads members up to the closing brace or the end; tells the keys below each `path` of the outermost object. Gives where it ended. */
const readObject = (
  tokens: readonly Token[],
  from: number,
  isClosed: boolean,
  tell: ((keys: readonly string[]) => void) | undefined,
  depth = 0,
): number => {
  if (depth > DEEPEST) throw new Error('objects are nested too deeply');
  let at = from;
  for (;;) {
    const token = tokens[at];
    if (token === undefined) {
      if (isClosed) throw new Error('a brace is not closed');
      return at;
    }
    if (token.kind === 'mark') {
      if (token.text === '}' && isClosed) return at + 1;
      if (token.text !== ',') throw new Error(`"${token.text}" where a name was expected`);
      at += 1;
      continue;
    }
    const keys: string[] = [];
    while (tokens[at] && tokens[at]?.kind !== 'mark') {
      keys.push(tokens[at]?.text ?? '');
      at += 1;
    }
    if (tokens[at]?.text === '=') at += 1;
    // The servers read escapes in names, so that any name could be "path".
    if (keys.some((key) => key.includes('\\')))
      throw new Error('names with escapes are not read in policies: write them plainly');
    const isPath = tell !== undefined && keys[0]?.toLowerCase() === 'path';
    const [, ...labels] = keys;
    if (isPath && labels.length > 0) tell(labels.slice(0, 1));
    at = readValue(tokens, at, isPath && labels.length === 0 ? tell : undefined, depth);
  }
};

/** A value; where `tell` is given, the keys of the objects in it are paths. */
const readValue = (
  tokens: readonly Token[],
  from: number,
  tell: ((keys: readonly string[]) => void) | undefined,
  depth: number,
): number => {
  const token = tokens[from];
  if (token === undefined) throw new Error('a value is missing at the end');
  if (token.kind !== 'mark') return from + 1;
  if (token.text === '{')
    return tell ? readPaths(tokens, from + 1, tell, depth) : readObject(tokens, from + 1, true, undefined, depth + 1);
  if (token.text !== '[') throw new Error(`"${token.text}" where a value was expected`);
  let at = from + 1;
  while (tokens[at]?.text !== ']' || tokens[at]?.kind !== 'mark') {
    if (tokens[at] === undefined) throw new Error('a bracket is not closed');
    if (depth > DEEPEST) throw new Error('lists are nested too deeply');
    at = tokens[at]?.kind === 'mark' && tokens[at]?.text === ',' ? at + 1 : readValue(tokens, at, tell, depth + 1);
  }
  return at + 1;
};

const readPaths = (tokens: readonly Token[], from: number, tell: (keys: readonly string[]) => void, depth: number): number => {
  let at = from;
  while (tokens[at]?.text !== '}' || tokens[at]?.kind !== 'mark') {
    const key = tokens[at];
    if (key === undefined) throw new Error('a brace is not closed');
    if (key.kind === 'mark' && key.text !== ',') throw new Error(`"${key.text}" where a path was expected`);
    at += 1;
    if (key.kind === 'mark') continue;
    tell([key.text]);
    if (tokens[at]?.text === '=') at += 1;
    at = readValue(tokens, at, undefined, depth + 1);
  }
  return at + 1;
};
