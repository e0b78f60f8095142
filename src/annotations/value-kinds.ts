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
  /** Never throws. The text has no white space around it, unless the kind is verbatim. */
  readonly read: (raw: string) => T | typeof INVALID;
  /** White space around the text is part of the value, as in a template. */
  readonly verbatim?: true;
  /** What a text can only mean, such as auth/kubernetes for /v1/auth/kubernetes/login; the text itself if that is clear. */
  readonly normalise?: (raw: string) => string;
}

export type ValueOf<K> = K extends ValueKind<infer T> ? T : never;

/** A text as its kind reads it. */
export interface ReadText<T> {
  /** Without white space around it, unless the kind is verbatim. */
  readonly raw: string;
  readonly value: T | typeof INVALID;
  /** What was read instead of the text, if a pod author should correct it; only slashes more or less are not worth a warning. */
  readonly meant: string | undefined;
}

const withoutSlashes = (raw: string): string => raw.replaceAll('/', '');

/** Reads a text that a user wrote. A block scalar of YAML ends with a line break, which no name or number has. Never throws. */
export function readText<T>(kind: ValueKind<T>, written: string): ReadText<T> {
  const raw = kind.verbatim ? written : written.trim();
  const normal = kind.normalise?.(raw) ?? raw;
  const value = kind.read(normal);
  const isMadeAbsolute = normal.startsWith('/') && !raw.startsWith('/');
  const isCorrected = value !== INVALID && (isMadeAbsolute || withoutSlashes(normal) !== withoutSlashes(raw));
  return { raw, value, meant: isCorrected ? normal : undefined };
}

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False', '']);

/** Go's strconv.ParseBool; the empty text is false, as vault-k8s has it. */
export const flag: ValueKind<boolean> = {
  name: 'flag',
  expected: 'true or false',
  read: (raw) => (TRUE.has(raw) ? true : FALSE.has(raw) ? false : INVALID),
};

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

/** Names from a set of words, separated by commas. */
export function wordList(words: readonly string[]): ValueKind<readonly string[]> {
  return {
    name: 'words',
    expected: `some of ${words.join(', ')}, separated by commas`,
    read: (raw) => {
      const names = nameList.read(raw);
      return names !== INVALID && names.every((name) => words.includes(name)) ? names : INVALID;
    },
  };
}

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

const countOrMore = (min: bigint): ValueKind<number> => integerIn('count', `a whole number, ${min} or more`, min, MAX_INT32);

/** A whole number, 1 or more. */
export const atLeastOne: ValueKind<number> = countOrMore(1n);

/** A whole number, 0 or more; the empty text is 0, as vault-k8s has it. */
export const count: ValueKind<number> = {
  ...countOrMore(0n),
  read: (raw) => (raw === '' ? 0 : countOrMore(0n).read(raw)),
};

/** A whole number, 0 or more, as the text that a program of the agent image reads; the empty text is none. */
export const countText: ValueKind<string> = {
  ...countOrMore(0n),
  read: (raw) => (raw === '' || (UNSIGNED.test(raw) && countOrMore(0n).read(raw) !== INVALID) ? raw : INVALID),
};

/** A TCP port, as text. */
export const port: ValueKind<string> = {
  name: 'port',
  expected: 'a port from 1 to 65535',
  read: (raw) => (UNSIGNED.test(raw) && integerIn('', '', 1n, 65_535n).read(raw) !== INVALID ? raw : INVALID),
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

const decimalIf = (name: string, expected: string, isValid: (value: number) => boolean): ValueKind<number> => ({
  name,
  expected,
  read: (raw) => {
    if (raw.length > MAX_NUMBER_LENGTH || !DECIMAL.test(raw)) return INVALID;
    const value = Number(raw);
    return Number.isFinite(value) && isValid(value) ? value : INVALID;
  },
});

/** A finite decimal number above 0. */
export const factor: ValueKind<number> = decimalIf('number', 'a decimal number above 0, such as 0.5', (value) => value > 0);

/** A decimal number from 0 to 1. */
export const fraction: ValueKind<number> = decimalIf(
  'fraction',
  'a decimal number from 0 to 1, such as 0.75',
  (value) => value >= 0 && value <= 1,
);

const DURATION = /^\+?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

/**
 * Go's time.ParseDuration, without negative ones. The value is the text itself, which the agent reads. The empty text means none.
 */
export const duration: ValueKind<string> = {
  name: 'duration',
  expected: 'a duration such as 1s, 5m or 1h30m',
  read: (raw) => (raw === '' || (raw.length <= MAX_NUMBER_LENGTH && DURATION.test(raw)) ? raw : INVALID),
};

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};

/** Seconds of a text that the kind `duration` accepts. */
export function durationSeconds(raw: string): number {
  return [...raw.matchAll(/([0-9.]+)([a-zµμ]+)/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (UNIT_SECONDS[unit ?? ''] ?? 0),
    0,
  );
}

const SECONDS_OR_DAYS = /^\+?[0-9]{1,9}d?$/;

/** A duration as Vault's programs read one (parseutil.ParseDurationSecond): also whole seconds, and days such as 2d. */
export const vaultDuration: ValueKind<string> = {
  name: 'Vault duration',
  expected: 'a duration such as 30s, 5m or 1h30m, or whole seconds such as 60',
  read: (raw) => (SECONDS_OR_DAYS.test(raw) ? raw : duration.read(raw)),
};

/** A Kubernetes quantity of 0 or more in canonical form; the empty text means none. The API server rejects negative resources. */
export const quantity: ValueKind<string> = {
  name: 'quantity',
  expected: 'a Kubernetes quantity such as 250m, 64Mi or 1Gi',
  read: (raw) => {
    if (raw === '') return '';
    return raw.length > MAX_NUMBER_LENGTH || raw.startsWith('-') ? INVALID : (parseQuantity(raw) ?? INVALID);
  },
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
