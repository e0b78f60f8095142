// Roles of an auth mount: a write merges, so that only what is sent is changed.
import type { JsonObject } from '../json/json.ts';
import { type VaultCaller, listNames } from './client.ts';
import { isAbsent } from './errors.ts';

/** Names of all roles, lower case as they are stored. Throws VaultError. */
export function listRoles(caller: VaultCaller, mount: string, signal?: AbortSignal): Promise<readonly string[]> {
  return listNames(caller, `auth/${mount}/role`, signal);
}

/** The role, or undefined when there is none. Throws VaultError, also when the mount is missing. */
export async function readRole(
  caller: VaultCaller,
  mount: string,
  name: string,
  signal?: AbortSignal,
): Promise<JsonObject | undefined> {
  try {
    const { data = {} } = await caller.request({ method: 'GET', path: pathOf(mount, name), signal });
    return data;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Creates the role or changes the fields that are given; gives the server's warnings. Throws VaultError. */
export async function writeRole(caller: VaultCaller, mount: string, name: string, body: JsonObject): Promise<readonly string[]> {
  return (await caller.request({ method: 'POST', path: pathOf(mount, name), body })).warnings;
}

/** Deletes the role if there is one. Its tokens stay valid for their time and cannot be renewed. Throws VaultError. */
export async function deleteRole(caller: VaultCaller, mount: string, name: string): Promise<void> {
  await caller.request({ method: 'DELETE', path: pathOf(mount, name) });
}

const pathOf = (mount: string, name: string): string => `auth/${mount}/role/${name}`;
