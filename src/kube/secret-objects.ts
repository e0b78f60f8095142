// Secrets, and single values of Secrets and ConfigMaps. No message here quotes a value.
import type { KubeClient } from './client.ts';
import { undefinedOn } from './errors.ts';
import { objectPath, resourcePath } from './object-ref.ts';

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

/** The Secret; undefined when it does not exist. Throws KubeError. */
export function readSecret(
  client: KubeClient,
  namespace: string,
  name: string,
  signal?: AbortSignal,
): Promise<Secret | undefined> {
  return client
    .request<Secret>({ method: 'GET', path: objectPath({ ...SECRETS, namespace, name }), signal })
    .catch(undefinedOn('NotFound'));
}

/** Creates the Secret; undefined when it exists already. Throws KubeError. */
export function createSecret(client: KubeClient, secret: Secret, signal?: AbortSignal): Promise<Secret | undefined> {
  const path = resourcePath(SECRETS, secret.metadata.namespace);
  return client.request<Secret>({ method: 'POST', path, body: document(secret), signal }).catch(undefinedOn('AlreadyExists'));
}

/** Replaces the resourceVersion that was read; undefined when the Secret has changed or was deleted since. Throws KubeError. */
export function replaceSecret(client: KubeClient, secret: Secret, signal?: AbortSignal): Promise<Secret | undefined> {
  const { namespace, name } = secret.metadata;
  const path = objectPath({ ...SECRETS, namespace, name });
  return client
    .request<Secret>({ method: 'PUT', path, body: document(secret), signal })
    .catch(undefinedOn('Conflict', 'NotFound'));
}

export interface ValueReference {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

export type ValueResult =
  | { readonly state: 'found'; readonly text: string; readonly resourceVersion: string }
  | { readonly state: 'noObject' | 'noKey'; readonly message: string };

/** Reads one value from the API server. A missing object or key is a result with a message; throws KubeError for all else. */
export async function readValue(
  client: KubeClient,
  { kind, namespace, name, key }: ValueReference,
  signal?: AbortSignal,
): Promise<ValueResult> {
  const path = objectPath({ ...(kind === 'Secret' ? SECRETS : CONFIG_MAPS), namespace, name });
  const object = await client.request<StoredValues>({ method: 'GET', path, signal }).catch(undefinedOn('NotFound'));
  if (!object) return { state: 'noObject', message: `there is no ${kind} ${namespace}/${name}` };
  const { data = {}, binaryData = {}, metadata } = object;
  const value = Object.hasOwn(data, key) ? data[key] : binaryData[key];
  if (value === undefined) {
    const keys = [...Object.keys(data), ...Object.keys(binaryData)].toSorted();
    const present = keys.length === 0 ? 'it is empty' : `it has ${keys.join(', ')}`;
    return { state: 'noKey', message: `the ${kind} ${namespace}/${name} has no key ${JSON.stringify(key)}: ${present}` };
  }
  const isPlain = kind === 'ConfigMap' && Object.hasOwn(data, key);
  return {
    state: 'found',
    text: isPlain ? value : Buffer.from(value, 'base64').toString('utf8'),
    resourceVersion: metadata.resourceVersion,
  };
}

interface StoredValues {
  readonly metadata: { readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

const SECRETS = { group: '', version: 'v1', plural: 'secrets' };
const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' };

const document = (secret: Secret): object => ({ apiVersion: 'v1', kind: 'Secret', ...secret });
