// One Secret: read, created if absent, replaced only if nobody else was faster.
import type { KubeClient } from './client.ts';
import { isKubeError } from './errors.ts';
import { objectPath } from './object-ref.ts';

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

// One value of a Secret or ConfigMap. Its text is for the caller alone: nothing here puts it into a message.
export interface ValueReference {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

export type ValueResult =
  | { readonly state: 'found'; readonly text: string; readonly resourceVersion: string }
  | { readonly state: 'noObject' | 'noKey'; readonly message: string };

/** Reads it anew. What is not there is an answer in words; throws a KubeError when it cannot be asked for. */
export async function readValue(
  client: KubeClient,
  { kind, namespace, name, key }: ValueReference,
  signal?: AbortSignal,
): Promise<ValueResult> {
  const plural = kind === 'Secret' ? 'secrets' : 'configmaps';
  const object = await client
    .request<Stored>({ method: 'GET', path: objectPath({ group: '', version: 'v1', plural, namespace, name }), signal })
    .catch((error: unknown) => {
      if (isKubeError(error, 'NotFound')) return undefined;
      throw error;
    });
  if (!object) return { state: 'noObject', message: `there is no ${kind} ${namespace}/${name}` };
  const { data = {}, binaryData = {}, metadata } = object;
  const raw = Object.hasOwn(data, key) ? data[key] : binaryData[key];
  if (raw === undefined) {
    const keys = [...Object.keys(data), ...Object.keys(binaryData)].toSorted();
    const has = keys.length === 0 ? 'it is empty' : `it has ${keys.join(', ')}`;
    return { state: 'noKey', message: `the ${kind} ${namespace}/${name} has no key ${JSON.stringify(key)}: ${has}` };
  }
  const isPlain = kind === 'ConfigMap' && Object.hasOwn(data, key);
  return {
    state: 'found',
    text: isPlain ? raw : Buffer.from(raw, 'base64').toString('utf8'),
    resourceVersion: metadata.resourceVersion,
  };
}

interface Stored {
  readonly metadata: { readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}
