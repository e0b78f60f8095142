// Who signs the service-account tokens of this cluster, and with which keys (OpenID Connect discovery of the API server).
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { KubeClient } from './client.ts';

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
