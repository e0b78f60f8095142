// Brings one VaultAuthRole and the role in Vault together.
import { vaultPolicyName } from '../../resources/acl-policy.ts';
import type { VaultAuthBackend } from '../../resources/backend.ts';
import { mergeConditions, readyCondition } from '../../resources/condition.ts';
import { audienceOf, tokenExpirationOf } from '../../resources/role-document.ts';
import { isOlder, vaultRoleName } from '../../resources/role-name.ts';
import {
  type RoleConditionUpdate,
  serviceAccountsOf,
  type VaultAuthRole,
  type VaultAuthRoleStatus,
} from '../../resources/role.ts';
import { evaluateTenancy, type TenancyDecision } from '../../resources/tenancy.ts';
import { type ControllerContext, type Reconcile, resyncAfterMs } from '../runtime/context.ts';
import { vaultFailure } from '../runtime/vault-failure.ts';
import { accountsFinding, programmed } from './conditions.ts';
import { removeRole, takeAway } from './deletion.ts';
import { keepRole } from './ensure-role.ts';
import { roleResyncSeconds } from './resync.ts';
import { backendOf, isSamePlace, placeOf } from './vault-role-ref.ts';

/** What one pass found, and what of it the status remembers. */
interface Outcome {
  readonly findings: readonly RoleConditionUpdate[];
  readonly status: Partial<VaultAuthRoleStatus>;
  /** It has to be tried again: when Vault said so, or else when the queue says. */
  readonly again?: { readonly requeueAfterMs: number | undefined };
  readonly resyncSeconds?: number;
  /** It is not in Vault, and nothing of it is. */
  readonly isNowhere?: boolean;
}

/** How often a role is looked at that has no backend; whatever could change that tells us too. */
const WITHOUT_BACKEND_SECONDS = 600;

/** The reconciler. Throws what was not the fault of the object or of Vault. */
export const reconcileRole: Reconcile<VaultAuthRole> = async (context, _key, role, signal) => {
  if (!role) return {};
  if (role.metadata.deletionTimestamp !== undefined) return removeRole(context, role);
  const outcome = await look(context, role, signal);
  const accounts = accountsOf(context, role);
  const { generation } = role.metadata;
  const missing = accounts.filter(({ exists }) => !exists).map(({ name }) => name);
  const ready = readyCondition(outcome.findings);
  const conditions = [...outcome.findings, accountsFinding(missing), ready];
  const { binding, ...status } = outcome.status;
  await context.kube.writeStatus('VaultAuthRole', role, {
    ...(outcome.isNowhere ? withoutPlace(role.status) : role.status),
    drift: [],
    ...status,
    ...(binding ? { binding: { ...binding, serviceAccounts: accounts } } : {}),
    observedGeneration: generation,
    conditions: mergeConditions(
      role.status?.conditions ?? [],
      conditions,
      generation,
      new Date(context.clock.now()).toISOString(),
    ),
  });
  const { again, resyncSeconds = WITHOUT_BACKEND_SECONDS } = outcome;
  if (!again) return { requeueAfterMs: resyncAfterMs(context.clock, resyncSeconds) };
  if (again.requeueAfterMs !== undefined) return { requeueAfterMs: again.requeueAfterMs };
  throw new Error(ready.message);
};

const look = async (context: ControllerContext, role: VaultAuthRole, signal: AbortSignal): Promise<Outcome> => {
  const { namespace = '' } = role.metadata;
  // Watches do not wait for one another. Without its labels no selector can be judged: "not in" would hold.
  if (!context.listers.namespaces.get(namespace)) throw new Error(`the namespace ${namespace} is not known (yet)`);
  const found = backendOf(context, role);
  if (!found.ok) {
    const accepted: RoleConditionUpdate = {
      type: 'Accepted',
      status: 'False',
      reason: 'BackendNotFound',
      message: found.message,
    };
    return { findings: [accepted, programmed('False', 'Pending', 'The role has no backend.')], status: {} };
  }
  const { backend } = found;
  const vault = context.vault.registry.get(backend.spec.endpointRef.name);
  const verdict = judged(context, backend, role);
  const status: Partial<VaultAuthRoleStatus> = {
    effectivePolicies: verdict.effectivePolicies,
    binding: {
      serviceAccounts: [],
      audience: audienceOf(backend, role),
      tokenExpirationSeconds: tokenExpirationOf(backend, role),
    },
  };
  const resyncSeconds = roleResyncSeconds(context.listers, backend);
  if (vault.state === 'notReady')
    return {
      findings: [
        verdict.condition,
        programmed('Unknown', reasonOfEndpoint(vault.reason), `VaultEndpoint ${backend.spec.endpointRef.name}: ${vault.message}`),
      ],
      status,
      resyncSeconds,
    };
  const place = placeOf(context, backend, role, vault.clusterID);
  try {
    // What was made elsewhere, or for a role that is not admitted any more, must not stay.
    const left = role.status?.vault?.owned ? role.status.vault : undefined;
    const isLeft = left !== undefined && (!verdict.admitted || !isSamePlace(left, place));
    if (isLeft) await takeAway(context, backend, role);
    if (!verdict.admitted) {
      const message = isLeft ? 'The role is not accepted; it was taken out of Vault.' : 'The role is not accepted.';
      return { findings: [verdict.condition, programmed('False', 'Pending', message)], status, isNowhere: true, resyncSeconds };
    }
    const mounted = backend.status?.conditions?.find(({ type }) => type === 'Mounted');
    // What is written to a mount of another type makes something else there.
    if (backend.status?.mount?.accessor === undefined || mounted?.reason === 'TypeMismatch') {
      const why = mounted?.message ?? 'it was not looked at yet';
      const finding = programmed('False', 'BackendNotReady', `VaultAuthBackend ${backend.metadata.name} has no mount: ${why}`);
      return { findings: [verdict.condition, finding], status, resyncSeconds };
    }
    const current = isLeft ? { ...role, status: withoutPlace(role.status) } : role;
    const { effectivePolicies } = verdict;
    const isReduced = verdict.condition.status === 'False';
    const kept = await keepRole({ context, backend, role: current, vault, place, effectivePolicies, isReduced, signal });
    return { findings: [verdict.condition, kept.finding], status: { ...status, ...kept.status }, resyncSeconds };
  } catch (error) {
    const failure = vaultFailure(error, `role ${place.roleName} of auth/${place.mountPath}`);
    if (!failure) throw error;
    const isKnown = failure.reason === 'WriteFailed' || failure.reason === 'PermissionDenied';
    return {
      findings: [verdict.condition, programmed(isKnown ? 'False' : 'Unknown', failure.reason, failure.message)],
      status: { ...status, drift: role.status?.drift ?? [] },
      again: { requeueAfterMs: failure.retryAfterMs },
    };
  }
};

/** The status of a role that is nowhere in Vault (any more). */
const withoutPlace = (status: VaultAuthRoleStatus | undefined): VaultAuthRoleStatus => {
  const { vault: _vault, documentHash: _hash, programmed: _programmed, drift: _drift, ...rest } = status ?? {};
  return rest;
};

const judged = (context: ControllerContext, backend: VaultAuthBackend, role: VaultAuthRole): TenancyDecision => {
  const { namespace = '', uid } = role.metadata;
  const isOlderRival = (other: VaultAuthRole): boolean =>
    other.metadata.uid !== uid && isOlder(other, role) && isManagedOn(context, backend, other);
  const holder =
    backend.spec.tenancy.roleNaming === 'Plain' && role.spec.managementPolicy === 'Manage'
      ? holderOf(context, backend, role)
      : undefined;
  const vault = context.vault.registry.get(backend.spec.endpointRef.name);
  return evaluateTenancy({
    backend,
    role,
    namespaceLabels: context.listers.namespaces.get(namespace)?.labels ?? {},
    policyName: (name) => {
      const policy = context.listers.policies.get(name);
      return policy?.spec.endpointRef.name === backend.spec.endpointRef.name ? vaultPolicyName(policy) : undefined;
    },
    olderRoles: context.listers.rolesInNamespace(namespace).filter(isOlderRival).length,
    nameHolder: holder && `VaultAuthRole ${holder.metadata.namespace}/${holder.metadata.name}`,
    product: vault.state === 'ready' ? vault.product : undefined,
  });
};

/** Who has the name keeps it, and before anybody has it the oldest gets it: names can be changed later, ages cannot. */
const holderOf = (context: ControllerContext, backend: VaultAuthBackend, role: VaultAuthRole): VaultAuthRole | undefined => {
  const name = vaultRoleName(backend, role);
  const has = ({ status }: VaultAuthRole): boolean =>
    status?.vault?.owned === true && status.vault.roleName === name && status.vault.backend === backend.metadata.name;
  return context.listers
    .rolesByVaultName(name)
    .find(
      (other) =>
        other.metadata.uid !== role.metadata.uid &&
        isManagedOn(context, backend, other) &&
        vaultRoleName(backend, other) === name &&
        (has(other) === has(role) ? isOlder(other, role) : has(other)),
    );
};

const isManagedOn = (context: ControllerContext, backend: VaultAuthBackend, role: VaultAuthRole): boolean =>
  // What an object has made counts also when it only observes by now.
  (role.spec.managementPolicy === 'Manage' || role.status?.vault?.owned === true) &&
  (role.status?.vault?.backend ?? backendNameOf(context, role)) === backend.metadata.name;

const backendNameOf = (context: ControllerContext, role: VaultAuthRole): string | undefined => {
  const found = backendOf(context, role);
  return found.ok ? found.backend.metadata.name : undefined;
};

const reasonOfEndpoint = (reason: string): 'VaultSealed' | 'VaultUnavailable' =>
  reason === 'Sealed' ? 'VaultSealed' : 'VaultUnavailable';

const accountsOf = (
  context: ControllerContext,
  role: VaultAuthRole,
): NonNullable<VaultAuthRoleStatus['binding']>['serviceAccounts'] =>
  serviceAccountsOf(role).map((name) => {
    const uid = context.listers.serviceAccounts.get(`${role.metadata.namespace}/${name}`)?.uid;
    return { name, exists: uid !== undefined, ...(uid === undefined ? {} : { uid }) };
  });
