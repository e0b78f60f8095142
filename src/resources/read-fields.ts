// Reads fields of an object by their schemas, whatever the object contains: the cluster may have CRDs of another version, without
// our defaults or with other types, and a review must not fail then.
import { isObject, type Json, type JsonObject } from '../json/json.ts';
import type { Schema } from './schema.ts';

/**
 * Reads these fields of an object. A value of the wrong type or an unknown word counts as absent. An absent field has the default
 * of its schema; a required one without default has the zero of its type, or the first of its words. An `atomic` value is read as
 * a whole or is absent: half of a label selector would match more namespaces than was written. The API server alone checks
 * patterns and limits.
 */
export function readFields<Value extends object, Field extends keyof Value & string>(
  schema: Schema<Value>,
  object: Json | undefined,
  fields: readonly Field[],
): Pick<Value, Field> {
  const value = isObject(object) ? object : {};
  const entries = fields.flatMap(
    (field) => entryOf(schema, field, value[field], false) ?? [[field, schema.properties?.[field]?.enum?.[0]] as const],
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each entry was read by the schema that the type comes from
  return Object.fromEntries(entries) as Pick<Value, Field>;
}

/** As a list of one entry or none; undefined when the object does not fit without this field. */
const entryOf = (
  { properties, required }: Schema,
  field: string,
  value: Json | undefined,
  isWhole: boolean,
): readonly (readonly [string, unknown])[] | undefined => {
  const schema = properties?.[field];
  if (schema === undefined) return [];
  const fitting = value === undefined || value === null ? undefined : fittingValue(schema, value, isWhole);
  if (fitting !== undefined) return [[field, fitting]];
  const isRequired = required?.includes(field) === true;
  if (isWhole && (isRequired || value !== undefined)) return undefined;
  if (schema.default !== undefined) return [[field, fittingValue(schema, schema.default as Json, false)]];
  const zero = isRequired ? zeroOf(schema) : undefined;
  return zero === undefined ? (isRequired ? undefined : []) : [[field, zero]];
};

/** A value by its schema, without the parts that do not fit; undefined when it is absent or does not fit at all. */
export function readValue<Value>(schema: Schema<Value>, value: Json | undefined): Value | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- read by the schema that the type comes from
  return value === undefined || value === null ? undefined : (fittingValue(schema, value, false) as Value | undefined);
}

/** The value without what does not fit; undefined when nothing of it does. */
const fittingValue = (schema: Schema, value: Json, isWhole: boolean): unknown => {
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' && (schema.enum?.includes(value) ?? true) ? value : undefined;
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'integer':
      return Number.isSafeInteger(value) ? value : undefined;
    case 'array':
      return Array.isArray(value) ? fittingItems(schema, value, isWhole) : undefined;
    case 'object':
      return isObject(value) ? fittingObject(schema, value, isWhole) : undefined;
  }
};

const fittingItems = (schema: Schema, items: readonly Json[], isInWhole: boolean): readonly unknown[] | undefined => {
  const isWhole = isInWhole || schema['x-kubernetes-list-type'] === 'atomic';
  const { items: itemSchema } = schema;
  const fitting = items.flatMap((item) => {
    const value = itemSchema && fittingValue(itemSchema, item, isWhole);
    return value === undefined ? [] : [value];
  });
  return isWhole && fitting.length < items.length ? undefined : fitting;
};

const fittingObject = (schema: Schema, object: JsonObject, isInWhole: boolean): object | undefined => {
  const isWhole = isInWhole || schema['x-kubernetes-map-type'] === 'atomic';
  const { properties } = schema;
  if (properties === undefined) return fittingTexts(object, isWhole);
  // A field of a later version could narrow a selector: without it, the selector would match more.
  if (isWhole && Object.keys(object).some((field) => !Object.hasOwn(properties, field))) return undefined;
  const entries = Object.keys(properties).map((field) => entryOf(schema, field, object[field], isWhole));
  return entries.includes(undefined) ? undefined : Object.fromEntries(entries.flatMap((entry) => entry ?? []));
};

const fittingTexts = (object: JsonObject, isWhole: boolean): object | undefined => {
  const texts = Object.entries(object).filter(([, value]) => typeof value === 'string');
  return isWhole && texts.length < Object.keys(object).length ? undefined : Object.fromEntries(texts);
};

/** A required word has no zero: a condition without status must not become one that is True. */
const zeroOf = (schema: Schema): unknown => {
  switch (schema.type) {
    case 'string':
      return schema.enum === undefined ? '' : undefined;
    case 'boolean':
      return false;
    case 'integer':
      return 0;
    case 'array':
      return [];
    case 'object':
      return fittingObject(schema, {}, false);
  }
};
