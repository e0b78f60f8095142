// JSON Patches from annotations for the agent's container and configuration. They are untrusted input, so size and number of
// operations are limited.
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import type { PodProblem } from './pod-problems.ts';
import type { OptionKey } from '../annotations/table.ts';
import { isObject, type Json, type JsonObject } from '../json/json.ts';

/** More than a patch written by hand has. */
const MAX_OPERATIONS = 200;
/** Each `copy` can double the document: without this limit, thirty of them fill the memory. */
const MAX_CHARACTERS = 262_144;

class TooLarge extends Error {}

const isOperation = (value: unknown): value is Operation => isObject(value);

const applyOne = (document: JsonObject, operation: unknown): JsonObject => {
  if (!isOperation(operation)) throw new Error('an operation must be an object');
  const result: unknown = fastJsonPatch.applyOperation(document, operation, true).newDocument;
  if (!isObject(result)) throw new Error('its result must be an object');
  if (operation.op === 'copy' && JSON.stringify(result).length > MAX_CHARACTERS) throw new TooLarge('its result is too large');
  return result;
};

/** Wraps the document, so that a document with a member `code` is not taken for a problem. */
export interface Patched {
  readonly document: JsonObject;
}

/** A copy of the document with the user's RFC 6902 patch applied. The problem names `annotation`. */
export function userPatched(document: JsonObject, patch: readonly unknown[], annotation: string): Patched | PodProblem {
  if (patch.length === 0) return { document };
  if (patch.length > MAX_OPERATIONS)
    return { code: 'patch-rejected', annotation, reason: `more than ${MAX_OPERATIONS} operations` };
  try {
    let result = structuredClone(document);
    for (const operation of structuredClone(patch)) result = applyOne(result, operation);
    return { document: result };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    return { code: 'patch-rejected', annotation, reason };
  }
}

/** A guarded option whose effect a patch of the configuration changes, and the annotation with the patch. */
export interface GuardedChange {
  readonly option: OptionKey;
  readonly annotation: string;
}

/**
 * Guarded options that the user's patch of the generated configuration changes: where the agent sends its token, and whether it
 * verifies the server's certificate.
 */
export function guardedChanges(annotation: string, generated: JsonObject, patched: JsonObject): readonly GuardedChange[] {
  const [before, after] = [vaultBlocks(generated), vaultBlocks(patched)];
  const changes: GuardedChange[] = [];
  if (destination(before) !== destination(after)) changes.push({ option: 'service', annotation });
  if (verification(before) !== verification(after)) changes.push({ option: 'tlsSkipVerify', annotation });
  return changes;
}

const BLOCK = 'vault';
const SKIP_VERIFY = 'tls_skip_verify';
/** Members of the block that do not change where requests go. */
const HARMLESS = new Set(['retry', SKIP_VERIFY]);

/** HCL ignores the case of names and accepts a list of blocks as one block, so every form of the block is compared. */
const vaultBlocks = (document: JsonObject): readonly JsonObject[] =>
  Object.entries(document)
    .filter(([key]) => key.toLowerCase() === BLOCK)
    .flatMap(([, value]) => listOf(value))
    .map((block) => (isObject(block) ? block : { '': block }));

const listOf = (value: Json | undefined): readonly Json[] => {
  if (value === undefined) return [];
  return isList(value) ? value : [value];
};

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

const destination = (blocks: readonly JsonObject[]): string =>
  JSON.stringify(blocks.map((block) => Object.entries(block).filter(([key]) => !HARMLESS.has(key.toLowerCase()))));

const verification = (blocks: readonly JsonObject[]): string =>
  JSON.stringify(blocks.flatMap((block) => Object.entries(block).filter(([key]) => key.toLowerCase() === SKIP_VERIFY)));
