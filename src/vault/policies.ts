// ACL policies, and the capabilities that they grant to a token.
import { type JsonObject, textOf, textsOf } from '../json/json.ts';
import { listNames, type VaultCaller } from './client.ts';
import { undefinedIfAbsent } from './errors.ts';

/** The names of all policies. Throws VaultError. */
export function listPolicies(caller: VaultCaller, signal?: AbortSignal): Promise<readonly string[]> {
  return listNames(caller, 'sys/policies/acl', signal);
}

/** The text as written; undefined when the policy does not exist. Throws VaultError. */
export async function readPolicy(caller: VaultCaller, name: string, signal?: AbortSignal): Promise<string | undefined> {
  const response = await caller.request({ method: 'GET', path: pathOf(name), signal }).catch(undefinedIfAbsent);
  return response && (textOf(response.data, 'policy') ?? '');
}

/** Creates or replaces a policy, with further fields where the server has some; returns the server's warnings. Throws VaultError. */
export async function writePolicy(
  caller: VaultCaller,
  name: string,
  policy: string,
  further: JsonObject = {},
): Promise<readonly string[]> {
  return (await caller.request({ method: 'POST', path: pathOf(name), body: { ...further, policy } })).warnings;
}

/** Deletes the policy; an absent one is not an error. Throws VaultError. */
export async function deletePolicy(caller: VaultCaller, name: string): Promise<void> {
  await caller.request({ method: 'DELETE', path: pathOf(name) });
}

const pathOf = (name: string): string => `sys/policies/acl/${name}`;

/** The capabilities of the caller's token on each path, sorted; `["deny"]` without any. Throws VaultError. */
export async function readCapabilities(
  caller: VaultCaller,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { data = {} } = await caller.request({ method: 'POST', path: 'sys/capabilities-self', body: { paths }, signal });
  return new Map(
    paths.map((path) => {
      const capabilities = textsOf(data[path]);
      return [path, capabilities.length === 0 ? ['deny'] : capabilities];
    }),
  );
}
