// The API server of a person: found as kubectl finds it, or from inside a pod.
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';
import { kubeClient, type KubeClient } from '../../kube/client.ts';
import { inClusterConnection, type KubeConnection, kubeconfigConnection } from '../../kube/kubeconfig.ts';
import type { Surroundings } from '../../settings/read.ts';
import { VERSION } from '../version.ts';

export interface PersonalAccess {
  readonly client: KubeClient;
  /** The namespace of the context, as far as it names one. */
  readonly namespace: string | undefined;
}

/** @throws a sentence for a person when there is no way to an API server. */
export async function personalAccess(
  kubeconfig: string,
  context: string | undefined,
  around: Surroundings,
): Promise<PersonalAccess> {
  const connection = await connect(kubeconfig, context, around);
  return { client: kubeClient({ connection, userAgent: `vault-auth-injector/${VERSION}` }), namespace: connection.namespace };
}

const connect = (kubeconfig: string, context: string | undefined, around: Surroundings): Promise<KubeConnection> => {
  if (kubeconfig !== '') return kubeconfigConnection([kubeconfig], context);
  const files = around.kubeconfigs.split(delimiter).filter((file) => file !== '' && existsSync(file));
  if (files.length > 0) return kubeconfigConnection(files, context);
  const { kubernetesHost: host, kubernetesPort: port } = around;
  if (host && port) return inClusterConnection({ host, port });
  throw new Error('there is no cluster to look at: set -kubeconfig or KUBECONFIG');
};
