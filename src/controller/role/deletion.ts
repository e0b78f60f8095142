// Deletion of a VaultAuthRole: deletes only a role on which it has a valid claim, and ends after a timeout also without Vault.
import type { VaultAuthBackend } from '../../resources/backend.ts';
import { isObserved } from '../../resources/common-fields.ts';
import { FINALIZER } from '../../resources/kinds.ts';
import type { RoleConditionUpdate, VaultAuthRole } from '../../resources/role.ts';
import { isRetained } from '../../resources/tenancy.ts';
import { isVaultError } from '../../vault/errors.ts';
import { deleteRole, readRole } from '../../vault/roles.ts';
import { addPendingDeletion } from '../pending-deletions.ts';
import type { ControllerContext, ReconcileResult } from '../runtime/context.ts';
import { reportDeletable } from '../runtime/report-status.ts';
import { vaultFailure } from '../runtime/vault-failure.ts';
import { bindsNamespace, type Claim, claimOf } from './claim.ts';
import type { VaultRoleRef } from './vault-role-ref.ts';

/** Retry of a deletion that Vault delays; the end of an outage enqueues the role as well. */
const RETRY_MS = 15_000;

type Deletable = Extract<RoleConditionUpdate, { readonly type: 'Deletable' }>;

/** `orphan`: why the role stays in Vault for good; undefined: it is deleted. */
type RemovalResult =
  | { readonly done: true; readonly orphan: string | undefined }
  | { readonly done: false; readonly reason: Deletable['reason']; readonly message: string };

/** Deletes the role in Vault and removes the finalizer. After the timeout the role becomes a pending deletion of its backend. */
export async function deleteVaultAuthRole(context: ControllerContext, role: VaultAuthRole): Promise<ReconcileResult> {
  if (!role.metadata.finalizers?.includes(FINALIZER)) return {};
  const claim = claimOf(context, role);
  const isKept = claim.state !== 'none' && isRetained(role, context.listers.backends.get(claim.ref.backend));
  const removal: RemovalResult = isKept ? DONE : await removeClaimed(context, role, claim);
  if (!removal.done) {
    const since = Date.parse(role.metadata.deletionTimestamp ?? '');
    if (context.clock.now() - since < context.clock.deletionTimeoutMs)
      return wait(context, role, removal.reason, removal.message);
    if (claim.state === 'valid') await postpone(context, role, claim.ref, removal.message);
  } else if (removal.orphan !== undefined) {
    context.report.emitEvent(role, 'Warning', 'LeftInVault', removal.orphan);
    context.report.log.warn({ role: keyOf(role), problem: removal.orphan }, 'role orphaned in Vault');
  }
  await context.kube.removeFinalizer('VaultAuthRole', role);
  return {};
}

/**
 * Removes the role of an existing object from Vault, which is no longer admitted there or belongs elsewhere now. A role that
 * cannot be removed becomes a pending deletion. Throws VaultError if the caller writes to the same server afterwards.
 */
export async function removeFromVault(context: ControllerContext, backend: VaultAuthBackend, role: VaultAuthRole): Promise<void> {
  const claim = claimOf(context, role);
  // The role's own managementPolicy Observe does not count: a role must not outlive its admission.
  if (claim.state === 'none') return;
  const { ref } = claim;
  const removal = await removeClaimed(context, role, claim, ref.endpoint === backend.spec.endpointRef.name);
  if (!removal.done) return postpone(context, role, ref, removal.message);
  if (removal.orphan !== undefined) context.report.emitEvent(role, 'Warning', 'LeftInVault', removal.orphan);
  else context.report.emitEvent(role, 'Normal', 'RemovedFromVault', `Deleted the role ${ref.roleName} of auth/${ref.mountPath}.`);
}

/**
 * The role of an object that went without its finalizer becomes a pending deletion: otherwise it would stay in Vault, with what it
 * was granted, after its namespace or policy rule is gone.
 */
export async function postponeVanished(context: ControllerContext, key: string): Promise<void> {
  const role = context.vanishedRoles.get(key);
  if (!role) return;
  const claim = claimOf(context, role);
  if (claim.state === 'valid' && !isRetained(role, context.listers.backends.get(claim.ref.backend)))
    await postpone(context, role, claim.ref, 'its object was deleted without the finalizer');
  context.vanishedRoles.delete(key);
}

const DONE: RemovalResult = { done: true, orphan: undefined };

/** Deletes the role in Vault on which the object has a valid claim; without a claim there is nothing to delete. */
const removeClaimed = async (
  context: ControllerContext,
  role: VaultAuthRole,
  claim: Claim,
  throwsVaultErrors = false,
): Promise<RemovalResult> => {
  if (claim.state === 'none') return DONE;
  const { ref } = claim;
  const endpoint = context.listers.endpoints.get(ref.endpoint);
  const backend = context.listers.backends.get(ref.backend);
  const orphan = (why: string): RemovalResult => ({
    done: true,
    orphan: `${why}: the role ${ref.roleName} of auth/${ref.mountPath} stays in Vault`,
  });
  if (claim.state === 'invalid') return orphan(claim.why);
  if (!endpoint) return orphan(`the VaultEndpoint ${ref.endpoint} no longer exists`);
  if (context.vault.observeOnly || isObserved(endpoint, ...(backend ? [backend] : []))) return orphan('observe only');
  if (ref.namespace !== endpoint.spec.namespace)
    return orphan(`VaultEndpoint ${ref.endpoint} has another namespace than when the role was created`);
  const vault = context.vault.registry.get(ref.endpoint);
  if (vault.state === 'notReady') return { done: false, reason: 'VaultUnavailable', message: vault.message };
  if (ref.clusterID !== vault.clusterID)
    return orphan(`VaultEndpoint ${ref.endpoint} points to another cluster than when the role was created`);
  try {
    if (!claim.isQualified) {
      const found = await readRole(vault.session, ref.mountPath, ref.roleName);
      if (found && !bindsNamespace(found, role.metadata.namespace ?? ''))
        return orphan('it does not bind the namespace of the object');
    }
    context.vault.fence();
    await deleteRole(vault.session, ref.mountPath, ref.roleName);
    return DONE;
  } catch (error) {
    const failure = vaultFailure(error, `role ${ref.roleName}`);
    if (!failure) throw error;
    // The mount was disabled, and its roles with it.
    if (isVaultError(error, 'NotFound')) return DONE;
    if (throwsVaultErrors) throw error;
    return {
      done: false,
      reason: failure.reason === 'PermissionDenied' ? 'PermissionDenied' : 'VaultUnavailable',
      message: failure.message,
    };
  }
};

const keyOf = ({ metadata: { namespace = '', name } }: VaultAuthRole): string => `${namespace}/${name}`;

/** Records the role as a pending deletion of its backend. */
const postpone = async (context: ControllerContext, role: VaultAuthRole, ref: VaultRoleRef, reason: string): Promise<void> => {
  const { name, namespace = '' } = role.metadata;
  const { roleName, clusterID } = ref;
  const since = new Date(context.clock.now()).toISOString();
  const isRecorded = await addPendingDeletion(context, ref.backend, {
    roleName,
    namespace,
    name,
    since,
    reason,
    vaultNamespace: ref.namespace,
    ...(clusterID === undefined ? {} : { clusterID }),
  });
  const message = `the role ${roleName} of auth/${ref.mountPath} is still in Vault: ${reason}`;
  context.report.emitEvent(role, 'Warning', isRecorded ? 'DeletionPending' : 'LeftInVault', message);
  context.report.log.warn({ role: keyOf(role), isRecorded, problem: message }, 'role not deleted in Vault yet');
};

const wait = async (
  context: ControllerContext,
  role: VaultAuthRole,
  reason: Deletable['reason'],
  message: string,
): Promise<ReconcileResult> => {
  await reportDeletable(context, 'VaultAuthRole', role, { type: 'Deletable', status: 'False', reason, message });
  return { requeueAfterMs: Math.min(RETRY_MS, Math.max(1000, context.clock.deletionTimeoutMs / 4)) };
};
