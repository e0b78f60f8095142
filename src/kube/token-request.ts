// Short-lived tokens of service accounts, as the kubelet gets them for pods.
import type { KubeClient } from './client.ts';
import { KubeError } from './error.ts';

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
