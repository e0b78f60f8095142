// Our own objects around a pod of a cluster, as the webhook there knows them.
import type { RoleLister } from '../../admission/roles/resolve.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeError } from '../../kube/errors.ts';
import { objectsOf, type JsonObject } from '../../json/json.ts';
import { API_VERSION, collectionPath } from '../../resources/kinds.ts';
import { cachedObject, LINKED_KINDS, roleCache } from '../../cluster/role-cache.ts';

/** Undefined where the kinds are not installed, or (told as an oddity) cannot be read: half of them would tell of objects that are missing. */
export async function rolesAround(client: KubeClient, namespace: string, oddities: string[]): Promise<RoleLister | undefined> {
  const get = (path: string): Promise<JsonObject> => client.request<JsonObject>({ method: 'GET', path });
  try {
    await get(`/apis/${API_VERSION}`);
    const lists = await Promise.all(LINKED_KINDS.map((kind) => get(collectionPath(kind, namespace))));
    const store = roleCache();
    for (const [index, kind] of LINKED_KINDS.entries())
      for (const object of objectsOf(lists[index]?.['items'])) {
        const fact = cachedObject(kind, object, true);
        if (fact) store.set(fact);
      }
    return store;
  } catch (error) {
    if (!(error instanceof KubeError && error.status === 404))
      oddities.push(`not known, and not counted in: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
