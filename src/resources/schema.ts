// Schemas of our kinds: functions that build exactly the JSON Schema that a CRD may hold (a structural schema), and the type of
// the values with it. Plain objects, so that the webhook reads objects by them without loading a schema library.

/** A rule in CEL that the API server checks (x-kubernetes-validations). */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  /** The field that the error names, relative to the schema with the rule, such as ".maxTTL". */
  readonly fieldPath?: string;
}

/** A JSON Schema of values of type `Value`, which exists for the compiler alone. */
export type Schema<Value = unknown> = {
  readonly type: 'string' | 'boolean' | 'integer' | 'array' | 'object';
  readonly description: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: { readonly type: 'string'; readonly maxLength: number };
  readonly 'x-kubernetes-list-type'?: 'set' | 'map' | 'atomic';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic';
  readonly 'x-kubernetes-validations'?: readonly Rule[];
  readonly '~value'?: Value;
};

/** The type of the values of a schema as the API server stores them: with the defaults. */
export type ValueOf<Any extends Schema> = Any extends Schema<infer Value> ? Value : never;

/** A field that may be left out. */
export interface OptionalField<Value = unknown> {
  readonly optional: Schema<Value>;
}

export type Fields = Readonly<Record<string, Schema | OptionalField>>;
type OptionalKey<Members extends Fields> = {
  [Key in keyof Members]: Members[Key] extends OptionalField ? Key : never;
}[keyof Members];
/** The type of an object with these fields. */
export type ObjectOf<Members extends Fields> = {
  readonly [Key in Exclude<keyof Members, OptionalKey<Members>>]: Members[Key] extends Schema<infer Value> ? Value : never;
} & {
  readonly [Key in OptionalKey<Members>]?: Members[Key] extends OptionalField<infer Value> ? Value : never;
} extends infer Both
  ? { [Key in keyof Both]: Both[Key] }
  : never;

interface Common<Value> {
  readonly default?: Value;
  readonly rules?: readonly Rule[];
}

const common = <Value>(description: string, { default: value, rules }: Common<Value>) => ({
  description,
  ...(value === undefined ? {} : { default: value }),
  ...(rules === undefined ? {} : { 'x-kubernetes-validations': rules }),
});

interface TextOptions extends Common<string> {
  /** Longest text in characters: each must be bounded, or the API server cannot bound the cost of rules. */
  readonly max: number;
  readonly min?: number;
  readonly pattern?: string;
  readonly format?: string;
}

/** Text of bounded length. */
export function text(description: string, options: TextOptions): Schema<string> {
  const { max, min, pattern, format } = options;
  return {
    type: 'string',
    ...common(description, options),
    maxLength: max,
    ...(min === undefined ? {} : { minLength: min }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(format === undefined ? {} : { format }),
  };
}

/** One of these words. */
export function choice<const Word extends string>(
  words: readonly Word[],
  description: string,
  options: Common<NoInfer<Word>> = {},
): Schema<Word> {
  return { type: 'string', enum: words, ...common(description, options) };
}

/** True or false. */
export function flag(description: string, options: Common<boolean> = {}): Schema<boolean> {
  return { type: 'boolean', ...common(description, options) };
}

interface IntegerOptions extends Common<number> {
  readonly min: number;
  readonly max: number;
}

/** A whole number within limits. */
export function integer(description: string, options: IntegerOptions): Schema<number> {
  return { type: 'integer', ...common(description, options), minimum: options.min, maximum: options.max };
}

interface ListOptions<Item> extends Common<readonly Item[]> {
  readonly max: number;
  readonly min?: number;
  /** How server-side apply merges it: as a set of values, a map of objects by keys, or as a whole. */
  readonly merge: 'set' | 'atomic' | { readonly keys: readonly string[] };
}

/** A list of bounded length. */
export function list<Item>(
  item: Schema<Item>,
  description: string,
  options: ListOptions<NoInfer<Item>>,
): Schema<readonly Item[]> {
  return {
    type: 'array',
    ...common(description, options),
    maxItems: options.max,
    ...(options.min === undefined ? {} : { minItems: options.min }),
    ...(typeof options.merge === 'string'
      ? { 'x-kubernetes-list-type': options.merge }
      : { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': options.merge.keys }),
    items: item,
  };
}

/**
 * An object with these fields; those that are neither optional nor have a default are required. With `filled`, the API server
 * fills in the object itself when it is left out, with the defaults of its fields: it checks rules against the default as written.
 */
export function struct<const Members extends Fields>(
  fields: Members,
  description: string,
  options: { readonly filled?: boolean; readonly rules?: readonly Rule[]; readonly atomic?: boolean } = {},
): Schema<ObjectOf<Members>> {
  const properties = Object.fromEntries(
    Object.entries(fields).map(([key, field]) => [key, 'optional' in field ? field.optional : field]),
  );
  const required = Object.entries(fields).flatMap(([key, field]) => ('optional' in field || 'default' in field ? [] : [key]));
  return {
    type: 'object',
    ...common(description, {
      ...(options.filled ? { default: defaultsOf(fields) } : {}),
      ...(options.rules === undefined ? {} : { rules: options.rules }),
    }),
    ...(options.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(required.length === 0 ? {} : { required }),
    properties,
  };
}

const defaultsOf = (fields: Fields): object =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([key, field]) => ('default' in field ? [[key, field.default] as const] : [])),
  );

/** Texts by name. */
export function textMap(
  description: string,
  limits: { readonly max: number; readonly longest: number },
): Schema<Readonly<Record<string, string>>> {
  return {
    type: 'object',
    description,
    maxProperties: limits.max,
    additionalProperties: { type: 'string', maxLength: limits.longest },
  };
}

/** A field that may be left out. */
export function optional<Value>(schema: Schema<Value>): OptionalField<Value> {
  return { optional: schema };
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

// Lengths of time as our schemas write them.

const PARTS = /^(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?$/;

/** Seconds of a text such as 1h30m; of what has passed the schema's pattern (anything else counts as 0s, and so does nothing). */
export function secondsOf(duration: string | undefined): number {
  const [, hours = '0', minutes = '0', seconds = '0'] = PARTS.exec(duration ?? '') ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** Seconds as our schemas write them: 5400 as 1h30m, 0 as 0s. */
export function durationOf(seconds: number): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const text = [hours && `${hours}h`, minutes && `${minutes}m`, rest && `${rest}s`].filter((part) => part !== 0).join('');
  return text === '' ? '0s' : text;
}
