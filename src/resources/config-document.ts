// The desired configuration of a mount of type kubernetes or jwt (a write replaces all of it), and its desired tuning.
import type { JsonObject } from '../json/json.ts';
import type { VaultAuthBackend } from './backend.ts';
import type { Forms } from './canonical.ts';
import type { Product } from './role-document.ts';
import { secondsOf } from './schema.ts';

export interface KubernetesConfigInput {
  readonly backend: VaultAuthBackend;
  readonly product: Product;
  /** CA certificates (PEM) of spec.kubernetes.ca; empty for those of the Vault server's operating system. */
  readonly ca?: string;
  /** Absent in reviewer modes without a stored token. */
  readonly reviewerToken?: string;
  /** Public keys with which Vault verifies signatures; empty to leave that to the token review. */
  readonly pemKeys: readonly string[];
  /** The discovered issuer, when spec.kubernetes.issuer is Discover. */
  readonly issuer?: string;
}

/** The API server of the cluster that Vault runs in. */
const OWN_CLUSTER = 'https://kubernetes.default.svc';

/**
 * The body of `auth/<path>/config`. In every mode but Local, Vault's own token is disabled, so that Vault cannot silently fall back
 * to another reviewer. @throws while the issuer is not discovered: without an issuer, Vault would compare nothing.
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
    // Vault reads the CA certificate next to its own token, and again every hour.
    kubernetes_ca_cert: isLocal && kubernetes.ca.source === 'FromCluster' ? '' : ca,
    token_reviewer_jwt: isStored ? reviewerToken : '',
    pem_keys: [...pemKeys],
    ...issuerFields(kubernetes.issuer, issuer),
    disable_local_ca_jwt: !isLocal,
    // OpenBao drops the parameter without an error.
    ...(product === 'Vault' ? { use_annotations_as_alias_metadata: backend.spec.aliasMetadata.fromAnnotations } : {}),
  };
}

/** Vault needs both or neither: validation without an issuer compares nothing, an issuer without validation is ignored. */
const issuerFields = (spec: string, discovered: string | undefined): JsonObject => {
  if (spec === 'Ignore') return { issuer: '', disable_iss_validation: true };
  const issuer = spec === 'Discover' ? discovered : spec;
  if (issuer === undefined || issuer === '') throw new Error('the issuer is not discovered yet');
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
  /** Push: the public keys (PEM) of this cluster. */
  readonly keys: readonly string[];
  /** Discovery, JWKS: CA certificates (PEM) for the URL; empty for those of the Vault server's operating system. */
  readonly ca?: string;
  /** The discovered issuer, when spec.jwt.issuer is Discover. */
  readonly issuer?: string;
}

/** The body of `auth/<path>/config`: one source of keys, the others empty. @throws while issuer or keys are not discovered. */
export function jwtConfig({ backend, keys, ca = '', issuer: discovered }: JWTConfigInput): JsonObject {
  const { keys: source, issuer: spec } = jwtOf(backend);
  const issuer = spec === 'Discover' ? discovered : spec;
  if (issuer === undefined || issuer === '') throw new Error('the issuer is not discovered yet');
  const common = { ...EMPTY, bound_issuer: issuer };
  switch (source.source) {
    case 'Push':
      if (keys.length === 0) throw new Error('the keys are not discovered yet');
      return { ...common, jwt_validation_pubkeys: [...keys] };
    case 'Discovery':
      return { ...common, oidc_discovery_url: source.url ?? issuer, oidc_discovery_ca_pem: ca };
    case 'JWKS':
      return { ...common, jwks_url: source.url ?? '', jwks_ca_pem: ca };
    case 'OpenBaoKubernetes':
      return { ...common, provider_config: { provider: 'kubernetes' } };
  }
}

/** Without the fields of the OIDC browser flow: a write resets them to the server's defaults, which are their zeros. */
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

/** The body of `sys/mounts/auth/<path>/tune`: only the fields in the spec. Times in seconds; 0 resets to the server's default. */
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
