// Service-account tokens: requests for short-lived ones, and the issuer and keys that sign them (OIDC discovery).
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';

export interface TokenOptions {
  /** Empty: the API server's own audience. */
  readonly audiences: readonly string[];
  /** At least 600; the API server may grant less or more. */
  readonly expirationSeconds: number;
  /** The API server invalidates the token when this object is deleted. */
  readonly boundObject?: {
    readonly apiVersion: string;
    readonly kind: 'Pod' | 'Secret' | 'Node';
    readonly name: string;
    readonly uid?: string | undefined;
  };
  readonly signal?: AbortSignal | undefined;
}

export interface ServiceAccountToken {
  readonly token: string;
  /** As granted by the API server, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Creates a TokenRequest. Throws KubeError: `NotFound` without such a service account, `Forbidden` without the right to it. */
export async function requestToken(
  client: KubeClient,
  namespace: string,
  serviceAccount: string,
  { audiences, expirationSeconds, boundObject, signal }: TokenOptions,
): Promise<ServiceAccountToken> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(serviceAccount)}/token`;
  const { status } = await client.request<{ status?: { token?: string; expirationTimestamp?: string } }>({
    method: 'POST',
    path,
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        ...(audiences.length === 0 ? {} : { audiences }),
        expirationSeconds,
        ...(boundObject === undefined ? {} : { boundObjectRef: boundObject }),
      },
    },
    signal,
  });
  const expiresAt = Date.parse(status?.expirationTimestamp ?? '');
  if (!status?.token || Number.isNaN(expiresAt))
    throw new KubeError(0, 'Unreadable', `POST ${path}: the response has no token or no expirationTimestamp`);
  return { token: status.token, expiresAt };
}

export interface IssuerKey {
  /** Key ID, as in the header of tokens. */
  readonly kid: string;
  /** PEM of the public key (SubjectPublicKeyInfo). */
  readonly pem: string;
}

/** The issuer of this cluster's tokens, as in their claim `iss`. Throws KubeError. */
export async function readIssuer(client: KubeClient, signal?: AbortSignal): Promise<string> {
  const { issuer } = await client.request<{ readonly issuer: string }>({
    method: 'GET',
    path: '/.well-known/openid-configuration',
    signal,
  });
  return issuer;
}

/**
 * The keys that may sign tokens now, sorted by ID. Without keys that are not for signatures and types that Node does not
 * support. Throws KubeError.
 */
export async function readIssuerKeys(client: KubeClient, signal?: AbortSignal): Promise<readonly IssuerKey[]> {
  const { keys = [] } = await client.request<{ readonly keys?: readonly PublishedKey[] }>({
    method: 'GET',
    path: '/openid/v1/jwks',
    accept: 'application/jwk-set+json, application/json',
    signal,
  });
  return keys
    .filter(({ use }) => use === undefined || use === 'sig')
    .flatMap((key) => {
      const pem = pemOf(key);
      return pem === undefined ? [] : [{ kid: key.kid ?? '', pem }];
    })
    .toSorted((one, other) => (one.kid < other.kid ? -1 : Number(one.kid > other.kid)));
}

interface PublishedKey extends JsonWebKey {
  readonly kid?: string;
  readonly use?: string;
}

const pemOf = (key: PublishedKey): string | undefined => {
  if (key.kty !== 'RSA' && key.kty !== 'EC') return undefined;
  try {
    return createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();
  } catch {
    return undefined;
  }
};
