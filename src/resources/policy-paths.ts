// The paths in the text of an ACL policy, written in HCL or in JSON.

/** Tokens of HCL 1 as far as both forms need them: JSON's colon counts as an equals sign. */
type Token = { readonly kind: 'word' | 'text'; readonly text: string } | { readonly kind: 'mark'; readonly text: string };

export type PolicyPaths =
  | { readonly ok: true; readonly paths: readonly string[] }
  | { readonly ok: false; readonly problem: string };

/** Parses all paths. Stricter than the servers: what this parser accepts, they read in the same way. */
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
/** Maximum nesting: the parser recurses once for each level. */
const MAX_DEPTH = 16;

const tokensOf = (policy: string): readonly Token[] => {
  const tokens: Token[] = [];
  let at = 0;
  while (at < policy.length) {
    const rest = policy.charAt(at);
    if (/\s/.test(rest) || rest === '\uFEFF') at += 1;
    else if (rest === '#' || policy.startsWith('//', at)) at = endOf(policy, '\n', at);
    else if (policy.startsWith('/*', at)) at = endOf(policy, '*/', at + 2);
    else if (policy.startsWith('<<', at)) throw new Error('heredocs (<<) are not supported in policies: use a quoted string');
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
  throw new Error(`unterminated comment (missing ${end})`);
};

const readText = (policy: string, from: number, tokens: Token[]): number => {
  const text = /"([^"\\\n]|\\.)*"/y;
  text.lastIndex = from;
  const [found] = text.exec(policy) ?? [];
  if (found === undefined) throw new Error(`unterminated string: ${policy.slice(from, from + 40)}`);
  tokens.push({ kind: 'text', text: found.slice(1, -1) });
  return from + found.length;
};

const readWord = (policy: string, from: number, tokens: Token[]): number => {
  // A comment or a heredoc can start directly after a word.
  const word = /(?:(?!\/\/|\/\*|<<)[^\s{}[\]=,:()"#])+/y;
  word.lastIndex = from;
  const [found = policy.charAt(from)] = word.exec(policy) ?? [];
  // The servers end a number at the first letter: they read `1path` as a number and the identifier path.
  if (!NAME_OR_NUMBER.test(found))
    throw new Error(
      `${JSON.stringify(found.slice(0, 40))} is not an identifier or a number: separate words with spaces, and quote strings`,
    );
  tokens.push({ kind: 'word', text: found });
  return from + found.length;
};

const NAME_OR_NUMBER = /^(?:[A-Za-z_][A-Za-z0-9_.-]*|-?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|0[xX][0-9A-Fa-f]+))$/;

/** Reads fields up to the closing brace or the end, reports the keys below each `path` of the outermost object, returns the end. */
const readObject = (
  tokens: readonly Token[],
  from: number,
  isClosed: boolean,
  report: ((keys: readonly string[]) => void) | undefined,
  depth = 0,
): number => {
  if (depth > MAX_DEPTH) throw new Error('objects are nested too deeply');
  let at = from;
  for (;;) {
    const token = tokens[at];
    if (token === undefined) {
      if (isClosed) throw new Error('missing closing brace');
      return at;
    }
    if (token.kind === 'mark') {
      if (token.text === '}' && isClosed) return at + 1;
      if (token.text !== ',') throw new Error(`"${token.text}" where an identifier was expected`);
      at += 1;
      continue;
    }
    const keys: string[] = [];
    while (tokens[at] && tokens[at]?.kind !== 'mark') {
      keys.push(tokens[at]?.text ?? '');
      at += 1;
    }
    if (tokens[at]?.text === '=') at += 1;
    // The servers resolve escapes in identifiers, so that any identifier could be "path".
    if (keys.some((key) => key.includes('\\')))
      throw new Error('identifiers with escapes are not supported in policies: write them without escapes');
    const isPath = report !== undefined && keys[0]?.toLowerCase() === 'path';
    const [, ...labels] = keys;
    if (isPath && labels.length > 0) report(labels.slice(0, 1));
    at = readValue(tokens, at, isPath && labels.length === 0 ? report : undefined, depth);
  }
};

/** Reads a value. With `report`, the keys of the objects in it are paths. */
const readValue = (
  tokens: readonly Token[],
  from: number,
  report: ((keys: readonly string[]) => void) | undefined,
  depth: number,
): number => {
  const token = tokens[from];
  if (token === undefined) throw new Error('missing value at the end');
  if (token.kind !== 'mark') return from + 1;
  if (token.text === '{')
    return report ? readPaths(tokens, from + 1, report, depth) : readObject(tokens, from + 1, true, undefined, depth + 1);
  if (token.text !== '[') throw new Error(`"${token.text}" where a value was expected`);
  let at = from + 1;
  while (tokens[at]?.text !== ']' || tokens[at]?.kind !== 'mark') {
    if (tokens[at] === undefined) throw new Error('missing closing bracket');
    if (depth > MAX_DEPTH) throw new Error('lists are nested too deeply');
    at = tokens[at]?.kind === 'mark' && tokens[at]?.text === ',' ? at + 1 : readValue(tokens, at, report, depth + 1);
  }
  return at + 1;
};

const readPaths = (tokens: readonly Token[], from: number, report: (keys: readonly string[]) => void, depth: number): number => {
  let at = from;
  while (tokens[at]?.text !== '}' || tokens[at]?.kind !== 'mark') {
    const key = tokens[at];
    if (key === undefined) throw new Error('missing closing brace');
    if (key.kind === 'mark' && key.text !== ',') throw new Error(`"${key.text}" where a path was expected`);
    at += 1;
    if (key.kind === 'mark') continue;
    report([key.text]);
    if (tokens[at]?.text === '=') at += 1;
    at = readValue(tokens, at, undefined, depth + 1);
  }
  return at + 1;
};
