// The five ways to log in, and the token that each gives.
import { type JsonObject, textOf, isObject, textMap } from '../json/json.ts';
import type { VaultCall, VaultClient, VaultRequest } from './client.ts';
import { VaultError } from './errors.ts';
import type { VaultResponse } from './response.ts';

/** Credentials are asked for at each login, since they are replaced while we run. What their functions throw passes through. */
export type Login =
  | { readonly method: 'kubernetes' | 'jwt'; readonly mount: string; readonly role: string; readonly jwt: () => Promise<string> }
  | {
      readonly method: 'approle';
      readonly mount: string;
      readonly roleId: string;
      readonly secretId: () => Promise<string>;
    }
  /** The certificate is that of the client's connections. */
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

/** Logs in. Throws VaultError, or what the credential's own function throws. */
export async function login(client: VaultClient, how: Login, signal?: AbortSignal): Promise<Token> {
  if (how.method === 'token') {
    const token = await how.token();
    return lookUpSelf(client, token, signal);
  }
  const call = await callOf(how);
  return tokenOf(await client.request({ ...call, lane: 'upkeep', signal }), call.path);
}

/** What the server knows about a token. Throws VaultError: kind PermissionDenied when it is not, or no longer, valid. */
export async function lookUpSelf(client: VaultClient, token: string, signal?: AbortSignal): Promise<Token> {
  const call: VaultRequest = { method: 'GET', path: 'auth/token/lookup-self', token, lane: 'upkeep', signal };
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

/** Asks for the token's life to begin anew. Throws VaultError. */
export async function renewSelf(client: VaultClient, token: string): Promise<Token> {
  const call: VaultRequest = { method: 'POST', path: 'auth/token/renew-self', token, lane: 'upkeep', body: {} };
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
    throw new VaultError(`POST ${path}: the answer has no token; a login that asks for a second factor cannot be used here`, {
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

/** Below nothing is nothing, and what is longer than any time that can be written is cut. */
const leaseOf = (value: JsonObject[string]): number =>
  typeof value === 'number' ? Math.min(LONGEST_LEASE_SECONDS, Math.max(0, value)) : 0;
/** Ten years. */
const LONGEST_LEASE_SECONDS = 315_360_000;
const textsOf = (value: JsonObject[string]): readonly string[] =>
  Array.isArray(value) ? value.filter((text) => typeof text === 'string') : [];

// A login made to see whether logins work.
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
