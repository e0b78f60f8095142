// Access to the API server for all parts of a server: one client, made when somebody first needs it.
import { inClusterConnection, type KubeConnection } from '../kube/kubeconfig.ts';
import { kubeClient, type KubeClient } from '../kube/client.ts';
import type { Settings, Surroundings } from '../settings/read.ts';
import { VERSION } from './version.ts';

export interface Access {
  readonly client: KubeClient;
  /** Our own namespace, as far as anything says so. */
  readonly namespace: string;
  /** PEM of the CA bundle of the API server; undefined: the CAs of the system. */
  readonly ca: () => Promise<string | undefined>;
}

export interface ApiAccess {
  /** Something says where an API server is. */
  readonly isKnown: boolean;
  /** Always the same. Throws a sentence for a person when there is no way to an API server. */
  readonly get: () => Promise<Access>;
  /** Closes its connections; whoever used them has to be closed before. */
  readonly close: () => Promise<void>;
}

const DEFAULT_NAMESPACE = 'default';

/** From -kubeconfig, or else from what the kubelet gives a pod. */
export function apiAccess({ kubeconfig }: Settings, around: Surroundings): ApiAccess {
  const { kubernetesHost: host, kubernetesPort: port, podNamespace } = around;
  const connect = async (): Promise<KubeConnection> => {
    if (kubeconfig !== '') return (await import('../kube/kubeconfig.ts')).kubeconfigConnection(kubeconfig);
    if (!host || !port) throw new Error('there is no API server: run in a cluster, or set -kubeconfig');
    return inClusterConnection({ host, port });
  };
  const make = async (): Promise<Access> => {
    const connection = await connect();
    const client = kubeClient({ connection, userAgent: `vault-auth-injector/${VERSION}` });
    return {
      client,
      namespace: podNamespace ?? connection.namespace ?? DEFAULT_NAMESPACE,
      ca: async () => (await connection.credentials()).ca,
    };
  };
  let made: Promise<Access> | undefined;
  return {
    isKnown: kubeconfig !== '' || (Boolean(host) && Boolean(port)),
    get: () => (made ??= make()),
    close: async () => {
      const access = await made?.catch(() => undefined);
      access?.client.close();
    },
  };
}
