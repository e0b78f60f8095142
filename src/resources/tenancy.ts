// What a namespace may have on a backend: whether it may have this role at all, and which of the policies it asks for.
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
  /** How many older roles of this namespace the backend has. */
  readonly olderRoles: number;
  /** Who has the name in Vault that this role would have, and has it longer. */
  readonly nameHolder: string | undefined;
  /** Undefined while it is not known. */
  readonly product: Product | undefined;
}

export interface TenancyDecision {
  readonly finding: RoleConditionUpdate & { readonly type: 'Accepted' };
  /** Whether Vault may have the role: false means that it must not be there. */
  readonly admitted: boolean;
  /** Names in Vault of what is admitted, without duplicates, in the order of defaults and requests. */
  readonly effectivePolicies: readonly string[];
}

/**
 * Judges a role. What is asked for and not allowed is left out, and the rest holds: so a rule that is taken away takes effect
 * although the tenant does nothing. A role that has no right to be there at all is not admitted.
 */
export function evaluateTenancy(situation: TenancyInput): TenancyDecision {
  const refusal = refusalOf(situation);
  if (refusal) return { finding: refusal, admitted: false, effectivePolicies: [] };
  const { backend, role } = situation;
  const requested = role.spec.policies ?? [];
  const { defaultPolicies, policyRules } = backend.spec.tenancy;
  const isAllowed = (policy: string): boolean => policyRules.some((rule) => allows(rule, policy, situation));
  const allowed = requested.filter(isAllowed);
  const wanted = [...new Set([...defaultPolicies, ...allowed])];
  const effectivePolicies = [...new Set(wanted.flatMap((policy) => nameInVault(policy, situation) ?? []))];
  const verdict = (reason: AdmittedReason, message: string): TenancyDecision => ({
    finding: { type: 'Accepted', status: reason === 'Accepted' ? 'True' : 'False', reason, message },
    admitted: true,
    effectivePolicies,
  });
  const refused = requested.filter((policy) => !isAllowed(policy));
  if (refused.length > 0) return verdict('PolicyNotAllowed', notAllowed(refused, backend));
  const missing = wanted.filter((policy) => nameInVault(policy, situation) === undefined);
  if (missing.length > 0) return verdict('PolicyNotFound', notFound(missing, backend));
  const exceeded = exceededBy(situation);
  if (exceeded.length > 0) return verdict('LimitExceeded', `${exceeded.join('; ')}: the limit is what Vault has`);
  if (situation.product === 'Vault' && limitedToken(backend, role).token.strictlyBindIP)
    return verdict('UnsupportedByProduct', 'token.strictlyBindIP is known to OpenBao alone; Vault has the role without it');
  if (isManaged(role) && role.spec.deletionPolicy === 'Retain' && !backend.spec.tenancy.allowRetain)
    return verdict('RetainNotAllowed', noRetain(backend));
  return verdict('Accepted', 'The backend admits this role.');
}

type Accepted = RoleConditionUpdate & { readonly type: 'Accepted' };

/** Reasons of Accepted with which Vault has a role, be it with less than was asked for. */
const ADMITTED = [
  'Accepted',
  'PolicyNotAllowed',
  'PolicyNotFound',
  'LimitExceeded',
  'UnsupportedByProduct',
  'RetainNotAllowed',
] as const;
type AdmittedReason = (typeof ADMITTED)[number];

/** Whether a role of which this was found last may be in Vault. */
export function isAdmitted(conditions: readonly { readonly type: string; readonly reason: string }[] | undefined): boolean {
  return conditions?.some(({ type, reason }) => type === 'Accepted' && ADMITTED.some((each) => each === reason)) === true;
}

/**
 * Whether what an object has made in Vault stays there when the object is deleted. Else a tenant could leave one role after the
 * other behind, each beyond quota and rules. Without its backend there is no rule either, and what was asked for holds.
 */
export function isRetained(role: VaultAuthRole, backend: VaultAuthBackend | undefined): boolean {
  return (
    (role.spec.deletionPolicy === 'Retain' || !isManaged(role)) && (backend === undefined || backend.spec.tenancy.allowRetain)
  );
}

const isManaged = ({ spec }: VaultAuthRole): boolean => spec.managementPolicy === 'Manage';

/** Why the role must not be there at all. */
const refusalOf = ({ backend, role, namespaceLabels, olderRoles, nameHolder }: TenancyInput): Accepted | undefined => {
  const name = backend.metadata.name;
  const { tenancy } = backend.spec;
  const no = (reason: Accepted['reason'], message: string): Accepted => ({ type: 'Accepted', status: 'False', reason, message });
  if (!selectorMatches(tenancy.namespaceSelector, namespaceLabels))
    return no('NamespaceNotAllowed', `VaultAuthBackend ${name} does not select this namespace (spec.tenancy.namespaceSelector)`);
  if (isClientJWT(backend.spec) && role.spec.audience !== undefined)
    return no(
      'AudienceNotSupported',
      `VaultAuthBackend ${name} has the reviewer mode ClientJWT: tokens must have the API server's audience; leave spec.audience out`,
    );
  const refusal = roleNameDenial(backend, role);
  if (refusal !== undefined) return no('NameNotAllowed', refusal);
  if (nameHolder !== undefined) return no('NameTaken', `${nameHolder} has this name in Vault already; rename one of them`);
  const { maxRolesPerNamespace } = tenancy.limits;
  if (olderRoles >= maxRolesPerNamespace)
    return no(
      'QuotaExceeded',
      `this namespace has ${olderRoles} older roles on VaultAuthBackend ${name}, which allows ${maxRolesPerNamespace}`,
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
  const asked = role.spec.tokenExpirationSeconds;
  const given = tokenExpirationOf(backend, role);
  return asked === undefined || asked >= given
    ? exceeded
    : [...exceeded, `tokenExpirationSeconds is ${asked}, the backend's minimum is ${given}`];
};

const notAllowed = (policies: readonly string[], { metadata }: VaultAuthBackend): string =>
  `not allowed for this namespace and these service accounts by VaultAuthBackend ${metadata.name} (spec.tenancy.policyRules): ` +
  `${policies.join(', ')}. Vault has the role without them; tokens that exist keep what they have until they end`;

const noRetain = ({ metadata }: VaultAuthBackend): string =>
  `VaultAuthBackend ${metadata.name} does not let roles outlive their objects (spec.tenancy.allowRetain): Vault has the role, ` +
  'and it is deleted with this object. Set deletionPolicy to Delete';

const notFound = (policies: readonly string[], { spec }: VaultAuthBackend): string =>
  `there is no VaultACLPolicy on VaultEndpoint ${spec.endpointRef.name} of the name ${policies.join(', ')}; ` +
  `write external:NAME for a policy that is made elsewhere`;

// Patterns with stars, as both servers match names (ryanuber/go-glob).

/** Whether a pattern matches a text; a star stands for any characters, also none. In time that grows with the product of their lengths. */
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
