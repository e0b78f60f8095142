// Which certificate source the settings ask for: files, or an authority that we keep ourselves.
import type { Log } from '../observe/log.ts';
import type { Settings } from '../settings/read.ts';
import { fileSource } from '../tls/files.ts';
import { publishedFileSource } from '../tls/publication.ts';
import type { CertificateSource } from '../tls/source.ts';
import type { Access, ApiAccess } from './api-access.ts';

/** The access to the API server, which a published authority cannot do without. */
const accessOf = (api: ApiAccess): Promise<Access> =>
  api.get().catch((error: unknown) => {
    throw new Error(`-tls-auto: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  });

/** Files when they are named, else the self-managed authority. Throws a sentence for a person when neither can be. */
export async function certificateSource(settings: Settings, api: ApiAccess, log: Log): Promise<CertificateSource> {
  const { tlsCertFile, tlsKeyFile, tlsCaCertFile, tlsAuto, tlsAutoHosts, tlsSecretName } = settings;
  if (tlsCertFile !== '') {
    const files = await fileSource({ certificateFile: tlsCertFile, keyFile: tlsKeyFile, log });
    if (tlsCaCertFile === '' || tlsAuto === '') return files;
    const { client } = await accessOf(api);
    return publishedFileSource({ files, caFile: tlsCaCertFile, client, configuration: tlsAuto, log });
  }
  const { client, namespace } = await accessOf(api);
  // Loaded only here: what issues certificates takes 20 ms of a start that needs none.
  const { selfManagedSource } = await import('../tls/keeper.ts');
  return selfManagedSource({ client, configuration: tlsAuto, namespace, secretName: tlsSecretName, hosts: tlsAutoHosts, log });
}
