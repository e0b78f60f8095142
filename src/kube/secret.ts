// One Secret: read, created if absent, replaced only if nobody else was faster.
import type { KubeClient } from './client.ts';
import { isKubeError } from './error.ts';

export interface Secret {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly type?: string;
  /** base64 values. */
  readonly data?: Readonly<Record<string, string>>;
}

/** The Secret, or undefined when there is none. */
export function readSecret(
  client: KubeClient,
  namespace: string,
  name: string,
  signal?: AbortSignal,
): Promise<Secret | undefined> {
  return client.request<Secret>({ method: 'GET', path: pathOf(namespace, name), signal }).catch(undefinedOn('NotFound'));
}

/** Creates it; undefined when somebody else has created it first. */
export function createSecret(client: KubeClient, secret: Secret, signal?: AbortSignal): Promise<Secret | undefined> {
  return client
    .request<Secret>({ method: 'POST', path: pathOf(secret.metadata.namespace), body: document(secret), signal })
    .catch(undefinedOn('AlreadyExists'));
}

/** Replaces the very version that was read; undefined when it has changed or gone since. */
export function replaceSecret(client: KubeClient, secret: Secret, signal?: AbortSignal): Promise<Secret | undefined> {
  return client
    .request<Secret>({
      method: 'PUT',
      path: pathOf(secret.metadata.namespace, secret.metadata.name),
      body: document(secret),
      signal,
    })
    .catch(undefinedOn('Conflict', 'NotFound'));
}

const document = (secret: Secret): object => ({ apiVersion: 'v1', kind: 'Secret', ...secret });

const pathOf = (namespace: string, name?: string): string =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;

const undefinedOn =
  (...reasons: readonly string[]) =>
  (error: unknown): undefined => {
    if (!isKubeError(error, ...reasons)) throw error;
  };
