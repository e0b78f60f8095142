// Mounts and roles as servers answer, for tests of exports.
import type { JsonObject } from '../../../src/json/json.ts';
import { exportMount, type VaultMount } from '../../../src/resources/export-mount.ts';

export const CONFIG: JsonObject = {
  kubernetes_host: 'https://api:6443',
  kubernetes_ca_cert: '-----BEGIN CERTIFICATE-----',
  disable_iss_validation: true,
  disable_local_ca_jwt: true,
  issuer: '',
  pem_keys: [],
  token_reviewer_jwt_set: true,
};
export const ROLE: JsonObject = {
  bound_service_account_names: ['web'],
  bound_service_account_namespaces: ['team'],
  audience: 'vault',
  alias_name_source: 'serviceaccount_uid',
  token_ttl: 3600,
  token_max_ttl: 7200,
  token_policies: ['a'],
};
export const JWT_ROLE: JsonObject = {
  role_type: 'jwt',
  bound_claims: { sub: ['system:serviceaccount:team:web', 'system:serviceaccount:other:web'] },
  bound_claims_type: 'string',
  bound_audiences: ['vault'],
  user_claim: 'sub',
  claim_mappings: {
    '/kubernetes.io/namespace': 'service_account_namespace',
    '/kubernetes.io/serviceaccount/name': 'service_account_name',
    '/kubernetes.io/serviceaccount/uid': 'service_account_uid',
  },
};

/** Exports these roles of a mount at k8s. */
export function exported(roles: Readonly<Record<string, JsonObject>>, mount: Partial<VaultMount> = {}) {
  const { manifests, notes } = exportMount({
    mount: { path: 'k8s', type: 'kubernetes', description: '', config: CONFIG, ...mount },
    roles: Object.entries(roles).map(([name, document]) => ({ name, document })),
    endpoint: 'main',
    backend: 'prod',
    clusterName: 'prod',
  });
  const specs = manifests.map(({ spec }) => spec as JsonObject);
  return {
    manifests,
    spec: specs[0] ?? {},
    roles: specs.slice(1),
    notes: notes.map(({ subject, reason, expressed }) => `${expressed ? '' : '!'}${subject}: ${reason}`),
  };
}

export const JWT_MOUNT: Partial<VaultMount> = {
  type: 'jwt',
  config: { jwks_url: 'https://api/openid/v1/jwks', jwks_ca_pem: '-----BEGIN CERTIFICATE-----', bound_issuer: 'https://issuer' },
};
