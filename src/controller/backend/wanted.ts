// What the configuration of the mount has to be, gathered from the manifest and from the cluster; or why that is not known.
import type { JsonObject } from '../../json/json.ts';
import { jwtConfig, kubernetesConfig } from '../../resources/config-document.ts';
import { type AuthorityReading, readClusterAuthority, readGiven } from './authority.ts';
import { configured, type ConfiguredFinding } from './configured.ts';
import { type ClusterKeys, readClusterKeys } from './keys.ts';
import type { Work } from './work.ts';

export interface Wanted {
  readonly keys: ClusterKeys;
  /** The document with this reviewer's token in it. */
  readonly documentWith: ((token: string | undefined) => JsonObject) | undefined;
  /** Why there is no document, or what of it the product cannot do. */
  readonly problem: ConfiguredFinding | undefined;
}

/** `held` is the configuration that Vault has. Throws a KubeError when the cluster cannot be asked. */
export async function readWanted(
  work: Work,
  held: JsonObject | undefined,
  clusterCA: () => Promise<string | undefined>,
): Promise<Wanted> {
  const { backend, vault } = work;
  const keys = await readClusterKeys(work, held);
  const authority = await readAuthority(work, clusterCA);
  if (authority.state === 'problem')
    return { keys, documentWith: undefined, problem: configured('False', authority.reason, authority.message) };
  const { pems } = keys;
  if (!keys.isKnown || pems === undefined)
    return {
      keys,
      documentWith: undefined,
      problem: configured('False', 'Pending', 'The keys or the issuer of the cluster are not known yet.'),
    };
  const common = { backend, ca: authority.pem, ...(keys.issuer === undefined ? {} : { issuer: keys.issuer }) };
  return {
    keys,
    documentWith: (reviewerToken) =>
      backend.spec.type === 'jwt'
        ? jwtConfig({ ...common, keys: pems })
        : kubernetesConfig({
            ...common,
            pemKeys: pems,
            product: vault.product,
            ...(reviewerToken === undefined ? {} : { reviewerToken }),
          }),
    problem: unsupported(work),
  };
}

const readAuthority = async (work: Work, clusterCA: () => Promise<string | undefined>): Promise<AuthorityReading> => {
  const { context, backend, vault, signal } = work;
  const { kubernetes, jwt } = backend.spec;
  if (jwt) return jwt.keys.ca ? readGiven(context.kube, jwt.keys.ca, signal) : { state: 'found', pem: '' };
  // In its own cluster Vault reads the authority beside its own token.
  if (!kubernetes || (kubernetes.reviewer.mode === 'Local' && kubernetes.ca.source === 'FromCluster'))
    return { state: 'found', pem: '' };
  return readClusterAuthority({ ...context.kube, clusterCA }, kubernetes.ca, vault.product, signal);
};

/** What is left out of the document, and everything else works. */
const unsupported = ({ backend, vault }: Work): ConfiguredFinding | undefined =>
  backend.spec.aliasMetadata.fromAnnotations && vault.product === 'OpenBao'
    ? configured(
        'False',
        'UnsupportedByProduct',
        'OpenBao has no metadata from annotations (aliasMetadata.fromAnnotations); all else is configured. Metadata service_account_namespace, _name and _uid are there without it.',
      )
    : undefined;
