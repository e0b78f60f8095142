// Kinds of values: the grammar of one sort of text. Shared by the annotation table and the settings table.
// The grammars are those of vault-k8s 1.7.6 (Go's strconv, time and Kubernetes' resource packages), so that a value means the same.
import { parseQuantity } from './quantity.ts';

/** The result of reading an invalid text; the kind's `expected` describes a valid one. */
export const INVALID = Symbol('invalid');

export interface ValueKind<T> {
  /** Word for the generated documentation. */
  readonly name: string;
  /** A valid text, as it completes "expected …". */
  readonly expected: string;
  /** Never throws. */
  readonly read: (raw: string) => T | typeof INVALID;
}

export type ValueOf<K> = K extends ValueKind<infer T> ? T : never;

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False', '']);

/** Go's strconv.ParseBool; the empty text is false, as vault-k8s has it. */
export const flag: ValueKind<boolean> = {
  name: 'flag',
  expected: 'true or false',
  read: (raw) => (TRUE.has(raw) ? true : FALSE.has(raw) ? false : INVALID),
};

/** Any text, also the empty one. */
export const text: ValueKind<string> = { name: 'text', expected: 'text', read: (raw) => raw };

/** JSON that the webhook writes and never reads: another text in its place is replaced. */
export const writtenJson: ValueKind<string> = { name: 'JSON', expected: 'JSON', read: (raw) => raw };

/** Comma-separated names. Blanks around a name and empty members are ignored (Q14). */
export const nameList: ValueKind<readonly string[]> = {
  name: 'list',
  expected: 'names separated by commas',
  read: (raw) =>
    raw
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
};

/** Longer than any useful number. Reading a number of 200,000 digits would take seconds. */
const MAX_NUMBER_LENGTH = 64;

const INTEGER = /^[+-]?[0-9]+$/;

const integerIn = (name: string, expected: string, min: bigint, max: bigint): ValueKind<number> => ({
  name,
  expected,
  read: (raw) => {
    if (raw.length > MAX_NUMBER_LENGTH || !INTEGER.test(raw)) return INVALID;
    const value = BigInt(raw.startsWith('+') ? raw.slice(1) : raw);
    return value < min || value > max ? INVALID : Number(value);
  },
});

/** Larger whole numbers are not exact in JSON: the patch would contain another number. */
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const MAX_INT32 = 2_147_483_647n;

/** A signed whole number in base ten; the empty text is 0, as vault-k8s has it. */
export const integer: ValueKind<number> = {
  ...integerIn('integer', 'a whole number', -SAFE_MAX, SAFE_MAX),
  read: (raw) => (raw === '' ? 0 : integerIn('', '', -SAFE_MAX, SAFE_MAX).read(raw)),
};

/** 0 to the largest int32: the user and group ids that the API server accepts (Q42). */
export const int32: ValueKind<number> = integerIn('id', 'a number from 0 to 2147483647', 0n, MAX_INT32);

const UNSIGNED = /^[0-9]+$/;

/** Whole seconds, 0 or more, without a sign (Go's ParseUint). */
export const seconds: ValueKind<number> = {
  name: 'seconds',
  expected: 'whole seconds, 0 or more',
  read: (raw) => (raw.length <= MAX_NUMBER_LENGTH && UNSIGNED.test(raw) && BigInt(raw) <= SAFE_MAX ? Number(raw) : INVALID),
};

/** Lifetime of a projected token in seconds. The API server rejects less than ten minutes; an agent needs less than a day. */
export const tokenLifetime: ValueKind<number> = integerIn('seconds', 'whole seconds from 600 to 86400', 600n, 86_400n);

const DECIMAL = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/** A finite decimal number. */
export const decimal: ValueKind<number> = {
  name: 'number',
  expected: 'a decimal number such as 0.75',
  read: (raw) => (raw.length <= MAX_NUMBER_LENGTH && DECIMAL.test(raw) && Number.isFinite(Number(raw)) ? Number(raw) : INVALID),
};

const DURATION = /^[+-]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

/** Go's time.ParseDuration. The value is the text itself, which the agent reads. The empty text means none. */
export const duration: ValueKind<string> = {
  name: 'duration',
  expected: 'a duration such as 1s, 5m or 1h30m',
  read: (raw) => (raw === '' || (raw.length <= MAX_NUMBER_LENGTH && DURATION.test(raw)) ? raw : INVALID),
};

/** A Kubernetes quantity in canonical form; the empty text means none. */
export const quantity: ValueKind<string> = {
  name: 'quantity',
  expected: 'a Kubernetes quantity such as 250m, 64Mi or 1Gi',
  read: (raw) => (raw === '' ? '' : raw.length > MAX_NUMBER_LENGTH ? INVALID : (parseQuantity(raw) ?? INVALID)),
};

/** The size of a volume: a quantity of 0 or more. */
export const volumeSize: ValueKind<string> = {
  name: 'quantity',
  expected: 'a Kubernetes quantity of 0 or more, such as 16Mi',
  read: (raw) => (raw.startsWith('-') ? INVALID : quantity.read(raw)),
};

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** The name of a container: a DNS label. */
export const containerName: ValueKind<string> = {
  name: 'name',
  expected: 'a container name: at most 63 lower-case letters, digits and dashes',
  read: (raw) => (LABEL.test(raw) ? raw : INVALID),
};

const PROGRAM = /^(?:[A-Za-z0-9_][A-Za-z0-9_.+-]*|(?:\/[A-Za-z0-9_][A-Za-z0-9_.+-]*)+)$/;

/** A program of an image. Profile compat writes it into a line of a shell, so it has no character that a shell reads. */
export const program: ValueKind<string> = {
  name: 'program',
  expected: 'the name of a program, such as bao, or an absolute path, such as /usr/local/bin/vault',
  read: (raw) => (PROGRAM.test(raw) ? raw : INVALID),
};

/** At least one container name: with an empty list no container would get the secret. */
export const containerNames: ValueKind<readonly string[]> = {
  name: 'names',
  expected: 'at least one container name, separated by commas',
  read: (raw) => {
    const names = nameList.read(raw);
    return names === INVALID || names.length === 0 || names.some((name) => containerName.read(name) === INVALID)
      ? INVALID
      : names;
  },
};

/** A YAML list of secrets, as written. secret-list.ts reads it, since it can have many problems. */
export const yamlList: ValueKind<string> = {
  name: 'YAML list',
  expected: 'a YAML list of secrets',
  read: (raw) => raw,
};

/** One of some words; `fold` ignores case. */
export function oneOf<const Word extends string>(words: readonly Word[], fold = false): ValueKind<Word> {
  return {
    name: words.join(' \\| '),
    expected: `one of ${words.join(', ')}`,
    read: (raw) => words.find((word) => word === (fold ? raw.toLowerCase() : raw)) ?? INVALID,
  };
}

/** An RFC 6902 document: a JSON list of operations. Empty text, null and [] mean none. */
export const jsonPatch: ValueKind<readonly unknown[]> = {
  name: 'JSON Patch',
  expected: 'a JSON list of RFC 6902 operations',
  read: (raw) => {
    if (raw === '') return [];
    try {
      const document: unknown = JSON.parse(raw);
      return document === null ? [] : Array.isArray(document) ? document : INVALID;
    } catch {
      return INVALID;
    }
  },
};
