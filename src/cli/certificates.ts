// Which certificate source the settings ask for: files, or an authority that we keep ourselves.
import { inClusterConnection } from '../kube/connection.ts';
import { kubeClient, type KubeClient } from '../kube/client.ts';
import type { Log } from '../observe/log.ts';
import type { Settings, Surroundings } from '../settings/read.ts';
import { fileSource } from '../tls/files.ts';
import { keepCertificate } from '../tls/keeper.ts';
import { publishedFileSource } from '../tls/published-files.ts';
import type { CertificateSource } from '../tls/source.ts';
import { VERSION } from './version.ts';

const clientOf = async ({ kubeconfig }: Settings, { kubernetesHost, kubernetesPort }: Surroundings): Promise<KubeClient> => {
  const userAgent = `vault-auth-injector/${VERSION}`;
  if (kubeconfig !== '') {
    const { kubeconfigConnection } = await import('../kube/kubeconfig.ts');
    return kubeClient({ connection: await kubeconfigConnection(kubeconfig), userAgent });
  }
  if (!kubernetesHost || !kubernetesPort) throw new Error('tls-auto needs an API server: run in a cluster, or set -kubeconfig');
  return kubeClient({ connection: await inClusterConnection({ host: kubernetesHost, port: kubernetesPort }), userAgent });
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
    const client = await clientOf(settings, around);
    return withClient(publishedFileSource({ files, authorityFile: tlsCaCertFile, client, configuration: tlsAuto, log }), client);
  }
  if (tlsAuto === '')
    throw new Error('no certificate to serve: set -tls-auto and -tls-auto-hosts, or -tls-cert-file and -tls-key-file');
  const client = await clientOf(settings, around);
  const { podNamespace: namespace } = around;
  return withClient(
    keepCertificate({ client, configuration: tlsAuto, namespace, secretName: tlsSecretName, hosts: tlsAutoHosts, log }),
    client,
  );
};
