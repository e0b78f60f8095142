// Kinds of values: how one sort of text is read. Shared by the annotation table and the settings table.
// The grammars are those of vault-k8s 1.7.6 (Go's strconv, time and Kubernetes' resource packages), so that a value means the same.
import { parseQuantity } from './quantity.ts';

/** What a reader answers for text it cannot read. The words are in the kind's `wanted`. */
export const UNREADABLE = Symbol('unreadable');

export interface Kind<T> {
  /** Word for the generated documentation. */
  readonly name: string;
  /** The wanted form, as it completes "expected …". */
  readonly wanted: string;
  /** Total: every text has a value or is unreadable. */
  readonly read: (raw: string) => T | typeof UNREADABLE;
}

export type ValueOf<K> = K extends Kind<infer T> ? T : never;

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False', '']);

/** Go's strconv.ParseBool; the empty text is false, as vault-k8s has it. */
export const flag: Kind<boolean> = {
  name: 'flag',
  wanted: 'true or false',
  read: (raw) => (TRUE.has(raw) ? true : FALSE.has(raw) ? false : UNREADABLE),
};

/** Any text, also the empty one. */
export const text: Kind<string> = { name: 'text', wanted: 'text', read: (raw) => raw };

/** Comma-separated names; blanks around a name do not count (Q14), empty members are dropped. */
export const nameList: Kind<readonly string[]> = {
  name: 'list',
  wanted: 'names separated by commas',
  read: (raw) =>
    raw
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
};

/** No number that anybody means is longer; what is longer is not looked at, since some of it would take seconds. */
const LONGEST_NUMBER = 64;

const INTEGER = /^[+-]?[0-9]+$/;

const integerIn = (name: string, wanted: string, least: bigint, most: bigint): Kind<number> => ({
  name,
  wanted,
  read: (raw) => {
    if (raw.length > LONGEST_NUMBER || !INTEGER.test(raw)) return UNREADABLE;
    const value = BigInt(raw.startsWith('+') ? raw.slice(1) : raw);
    return value < least || value > most ? UNREADABLE : Number(value);
  },
});

/** Larger whole numbers are not exact in JSON: what we wrote would not be what was meant. */
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);
/** The largest user or group id that Kubernetes takes. */
const LARGEST_ID = 2_147_483_647n;

/** A signed whole number in base ten; the empty text is 0, as vault-k8s has it. */
export const integer: Kind<number> = {
  ...integerIn('integer', 'a whole number', -SAFE_MAX, SAFE_MAX),
  read: (raw) => (raw === '' ? 0 : integerIn('', '', -SAFE_MAX, SAFE_MAX).read(raw)),
};

/** A user or group id. What Kubernetes does not take is refused here rather than later (Q42). */
export const identity: Kind<number> = integerIn('id', 'a number from 0 to 2147483647', 0n, LARGEST_ID);

const UNSIGNED = /^[0-9]+$/;

/** Whole seconds, 0 or more, without a sign (Go's ParseUint). */
export const seconds: Kind<number> = {
  name: 'seconds',
  wanted: 'whole seconds, 0 or more',
  read: (raw) => (raw.length <= LONGEST_NUMBER && UNSIGNED.test(raw) && BigInt(raw) <= SAFE_MAX ? Number(raw) : UNREADABLE),
};

/** Seconds that a projected token may live: Kubernetes gives none for less than ten minutes, and a day is more than an agent needs. */
export const tokenLifetime: Kind<number> = integerIn('seconds', 'whole seconds from 600 to 86400', 600n, 86_400n);

const DECIMAL = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/** A finite decimal number. */
export const decimal: Kind<number> = {
  name: 'number',
  wanted: 'a decimal number such as 0.75',
  read: (raw) => (raw.length <= LONGEST_NUMBER && DECIMAL.test(raw) && Number.isFinite(Number(raw)) ? Number(raw) : UNREADABLE),
};

const DURATION = /^[+-]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

/** Go's time.ParseDuration. The text itself is the value: it is passed on to the agent. The empty text means none. */
export const duration: Kind<string> = {
  name: 'duration',
  wanted: 'a duration such as 1s, 5m or 1h30m',
  read: (raw) => (raw === '' || (raw.length <= LONGEST_NUMBER && DURATION.test(raw)) ? raw : UNREADABLE),
};

/** A Kubernetes quantity in canonical form; the empty text means that the item is left out. */
export const quantity: Kind<string> = {
  name: 'quantity',
  wanted: 'a Kubernetes quantity such as 250m, 64Mi or 1Gi',
  read: (raw) => (raw === '' ? '' : raw.length > LONGEST_NUMBER ? UNREADABLE : (parseQuantity(raw) ?? UNREADABLE)),
};

/** The size of a volume: a quantity that is not negative. */
export const size: Kind<string> = {
  name: 'quantity',
  wanted: 'a Kubernetes quantity of 0 or more, such as 16Mi',
  read: (raw) => (raw.startsWith('-') ? UNREADABLE : quantity.read(raw)),
};

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** The name of a container: a DNS label. */
export const label: Kind<string> = {
  name: 'name',
  wanted: 'at most 63 lower-case letters, digits and dashes, as names of containers are',
  read: (raw) => (LABEL.test(raw) ? raw : UNREADABLE),
};

/** Names of containers, one at least: a list of none would take something from everybody. */
export const containerNames: Kind<readonly string[]> = {
  name: 'names',
  wanted: 'names of containers separated by commas, with one at least',
  read: (raw) => {
    const names = nameList.read(raw);
    return names === UNREADABLE || names.length === 0 || names.some((name) => label.read(name) === UNREADABLE)
      ? UNREADABLE
      : names;
  },
};

/** A YAML list of secrets as it is written; it is taken apart where all its problems can be told (secret-list). */
export const yamlList: Kind<string> = {
  name: 'YAML list',
  wanted: 'a YAML list of secrets, as described below',
  read: (raw) => raw,
};

/** One of a few words; `fold` ignores case. */
export function oneOf<const Word extends string>(words: readonly Word[], fold = false): Kind<Word> {
  return {
    name: words.join(' \\| '),
    wanted: `one of ${words.join(', ')}`,
    read: (raw) => words.find((word) => word === (fold ? raw.toLowerCase() : raw)) ?? UNREADABLE,
  };
}

/** An RFC 6902 document: a JSON list of operations. Empty text, null and [] mean none. */
export const jsonPatch: Kind<readonly unknown[]> = {
  name: 'JSON Patch',
  wanted: 'a JSON list of RFC 6902 operations',
  read: (raw) => {
    if (raw === '') return [];
    try {
      const document: unknown = JSON.parse(raw);
      return document === null ? [] : Array.isArray(document) ? document : UNREADABLE;
    } catch {
      return UNREADABLE;
    }
  },
};
