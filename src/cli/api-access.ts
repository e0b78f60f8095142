// Access to the API server for a server process: one client, created on first use.
import { inClusterConnection, type KubeConnection } from '../kube/kubeconfig.ts';
import { kubeClient, type KubeClient } from '../kube/client.ts';
import type { Settings, RuntimeEnvironment } from '../settings/read.ts';
import { VERSION } from './version.ts';

export interface Access {
  readonly client: KubeClient;
  /** Namespace of this pod, or of the kubeconfig's context, or `default`. */
  readonly namespace: string;
  /** PEM of the CA bundle of the API server; undefined: the CAs of the system. */
  readonly ca: () => Promise<string | undefined>;
}

export interface ApiAccess {
  /** A kubeconfig or the variables of the kubelet are set. */
  readonly isConfigured: boolean;
  /** The one client. Throws a message for the operator when no API server is configured. */
  readonly get: () => Promise<Access>;
  /** Closes its connections; call after everything that uses them is closed. */
  readonly close: () => Promise<void>;
}

const DEFAULT_NAMESPACE = 'default';

/** From -kubeconfig, otherwise from the service account of the pod. */
export function apiAccess({ kubeconfig }: Settings, environment: RuntimeEnvironment): ApiAccess {
  const { kubernetesHost: host, kubernetesPort: port, podNamespace } = environment;
  const connect = async (): Promise<KubeConnection> => {
    if (kubeconfig !== '') return (await import('../kube/kubeconfig.ts')).kubeconfigConnection(kubeconfig);
    if (!host || !port) throw new Error('no API server configured: run in a cluster, or set -kubeconfig');
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
    isConfigured: kubeconfig !== '' || (Boolean(host) && Boolean(port)),
    get: () => (made ??= make()),
    close: async () => {
      const access = await made?.catch(() => undefined);
      access?.client.close();
    },
  };
}
