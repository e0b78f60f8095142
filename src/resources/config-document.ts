// What Vault must hold as configuration of a mount, kubernetes or jwt, and how the mount is tuned.
import type { JsonObject } from '../json/json.ts';
import type { VaultAuthBackend } from './backend.ts';
import type { Forms } from './canonical.ts';
import type { Product } from './role-document.ts';
import { secondsOf } from './schema.ts';

export interface KubernetesConfigInput {
  readonly backend: VaultAuthBackend;
  readonly product: Product;
  /** PEM of the authorities for the API server, as spec.kubernetes.ca says; empty: what the server's system trusts. */
  readonly ca?: string;
  /** Absent for the modes in which Vault stores none. */
  readonly reviewerToken?: string;
  /** Keys for the local check of signatures; none: Vault does not check them itself. */
  readonly pemKeys: readonly string[];
  /** What was looked up, where spec.kubernetes.issuer says Discover. */
  readonly issuer?: string;
}

/** Where Vault finds the API server of its own cluster. */
const OWN_CLUSTER = 'https://kubernetes.default.svc';

/**
 * The body of `auth/<path>/config`. In every mode but Local the use of Vault's own token is switched off, so that it cannot
 * silently fall back to another identity. Throws when an issuer is wanted and not known yet: Vault would compare nothing.
 */
export function kubernetesConfig({
  backend,
  product,
  ca = '',
  reviewerToken = '',
  pemKeys,
  issuer,
}: KubernetesConfigInput): JsonObject {
  const kubernetes = kubernetesOf(backend);
  const { mode } = kubernetes.reviewer;
  const isLocal = mode === 'Local';
  const isStored = mode === 'LongLivedSecret' || mode === 'Rotated' || mode === 'SecretRef';
  return {
    kubernetes_host: kubernetes.host ?? OWN_CLUSTER,
    // Vault reads the authority beside its own token, and again every hour.
    kubernetes_ca_cert: isLocal && kubernetes.ca.source === 'FromCluster' ? '' : ca,
    token_reviewer_jwt: isStored ? reviewerToken : '',
    pem_keys: [...pemKeys],
    ...issuerFields(kubernetes.issuer, issuer),
    disable_local_ca_jwt: !isLocal,
    // OpenBao drops it without a word.
    ...(product === 'Vault' ? { use_annotations_as_alias_metadata: backend.spec.aliasMetadata.fromAnnotations } : {}),
  };
}

/** Validation without an issuer compares nothing, and an issuer without validation is ignored: both or neither. */
const issuerFields = (wanted: string, found: string | undefined): JsonObject => {
  if (wanted === 'Ignore') return { issuer: '', disable_iss_validation: true };
  const issuer = wanted === 'Discover' ? found : wanted;
  if (issuer === undefined || issuer === '') throw new Error('the issuer is not known yet');
  return { issuer, disable_iss_validation: false };
};

const kubernetesOf = ({ spec, metadata }: VaultAuthBackend) => {
  if (!spec.kubernetes) throw new Error(`VaultAuthBackend ${metadata.name} is not of type kubernetes`);
  return spec.kubernetes;
};

/** How each field is compared with what Vault has. */
export const KUBERNETES_CONFIG_FORMS: Forms = {
  kubernetes_host: 'text',
  kubernetes_ca_cert: 'pem',
  // Vault returns the keys trimmed.
  pem_keys: 'pems',
  issuer: 'text',
  disable_iss_validation: 'flag',
  disable_local_ca_jwt: 'flag',
  use_annotations_as_alias_metadata: 'flag',
  // Never returned; whether it is set is (Vault 1.16, OpenBao).
  token_reviewer_jwt: 'present',
};

export interface JWTConfigInput {
  readonly backend: VaultAuthBackend;
  /** Push: the public keys of this cluster as PEM. */
  readonly keys: readonly string[];
  /** Discovery, JWKS: PEM of the authorities for the URL; empty: what the server's system trusts. */
  readonly ca?: string;
  /** The issuer that was looked up, where spec.jwt.issuer says Discover. */
  readonly issuer?: string;
}

/** The body of `auth/<path>/config`: exactly one source of keys, the others empty. Throws when the issuer is not known yet. */
export function jwtConfig({ backend, keys, ca = '', issuer: found }: JWTConfigInput): JsonObject {
  const { keys: source, issuer: wanted } = jwtOf(backend);
  const issuer = wanted === 'Discover' ? found : wanted;
  if (issuer === undefined || issuer === '') throw new Error('the issuer is not known yet');
  const common = { ...EMPTY, bound_issuer: issuer };
  switch (source.source) {
    case 'Push':
      if (keys.length === 0) throw new Error('the keys are not known yet');
      return { ...common, jwt_validation_pubkeys: [...keys] };
    case 'Discovery':
      return { ...common, oidc_discovery_url: source.url ?? issuer, oidc_discovery_ca_pem: ca };
    case 'JWKS':
      return { ...common, jwks_url: source.url ?? '', jwks_ca_pem: ca };
    case 'OpenBaoKubernetes':
      return { ...common, provider_config: { provider: 'kubernetes' } };
  }
}

/** Fields of the browser flow stay out: they are none of ours, and their zeros are what the server takes by default. */
const EMPTY: JsonObject = {
  oidc_discovery_url: '',
  oidc_discovery_ca_pem: '',
  jwks_url: '',
  jwks_ca_pem: '',
  jwt_validation_pubkeys: [],
  jwt_supported_algs: [],
  default_role: '',
  provider_config: {},
};

const jwtOf = ({ spec, metadata }: VaultAuthBackend) => {
  if (!spec.jwt) throw new Error(`VaultAuthBackend ${metadata.name} is not of type jwt`);
  return spec.jwt;
};

/** How each field is compared with what Vault has. */
export const JWT_CONFIG_FORMS: Forms = {
  oidc_discovery_url: 'text',
  oidc_discovery_ca_pem: 'pem',
  oidc_client_id: 'text',
  jwks_url: 'text',
  jwks_ca_pem: 'pem',
  jwt_validation_pubkeys: 'pems',
  bound_issuer: 'text',
  jwt_supported_algs: 'set',
  default_role: 'lowerText',
  // For some providers it holds the key of a service account (gsuite_service_account), which servers return.
  provider_config: 'secretMap',
};

/** The body of `sys/mounts/auth/<path>/tune`; empty when nothing is said. Times in seconds, 0 resets to the server's own. */
export function tuneDocument({ spec: { mount } }: VaultAuthBackend): JsonObject {
  const { defaultLeaseTTL, maxLeaseTTL, listingVisibility, tokenType } = mount.tune;
  return {
    ...(mount.description === undefined ? {} : { description: mount.description }),
    ...(defaultLeaseTTL === undefined ? {} : { default_lease_ttl: secondsOf(defaultLeaseTTL) }),
    ...(maxLeaseTTL === undefined ? {} : { max_lease_ttl: secondsOf(maxLeaseTTL) }),
    ...(listingVisibility === undefined ? {} : { listing_visibility: listingVisibility }),
    ...(tokenType === undefined ? {} : { token_type: tokenType }),
  };
}

/** How each field is compared with what Vault has. */
export const TUNE_FORMS: Forms = {
  default_lease_ttl: 'lease',
  max_lease_ttl: 'lease',
  description: 'text',
  // Vault leaves it out after a reset.
  listing_visibility: 'text',
  token_type: 'text',
};
