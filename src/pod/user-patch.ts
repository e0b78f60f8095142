// The patches that users write against our own containers and configuration. They are programs of strangers: bounded.
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import type { PodProblem } from './pod-problems.ts';
import { isObject, type JsonObject } from '../json/json.ts';

/** More than anybody writes by hand. */
const MOST_OPERATIONS = 200;
/** Operations that copy can double the document each time; no container or configuration comes near this size. */
const MOST_CHARACTERS = 262_144;

class TooLarge extends Error {}

const isOperation = (value: unknown): value is Operation => isObject(value);

const applyOne = (document: JsonObject, operation: unknown): JsonObject => {
  if (!isOperation(operation)) throw new Error('an operation must be an object');
  const result: unknown = fastJsonPatch.applyOperation(document, operation, true).newDocument;
  if (!isObject(result)) throw new Error('its result must be an object');
  if (operation.op === 'copy' && JSON.stringify(result).length > MOST_CHARACTERS) throw new TooLarge('its result is too large');
  return result;
};

/** Apart from a finding by its one member: the document can have any, as the user's patch wants it. */
export interface Patched {
  readonly document: JsonObject;
}

/** A document of ours with the user's RFC 6902 patch applied; `annotation` is named when it cannot be. */
export function userPatched(document: JsonObject, patch: readonly unknown[], annotation: string): Patched | PodProblem {
  if (patch.length === 0) return { document };
  if (patch.length > MOST_OPERATIONS)
    return { code: 'patch-rejected', annotation, reason: `more than ${MOST_OPERATIONS} operations` };
  try {
    let result = structuredClone(document);
    for (const operation of structuredClone(patch)) result = applyOne(result, operation);
    return { document: result };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    return { code: 'patch-rejected', annotation, reason };
  }
}
