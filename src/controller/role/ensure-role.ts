// Makes the role in Vault match its VaultAuthRole, or, in observe mode, checks whether it admits the service accounts.
import { createHash } from 'node:crypto';
import { isObject, type JsonObject } from '../../json/json.ts';
import type { VaultAuthBackend } from '../../resources/backend.ts';
import { differences } from '../../resources/canonical.ts';
import { isObserved } from '../../resources/common-fields.ts';
import { roleDocument } from '../../resources/role-document.ts';
import { serviceAccountsOf, type VaultAuthRole, type VaultAuthRoleStatus } from '../../resources/role.ts';
import { globMatches, isRetained } from '../../resources/tenancy.ts';
import { readRole, writeRole } from '../../vault/roles.ts';
import { type DocumentResult, fieldNames, previouslyIgnored, reconcileDocument } from '../document.ts';
import { isPendingDeletion, removePendingDeletion } from '../pending-deletions.ts';
import type { ControllerContext } from '../runtime/context.ts';
import type { ReadyVault } from '../runtime/vault-registry.ts';
import { type Programmed, programmed, programmedBy } from './conditions.ts';
import { bindsNamespace, claimOf } from './claim.ts';
import { isSameRef, type VaultRoleRef } from './vault-role-ref.ts';

export interface RoleInput {
  readonly context: ControllerContext;
  readonly backend: VaultAuthBackend;
  readonly role: VaultAuthRole;
  readonly vault: ReadyVault;
  readonly ref: VaultRoleRef;
  /** Names in Vault. */
  readonly effectivePolicies: readonly string[];
  /** The role requests more than it is admitted for. */
  readonly isReduced: boolean;
  readonly signal: AbortSignal;
}

export interface EnsuredRole {
  readonly condition: Programmed;
  readonly status: VaultAuthRoleStatus;
}

/** Reads, compares and writes the role. Throws VaultError, and a KubeError if the claim cannot be written to the status. */
export async function ensureRole(input: RoleInput): Promise<EnsuredRole> {
  const { context, backend, role, vault, ref, effectivePolicies, signal } = input;
  const previous = role.status;
  const { mountPath, roleName } = ref;
  const document = roleDocument({ backend, role, product: vault.product, effectivePolicies });
  const documentHash = createHash('sha256').update(JSON.stringify(document)).digest('hex');
  const isOwned = previous?.vault?.owned === true && isSameRef(previous.vault, ref);
  const claim = claimOf(context, role);
  const isQualified = claim.state === 'valid' && claim.isQualified;
  let isClaimed = isOwned;
  const observer = observerOf(input, isOwned);
  let found: JsonObject | undefined;
  if (isOwned && (observer === undefined || observer === OWN_POLICY)) await ensureFinalizer(input);
  const result = await reconcileDocument<JsonObject>(
    {
      read: async () => (found = await readRole(vault.session, mountPath, roleName, signal)),
      differences: (current) => differences(document, current, backend.spec.type === 'jwt' ? 'jwtRole' : 'kubernetesRole'),
      write: () => writeRole(vault.session, mountPath, roleName, document),
      claim: async () => {
        await ensureFinalizer(input);
        await context.kube.writeStatus('VaultAuthRole', role, { ...previous, vault: { ...ref, owned: true } });
        isClaimed = true;
        await removePendingDeletion(context, backend, roleName);
      },
    },
    {
      isOwned: (current) =>
        isOwned && (isQualified || current === undefined || bindsNamespace(current, role.metadata.namespace ?? '')),
      isWritten: previous?.documentHash === documentHash,
      ignored: previouslyIgnored(previous, 'Programmed'),
      // A role that an earlier object left in Vault is adopted.
      adoption: isPendingDeletion(backend, roleName, vault.clusterID) ? 'Always' : backend.spec.adoption,
      driftPolicy: backend.spec.driftPolicy,
      observeOnly: observer !== undefined,
      fence: context.vault.fence,
    },
  );
  report(input, result);
  const isWritten = result.outcome === 'InSync' || result.outcome === 'Repaired' || result.outcome === 'IgnoredParameters';
  const isManagedElsewhere = role.spec.managementPolicy === 'Observe';
  const condition = found && isManagedElsewhere ? admission(input, found) : programmedBy(result, roleName, observer ?? '');
  // A namespace admin may name any role of the mount: the content of another tenant's role must not show in the status.
  const isHidden = result.outcome === 'NotOwned' || (isManagedElsewhere && condition.reason === 'ObservedMismatch');
  return {
    condition,
    status: {
      vault: { ...ref, owned: isClaimed },
      ...(isWritten ? { documentHash, programmed: true } : {}),
      effectivePolicies: observer === undefined ? effectivePolicies : isHidden ? [] : policiesOf(found),
      drift: isHidden ? result.drift.map(({ field, desired }) => ({ field, desired, actual: HIDDEN })) : result.drift,
      ...(result.warnings === undefined ? {} : { warnings: result.warnings }),
      lastSyncTime: new Date(context.clock.now()).toISOString(),
    },
  };
}

const HIDDEN = '(of another owner, not shown)';

/** The observer message of a role whose own managementPolicy is Observe. */
const OWN_POLICY = 'observe only';

/** Why nothing is written; undefined: the role is managed. */
const observerOf = ({ context, backend, role, isReduced }: RoleInput, isOwned: boolean): string | undefined => {
  const endpoint = context.listers.endpoints.get(backend.spec.endpointRef.name);
  if (context.vault.observeOnly) return 'the controller is in observe mode';
  // Otherwise a tenant could keep, by Observe, what a rule of the backend no longer allows.
  if (isObserved(role) && !(isOwned && isReduced)) return OWN_POLICY;
  if (isObserved(backend)) return `VaultAuthBackend ${backend.metadata.name} is in observe mode`;
  return endpoint && isObserved(endpoint) ? `VaultEndpoint ${endpoint.metadata.name} is in observe mode` : undefined;
};

/** Only an object whose deletion deletes the role in Vault needs the finalizer. */
const ensureFinalizer = ({ context: { kube }, role, backend }: RoleInput): Promise<void> =>
  isRetained(role, backend) ? kube.removeFinalizer('VaultAuthRole', role) : kube.addFinalizer('VaultAuthRole', role);

/** A role that is managed elsewhere need not equal what the controller would write: it has to admit the service accounts. */
const admission = ({ context, backend, role, ref }: RoleInput, current: JsonObject): Programmed => {
  const labels = context.listers.namespaces.get(role.metadata.namespace ?? '')?.labels ?? {};
  const missing = notAdmitted(backend, role, current, labels);
  return missing.length === 0
    ? programmed('True', 'Observed', `The role ${ref.roleName} in Vault admits these service accounts (observe only).`)
    : programmed(
        'False',
        'ObservedMismatch',
        `The role ${ref.roleName} in Vault does not admit ${missing.join(', ')} (observe only).`,
      );
};

/** Limits of the status: a role that is only observed can have any number of policies, of any length. */
const MAX_POLICY_LENGTH = 256;
const MAX_EFFECTIVE_POLICIES = 96;

const policiesOf = (current: JsonObject | undefined): readonly string[] => {
  const policies = current?.['token_policies'];
  const names = Array.isArray(policies) ? policies.filter((policy) => typeof policy === 'string') : [];
  return [...new Set(names.map((name) => name.slice(0, MAX_POLICY_LENGTH)))].slice(0, MAX_EFFECTIVE_POLICIES);
};

const report = ({ context, role, ref }: RoleInput, { outcome, drift, repaired, overwrote }: DocumentResult): void => {
  const { metrics, emitEvent } = context.report;
  if (repaired.length > 0) {
    metrics.drift('VaultAuthRole', 'repaired', repaired.length);
    emitEvent(role, 'Warning', 'Repaired', `Drift corrected in role ${ref.roleName}: ${fieldNames(repaired)}.`);
  }
  if (overwrote.length > 0)
    emitEvent(
      role,
      'Warning',
      'Overwritten',
      `The role ${ref.roleName} in Vault was different and was overwritten: ${fieldNames(overwrote)}.`,
    );
  if (outcome === 'Drifted') metrics.drift('VaultAuthRole', 'reported', Math.max(1, drift.length));
  if (outcome === 'IgnoredParameters') metrics.drift('VaultAuthRole', 'ignored', drift.length);
};

/** The service accounts that a role in Vault does not admit, by the rules of Vault's auth methods. */
const notAdmitted = (
  backend: VaultAuthBackend,
  role: VaultAuthRole,
  current: JsonObject,
  namespaceLabels: Readonly<Record<string, string>>,
): readonly string[] => {
  const { namespace = '' } = role.metadata;
  const accounts = serviceAccountsOf(role);
  switch (backend.spec.type) {
    case 'kubernetes':
      if (!admitsNamespace(current, namespace, namespaceLabels)) return accounts;
      return accounts.filter((name) => !matchesSomeGlob(current['bound_service_account_names'], name));
    case 'jwt':
      return accounts.filter((name) => !admitsSubject(current, `system:serviceaccount:${namespace}:${name}`));
  }
};

/** The list and the selector are alternatives (auth-kubernetes); of a selector only matchLabels count. */
const admitsNamespace = (current: JsonObject, namespace: string, labels: Readonly<Record<string, string>>): boolean => {
  if (matchesSomeGlob(current['bound_service_account_namespaces'], namespace)) return true;
  const selector = current['bound_service_account_namespace_selector'];
  if (typeof selector !== 'string' || selector === '') return false;
  try {
    const parsed: unknown = JSON.parse(selector);
    const required = isObject(parsed) && isObject(parsed['matchLabels']) ? Object.entries(parsed['matchLabels']) : [];
    return required.length > 0 && required.every(([key, value]) => labels[key] === value);
  } catch {
    // Vault accepts YAML as well, which is not evaluated here: a false alarm would be worse.
    return true;
  }
};

const admitsSubject = (current: JsonObject, subject: string): boolean => {
  const bound = current['bound_subject'];
  if (typeof bound === 'string' && bound !== '' && bound !== subject) return false;
  const claims = current['bound_claims'];
  const required = isObject(claims) ? claims['sub'] : undefined;
  if (required === undefined || required === null) return true;
  const list = Array.isArray(required) ? required : [required];
  return current['bound_claims_type'] === 'glob' ? matchesSomeGlob(list, subject) : list.includes(subject);
};

const matchesSomeGlob = (patterns: unknown, text: string): boolean =>
  Array.isArray(patterns) && patterns.some((pattern) => typeof pattern === 'string' && globMatches(pattern, text));
