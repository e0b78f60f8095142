// Which certificate source the settings ask for: files, or an authority that we keep ourselves.
import { inClusterConnection, type KubeConnection } from '../kube/connection.ts';
import { kubeClient, type KubeClient } from '../kube/client.ts';
import type { Log } from '../observe/log.ts';
import type { Settings, Surroundings } from '../settings/read.ts';
import { fileSource } from '../tls/files.ts';
import { publishedFileSource } from '../tls/published-files.ts';
import type { CertificateSource } from '../tls/source.ts';
import { VERSION } from './version.ts';

interface Access {
  readonly client: KubeClient;
  /** Our own namespace, as far as anything says so. */
  readonly namespace: string;
}

const DEFAULT_NAMESPACE = 'default';

const connectionOf = async (
  { kubeconfig }: Settings,
  { kubernetesHost, kubernetesPort }: Surroundings,
): Promise<KubeConnection> => {
  if (kubeconfig !== '') return (await import('../kube/kubeconfig.ts')).kubeconfigConnection(kubeconfig);
  if (!kubernetesHost || !kubernetesPort) throw new Error('-tls-auto needs an API server: run in a cluster, or set -kubeconfig');
  return inClusterConnection({ host: kubernetesHost, port: kubernetesPort });
};

const accessOf = async (settings: Settings, around: Surroundings): Promise<Access> => {
  const connection = await connectionOf(settings, around);
  const client = kubeClient({ connection, userAgent: `vault-auth-injector/${VERSION}` });
  return { client, namespace: around.podNamespace ?? connection.namespace ?? DEFAULT_NAMESPACE };
};

/** Closes the connections of the client with the source that used them. */
const withClient = (source: CertificateSource, client: KubeClient): CertificateSource => ({
  ...source,
  close: async () => {
    await source.close();
    client.close();
  },
});

/** Files when they are named, else the self-managed authority. Throws a sentence for a person when neither can be. */
export const certificateSource = async (settings: Settings, around: Surroundings, log: Log): Promise<CertificateSource> => {
  const { tlsCertFile, tlsKeyFile, tlsCaCertFile, tlsAuto, tlsAutoHosts, tlsSecretName } = settings;
  if ((tlsCertFile === '') !== (tlsKeyFile === '')) throw new Error('-tls-cert-file and -tls-key-file belong together: set both');
  if (tlsCertFile !== '') {
    const files = await fileSource({ certificateFile: tlsCertFile, keyFile: tlsKeyFile, log });
    if (tlsCaCertFile === '' || tlsAuto === '') return files;
    const { client } = await accessOf(settings, around);
    return withClient(publishedFileSource({ files, authorityFile: tlsCaCertFile, client, configuration: tlsAuto, log }), client);
  }
  if (tlsAuto === '')
    throw new Error('no certificate to serve: set -tls-auto and -tls-auto-hosts, or -tls-cert-file and -tls-key-file');
  if (tlsAutoHosts.length === 0)
    throw new Error('a self-managed certificate needs the names of the Service: set -tls-auto-hosts');
  const { client, namespace } = await accessOf(settings, around);
  // Loaded only here: what issues certificates takes 20 ms of a start that needs none.
  const { keepCertificate } = await import('../tls/keeper.ts');
  return withClient(
    keepCertificate({ client, configuration: tlsAuto, namespace, secretName: tlsSecretName, hosts: tlsAutoHosts, log }),
    client,
  );
};
