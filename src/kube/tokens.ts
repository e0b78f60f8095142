// Short-lived tokens of service accounts, as the kubelet gets them for pods.
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';

export interface TokenOptions {
  /** Empty: the API server's own audience. */
  readonly audiences: readonly string[];
  /** At least 600; the API server may give less or more. */
  readonly expirationSeconds: number;
  /** The token ends when this object does. */
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
  /** What the API server granted, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Asks for one. Throws a KubeError: `NotFound` without such a service account, `Forbidden` without the right to it. */
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
    throw new KubeError(0, 'Unreadable', `POST ${path}: the answer has no token, or not when it expires`);
  return { token: status.token, expiresAt };
}

// Who signs the service-account tokens of this cluster, and with which keys (OpenID Connect discovery of the API server).
export interface IssuerKey {
  /** Key ID, as tokens name it in their header. */
  readonly kid: string;
  /** PEM of the public key (SubjectPublicKeyInfo). */
  readonly pem: string;
}

/** The issuer's name, as tokens carry it in `iss`. Throws a KubeError. */
export async function readIssuer(client: KubeClient, signal?: AbortSignal): Promise<string> {
  const { issuer } = await client.request<{ readonly issuer: string }>({
    method: 'GET',
    path: '/.well-known/openid-configuration',
    signal,
  });
  return issuer;
}

/**
 * The keys that tokens may be signed with now, in the order of their IDs. Keys that are not for signatures, or of a kind
 * that Node does not know, are left out. Throws a KubeError.
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
