// Tenancy: whether a namespace may have this role on a backend, and which of the requested policies.
import { type Product, tokenExpirationOf } from './role-document.ts';
import { isClientJWT, type VaultAuthBackend } from './backend.ts';
import { limitedToken } from './role-token.ts';
import { EXTERNAL_PREFIX, type RoleConditionUpdate, serviceAccountsOf, type VaultAuthRole } from './role.ts';
import { roleNameDenial } from './role-name.ts';
import { selectorMatches } from './label-selector.ts';
import type { PolicyRule } from './backend-tenancy.ts';

export interface TenancyInput {
  readonly backend: VaultAuthBackend;
  readonly role: VaultAuthRole;
  readonly namespaceLabels: Readonly<Record<string, string>>;
  /** The name in Vault of the VaultACLPolicy of this name on the backend's endpoint; undefined when there is none. */
  readonly policyName: (name: string) => string | undefined;
  /** Number of older roles of this namespace on the backend, at most the quota. */
  readonly olderRoles: number;
  /** The object that keeps the same role name in Vault, such as "VaultAuthRole team/web" or "VaultEndpoint main". */
  readonly nameHolder: string | undefined;
  /** Undefined until it is detected. */
  readonly product: Product | undefined;
}

export interface TenancyDecision {
  readonly condition: RoleConditionUpdate & { readonly type: 'Accepted' };
  /** Whether Vault may have the role. When false, the role must not exist in Vault. */
  readonly admitted: boolean;
  /** Names in Vault of the admitted policies, without duplicates: defaults first, then requests. */
  readonly effectivePolicies: readonly string[];
}

/**
 * Evaluates the tenancy rules of the backend for a role. A policy that no rule allows is left out and the rest of the role is
 * kept, so that removing a rule takes effect without a change to the role.
 */
export function evaluateTenancy(input: TenancyInput): TenancyDecision {
  const denial = denialOf(input);
  if (denial) return { condition: denial, admitted: false, effectivePolicies: [] };
  const { backend, role } = input;
  const requested = role.spec.policies ?? [];
  const { defaultPolicies, policyRules } = backend.spec.tenancy;
  const isAllowed = (policy: string): boolean => policyRules.some((rule) => allows(rule, policy, input));
  const allowed = requested.filter(isAllowed);
  const admittedPolicies = [...new Set([...defaultPolicies, ...allowed])];
  const effectivePolicies = [...new Set(admittedPolicies.flatMap((policy) => nameInVault(policy, input) ?? []))];
  const decision = (reason: AdmittedReason, message: string): TenancyDecision => ({
    condition: { type: 'Accepted', status: reason === 'Accepted' ? 'True' : 'False', reason, message },
    admitted: true,
    effectivePolicies,
  });
  const notAllowed = requested.filter((policy) => !isAllowed(policy));
  if (notAllowed.length > 0) return decision('PolicyNotAllowed', notAllowedMessage(notAllowed, backend));
  const missing = admittedPolicies.filter((policy) => nameInVault(policy, input) === undefined);
  if (missing.length > 0) return decision('PolicyNotFound', notFoundMessage(missing, backend));
  const exceeded = exceededBy(input);
  if (exceeded.length > 0) return decision('LimitExceeded', `${exceeded.join('; ')}: the role in Vault has the limit instead`);
  if (input.product === 'Vault' && limitedToken(backend, role).token.strictlyBindIP)
    return decision('UnsupportedByProduct', 'token.strictlyBindIP requires OpenBao; the role in Vault is written without it');
  if (isManaged(role) && role.spec.deletionPolicy === 'Retain' && !backend.spec.tenancy.allowRetain)
    return decision('RetainNotAllowed', noRetainMessage(backend));
  return decision('Accepted', 'The backend admits this role.');
}

type Accepted = RoleConditionUpdate & { readonly type: 'Accepted' };

/** Reasons of Accepted with which the role exists in Vault, possibly with less than it requests. */
const ADMITTED = [
  'Accepted',
  'PolicyNotAllowed',
  'PolicyNotFound',
  'LimitExceeded',
  'UnsupportedByProduct',
  'RetainNotAllowed',
] as const;
type AdmittedReason = (typeof ADMITTED)[number];

/** Whether Vault may have a role with these conditions. */
export function isAdmitted(conditions: readonly { readonly type: string; readonly reason: string }[] | undefined): boolean {
  return conditions?.some(({ type, reason }) => type === 'Accepted' && ADMITTED.some((each) => each === reason)) === true;
}

/**
 * Whether the role remains in Vault when its object is deleted. Only with tenancy.allowRetain: otherwise a namespace admin could
 * accumulate roles beyond quota and rules. Without its backend there is no such rule, and the request of the role holds.
 */
export function isRetained(role: VaultAuthRole, backend: VaultAuthBackend | undefined): boolean {
  return (
    (role.spec.deletionPolicy === 'Retain' || !isManaged(role)) && (backend === undefined || backend.spec.tenancy.allowRetain)
  );
}

const isManaged = ({ spec }: VaultAuthRole): boolean => spec.managementPolicy === 'Manage';

/** Why the role must not exist in Vault. */
const denialOf = ({ backend, role, namespaceLabels, olderRoles, nameHolder }: TenancyInput): Accepted | undefined => {
  const name = backend.metadata.name;
  const { tenancy } = backend.spec;
  const deny = (reason: Accepted['reason'], message: string): Accepted => ({
    type: 'Accepted',
    status: 'False',
    reason,
    message,
  });
  if (!selectorMatches(tenancy.namespaceSelector, namespaceLabels))
    return deny(
      'NamespaceNotAllowed',
      `VaultAuthBackend ${name} does not select this namespace (spec.tenancy.namespaceSelector)`,
    );
  if (isClientJWT(backend.spec) && role.spec.audience !== undefined)
    return deny(
      'AudienceNotSupported',
      `VaultAuthBackend ${name} has reviewer mode ClientJWT, which requires the API server's audience: remove spec.audience`,
    );
  const nameDenial = roleNameDenial(backend, role);
  if (nameDenial !== undefined) return deny('NameNotAllowed', nameDenial);
  if (nameHolder !== undefined) return deny('NameTaken', `${nameHolder} already has this role name in Vault: rename one of them`);
  const { maxRolesPerNamespace } = tenancy.limits;
  if (olderRoles >= maxRolesPerNamespace)
    return deny(
      'QuotaExceeded',
      `quota exceeded: VaultAuthBackend ${name} allows ${maxRolesPerNamespace} roles of a namespace, and this one has as many that are older`,
    );
  return undefined;
};

const allows = (
  { policies, namespaceSelector, serviceAccountPattern }: PolicyRule,
  policy: string,
  { role, namespaceLabels }: TenancyInput,
): boolean =>
  policies.includes(policy) &&
  selectorMatches(namespaceSelector, namespaceLabels) &&
  (serviceAccountPattern === undefined || serviceAccountsOf(role).every((name) => globMatches(serviceAccountPattern, name)));

const nameInVault = (policy: string, { policyName }: TenancyInput): string | undefined =>
  policy.startsWith(EXTERNAL_PREFIX) ? policy.slice(EXTERNAL_PREFIX.length) : policyName(policy);

const exceededBy = ({ backend, role }: TenancyInput): readonly string[] => {
  const { exceeded } = limitedToken(backend, role);
  const requested = role.spec.tokenExpirationSeconds;
  const granted = tokenExpirationOf(backend, role);
  return requested === undefined || requested >= granted
    ? exceeded
    : [...exceeded, `tokenExpirationSeconds is ${requested}, the minimum of the backend is ${granted}`];
};

const notAllowedMessage = (policies: readonly string[], { metadata }: VaultAuthBackend): string =>
  `VaultAuthBackend ${metadata.name} does not allow these policies for this namespace and these service accounts ` +
  `(spec.tenancy.policyRules): ${policies.join(', ')}. The role in Vault is written without them; existing tokens keep their policies until they expire`;

const noRetainMessage = ({ metadata }: VaultAuthBackend): string =>
  `VaultAuthBackend ${metadata.name} does not allow deletionPolicy Retain (spec.tenancy.allowRetain): the role is deleted from Vault ` +
  'with this object. Set deletionPolicy to Delete';

const notFoundMessage = (policies: readonly string[], { spec }: VaultAuthBackend): string =>
  `VaultACLPolicy not found on VaultEndpoint ${spec.endpointRef.name}: ${policies.join(', ')}. ` +
  'Use external:NAME for a policy without VaultACLPolicy';

/**
 * Whether a pattern matches a text, as both servers match names (ryanuber/go-glob): a star matches any characters, or none. Runs
 * in time proportional to the product of both lengths, so that no pattern can block the process.
 */
export function globMatches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > text.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}
