// The desired role in Vault: every parameter that we support, including zeros, because a role write keeps parameters that it omits.
import type { Json, JsonObject } from '../json/json.ts';
import { defaultAudience, type VaultAuthBackend } from './backend.ts';
import type { Form, Forms } from './canonical.ts';
import { limitedToken, TOKEN_FORMS, tokenParameters } from './role-token.ts';
import { serviceAccountsOf, type VaultAuthRole } from './role.ts';

export type Product = 'Vault' | 'OpenBao';

export interface RoleDocumentInput {
  readonly backend: VaultAuthBackend;
  readonly role: VaultAuthRole;
  readonly product: Product;
  /** Names in Vault of the admitted policies, from evaluateTenancy. */
  readonly effectivePolicies: readonly string[];
}

/**
 * The body of a role write (HTTP API of the kubernetes and jwt auth methods), without null or undefined. It binds exact service
 * account names in the object's own namespace, so that a namespace admin cannot bind another namespace.
 */
export function roleDocument(input: RoleDocumentInput): JsonObject {
  const { backend, role, product, effectivePolicies } = input;
  const parameters = backend.spec.type === 'kubernetes' ? KUBERNETES_ROLE : JWT_ROLE;
  return {
    ...Object.fromEntries(Object.entries(parameters).map(([name, { value }]) => [name, value(input)])),
    token_policies: [...effectivePolicies],
    ...tokenParameters(limitedToken(backend, role).token, product),
  };
}

/** The audience that a token must have; empty for the API server's own. */
export function audienceOf(backend: VaultAuthBackend, role: VaultAuthRole): string {
  return role.spec.audience ?? defaultAudience(backend);
}

/** Lifetime in seconds of the projected tokens of a role's pods: as requested, but at least the minimum of the backend. */
export function tokenExpirationOf({ spec: { defaults, tenancy } }: VaultAuthBackend, { spec }: VaultAuthRole): number {
  return Math.max(spec.tokenExpirationSeconds ?? defaults.tokenExpirationSeconds, tenancy.limits.minTokenExpirationSeconds);
}

/** A parameter of a role write: its value, and how it is compared with what Vault has. */
interface RoleParameter {
  readonly form: Form;
  readonly value: (input: RoleDocumentInput) => Json;
}

const KUBERNETES_ROLE: Readonly<Record<string, RoleParameter>> = {
  bound_service_account_names: { form: 'set', value: ({ role }) => [...serviceAccountsOf(role)] },
  bound_service_account_namespaces: { form: 'set', value: ({ role }) => [namespaceOf(role)] },
  // Vault adds the namespaces of a selector to the list: it must be empty.
  bound_service_account_namespace_selector: { form: 'text', value: () => '' },
  // Vault leaves an empty audience out of its answer.
  audience: { form: 'text', value: ({ backend, role }) => audienceOf(backend, role) },
  alias_name_source: { form: 'text', value: (input) => (isAliasedByUID(input) ? 'serviceaccount_uid' : 'serviceaccount_name') },
};

const JWT_ROLE: Readonly<Record<string, RoleParameter>> = {
  role_type: { form: 'text', value: () => 'jwt' },
  bound_audiences: { form: 'set', value: ({ backend, role }) => [audienceOf(backend, role)] },
  bound_subject: { form: 'text', value: () => '' },
  bound_claims_type: { form: 'text', value: () => 'string' },
  bound_claims: {
    form: 'map',
    value: ({ role }) => ({
      sub: serviceAccountsOf(role).map((name) => `system:serviceaccount:${namespaceOf(role)}:${name}`),
    }),
  },
  user_claim: { form: 'text', value: (input) => (isAliasedByUID(input) ? '/kubernetes.io/serviceaccount/uid' : 'sub') },
  user_claim_json_pointer: { form: 'flag', value: isAliasedByUID },
  groups_claim: { form: 'text', value: () => '' },
  claim_mappings: { form: 'map', value: () => ({ ...CLAIM_MAPPINGS }) },
  expiration_leeway: { form: 'seconds', value: (input) => leewayOf(input).expiration },
  not_before_leeway: { form: 'seconds', value: (input) => leewayOf(input).notBefore },
  clock_skew_leeway: { form: 'seconds', value: (input) => leewayOf(input).clockSkew },
};

/** The same metadata keys as the kubernetes auth method has, so that a templated policy works with both. */
export const CLAIM_MAPPINGS = {
  '/kubernetes.io/namespace': 'service_account_namespace',
  '/kubernetes.io/serviceaccount/name': 'service_account_name',
  '/kubernetes.io/serviceaccount/uid': 'service_account_uid',
} as const;

const formsOf = (parameters: Readonly<Record<string, RoleParameter>>): Forms => ({
  ...Object.fromEntries(Object.entries(parameters).map(([name, { form }]) => [name, form])),
  // Vault keeps policy names as written and compares them in lower case.
  token_policies: 'lowerSet',
  ...TOKEN_FORMS,
});
/** How the parameters of a role are compared, by type of the backend. */
export const ROLE_FORMS = { kubernetes: formsOf(KUBERNETES_ROLE), jwt: formsOf(JWT_ROLE) } as const;

function leewayOf({ backend }: RoleDocumentInput) {
  return backend.spec.jwt?.leeway ?? { expiration: -1, notBefore: 0, clockSkew: 0 };
}

function isAliasedByUID({ backend, role }: RoleDocumentInput): boolean {
  return (role.spec.aliasNameSource ?? backend.spec.defaults.aliasNameSource) === 'ServiceAccountUID';
}

function namespaceOf({ metadata }: VaultAuthRole): string {
  return metadata.namespace ?? '';
}
