// Pods for tests on a real API server: made, refused, and looked at.
import { isObject, type JsonObject, objectAt, objectsOf, textOf } from '../../src/json/json.ts';
import type { Bed } from '../bed/bed.ts';

/** Annotations that ask for injection and are complete. */
export const ASKING = {
  'vault.hashicorp.com/agent-inject': 'true',
  'vault.hashicorp.com/role': 'web',
  'vault.hashicorp.com/agent-inject-secret-database': 'secret/data/web/database',
};

/** A pod of one container "web" with these annotations and further fields of its spec. */
export function webPod(name: string, annotations: Readonly<Record<string, string>>, spec: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, annotations },
    spec: { containers: [{ name: 'web', image: 'nginx:1.29' }], ...spec },
  };
}

/** Path under which pods of a namespace are created; the query is optional. */
export function podsPath(namespace: string, query = ''): string {
  return `/api/v1/namespaces/${namespace}/pods${query}`;
}

/** Creates a pod and gives it as the API server stored it. */
export function createPod(bed: Bed, namespace: string, pod: JsonObject, query = ''): Promise<JsonObject> {
  return bed.request('POST', podsPath(namespace, query), pod);
}

/** What injection may add to, by name. */
export function namesIn(pod: JsonObject, list: 'containers' | 'initContainers' | 'volumes'): readonly (string | undefined)[] {
  return objectsOf(objectAt(pod, 'spec')?.[list]).map((item) => textOf(item, 'name'));
}

/** The annotation's value on a stored pod. */
export function annotationOf(pod: JsonObject, name: string): unknown {
  return objectAt(objectAt(pod, 'metadata'), 'annotations')?.[name];
}

/** Mount paths of the container of that name, in order. */
export function mountPathsOf(pod: JsonObject, container: string): readonly (string | undefined)[] {
  const found = containerOf(pod, container);
  return objectsOf(found?.['volumeMounts']).map((mount) => textOf(mount, 'mountPath'));
}

/** The container or init container of that name. */
export function containerOf(pod: JsonObject, name: string): JsonObject | undefined {
  const spec = objectAt(pod, 'spec');
  return [...objectsOf(spec?.['containers']), ...objectsOf(spec?.['initContainers'])].find(
    (item) => isObject(item) && item['name'] === name,
  );
}
