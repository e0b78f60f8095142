// Words of our schemas: small functions around TypeBox that build only what a structural schema of a CRD may hold.
import { Array as ListOf, Boolean as Flag, Integer, Object as ObjectOf, Optional, String as Text, Unsafe } from 'typebox';
import type { Static, TProperties, TSchema } from 'typebox';

/** A rule in CEL that the API server checks (x-kubernetes-validations). */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  /** Where the fault is shown, relative to the schema that carries the rule, such as ".maxTTL". */
  readonly fieldPath?: string;
}

/** A value as the API server stores it: defaults filled in, nothing to be changed in place. */
export type Stored<Schema extends TSchema> = Frozen<Static<Schema>>;
export type Frozen<Value> = Value extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: Frozen<Value[Key]> }
    : Value;

interface Common<Value> {
  readonly default?: Value;
  readonly rules?: readonly Rule[];
}

const common = <Value>(description: string, { default: value, rules }: Common<Value>) => ({
  description,
  ...(value === undefined ? {} : { default: value }),
  ...(rules === undefined ? {} : { 'x-kubernetes-validations': rules }),
});

interface TextLimits extends Common<string> {
  /** Longest text in characters: each must be bounded, or the cost of rules cannot be. */
  readonly max: number;
  readonly min?: number;
  readonly pattern?: string;
  readonly format?: string;
}

/** Text of bounded length. */
export function text(description: string, options: TextLimits) {
  const { max, min, pattern, format } = options;
  return Text({
    ...common(description, options),
    maxLength: max,
    ...(min === undefined ? {} : { minLength: min }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(format === undefined ? {} : { format }),
  });
}

/** One of these words. */
export function choice<const Word extends string>(
  words: readonly Word[],
  description: string,
  options: Common<NoInfer<Word>> = {},
) {
  return Unsafe<Word>({ type: 'string', enum: words, ...common(description, options) });
}

/** True or false. */
export function flag(description: string, options: Common<boolean> = {}) {
  return Flag(common(description, options));
}

interface NumberLimits extends Common<number> {
  readonly min: number;
  readonly max: number;
}

/** A whole number within limits. */
export function integer(description: string, options: NumberLimits) {
  return Integer({ ...common(description, options), minimum: options.min, maximum: options.max });
}

interface ListLimits<Item> extends Common<readonly Item[]> {
  readonly max: number;
  readonly min?: number;
  /** How server-side apply merges it: as a set of values, a map of objects by keys, or as a whole. */
  readonly merge: 'set' | 'atomic' | { readonly keys: readonly string[] };
}

/** A list of bounded length. */
export function list<Item extends TSchema>(item: Item, description: string, options: ListLimits<Static<Item>>) {
  return ListOf(item, {
    ...common(description, options),
    maxItems: options.max,
    ...(options.min === undefined ? {} : { minItems: options.min }),
    ...(typeof options.merge === 'string'
      ? { 'x-kubernetes-list-type': options.merge }
      : { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': options.merge.keys }),
  });
}

/**
 * An object of these members; those without default that are not optional are required. With `filled` the object itself is
 * filled in when it is left out, with the defaults of all its members: rules are held against a default as it is written.
 */
export function struct<Members extends TProperties>(
  members: Members,
  description: string,
  options: { readonly filled?: boolean; readonly rules?: readonly Rule[]; readonly atomic?: boolean } = {},
) {
  return ObjectOf(members, {
    ...common(description, {
      ...(options.filled ? { default: defaultsOf(members) } : {}),
      ...(options.rules === undefined ? {} : { rules: options.rules }),
    }),
    ...(options.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
  });
}

const defaultsOf = (members: TProperties): object =>
  Object.fromEntries(
    Object.entries(members).flatMap(([key, member]) => ('default' in member ? [[key, member.default] as const] : [])),
  );

/** Texts by name. */
export function textMap(description: string, limits: { readonly max: number; readonly longest: number }) {
  return Unsafe<Readonly<Record<string, string>>>({
    type: 'object',
    description,
    maxProperties: limits.max,
    additionalProperties: { type: 'string', maxLength: limits.longest },
  });
}

/** A member that may be left out. */
export function optional<Schema extends TSchema>(schema: Schema) {
  return Optional(schema);
}

/** Hours, minutes, seconds in that order, such as 1h30m: what CEL's duration() and both servers read the same way. */
const DURATION = '^([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$';

/** A length of time as text, such as 90s, 15m or 1h30m. */
export function durationText(description: string, options: Common<string> = {}) {
  return text(description, { ...options, min: 2, max: 24, pattern: DURATION });
}

/** A moment in RFC 3339. */
export function timeText(description: string) {
  return text(description, { max: 64, format: 'date-time' });
}

const LABEL = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
/** A name as namespaces have it (RFC 1123 label). */
const LABEL_NAME = `^${LABEL}$`;
/** A name as most Kubernetes objects have it (RFC 1123 subdomain); no star, no slash. */
const OBJECT_NAME = `^${LABEL}(\\.${LABEL})*$`;

/** The name of a Kubernetes object. */
export function objectName(description: string, options: Common<string> = {}) {
  return text(description, { ...options, min: 1, max: 253, pattern: OBJECT_NAME });
}

/** The name of a namespace, or another DNS label. */
export function labelName(description: string, options: Common<string> = {}) {
  return text(description, { ...options, min: 1, max: 63, pattern: LABEL_NAME });
}
