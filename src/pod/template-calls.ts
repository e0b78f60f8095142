// Calls of functions in a template, with the arguments that are literal texts: paths, owners and secrets can be checked before the pod
// runs. A subset of Go's text/template lexer, which never rejects anything: the agent does that.

/** One call: `file "/a"`, `"/a" | file` and `file (print "/a")`, whose argument is an expression. */
export interface TemplateCall {
  readonly name: string;
  /** undefined for an expression. */
  readonly arguments: readonly (string | undefined)[];
}

/** Words before the pipeline of an action. */
const KEYWORDS = new Set(['if', 'else', 'with', 'range', 'end', 'define', 'block', 'template', 'break', 'continue', '-']);

/** A pipeline that is being read; each pair of parentheses has its own. */
interface Pipeline {
  words: Operand[];
  /** The result of the command before the last `|`; undefined without one. */
  piped: Operand | undefined;
}

type Operand = { readonly text: string } | { readonly word: string } | 'expression';

const EXPRESSION: Operand = 'expression';

const textIn = (operand: Operand): string | undefined =>
  typeof operand === 'object' && 'text' in operand ? operand.text : undefined;

const unquoted = (token: string): string => {
  if (!token.startsWith('"')) return token.slice(1, -1);
  try {
    return String(JSON.parse(token));
  } catch {
    return token.slice(1, -1);
  }
};

/** Ends the command that the pipeline reads: what it calls goes to `calls`, and its result is returned. */
const endCommand = ({ words, piped }: Pipeline, calls: TemplateCall[]): Operand => {
  const [first, ...rest] = words;
  if (first === undefined) return EXPRESSION;
  if (typeof first === 'string' || 'text' in first) return rest.length === 0 && piped === undefined ? first : EXPRESSION;
  const operands = piped === undefined ? rest : [...rest, piped];
  if (/^[A-Za-z]/.test(first.word)) calls.push({ name: first.word, arguments: operands.map(textIn) });
  return EXPRESSION;
};

/** Reads one action from an offset after its left delimiter, and returns the offset after it. */
const readAction = (template: string, start: number, right: string, calls: TemplateCall[]): number => {
  // One text in quotes or backticks, or one word, or one sign.
  const pattern = /\s+|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'|:?=|[()|,]|[^\s"`'()|,=]+|[\s\S]/y;
  const stack: Pipeline[] = [];
  let pipeline: Pipeline = { words: [], piped: undefined };
  let offset = start;
  while (offset < template.length && !template.startsWith(right, offset)) {
    pattern.lastIndex = offset;
    let token = pattern.exec(template)?.[0] ?? template.charAt(offset);
    // A word ends where the delimiter begins: `{{.Key}}`.
    const end = /^["`']/.test(token) ? -1 : token.indexOf(right);
    if (end > 0) token = token.slice(0, end);
    // A text without an end is an error for the agent; reading on would take quadratic time.
    if (token === '"' || token === '`' || token === "'") return template.length;
    offset += token.length;
    if (token.trim() === '') continue;
    if (token === '(') {
      stack.push(pipeline);
      pipeline = { words: [], piped: undefined };
    } else if (token === ')') {
      const result = endCommand(pipeline, calls);
      pipeline = stack.pop() ?? { words: [], piped: undefined };
      pipeline.words.push(result);
    } else if (token === '|') pipeline = { words: [], piped: endCommand(pipeline, calls) };
    else if (token === ':=' || token === '=' || token === ',') pipeline.words = [];
    else if (/^["`]/.test(token)) pipeline.words.push({ text: unquoted(token) });
    else if (!KEYWORDS.has(token)) pipeline.words.push({ word: token });
  }
  for (const open of [pipeline, ...stack]) endCommand(open, calls);
  return offset + right.length;
};

/** Every call of a template with these delimiters, in order. Comments call nothing. */
export function templateCalls(template: string, left: string, right: string): readonly TemplateCall[] {
  const calls: TemplateCall[] = [];
  if (left === '' || right === '') return calls;
  let offset = template.indexOf(left);
  while (offset >= 0) {
    const start = offset + left.length;
    const comment = /^(?:-\s+)?\/\*/.exec(template.slice(start, start + 32));
    const end = comment ? template.indexOf('*/', start + comment[0].length) : start;
    if (end < 0) return calls;
    offset = template.indexOf(left, comment ? end + 2 : readAction(template, start, right, calls));
  }
  return calls;
}
