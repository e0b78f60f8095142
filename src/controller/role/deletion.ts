// The end of a role in Vault: only of the one that the status names, in the cluster that it names, and never waited for without end.
import type { VaultAuthBackend } from '../../resources/backend.ts';
import { isObserved } from '../../resources/common-fields.ts';
import { mergeConditions } from '../../resources/condition.ts';
import { FINALIZER } from '../../resources/kinds.ts';
import type { RoleConditionUpdate, VaultAuthRole } from '../../resources/role.ts';
import { isRetained } from '../../resources/tenancy.ts';
import { isVaultError } from '../../vault/errors.ts';
import { deleteRole } from '../../vault/roles.ts';
import { addPendingDeletion } from '../pending-deletions.ts';
import type { ControllerContext } from '../runtime/context.ts';
import { vaultFailure } from '../runtime/vault-failure.ts';
import type { RolePlace } from './vault-role-ref.ts';

/** How often it is tried; the end of an outage tells us too. */
const AGAIN_MS = 15_000;

/** What became of a role that must not be in Vault any more. */
type Removal =
  | { readonly done: true; readonly remark: string | undefined }
  | { readonly done: false; readonly reason: 'VaultUnavailable' | 'PermissionDenied'; readonly message: string };

/** Deletes the role of an object that is being deleted, and lets the object go; after the bound the backend remembers what is left. */
export async function removeRole(context: ControllerContext, role: VaultAuthRole): Promise<{ readonly requeueAfterMs?: number }> {
  if (!role.metadata.finalizers?.includes(FINALIZER)) return {};
  const place = ownPlace(role);
  const isKept = place !== undefined && isRetained(role, context.listers.backends.get(place.backend));
  const removal: Removal = place && !isKept ? await remove(context, place) : { done: true, remark: undefined };
  if (!removal.done) {
    const since = Date.parse(role.metadata.deletionTimestamp ?? '');
    if (context.clock.now() - since < context.clock.deletionTimeoutMs)
      return wait(context, role, removal.reason, removal.message);
    if (place) await remember(context, role, place, removal.message);
  } else if (removal.remark !== undefined) {
    context.report.emitEvent(role, 'Warning', 'LeftInVault', removal.remark);
    context.report.log.warn(
      { role: `${role.metadata.namespace}/${role.metadata.name}`, problem: removal.remark },
      'a role stays in Vault',
    );
  }
  await context.kube.removeFinalizer('VaultAuthRole', role);
  return {};
}

/**
 * Takes a role out of Vault whose object lives: it is not admitted any more, or belongs elsewhere now. What cannot be taken away
 * now is remembered by its backend. Throws VaultError where the same server will be asked again anyway.
 */
export async function takeAway(context: ControllerContext, backend: VaultAuthBackend, role: VaultAuthRole): Promise<void> {
  const place = ownPlace(role);
  // Its own Observe does not count: what we made must not outlive what it was admitted for.
  if (!place) return;
  const removal = await remove(context, place, place.endpoint === backend.spec.endpointRef.name);
  if (!removal.done) await remember(context, role, place, removal.message);
  else
    context.report.emitEvent(
      role,
      removal.remark === undefined ? 'Normal' : 'Warning',
      removal.remark === undefined ? 'RemovedFromVault' : 'LeftInVault',
      removal.remark ?? `The role ${place.roleName} of auth/${place.mountPath} was deleted.`,
    );
}

/** Where something of ours is; what somebody else made is never touched. */
const ownPlace = ({ status }: VaultAuthRole): RolePlace | undefined => (status?.vault?.owned ? status.vault : undefined);

const remove = async (context: ControllerContext, place: RolePlace, isThrown = false): Promise<Removal> => {
  const endpoint = context.listers.endpoints.get(place.endpoint);
  const backend = context.listers.backends.get(place.backend);
  const stays = `the role ${place.roleName} of auth/${place.mountPath} stays in Vault`;
  if (!endpoint) return { done: true, remark: `there is no VaultEndpoint ${place.endpoint} any more: ${stays}` };
  if (context.vault.observeOnly || isObserved(endpoint, ...(backend ? [backend] : [])))
    return { done: true, remark: `only observing: ${stays}` };
  if (place.namespace !== endpoint.spec.namespace)
    return { done: true, remark: `VaultEndpoint ${place.endpoint} has another namespace than when it was made: ${stays}` };
  const vault = context.vault.registry.get(place.endpoint);
  if (vault.state === 'notReady') return { done: false, reason: 'VaultUnavailable', message: vault.message };
  if (place.clusterID !== vault.clusterID)
    return {
      done: true,
      remark: `VaultEndpoint ${place.endpoint} leads to another cluster than the one that it was made in: ${stays}`,
    };
  try {
    context.vault.fence();
    await deleteRole(vault.session, place.mountPath, place.roleName);
    return { done: true, remark: undefined };
  } catch (error) {
    const failure = vaultFailure(error, `role ${place.roleName}`);
    if (!failure) throw error;
    // Without its mount there is no role either.
    if (isVaultError(error, 'NotFound')) return { done: true, remark: undefined };
    if (isThrown) throw error;
    return {
      done: false,
      reason: failure.reason === 'PermissionDenied' ? 'PermissionDenied' : 'VaultUnavailable',
      message: failure.message,
    };
  }
};

const remember = async (context: ControllerContext, role: VaultAuthRole, place: RolePlace, reason: string): Promise<void> => {
  const { name, namespace = '' } = role.metadata;
  const { roleName, clusterID } = place;
  const since = new Date(context.clock.now()).toISOString();
  const isPendingDeletion = await addPendingDeletion(context, place.backend, {
    roleName,
    namespace,
    name,
    since,
    reason,
    vaultNamespace: place.namespace,
    ...(clusterID === undefined ? {} : { clusterID }),
  });
  const message = `the role ${roleName} of auth/${place.mountPath} is still in Vault: ${reason}`;
  context.report.emitEvent(role, 'Warning', isPendingDeletion ? 'DeletionPending' : 'LeftInVault', message);
  context.report.log.warn(
    { role: `${namespace}/${name}`, isPendingDeletion, problem: message },
    'a role could not be deleted in Vault',
  );
};

const wait = async (
  context: ControllerContext,
  role: VaultAuthRole,
  reason: Extract<RoleConditionUpdate, { type: 'Deletable' }>['reason'],
  message: string,
): Promise<{ readonly requeueAfterMs: number }> => {
  const { generation } = role.metadata;
  const before = role.status?.conditions ?? [];
  const finding: RoleConditionUpdate = { type: 'Deletable', status: 'False', reason, message };
  const others = before.filter(({ type }) => type !== 'Deletable');
  const conditions = mergeConditions(before, [...others, finding], generation, new Date(context.clock.now()).toISOString());
  await context.kube.writeStatus('VaultAuthRole', role, { ...role.status, conditions });
  return { requeueAfterMs: Math.min(AGAIN_MS, Math.max(1000, context.clock.deletionTimeoutMs / 4)) };
};
