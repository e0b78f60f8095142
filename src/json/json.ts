// Raw JSON as the API server and Vault send it, and safe reads of its members. Objects stay raw JSON instead of typed copies, so
// that fields of newer API versions survive byte for byte.

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** True for a JSON object: not an array, not null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The objects of a JSON list; empty when the value is not a list; members that are not objects are left out. */
export function objectsOf(value: unknown): readonly JsonObject[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isObject);
}

/** The texts of a JSON list; empty when the value is not a list; members that are not texts are left out. */
export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** The text at a key, or undefined when it is absent or of another type. */
export function textOf(object: JsonObject | undefined, key: string): string | undefined {
  const value = object?.[key];
  return typeof value === 'string' ? value : undefined;
}

/** The object at a key, or undefined when it is absent or of another type. */
export function objectAt(object: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = object?.[key];
  return isObject(value) ? value : undefined;
}

/** The annotations or labels of an object: only its own, only text values. */
export function textMap(value: unknown): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  if (isObject(value))
    for (const key of Object.keys(value)) {
      const text = value[key];
      if (typeof text === 'string') map.set(key, text);
    }
  return map;
}
