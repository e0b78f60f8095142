// Roles of an auth mount. A write merges: Vault keeps the fields that are not sent.
import type { JsonObject } from '../json/json.ts';
import { type VaultCaller, listNames } from './client.ts';
import { undefinedIfAbsent } from './errors.ts';

/** The names of all roles, in lower case as stored. Throws VaultError. */
export function listRoles(caller: VaultCaller, mount: string, signal?: AbortSignal): Promise<readonly string[]> {
  return listNames(caller, `auth/${mount}/role`, signal);
}

/** The role; undefined when it does not exist. Throws VaultError, also when the mount is absent. */
export async function readRole(
  caller: VaultCaller,
  mount: string,
  name: string,
  signal?: AbortSignal,
): Promise<JsonObject | undefined> {
  const response = await caller.request({ method: 'GET', path: pathOf(mount, name), signal }).catch(undefinedIfAbsent);
  return response && (response.data ?? {});
}

/** Creates the role or changes the given fields; returns the server's warnings. Throws VaultError. */
export async function writeRole(caller: VaultCaller, mount: string, name: string, body: JsonObject): Promise<readonly string[]> {
  return (await caller.request({ method: 'POST', path: pathOf(mount, name), body })).warnings;
}

/** Deletes the role; an absent one is not an error. Its tokens stay valid until their TTL and cannot be renewed. Throws VaultError. */
export async function deleteRole(caller: VaultCaller, mount: string, name: string): Promise<void> {
  await caller.request({ method: 'DELETE', path: pathOf(mount, name) });
}

const pathOf = (mount: string, name: string): string => `auth/${mount}/role/${name}`;
