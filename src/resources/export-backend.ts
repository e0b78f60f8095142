// The configuration of an auth mount as Vault has it → what a VaultAuthBackend says of it, and what it cannot say.
import { isObject, objectAt, type JsonObject } from '../json/json.ts';
import { isGiven, isSet, type Note, text, texts } from './export-value.ts';

/** A mount as it is read. */
export interface VaultMount {
  readonly path: string;
  /** As sys/auth has it: kubernetes, jwt or oidc. */
  readonly type: string;
  readonly description: string;
  /** Undefined: never written. */
  readonly config: JsonObject | undefined;
}

export interface BackendExport {
  readonly type: 'kubernetes' | 'jwt';
  /** The members `kubernetes` or `jwt`, `mount` and `aliasMetadata` of the spec. */
  readonly spec: JsonObject;
  readonly isClientJWT: boolean;
  readonly notes: readonly Note[];
}

/** What a mount says; or why no backend of ours can stand for it. */
export function exportBackend({ path, type, description, config }: VaultMount): BackendExport | string {
  const isJWT = type === 'jwt' || type === 'oidc';
  if (!isJWT && type !== 'kubernetes')
    return `auth/${path} is of type ${type}; there are backends of the types kubernetes and jwt`;
  if (config === undefined) return `auth/${path} was never configured`;
  const reading = isJWT ? jwtOf(config) : kubernetesOf(config);
  if (typeof reading === 'string') return `auth/${path}: ${reading}`;
  return {
    type: isJWT ? 'jwt' : 'kubernetes',
    // Whoever exports a mount has one.
    spec: { mount: { create: false, ...(description === '' ? {} : { description }) }, ...reading.spec },
    isClientJWT: reading.isClientJWT,
    notes: [...(type === 'oidc' ? [OIDC] : []), ...reading.reasons].map((reason) => ({
      subject: 'configuration',
      reason,
      expressed: true,
    })),
  };
}

const OIDC = 'the mount was made as type oidc, the other name of jwt';

interface Reading {
  readonly spec: JsonObject;
  readonly isClientJWT: boolean;
  readonly reasons: readonly string[];
}

const kubernetesOf = (config: JsonObject): Reading | string => {
  const isLocal = !isSet(config, 'disable_local_ca_jwt');
  const stored = config['token_reviewer_jwt_set'];
  const ca = text(config, 'kubernetes_ca_cert');
  const keys = texts(config['pem_keys']);
  const issuer = text(config, 'issuer');
  const validates = !isSet(config, 'disable_iss_validation');
  const mode = stored === true ? 'Rotated' : isLocal ? 'Local' : 'ClientJWT';
  return {
    spec: {
      kubernetes: {
        host: text(config, 'kubernetes_host'),
        ca: ca === '' ? { source: isLocal ? 'FromCluster' : 'System' } : { source: 'Given', inline: ca },
        reviewer: { mode },
        ...(keys.length > 0 ? { verifyKeys: { source: 'Given', pemKeys: keys } } : {}),
        issuer: validates && issuer !== '' ? issuer : 'Ignore',
      },
      ...(isSet(config, 'use_annotations_as_alias_metadata') ? { aliasMetadata: { fromAnnotations: true } } : {}),
    },
    isClientJWT: mode === 'ClientJWT',
    reasons: [
      ...(stored === true ? [STORED] : []),
      ...(stored === undefined ? [UNTOLD] : []),
      ...(stored === true && isLocal ? [FALL_BACK] : []),
      ...(validates && issuer === '' ? ['issuers are to be validated, and none is set: Vault compares nothing'] : []),
      ...(!validates && issuer !== ''
        ? [`the issuer ${JSON.stringify(issuer)} is set and not validated; the manifest has none`]
        : []),
    ],
  };
};

const STORED =
  "a reviewer's token is stored, which Vault never shows; the manifest says reviewer.mode Rotated, which replaces it once it is managed (SecretRef keeps one of yours)";
const UNTOLD = "the server does not tell whether a reviewer's token is stored; check reviewer.mode";
const FALL_BACK =
  'Vault falls back to its own token when the stored one is lost (disable_local_ca_jwt is false); managed, it does not';

const jwtOf = (config: JsonObject): Reading | string => {
  if (isGiven(config['jwks_pairs'])) return 'several URLs of keys (jwks_pairs) cannot be expressed';
  if (isGiven(config['oidc_client_id'])) return 'it is configured for people with browsers (oidc_client_id)';
  const provider = objectAt(config, 'provider_config');
  const isOpenBao = provider?.['provider'] === 'kubernetes';
  if (isObject(provider) && Object.keys(provider).length > 0 && !isOpenBao)
    return `the provider ${JSON.stringify(provider['provider'] ?? '')} cannot be expressed`;
  const issuer = text(config, 'bound_issuer');
  const others = ['default_role', 'jwt_supported_algs', 'unsupported_critical_cert_extensions', 'override_allowed_server_names'];
  return {
    spec: {
      jwt: { keys: isOpenBao ? { source: 'OpenBaoKubernetes' } : keysOf(config), issuer: issuer === '' ? 'Discover' : issuer },
    },
    isClientJWT: false,
    reasons: [
      ...(issuer === '' ? ['every issuer passes (no bound_issuer); the manifest says Discover'] : []),
      ...(texts(config['jwt_validation_pubkeys']).length > 0 ? [PUSHED] : []),
      ...others.filter((field) => isGiven(config[field])).map((field) => `${field} is set, for which there is no field`),
    ],
  };
};

const PUSHED = 'the keys are written down; the manifest says keys.source Push, which keeps them those of this cluster';

const keysOf = (config: JsonObject): JsonObject => {
  const discovery = text(config, 'oidc_discovery_url');
  if (discovery !== '') return { source: 'Discovery', url: discovery, ...authority(text(config, 'oidc_discovery_ca_pem')) };
  const url = text(config, 'jwks_url');
  return url === '' ? { source: 'Push' } : { source: 'JWKS', url, ...authority(text(config, 'jwks_ca_pem')) };
};

const authority = (pem: string): JsonObject => (pem === '' ? {} : { ca: { inline: pem } });
