// Logins with the five auth methods, their tokens, and login probes.
import { type JsonObject, textMap, textOf, textsOf } from '../json/json.ts';
import type { VaultCall, VaultClient, VaultRequest } from './client.ts';
import { VaultError } from './errors.ts';
import type { VaultResponse } from './response.ts';

/** The functions read the credentials at each login, because they are rotated while the process runs. Their errors pass through. */
export type Login =
  | { readonly method: 'kubernetes' | 'jwt'; readonly mount: string; readonly role: string; readonly jwt: () => Promise<string> }
  | {
      readonly method: 'approle';
      readonly mount: string;
      readonly roleId: string;
      readonly secretId: () => Promise<string>;
    }
  /** With the client certificate of the connection. */
  | { readonly method: 'cert'; readonly mount: string; readonly role?: string | undefined }
  | { readonly method: 'token'; readonly token: () => Promise<string> };

export interface Token {
  readonly token: string;
  readonly accessor: string | undefined;
  /** 0: it never expires. */
  readonly leaseSeconds: number;
  readonly renewable: boolean;
  readonly policies: readonly string[];
  readonly entityId: string | undefined;
}

/** Logs in. Throws VaultError, or the error of the credential's function. */
export async function login(client: VaultClient, how: Login, signal?: AbortSignal): Promise<Token> {
  if (how.method === 'token') {
    const token = await how.token();
    return lookUpSelf(client, token, signal);
  }
  const call = await callOf(how);
  return tokenOf(await client.request({ ...call, priority: 'system', signal }), call.path);
}

/** Looks up a token with itself. Throws VaultError: kind PermissionDenied when it is not, or no longer, valid. */
export async function lookUpSelf(client: VaultClient, token: string, signal?: AbortSignal): Promise<Token> {
  const call: VaultRequest = { method: 'GET', path: 'auth/token/lookup-self', token, priority: 'system', signal };
  const { data = {} } = await client.request(call);
  return {
    token,
    accessor: textOf(data, 'accessor'),
    leaseSeconds: leaseOf(data['ttl']),
    renewable: data['renewable'] === true,
    policies: textsOf(data['policies']),
    entityId: textOf(data, 'entity_id') || undefined,
  };
}

/** Renews the token's TTL. Throws VaultError. */
export async function renewSelf(client: VaultClient, token: string): Promise<Token> {
  const call: VaultRequest = { method: 'POST', path: 'auth/token/renew-self', token, priority: 'system', body: {} };
  return tokenOf(await client.request(call), call.path);
}

const callOf = async (how: Exclude<Login, { method: 'token' }>): Promise<VaultCall> => ({
  method: 'POST',
  path: `auth/${how.mount}/login`,
  body: await bodyOf(how),
});

const bodyOf = async (how: Exclude<Login, { method: 'token' }>): Promise<JsonObject> => {
  if (how.method === 'approle') return { role_id: how.roleId, secret_id: await how.secretId() };
  if (how.method === 'cert') return how.role === undefined ? {} : { name: how.role };
  return { role: how.role, jwt: await how.jwt() };
};

const tokenOf = ({ auth, status }: VaultResponse, path: string): Token => {
  const token = textOf(auth, 'client_token');
  if (token === undefined || token === '')
    throw new VaultError(`POST ${path}: the response has no token; logins with MFA are not supported`, {
      status,
      kind: 'Unreadable',
      written: 'no',
    });
  return {
    token,
    accessor: textOf(auth, 'accessor') || undefined,
    leaseSeconds: leaseOf(auth?.['lease_duration']),
    renewable: auth?.['renewable'] === true,
    policies: textsOf(auth?.['policies']),
    entityId: textOf(auth, 'entity_id') || undefined,
  };
};

/** Between 0 and ten years: the expiry of a longer lease is not a valid date. */
const leaseOf = (value: JsonObject[string]): number =>
  typeof value === 'number' ? Math.min(MAX_LEASE_SECONDS, Math.max(0, value)) : 0;
const MAX_LEASE_SECONDS = 315_360_000;

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
 * Probes logins: logs in to a mount of type kubernetes or jwt and drops the token. It has its own timeout, because a server waits
 * up to 90 s for a token review by an API server that hangs. Throws only the reason of the signal.
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
    return {
      outcome: 'succeeded',
      policies: textsOf(auth?.['policies']),
      metadata: textMap(auth?.['metadata']),
      leaseSeconds: leaseOf(auth?.['lease_duration']),
    };
  } catch (error) {
    if (error instanceof VaultError) return { outcome: 'failed', error };
    throw error;
  }
}
