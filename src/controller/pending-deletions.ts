// Deletes from Vault what deletions had to leave behind, once it can be done; and never what is, or may be, somebody else's.
import { type VaultAuthBackend, MAX_PENDING_DELETIONS, type PendingDeletion } from '../resources/backend.ts';
import { isObserved } from '../resources/common-fields.ts';
import { VaultError } from '../vault/errors.ts';
import { deleteRole } from '../vault/roles.ts';
import { type ControllerContext, type Reconcile, resyncAfterMs } from './runtime/context.ts';
import type { ReadyVault } from './runtime/vault-registry.ts';

/** What became of one of them: `gone` from Vault, `owned` by an object again, or kept, with the reason. */
type Fate = { readonly state: 'gone' | 'owned' } | { readonly state: 'kept'; readonly reason: string };

/** How often they are tried while Vault is there and something else stands in the way. */
const RETRY_SECONDS = 60;
/** A status with thousands of them is large: it is written after so many. */
const BATCH = 50;
/** What the schema takes. */
const LONGEST_REASON = 256;

/** Works them off as far as it goes. Throws VaultError when Vault does not answer, LeaseLost, KubeError. */
export const reconcileTombstones: Reconcile<VaultAuthBackend> = async (context, _key, backend, signal) => {
  const tombstones = backend?.status?.pendingDeletions ?? [];
  if (!backend || tombstones.length === 0) return {};
  const vault = context.vault.registry.get(backend.spec.endpointRef.name);
  const endpoint = context.listers.endpoints.get(backend.spec.endpointRef.name);
  // Whatever makes it ready, or lets us write, asks for another run.
  if (vault.state !== 'ready' || !endpoint || context.vault.observeOnly || isObserved(endpoint, backend)) return {};
  let isAgain = false;
  for (let from = 0; from < tombstones.length; from += BATCH) {
    const outcome = await workOff(context, backend, vault, tombstones.slice(from, from + BATCH), signal);
    await context.kube.changePendingDeletions(backend.metadata.name, (before) => after(before, outcome));
    for (const roleName of outcome.gone) tellGone(context, backend, roleName);
    if (outcome.error !== undefined) throw outcome.error;
    isAgain ||= outcome.isAgain;
  }
  return isAgain ? { requeueAfterMs: resyncAfterMs(context.clock, RETRY_SECONDS) } : {};
};

/**
 * Remembers a role that cannot be deleted now, so that its object may go. False: it cannot be remembered either, because its
 * backend is gone, or because so many are remembered that a status holds no more; then somebody has to be told.
 */
export async function bury(context: ControllerContext, backend: string, tombstone: PendingDeletion): Promise<boolean> {
  let isKept = false;
  const isThere = await context.kube.changePendingDeletions(backend, (before) => {
    const others = before.filter(({ roleName }) => roleName !== tombstone.roleName);
    isKept = others.length < MAX_PENDING_DELETIONS;
    return isKept ? [...others, { ...tombstone, reason: tombstone.reason.slice(0, LONGEST_REASON) }] : before;
  });
  return isThere && isKept;
}

/** Forgets a role that has an owner again. */
export async function exhume(context: ControllerContext, backend: VaultAuthBackend, roleName: string): Promise<void> {
  if (backend.status?.pendingDeletions?.some((tombstone) => tombstone.roleName === roleName))
    await context.kube.changePendingDeletions(backend.metadata.name, (before) =>
      before.filter((tombstone) => tombstone.roleName !== roleName),
    );
}

/** Whether what is in Vault under this name was left there by an object that is gone: then it is ours, and may be taken over. */
export function isBuried({ status }: VaultAuthBackend, roleName: string, clusterID: string): boolean {
  return (
    status?.pendingDeletions?.some(
      (tombstone) => tombstone.roleName === roleName && (tombstone.clusterID ?? clusterID) === clusterID,
    ) === true
  );
}

/** What is left of the tombstones; some may have come meanwhile. */
const after = (before: readonly PendingDeletion[], { keep, forget }: Outcome): readonly PendingDeletion[] =>
  before
    .filter(({ roleName }) => !forget.includes(roleName))
    .map((tombstone) => keep.find(({ roleName }) => roleName === tombstone.roleName) ?? tombstone);

interface Outcome {
  readonly keep: readonly PendingDeletion[];
  readonly forget: readonly string[];
  /** Those of `forget` that were deleted in Vault. */
  readonly gone: readonly string[];
  readonly isAgain: boolean;
  /** Vault stopped to answer: the rest was not tried. */
  readonly error?: unknown;
}

const workOff = async (
  context: ControllerContext,
  backend: VaultAuthBackend,
  vault: ReadyVault,
  tombstones: readonly PendingDeletion[],
  signal: AbortSignal,
): Promise<Outcome> => {
  const keep: PendingDeletion[] = [];
  const forget: string[] = [];
  const gone: string[] = [];
  let isAgain = false;
  for (const tombstone of tombstones) {
    const { roleName } = tombstone;
    let fate: Fate;
    try {
      fate = await fateOf(context, backend, vault, tombstone);
    } catch (error) {
      return { keep, forget, gone, isAgain, error };
    }
    if (fate.state === 'kept') {
      isAgain = true;
      const reason = fate.reason.slice(0, LONGEST_REASON);
      if (reason !== tombstone.reason) keep.push({ ...tombstone, reason });
    } else forget.push(roleName);
    if (fate.state === 'gone') gone.push(roleName);
    if (signal.aborted) break;
  }
  return { keep, forget, gone, isAgain };
};

/** Throws what makes the others not worth trying. */
const fateOf = async (
  context: ControllerContext,
  backend: VaultAuthBackend,
  vault: ReadyVault,
  tombstone: PendingDeletion,
): Promise<Fate> => {
  const { roleName, clusterID, vaultNamespace } = tombstone;
  const namespace = context.listers.endpoints.get(backend.spec.endpointRef.name)?.spec.namespace ?? '';
  if (clusterID !== undefined && clusterID !== vault.clusterID)
    return kept(`the server is another cluster now (${vault.clusterID}, not ${clusterID}): nothing is deleted there`);
  if (vaultNamespace !== undefined && vaultNamespace !== namespace)
    return kept(`the endpoint has another namespace now ("${namespace}", not "${vaultNamespace}"): nothing is deleted there`);
  if (isOwned(context, backend, tombstone)) return { state: 'owned' };
  try {
    context.vault.fence();
    await deleteRole(vault.session, backend.spec.path, roleName);
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    // The mount is gone, and all its roles with it.
    if (error.kind === 'NotFound') return { state: 'gone' };
    if (error.kind === 'PermissionDenied' || error.kind === 'BadRequest') return kept(error.message);
    throw error;
  }
  return { state: 'gone' };
};

/** Whether an object has claimed the role of that name meanwhile: the one that had it, or where names are plain any of that name. */
const isOwned = (
  { listers: { rolesInNamespace, rolesByVaultName } }: ControllerContext,
  { metadata: { name } }: VaultAuthBackend,
  { namespace, roleName }: PendingDeletion,
): boolean =>
  [...rolesInNamespace(namespace), ...rolesByVaultName(roleName)].some(
    ({ status, metadata }) =>
      metadata.deletionTimestamp === undefined &&
      status?.vault?.owned === true &&
      status.vault.roleName === roleName &&
      status.vault.backend === name,
  );

const kept = (reason: string): Fate => ({ state: 'kept', reason });

const tellGone = ({ report }: ControllerContext, backend: VaultAuthBackend, roleName: string): void => {
  report.log.info({ backend: backend.metadata.name, roleName }, 'a role that a deletion had left in Vault is deleted');
  report.emitEvent(backend, 'Normal', 'TombstoneCleared', `The role ${roleName}, whose object is gone, is deleted in Vault.`);
};
