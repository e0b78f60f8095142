// Reconciles one VaultAuthRole: the role in Vault that lets its service accounts log in.
import { vaultPolicyName } from '../../resources/acl-policy.ts';
import type { VaultAuthBackend } from '../../resources/backend.ts';
import { audienceOf, tokenExpirationOf } from '../../resources/role-document.ts';
import { takesPrecedence, vaultRoleName } from '../../resources/role-name.ts';
import {
  type RoleConditionUpdate,
  serviceAccountsOf,
  type VaultAuthRole,
  type VaultAuthRoleStatus,
} from '../../resources/role.ts';
import { evaluateTenancy, type TenancyDecision } from '../../resources/tenancy.ts';
import { type ControllerContext, type ReconcileResult, resyncAfterMs } from '../runtime/context.ts';
import { type NextRun, type ObjectResult, reportStatus, retryAfter } from '../runtime/report-status.ts';
import { vaultFailure } from '../runtime/vault-failure.ts';
import type { ReadyVault, VaultState } from '../runtime/vault-registry.ts';
import { programmed, serviceAccountsExist } from './conditions.ts';
import { loginOf } from './claim.ts';
import { deleteVaultAuthRole, postponeVanished, removeFromVault } from './deletion.ts';
import { ensureRole } from './ensure-role.ts';
import { roleResyncSeconds } from './resync.ts';
import { isSameRef, type ResolvedBackend, resolveBackend, type VaultRoleRef, vaultRoleRef } from './vault-role-ref.ts';

type RoleResult = ObjectResult<RoleConditionUpdate, VaultAuthRoleStatus>;

/** Resync of a role without a backend; the watch mapping enqueues it when that changes. */
const WITHOUT_BACKEND_SECONDS = 600;

/** The reconciler. Throws what is neither Vault's answer nor a fault of the object. */
export async function reconcileRole(
  context: ControllerContext,
  key: string,
  role: VaultAuthRole | undefined,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  await postponeVanished(context, key);
  if (!role) return {};
  if (role.metadata.deletionTimestamp !== undefined) return deleteVaultAuthRole(context, role);
  const { resolved, accounts } = gather(context, role);
  const result = resolved.ok
    ? await act({ context, role, ...resolved, plan: planRole(context, role, resolved.backend, accounts) }, signal)
    : withoutBackend(context, role, resolved.message);
  const missing = accounts.filter(({ exists }) => !exists).map(({ name }) => name);
  const conditions = [...result.conditions, serviceAccountsExist(missing)];
  return reportStatus(context, 'VaultAuthRole', role, { ...result, conditions }, ['ServiceAccountsExist']);
}

type ServiceAccounts = NonNullable<VaultAuthRoleStatus['binding']>['serviceAccounts'];

interface Observed {
  readonly resolved: ResolvedBackend;
  readonly accounts: ServiceAccounts;
}

/** The role's backend and service accounts, from the caches. Throws if its namespace is not cached yet. */
const gather = (context: ControllerContext, role: VaultAuthRole): Observed => {
  const { namespace = '' } = role.metadata;
  // Informers sync independently. Without labels, a selector with NotIn would match every namespace.
  if (!context.listers.namespaces.get(namespace)) throw new Error(`the namespace ${namespace} is not cached yet`);
  const accounts = serviceAccountsOf(role).map((name) => {
    const uid = context.listers.serviceAccounts.get(`${namespace}/${name}`)?.uid;
    return { name, exists: uid !== undefined, ...(uid === undefined ? {} : { uid }) };
  });
  return { resolved: resolveBackend(context, role), accounts };
};

interface RolePlan {
  readonly vault: VaultState;
  readonly tenancy: TenancyDecision;
  /** Status fields that hold whatever becomes of the role in Vault. */
  readonly status: VaultAuthRoleStatus;
  readonly next: NextRun;
}

/** What the role may have on its backend. */
const planRole = (
  context: ControllerContext,
  role: VaultAuthRole,
  backend: VaultAuthBackend,
  accounts: ServiceAccounts,
): RolePlan => {
  const tenancy = decideTenancy(context, backend, role);
  return {
    vault: context.vault.registry.get(backend.spec.endpointRef.name),
    tenancy,
    status: {
      effectivePolicies: tenancy.effectivePolicies,
      binding: {
        serviceAccounts: accounts,
        audience: audienceOf(backend, role),
        tokenExpirationSeconds: tokenExpirationOf(backend, role),
      },
    },
    next: { afterMs: resyncAfterMs(context.clock, roleResyncSeconds(context.listers, backend)) },
  };
};

interface Action {
  readonly context: ControllerContext;
  readonly role: VaultAuthRole;
  readonly backend: VaultAuthBackend;
  readonly plan: RolePlan;
}

/** Makes Vault match the plan. An error of Vault becomes a condition. */
const act = async (action: Action, signal: AbortSignal): Promise<RoleResult> => {
  const { context, role, backend, plan } = action;
  const { vault } = plan;
  const endpoint = backend.spec.endpointRef.name;
  if (vault.state === 'notReady') {
    const reason = vault.reason === 'Sealed' ? 'VaultSealed' : 'VaultUnavailable';
    return resultOf(action, programmed('Unknown', reason, `VaultEndpoint ${endpoint}: ${vault.message}`));
  }
  const ref = vaultRoleRef(context, backend, role, vault.clusterID);
  try {
    return await programRole(action, vault, ref, signal);
  } catch (error) {
    const failure = vaultFailure(error, `role ${ref.roleName} of auth/${ref.mountPath}`);
    if (!failure) throw error;
    const isDenied = failure.reason === 'WriteFailed' || failure.reason === 'PermissionDenied';
    const condition = programmed(isDenied ? 'False' : 'Unknown', failure.reason, failure.message);
    const result = resultOf(action, condition, { drift: role.status?.drift ?? [] });
    return { ...result, next: retryAfter(failure.retryAfterMs) };
  }
};

/** Removes the role from where it may not be, and ensures it where it belongs. Throws VaultError. */
const programRole = async (action: Action, vault: ReadyVault, ref: VaultRoleRef, signal: AbortSignal): Promise<RoleResult> => {
  const { context, role, backend, plan } = action;
  const { tenancy } = plan;
  const claimed = role.status?.vault?.owned ? role.status.vault : undefined;
  const isMisplaced = claimed !== undefined && (!tenancy.admitted || !isSameRef(claimed, ref));
  if (isMisplaced) await removeFromVault(context, backend, role);
  if (!tenancy.admitted) {
    const message = isMisplaced ? 'The role is not accepted; it was removed from Vault.' : 'The role is not accepted.';
    return resultOf(action, programmed('False', 'Pending', message), {}, withoutVault(role.status));
  }
  const mounted = backend.status?.conditions?.find(({ type }) => type === 'Mounted');
  // The same path means something else on a mount of another type.
  if (backend.status?.mount?.accessor === undefined || mounted?.reason === 'TypeMismatch') {
    const why = mounted?.message ?? 'it has not been reconciled yet';
    return resultOf(
      action,
      programmed('False', 'BackendNotReady', `VaultAuthBackend ${backend.metadata.name} has no mount: ${why}`),
    );
  }
  const { condition, status } = await ensureRole({
    context,
    backend,
    role: isMisplaced ? { ...role, status: withoutVault(role.status) } : role,
    vault,
    ref,
    effectivePolicies: tenancy.effectivePolicies,
    isReduced: tenancy.condition.status === 'False',
    signal,
  });
  return resultOf(action, condition, status);
};

const resultOf = (
  { role, plan }: Action,
  condition: RoleConditionUpdate,
  status: VaultAuthRoleStatus = {},
  previous: VaultAuthRoleStatus | undefined = role.status,
): RoleResult => ({
  conditions: [plan.tenancy.condition, condition],
  status: { ...previous, drift: [], ...plan.status, ...status },
  next: plan.next,
});

const withoutBackend = (context: ControllerContext, role: VaultAuthRole, problem: string): RoleResult => ({
  conditions: [
    { type: 'Accepted', status: 'False', reason: 'BackendNotFound', message: problem },
    programmed('False', 'Pending', 'The role has no backend.'),
  ],
  status: { ...role.status, drift: [] },
  next: { afterMs: resyncAfterMs(context.clock, WITHOUT_BACKEND_SECONDS) },
});

/** The status of a role that is not in Vault. */
const withoutVault = (status: VaultAuthRoleStatus | undefined): VaultAuthRoleStatus => {
  const { vault: _vault, documentHash: _hash, programmed: _programmed, drift: _drift, ...rest } = status ?? {};
  return rest;
};

const decideTenancy = (context: ControllerContext, backend: VaultAuthBackend, role: VaultAuthRole): TenancyDecision => {
  const { listers, vault } = context;
  const { namespace = '', uid } = role.metadata;
  // Observed roles count: each is read from Vault again and again.
  const countsBefore = (other: VaultAuthRole): boolean =>
    other.metadata.uid !== uid && takesPrecedence(other, role) && isOn(context, backend, other);
  const isPlain = backend.spec.tenancy.roleNaming === 'Plain' && role.spec.managementPolicy === 'Manage';
  const nameHolder = isPlain ? findNameHolder(context, backend, role) : undefined;
  const server = vault.registry.get(backend.spec.endpointRef.name);
  return evaluateTenancy({
    backend,
    role,
    namespaceLabels: listers.namespaces.get(namespace)?.labels ?? {},
    policyName: (name) => {
      const policy = listers.policies.get(name);
      return policy?.spec.endpointRef.name === backend.spec.endpointRef.name ? vaultPolicyName(policy) : undefined;
    },
    olderRoles: countUpTo(backend.spec.tenancy.limits.maxRolesPerNamespace, listers.rolesInNamespace(namespace), countsBefore),
    nameHolder,
    product: server.state === 'ready' ? server.product : undefined,
  });
};

/**
 * The object that keeps the name, such as "VaultAuthRole team/web". An endpoint keeps the role by which it logs in. Of roles, the one
 * that has the name in Vault keeps it; before any has it, the oldest wins: a tenant can change names, but not ages.
 */
const findNameHolder = (context: ControllerContext, backend: VaultAuthBackend, role: VaultAuthRole): string | undefined => {
  const name = vaultRoleName(backend, role);
  const login = loginOf(context, backend, name);
  if (login !== undefined) return login;
  const hasName = ({ status }: VaultAuthRole): boolean =>
    status?.vault?.owned === true && status.vault.roleName === name && status.vault.backend === backend.metadata.name;
  const holder = context.listers
    .rolesByVaultName(name)
    .find(
      (other) =>
        other.metadata.uid !== role.metadata.uid &&
        isManagedOn(context, backend, other) &&
        vaultRoleName(backend, other) === name &&
        (hasName(other) === hasName(role) ? takesPrecedence(other, role) : hasName(other)),
    );
  return holder && `VaultAuthRole ${holder.metadata.namespace}/${holder.metadata.name}`;
};

/** Stops at the quota: with thousands of roles beyond it, each would look at all others. */
const countUpTo = <T>(most: number, items: readonly T[], counts: (item: T) => boolean): number => {
  let count = 0;
  for (const item of items) {
    if (count >= most) break;
    if (counts(item)) count += 1;
  }
  return count;
};

const isManagedOn = (context: ControllerContext, backend: VaultAuthBackend, role: VaultAuthRole): boolean =>
  // A role that its object created stays managed when the object changes to Observe.
  (role.spec.managementPolicy === 'Manage' || role.status?.vault?.owned === true) && isOn(context, backend, role);

const isOn = (context: ControllerContext, backend: VaultAuthBackend, role: VaultAuthRole): boolean =>
  (role.status?.vault?.backend ?? backendNameOf(context, role)) === backend.metadata.name;

const backendNameOf = (context: ControllerContext, role: VaultAuthRole): string | undefined => {
  const resolved = resolveBackend(context, role);
  return resolved.ok ? resolved.backend.metadata.name : undefined;
};
