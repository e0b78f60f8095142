// Secrets and webhook configurations in memory, with resourceVersions as the API server has them.
import fastJsonPatch from 'fast-json-patch';
import type { KubeClient, KubeRequest } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';

interface Stored {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly webhooks?: readonly { readonly clientConfig: { readonly caBundle?: string; readonly service?: object } }[];
  readonly data?: Readonly<Record<string, string>>;
}

export interface MemoryApi extends KubeClient {
  readonly objects: Map<string, Stored>;
  readonly calls: string[];
  /** While true every call fails as when the API server is away. */
  away: boolean;
}

export const CONFIGURATION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/demo';
export const SECRET = '/api/v1/namespaces/vault/secrets/ca';

export function memoryApi(entries: number): MemoryApi {
  let version = 1;
  const webhooks = Array.from({ length: entries }, (_, index) => ({ name: `entry-${index}`, clientConfig: {} }));
  const objects = new Map<string, Stored>([[CONFIGURATION, { metadata: { name: 'demo', resourceVersion: '1' }, webhooks }]]);
  const calls: string[] = [];
  const store = (path: string, object: Stored): Stored => {
    version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    objects.set(path, stored);
    return stored;
  };
  const answer = ({ method, path, body }: KubeRequest): Stored => {
    const present = objects.get(path);
    const sent = structuredClone(body);
    if (method === 'POST') {
      if (objects.has(SECRET)) throw new KubeError(409, 'AlreadyExists', 'it exists');
      return store(SECRET, sent as Stored);
    }
    if (!present) throw new KubeError(404, 'NotFound', 'not found');
    if (method === 'PUT') {
      if ((sent as Stored).metadata.resourceVersion !== present.metadata.resourceVersion)
        throw new KubeError(409, 'Conflict', 'it has changed');
      return store(path, sent as Stored);
    }
    if (method !== 'PATCH') return present;
    try {
      return store(path, fastJsonPatch.applyPatch(structuredClone(present), sent as fastJsonPatch.Operation[], true).newDocument);
    } catch (error) {
      throw new KubeError(422, 'Invalid', String(error));
    }
  };
  const api: MemoryApi = {
    objects,
    calls,
    away: false,
    request: async <T>(options: KubeRequest): Promise<T> => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (api.away) throw new KubeError(0, 'Unreachable', 'connection refused');
      // A watch that ends without a change.
      if (options.untilLine) return undefined as T;
      calls.push(`${options.method} ${options.path.split('/').at(-1)}`);
      return answer(options) as T;
    },
    close: () => undefined,
  };
  return api;
}

/** The caBundle of each entry, PEM. */
export function bundlesIn(api: MemoryApi): readonly string[] {
  return (api.objects.get(CONFIGURATION)?.webhooks ?? []).map(({ clientConfig }) =>
    Buffer.from(clientConfig.caBundle ?? '', 'base64').toString(),
  );
}
