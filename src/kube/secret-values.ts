// One value of a Secret or ConfigMap. Its text is for the caller alone: nothing here puts it into a message.
import type { KubeClient } from './client.ts';
import { isKubeError } from './error.ts';
import { pathOf } from './place.ts';

export interface ValueReference {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

export type ValueReading =
  | { readonly state: 'found'; readonly text: string; readonly resourceVersion: string }
  | { readonly state: 'noObject' | 'noKey'; readonly message: string };

/** Reads it anew. What is not there is an answer in words; throws a KubeError when it cannot be asked for. */
export async function readValue(
  client: KubeClient,
  { kind, namespace, name, key }: ValueReference,
  signal?: AbortSignal,
): Promise<ValueReading> {
  const plural = kind === 'Secret' ? 'secrets' : 'configmaps';
  const object = await client
    .request<Stored>({ method: 'GET', path: pathOf({ group: '', version: 'v1', plural, namespace, name }), signal })
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
