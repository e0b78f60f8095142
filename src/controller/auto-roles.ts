// Reconciles generated roles (autoRoles): a VaultAuthRole for each service account that a backend selects.
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '../json/json.ts';
import { applyObject, deleteObject } from '../kube/apply.ts';
import { type AutoRole, autoRoleOf } from '../resources/auto-role.ts';
import { isObserved } from '../resources/common-fields.ts';
import { API_VERSION, AUTO_ROLE_LABEL, BACKEND_LABEL } from '../resources/kinds.ts';
import type { VaultAuthRole } from '../resources/role.ts';
import { type ClusterServiceAccount, type ControllerContext, type ReconcileResult, resyncAfterMs } from './runtime/context.ts';
import { refOf } from './runtime/object-writer.ts';

/** A generated role that is deleted comes back within this; every other change enqueues the service account at once. */
const RESYNC_SECONDS = 300;
/** Interval of checks while the deletion of the previous role is pending. */
const DELETION_POLL_MS = 2000;

/** The reconciler. A role of this name without the label wins: only generated roles are changed or deleted. */
export async function reconcileAutoRole(
  context: ControllerContext,
  key: string,
  account: ClusterServiceAccount | undefined,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  if (context.vault.observeOnly) return {};
  const role = context.listers.roles.get(key);
  if (role && role.metadata.labels?.[AUTO_ROLE_LABEL] === undefined) return {};
  const desired = account && desiredRole(context, account);
  if (!desired) {
    if (role && role.metadata.deletionTimestamp === undefined) await remove(context, role, signal);
    return {};
  }
  const { manifest, ignored } = desired;
  if (role?.metadata.deletionTimestamp !== undefined) return { requeueAfterMs: DELETION_POLL_MS };
  if (role && backendNameOf(role.spec) !== backendNameOf(manifest['spec'])) {
    // The backend of a role is immutable.
    await remove(context, role, signal);
    return { requeueAfterMs: DELETION_POLL_MS };
  }
  if (!role || !matches(role, manifest)) await apply(context, account, manifest, signal);
  if (role && ignored.length > 0)
    context.report.emitEvent(
      role,
      'Warning',
      'PoliciesIgnored',
      `Its service account requests policies that no role can have: ${ignored.join(', ')}.`,
    );
  return { requeueAfterMs: resyncAfterMs(context.clock, RESYNC_SECONDS) };
}

/**
 * Of several backends that select the service account: that of the namespace's label, or else the default, or else the first by
 * name.
 */
const desiredRole = (context: ControllerContext, account: ClusterServiceAccount): AutoRole | undefined => {
  const namespace = context.listers.namespaces.get(account.namespace);
  if (!namespace || namespace.deleting) return undefined;
  const named = namespace.labels[BACKEND_LABEL];
  const rank = (name: string, isDefault: boolean): string => `${name === named ? 0 : isDefault ? 1 : 2} ${name}`;
  const candidates = context.listers.backends.list().flatMap((backend) => {
    const { name, deletionTimestamp } = backend.metadata;
    if (isObserved(backend) || deletionTimestamp !== undefined) return [];
    const role = autoRoleOf({ backend, namespace, serviceAccount: account });
    return role ? [{ role, rank: rank(name, backend.spec.isDefault) }] : [];
  });
  return candidates.toSorted((one, other) => (one.rank < other.rank ? -1 : 1))[0]?.role;
};

const apply = async (
  context: ControllerContext,
  { namespace, name }: ClusterServiceAccount,
  manifest: JsonObject,
  signal: AbortSignal,
): Promise<void> => {
  const metadata = { ...(manifest['metadata'] as JsonObject), namespace, name };
  const object = { ...manifest, apiVersion: API_VERSION, kind: 'VaultAuthRole', metadata };
  await applyObject(context.kube.client, refOf('VaultAuthRole', object), object, {
    fieldManager: FIELD_MANAGER,
    force: true,
    signal,
  });
};

/** Not the field manager of status and finalizers: a field that is left out of the manifest is removed, and nothing else. */
const FIELD_MANAGER = 'vault-auth-injector-auto-roles';

const remove = async (context: ControllerContext, role: VaultAuthRole, signal: AbortSignal): Promise<void> => {
  await deleteObject(context.kube.client, refOf('VaultAuthRole', role), { uid: role.metadata.uid, signal });
};

const FIELDS = ['backendRef', 'serviceAccounts', 'policies', 'tokenExpirationSeconds', 'token'] as const;

const matches = (role: VaultAuthRole, { metadata, spec }: JsonObject): boolean => {
  const [desired, labels] = [spec as JsonObject, (metadata as JsonObject)['labels'] as JsonObject];
  return (
    FIELDS.every((field) => isDeepStrictEqual(role.spec[field], desired[field])) &&
    role.metadata.labels?.[AUTO_ROLE_LABEL] === labels[AUTO_ROLE_LABEL]
  );
};

const backendNameOf = (spec: unknown): unknown =>
  (spec as { readonly backendRef?: { readonly name?: unknown } }).backendRef?.name;
