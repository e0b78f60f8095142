// What Vault must hold as configuration of a mount of type jwt: the whole document, since a write replaces everything.
import type { JsonObject } from '../json/json.ts';
import type { VaultAuthBackend } from './backend.ts';

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
