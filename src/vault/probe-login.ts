// A login made to see whether logins work.
import { isObject, textMap } from '../json/json.ts';
import type { VaultClient } from './client.ts';
import { VaultError } from './error.ts';

export type ProbeResult =
  | {
      readonly outcome: 'succeeded';
      readonly policies: readonly string[];
      /** Of the token, for example `service_account_namespace`. */
      readonly metadata: ReadonlyMap<string, string>;
      readonly leaseSeconds: number;
    }
  | { readonly outcome: 'failed'; readonly error: VaultError };

/**
 * Logs in to a mount of type kubernetes or jwt and forgets the token. A server whose API server hangs answers only after 90 s,
 * so this has a time (milliseconds) of its own.
 */
export async function tryLogin(
  client: VaultClient,
  mount: string,
  role: string,
  jwt: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<ProbeResult> {
  try {
    const { auth } = await client.request({
      method: 'POST',
      path: `auth/${mount}/login`,
      body: { role, jwt },
      timeoutMs,
      signal,
    });
    const { policies, metadata, lease_duration: lease } = isObject(auth) ? auth : {};
    return {
      outcome: 'succeeded',
      policies: Array.isArray(policies) ? policies.filter((policy) => typeof policy === 'string') : [],
      metadata: textMap(metadata),
      leaseSeconds: typeof lease === 'number' ? lease : 0,
    };
  } catch (error) {
    if (error instanceof VaultError) return { outcome: 'failed', error };
    throw error;
  }
}
