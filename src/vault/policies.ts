// ACL policies.
import { type JsonObject, textOf } from '../json/json.ts';
import type { VaultCaller } from './client.ts';
import { isAbsent } from './error.ts';
import { listNames } from './listing.ts';

/** Names of all policies. Throws VaultError. */
export function listPolicies(caller: VaultCaller, signal?: AbortSignal): Promise<readonly string[]> {
  return listNames(caller, 'sys/policies/acl', signal);
}

/** The text as it was written, or undefined when there is no such policy. Throws VaultError. */
export async function readPolicy(caller: VaultCaller, name: string, signal?: AbortSignal): Promise<string | undefined> {
  try {
    const { data } = await caller.request({ method: 'GET', path: pathOf(name), signal });
    return textOf(data, 'policy') ?? '';
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Creates or replaces a policy, with further fields where the server has some; gives the server's warnings. Throws VaultError. */
export async function writePolicy(
  caller: VaultCaller,
  name: string,
  policy: string,
  further: JsonObject = {},
): Promise<readonly string[]> {
  return (await caller.request({ method: 'POST', path: pathOf(name), body: { ...further, policy } })).warnings;
}

/** Deletes the policy if there is one. Throws VaultError. */
export async function deletePolicy(caller: VaultCaller, name: string): Promise<void> {
  await caller.request({ method: 'DELETE', path: pathOf(name) });
}

const pathOf = (name: string): string => `sys/policies/acl/${name}`;
