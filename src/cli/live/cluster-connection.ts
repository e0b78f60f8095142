// The connection of a command to a cluster, and the objects of our kinds that it reads there.
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';
import type { LinkLister } from '../../admission/roles/resolve.ts';
import { cachedObject, LINKED_KINDS, linkCache } from '../../cluster/link-cache.ts';
import { objectsOf, type JsonObject } from '../../json/json.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeError } from '../../kube/errors.ts';
import { inClusterConnection, kubeconfigConnection, type KubeConnection } from '../../kube/kubeconfig.ts';
import { API_VERSION, collectionPath } from '../../resources/kinds.ts';
import { runtimeEnvironment } from '../../settings/read.ts';
import type { Terminal } from '../terminal.ts';

/**
 * The kubeconfig that is named, else those of KUBECONFIG, else the service account of the pod that this runs in.
 * @throws a sentence when there is none, or it cannot be read.
 */
export async function connectToCluster(
  kubeconfig: string,
  context: string | undefined,
  { environment }: Terminal,
): Promise<KubeConnection> {
  if (kubeconfig !== '') return kubeconfigConnection([kubeconfig], context);
  const { kubeconfigs, kubernetesHost: host, kubernetesPort: port } = runtimeEnvironment(environment);
  const files = kubeconfigs.split(delimiter).filter((file) => file !== '' && existsSync(file));
  if (files.length > 0) return kubeconfigConnection(files, context);
  if (host && port) return inClusterConnection({ host, port });
  throw new Error('no cluster found: set -kubeconfig or KUBECONFIG');
}

/** What was read; a warning if it exists and cannot be read. */
export interface Read<Value> {
  readonly value?: Value | undefined;
  readonly warning?: string;
}

/** The warning about an object that cannot be read. */
export function ignored(error: unknown): string {
  return `cannot be read, and is ignored: ${error instanceof Error ? error.message : String(error)}`;
}

/** Nothing if the kinds are not installed, or one of them cannot be read: half of them would report objects as missing. */
export async function readLinks(client: KubeClient, namespace: string): Promise<Read<LinkLister>> {
  const get = (path: string): Promise<JsonObject> => client.request<JsonObject>({ method: 'GET', path });
  try {
    await get(`/apis/${API_VERSION}`);
    const lists = await Promise.all(LINKED_KINDS.map((kind) => get(collectionPath(kind, namespace))));
    const cache = linkCache();
    for (const [index, kind] of LINKED_KINDS.entries())
      for (const object of objectsOf(lists[index]?.['items'])) {
        const cached = cachedObject(kind, object, true);
        if (cached) cache.set(cached);
      }
    return { value: cache };
  } catch (error) {
    return error instanceof KubeError && error.status === 404 ? {} : { warning: ignored(error) };
  }
}
