// Pending deletions: roles that their deletion had to leave in Vault, recorded in the backend's status and deleted when that is
// possible.
import { MAX_PENDING_DELETIONS, type PendingDeletion, type VaultAuthBackend } from '../resources/backend.ts';
import { isObserved } from '../resources/common-fields.ts';
import { VaultError } from '../vault/errors.ts';
import { deleteRole } from '../vault/roles.ts';
import { claimOf } from './role/claim.ts';
import { type ControllerContext, type ReconcileResult, resyncAfterMs } from './runtime/context.ts';
import type { ReadyVault } from './runtime/vault-registry.ts';

/** What came of one pending deletion; `owned`: a VaultAuthRole claimed the role since. */
type DeletionOutcome = { readonly state: 'deleted' | 'owned' } | { readonly state: 'pending'; readonly reason: string };

/** Interval of retries while Vault answers and something else prevents the deletion. */
const RETRY_SECONDS = 60;
/** A status with thousands of entries is large: it is written once for so many. */
const BATCH = 50;
/** The schema's maximum. */
const MAX_REASON_LENGTH = 256;

/** Deletes what can be deleted now. Throws VaultError when Vault does not answer, LeaseLost, and KubeError. */
export async function reconcilePendingDeletions(
  context: ControllerContext,
  _key: string,
  backend: VaultAuthBackend | undefined,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const pending = backend?.status?.pendingDeletions ?? [];
  if (!backend || pending.length === 0) return {};
  const vault = context.vault.registry.get(backend.spec.endpointRef.name);
  const endpoint = context.listers.endpoints.get(backend.spec.endpointRef.name);
  // When the endpoint becomes ready, or leaves observe mode, the watch mapping enqueues this again.
  if (vault.state !== 'ready' || !endpoint || context.vault.observeOnly || isObserved(endpoint, backend)) return {};
  let retryRequested = false;
  for (let from = 0; from < pending.length; from += BATCH) {
    const batch = await deleteBatch(context, backend, vault, pending.slice(from, from + BATCH), signal);
    await context.kube.changePendingDeletions(backend.metadata.name, (before) => remaining(before, batch));
    for (const roleName of batch.deleted) reportDeleted(context, backend, roleName);
    if (batch.error !== undefined) throw batch.error;
    retryRequested ||= batch.retryRequested;
  }
  return retryRequested ? { requeueAfterMs: resyncAfterMs(context.clock, RETRY_SECONDS) } : {};
}

/**
 * Records a role that cannot be deleted now, so that its object can be deleted. False if it cannot be recorded: its backend is
 * gone, or the status is full. Then the role stays in Vault as an orphan, and the caller reports that.
 */
export async function addPendingDeletion(
  context: ControllerContext,
  backend: string,
  deletion: PendingDeletion,
): Promise<boolean> {
  let isRecorded = false;
  const exists = await context.kube.changePendingDeletions(backend, (before) => {
    const others = before.filter(({ roleName }) => roleName !== deletion.roleName);
    isRecorded = others.length < MAX_PENDING_DELETIONS;
    return isRecorded ? [...others, { ...deletion, reason: deletion.reason.slice(0, MAX_REASON_LENGTH) }] : before;
  });
  return exists && isRecorded;
}

/** Removes the entry of a role that an object owns again. */
export async function removePendingDeletion(
  context: ControllerContext,
  backend: VaultAuthBackend,
  roleName: string,
): Promise<void> {
  if (backend.status?.pendingDeletions?.some((deletion) => deletion.roleName === roleName))
    await context.kube.changePendingDeletions(backend.metadata.name, (before) =>
      before.filter((deletion) => deletion.roleName !== roleName),
    );
}

/** Whether the role of this name was left in Vault by an object that is gone: then a new object may adopt it. */
export function isPendingDeletion({ status }: VaultAuthBackend, roleName: string, clusterID: string): boolean {
  return (
    status?.pendingDeletions?.some(
      (deletion) => deletion.roleName === roleName && (deletion.clusterID ?? clusterID) === clusterID,
    ) === true
  );
}

/** The list after a batch; it may have got new entries meanwhile. */
const remaining = (before: readonly PendingDeletion[], { changed, removed }: Batch): readonly PendingDeletion[] =>
  before
    .filter(({ roleName }) => !removed.includes(roleName))
    .map((deletion) => changed.find(({ roleName }) => roleName === deletion.roleName) ?? deletion);

interface Batch {
  /** Entries with a new reason. */
  readonly changed: readonly PendingDeletion[];
  /** Role names whose entries are done. */
  readonly removed: readonly string[];
  /** Those of `removed` that were deleted in Vault. */
  readonly deleted: readonly string[];
  readonly retryRequested: boolean;
  /** Vault stopped answering: the rest was not tried. */
  readonly error?: unknown;
}

const deleteBatch = async (
  context: ControllerContext,
  backend: VaultAuthBackend,
  vault: ReadyVault,
  deletions: readonly PendingDeletion[],
  signal: AbortSignal,
): Promise<Batch> => {
  const changed: PendingDeletion[] = [];
  const removed: string[] = [];
  const deleted: string[] = [];
  let retryRequested = false;
  for (const deletion of deletions) {
    const { roleName } = deletion;
    let outcome: DeletionOutcome;
    try {
      outcome = await tryDeletion(context, backend, vault, deletion);
    } catch (error) {
      return { changed, removed, deleted, retryRequested, error };
    }
    if (outcome.state === 'pending') {
      retryRequested = true;
      const reason = outcome.reason.slice(0, MAX_REASON_LENGTH);
      if (reason !== deletion.reason) changed.push({ ...deletion, reason });
    } else removed.push(roleName);
    if (outcome.state === 'deleted') deleted.push(roleName);
    if (signal.aborted) break;
  }
  return { changed, removed, deleted, retryRequested };
};

/** Throws errors after which the other entries would fail as well. */
const tryDeletion = async (
  context: ControllerContext,
  backend: VaultAuthBackend,
  vault: ReadyVault,
  deletion: PendingDeletion,
): Promise<DeletionOutcome> => {
  const { roleName, clusterID, vaultNamespace } = deletion;
  const namespace = context.listers.endpoints.get(backend.spec.endpointRef.name)?.spec.namespace ?? '';
  if (clusterID !== undefined && clusterID !== vault.clusterID)
    return pendingFor(
      `the server belongs to another cluster now (${vault.clusterID}, not ${clusterID}): nothing is deleted there`,
    );
  if (vaultNamespace !== undefined && vaultNamespace !== namespace)
    return pendingFor(
      `the endpoint has another namespace now ("${namespace}", not "${vaultNamespace}"): nothing is deleted there`,
    );
  if (isOwned(context, backend, deletion)) return { state: 'owned' };
  try {
    context.vault.fence();
    await deleteRole(vault.session, backend.spec.path, roleName);
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    // The mount was disabled, and its roles with it.
    if (error.kind === 'NotFound') return { state: 'deleted' };
    if (error.kind === 'PermissionDenied' || error.kind === 'BadRequest') return pendingFor(error.message);
    throw error;
  }
  return { state: 'deleted' };
};

/** Whether an object has claimed the role meanwhile: one of the same namespace, or with plain role names one of any namespace. */
const isOwned = (
  context: ControllerContext,
  { metadata: { name } }: VaultAuthBackend,
  { namespace, roleName }: PendingDeletion,
): boolean => {
  const { rolesInNamespace, rolesByVaultName } = context.listers;
  return [...rolesInNamespace(namespace), ...rolesByVaultName(roleName)].some((role) => {
    if (role.metadata.deletionTimestamp !== undefined) return false;
    const claim = claimOf(context, role);
    return claim.state === 'valid' && claim.ref.roleName === roleName && claim.ref.backend === name;
  });
};

const pendingFor = (reason: string): DeletionOutcome => ({ state: 'pending', reason });

const reportDeleted = ({ report }: ControllerContext, backend: VaultAuthBackend, roleName: string): void => {
  report.log.info({ backend: backend.metadata.name, roleName }, 'pending deletion completed');
  report.emitEvent(backend, 'Normal', 'PendingDeletionCleared', `Deleted the role ${roleName}, whose object is gone.`);
};
