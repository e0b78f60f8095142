// Arbitrary values that a schema admits: every field is present or not, with any value in its bounds.
import fc from 'fast-check';
import { isObject, type Json, type JsonObject, objectAt, textOf } from '../../src/json/json.ts';

const number = (value: Json | undefined, otherwise: number): number => (typeof value === 'number' ? value : otherwise);

const texts = ({ pattern, minLength, maxLength }: JsonObject): fc.Arbitrary<string> => {
  const [least, most] = [number(minLength, 0), number(maxLength, 64)];
  if (typeof pattern !== 'string') return fc.string({ minLength: least, maxLength: Math.min(most, 64) });
  return fc.stringMatching(new RegExp(pattern), { size: 'xsmall' }).filter((text) => text.length >= least && text.length <= most);
};

/** Values that pass the schema. An API server also evaluates CEL rules, and so accepts fewer. */
export function valueOf(schema: JsonObject): fc.Arbitrary<Json> {
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...schema['enum']);
  switch (textOf(schema, 'type') ?? 'object') {
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: number(schema['minimum'], 0), max: number(schema['maximum'], 2 ** 31) });
    case 'string':
      return texts(schema);
    case 'array': {
      const { items } = schema;
      const limits = { minLength: number(schema['minItems'], 0), maxLength: Math.min(number(schema['maxItems'], 4), 4) };
      return isObject(items)
        ? fc.uniqueArray(valueOf(items), { ...limits, selector: (item) => JSON.stringify(item) })
        : fc.constant([]);
    }
    default:
      return objects(schema);
  }
}

const objects = (schema: JsonObject): fc.Arbitrary<JsonObject> => {
  const properties = objectAt(schema, 'properties') ?? {};
  const members: Record<string, fc.Arbitrary<Json>> = {};
  for (const [key, member] of Object.entries(properties)) if (isObject(member)) members[key] = valueOf(member);
  const required = Array.isArray(schema['required']) ? schema['required'].map(String) : [];
  return fc.record(members, { requiredKeys: required });
};
