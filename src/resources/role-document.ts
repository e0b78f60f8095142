// What Vault must hold for a role: every field that we know, zeros included, since a write changes only what it names.
import type { JsonObject } from '../json/json.ts';
import { defaultAudience, type VaultAuthBackend } from './backend.ts';
import { limitedToken, type RoleToken } from './role-token.ts';
import { serviceAccountsOf, type VaultAuthRole } from './role.ts';

export type Product = 'Vault' | 'OpenBao';

export interface RoleDocumentInput {
  readonly backend: VaultAuthBackend;
  readonly role: VaultAuthRole;
  readonly product: Product;
  /** Names in Vault, whatever the role asked for: see tenancy.ts. */
  readonly effectivePolicies: readonly string[];
}

/**
 * The body of a role write (auth-kubernetes and auth-jwt HTTP API). The one namespace is the object's own and every service
 * account is named, so that nothing that a tenant writes reaches beyond it. Never holds null or undefined.
 */
export function roleDocument(situation: RoleDocumentInput): JsonObject {
  switch (situation.backend.spec.type) {
    case 'kubernetes':
      return kubernetesRole(situation);
    case 'jwt':
      return jwtRole(situation);
  }
}

/** The audience that tokens of a role must have; the API server's own when empty. */
export function audienceOf(backend: VaultAuthBackend, role: VaultAuthRole): string {
  return role.spec.audience ?? defaultAudience(backend);
}

/** Seconds that the projected tokens of a role's pods live: what is asked for, within the backend's limit. */
export function tokenExpirationOf({ spec: { defaults, tenancy } }: VaultAuthBackend, { spec }: VaultAuthRole): number {
  return Math.max(spec.tokenExpirationSeconds ?? defaults.tokenExpirationSeconds, tenancy.limits.minTokenExpirationSeconds);
}

const kubernetesRole = (situation: RoleDocumentInput): JsonObject => {
  const { backend, role } = situation;
  return {
    bound_service_account_names: [...serviceAccountsOf(role)],
    bound_service_account_namespaces: [namespaceOf(role)],
    // A selector is added to the list of namespaces: it must be empty.
    bound_service_account_namespace_selector: '',
    audience: audienceOf(backend, role),
    alias_name_source: aliasNameSource(backend, role) === 'ServiceAccountUID' ? 'serviceaccount_uid' : 'serviceaccount_name',
    ...tokenFields(situation),
  };
};

const jwtRole = (situation: RoleDocumentInput): JsonObject => {
  const { backend, role } = situation;
  const { expiration, notBefore, clockSkew } = backend.spec.jwt?.leeway ?? { expiration: -1, notBefore: 0, clockSkew: 0 };
  const byUID = aliasNameSource(backend, role) === 'ServiceAccountUID';
  return {
    role_type: 'jwt',
    bound_audiences: [audienceOf(backend, role)],
    bound_subject: '',
    bound_claims_type: 'string',
    bound_claims: { sub: serviceAccountsOf(role).map((name) => `system:serviceaccount:${namespaceOf(role)}:${name}`) },
    user_claim: byUID ? '/kubernetes.io/serviceaccount/uid' : 'sub',
    user_claim_json_pointer: byUID,
    groups_claim: '',
    claim_mappings: { ...CLAIM_MAPPINGS },
    expiration_leeway: expiration,
    not_before_leeway: notBefore,
    clock_skew_leeway: clockSkew,
    ...tokenFields(situation),
  };
};

/** The same keys of metadata that the kubernetes method has, so that one templated policy serves both. */
export const CLAIM_MAPPINGS = {
  '/kubernetes.io/namespace': 'service_account_namespace',
  '/kubernetes.io/serviceaccount/name': 'service_account_name',
  '/kubernetes.io/serviceaccount/uid': 'service_account_uid',
} as const;

const tokenFields = ({ backend, role, product, effectivePolicies }: RoleDocumentInput): JsonObject => {
  const { token } = limitedToken(backend, role);
  return {
    token_ttl: token.ttl,
    token_max_ttl: token.maxTTL,
    token_explicit_max_ttl: token.explicitMaxTTL,
    token_period: token.period,
    token_policies: [...effectivePolicies],
    token_bound_cidrs: [...token.boundCIDRs],
    token_num_uses: token.numUses,
    token_no_default_policy: token.noDefaultPolicy,
    token_type: token.type,
    ...openBaoFields(product, token),
  };
};

/** Vault would drop the field without a word. */
const openBaoFields = (product: Product, { strictlyBindIP }: RoleToken): JsonObject =>
  product === 'OpenBao' ? { token_strictly_bind_ip: strictlyBindIP } : {};

const aliasNameSource = ({ spec }: VaultAuthBackend, role: VaultAuthRole) =>
  role.spec.aliasNameSource ?? spec.defaults.aliasNameSource;

const namespaceOf = ({ metadata }: VaultAuthRole): string => metadata.namespace ?? '';
