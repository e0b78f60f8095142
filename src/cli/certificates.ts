// Which certificate source the settings ask for: files, or an authority that we keep ourselves.
import { inClusterConnection } from '../kube/connection.ts';
import { kubeClient, type KubeClient } from '../kube/client.ts';
import type { Log } from '../observe/log.ts';
import type { Settings, Surroundings } from '../settings/read.ts';
import { fileSource } from '../tls/files.ts';
import { keepCertificate } from '../tls/keeper.ts';
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

/** Files when they are named, else the self-managed authority. Throws a sentence for a person when neither can be. */
export const certificateSource = async (settings: Settings, around: Surroundings, log: Log): Promise<CertificateSource> => {
  const { tlsCertFile, tlsKeyFile, tlsAuto, tlsAutoHosts, tlsSecretName } = settings;
  if ((tlsCertFile === '') !== (tlsKeyFile === '')) throw new Error('-tls-cert-file and -tls-key-file belong together: set both');
  if (tlsCertFile !== '') return fileSource({ certificateFile: tlsCertFile, keyFile: tlsKeyFile, log });
  if (tlsAuto === '')
    throw new Error('no certificate to serve: set -tls-auto and -tls-auto-hosts, or -tls-cert-file and -tls-key-file');
  const client = await clientOf(settings, around);
  const source = keepCertificate({
    client,
    configuration: tlsAuto,
    namespace: around.podNamespace,
    secretName: tlsSecretName,
    hosts: tlsAutoHosts,
    log,
  });
  return {
    ...source,
    close: async () => {
      await source.close();
      client.close();
    },
  };
};
