// Deletion of a VaultAuthBackend: its mount is disabled only after a confirmation, and only if the status records it as owned.
import type { BackendConditionUpdate, VaultAuthBackend } from '../../resources/backend.ts';
import { mergeConditions, readyCondition } from '../../resources/condition.ts';
import { CONFIRM_DELETE_ANNOTATION, FINALIZER } from '../../resources/kinds.ts';
import { disableMount } from '../../vault/mounts.ts';
import type { ControllerContext, ReconcileResult } from '../runtime/context.ts';
import { vaultFailure } from '../runtime/vault-failure.ts';
import { findMount } from './mount.ts';
import { deleteReviewer } from './reviewer.ts';
import { isObserveOnly } from './step.ts';

type Deletable = Extract<BackendConditionUpdate, { readonly type: 'Deletable' }>;

export interface DeletionResult extends ReconcileResult {
  /** The deletion is not confirmed: until it is, the backend is reconciled as before. */
  readonly unconfirmed?: Deletable;
}

interface Deletion {
  readonly context: ControllerContext;
  readonly backend: VaultAuthBackend;
  readonly signal: AbortSignal;
}

/** Retry of a deletion that Vault delays. */
const RETRY_MS = 60_000;

/** Disables the mount if that is requested and confirmed, and removes the finalizer; after a timeout also without Vault. */
export async function deleteBackend(
  context: ControllerContext,
  backend: VaultAuthBackend,
  signal: AbortSignal,
): Promise<DeletionResult> {
  const deletion: Deletion = { context, backend, signal };
  const { metadata, spec, status } = backend;
  if (!metadata.finalizers?.includes(FINALIZER)) return {};
  const { mount } = status ?? {};
  if (spec.deletionPolicy === 'Retain' || isObserveOnly(context, backend)) return removeFinalizer(deletion);
  if (mount?.owned !== true) return cleanUp(deletion);
  if (metadata.annotations?.[CONFIRM_DELETE_ANNOTATION] !== spec.path)
    return {
      unconfirmed: deletable(
        'NotConfirmed',
        `Disabling auth/${spec.path} revokes all its tokens and deletes its roles. To confirm: kubectl annotate vaultauthbackend ${metadata.name} ${CONFIRM_DELETE_ANNOTATION}=${spec.path}. To keep the mount: set deletionPolicy to Retain.`,
      ),
    };
  const endpoint = spec.endpointRef.name;
  if (!context.listers.endpoints.get(endpoint)) return abandon(deletion, `there is no VaultEndpoint ${endpoint}`);
  const vault = context.vault.registry.get(endpoint);
  if (vault.state === 'notReady') return waitOrAbandon(deletion, 'VaultUnavailable', vault.message);
  if (mount.clusterID !== vault.clusterID) return abandon(deletion, `VaultEndpoint ${endpoint} now points to another cluster`);
  try {
    const found = await findMount({ vault, backend, signal });
    if (found && found.accessor !== mount.accessor)
      return await abandon(deletion, 'its accessor changed: it was disabled and enabled again');
    if (found) {
      context.vault.fence();
      await disableMount(vault.session, spec.path);
    }
  } catch (error) {
    const failure = vaultFailure(error, `auth/${spec.path}`);
    if (!failure) throw error;
    const reason = failure.reason === 'PermissionDenied' ? 'PermissionDenied' : 'VaultUnavailable';
    return waitOrAbandon(deletion, reason, failure.message);
  }
  return cleanUp(deletion);
}

/**
 * Deletes the reviewer with its mount, and also if the mount becomes an orphan: its token and rights would remain, and no
 * controller would rotate or revoke them. Only deletionPolicy Retain keeps the reviewer, because logins need it.
 */
const cleanUp = async (deletion: Deletion): Promise<DeletionResult> => {
  await deleteReviewer(deletion);
  return removeFinalizer(deletion);
};

const removeFinalizer = async ({ context, backend }: Deletion): Promise<DeletionResult> => {
  await context.kube.removeFinalizer('VaultAuthBackend', backend);
  return {};
};

const waitOrAbandon = (deletion: Deletion, reason: Deletable['reason'], message: string): Promise<DeletionResult> => {
  const { context, backend } = deletion;
  const since = Date.parse(backend.metadata.deletionTimestamp ?? '');
  return context.clock.now() - since > context.clock.deletionTimeoutMs
    ? abandon(deletion, message)
    : wait(deletion, reason, message);
};

/** Ends the deletion without Vault: the mount becomes an orphan. */
const abandon = async (deletion: Deletion, reason: string): Promise<DeletionResult> => {
  const { context, backend } = deletion;
  context.report.emitEvent(backend, 'Warning', 'LeftInVault', `The mount auth/${backend.spec.path} stays in Vault: ${reason}`);
  context.report.log.warn({ backend: backend.metadata.name, problem: reason }, 'mount orphaned in Vault');
  return cleanUp(deletion);
};

const wait = async ({ context, backend }: Deletion, reason: Deletable['reason'], message: string): Promise<DeletionResult> => {
  const { generation, name } = backend.metadata;
  const status = context.listers.backends.get(name)?.status ?? backend.status ?? {};
  const before = status.conditions ?? [];
  const updates = [...before.filter(({ type }) => type !== 'Deletable' && type !== 'Ready'), deletable(reason, message)];
  const time = new Date(context.clock.now()).toISOString();
  const conditions = mergeConditions(before, [...updates, readyCondition(updates)], generation, time);
  await context.kube.writeStatus('VaultAuthBackend', backend, { ...status, conditions });
  return { requeueAfterMs: Math.min(RETRY_MS, context.clock.deletionTimeoutMs / 4) };
};

const deletable = (reason: Deletable['reason'], message: string): Deletable => ({
  type: 'Deletable',
  status: 'False',
  reason,
  message,
});
