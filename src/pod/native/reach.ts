// What a user's own patch of the configuration reaches that has a guarded annotation: where the agent takes its token to, and
// whether it verifies who is there.
import type { OptionKey } from '../../annotations/table.ts';
import { isObject, type Json, type JsonObject } from '../../json/json.ts';

/** A guarded option whose effect a patch has, and the annotation with the patch. */
export interface Reached {
  readonly option: OptionKey;
  readonly annotation: string;
}

const BLOCK = 'vault';
const SKIP_VERIFY = 'tls_skip_verify';
/** How often requests are tried again leads nowhere else. */
const FREE = new Set(['retry', SKIP_VERIFY]);

/** The agent's language does not care for case, and takes a list of blocks for one: whatever stands there counts. */
const blocksOf = (document: JsonObject): readonly JsonObject[] =>
  Object.entries(document)
    .filter(([key]) => key.toLowerCase() === BLOCK)
    .flatMap(([, value]) => listOf(value))
    .map((block) => (isObject(block) ? block : { '': block }));

const listOf = (value: Json | undefined): readonly Json[] => {
  if (value === undefined) return [];
  return isList(value) ? value : [value];
};

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** Everything of the blocks that can lead elsewhere. */
const destination = (blocks: readonly JsonObject[]): string =>
  JSON.stringify(blocks.map((block) => Object.entries(block).filter(([key]) => !FREE.has(key.toLowerCase()))));

const verification = (blocks: readonly JsonObject[]): string =>
  JSON.stringify(blocks.flatMap((block) => Object.entries(block).filter(([key]) => key.toLowerCase() === SKIP_VERIFY)));

/** Guarded options that differ in effect between a generated configuration and what the user's patch made of it. */
export function reachedBy(annotation: string, generated: JsonObject, patched: JsonObject): readonly Reached[] {
  const [before, after] = [blocksOf(generated), blocksOf(patched)];
  const reached: Reached[] = [];
  if (destination(before) !== destination(after)) reached.push({ option: 'service', annotation });
  if (verification(before) !== verification(after)) reached.push({ option: 'tlsSkipVerify', annotation });
  return reached;
}
