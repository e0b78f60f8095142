// The configuration of an auth mount: one document, replaced by each write.
import type { JsonObject } from '../json/json.ts';
import type { VaultCaller } from './client.ts';
import { isAbsent } from './error.ts';

/** The configuration without what is write-only, or undefined when none was ever written. Throws VaultError, also when the mount is missing. */
export async function readConfig(caller: VaultCaller, mount: string, signal?: AbortSignal): Promise<JsonObject | undefined> {
  try {
    const { data = {} } = await caller.request({ method: 'GET', path: `auth/${mount}/config`, signal });
    return data;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Replaces the whole configuration: what is left out goes back to its default, secrets too. Gives the server's warnings. Throws VaultError. */
export async function writeConfig(caller: VaultCaller, mount: string, body: JsonObject): Promise<readonly string[]> {
  return (await caller.request({ method: 'POST', path: `auth/${mount}/config`, body })).warnings;
}
