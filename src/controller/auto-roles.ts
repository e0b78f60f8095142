// Makes a VaultAuthRole for each service account for which a backend wants one (autoRoles), and takes it back when it does not any more.
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '../json/json.ts';
import { applyObject, deleteObject } from '../kube/apply.ts';
import { type AutoRole, autoRoleOf } from '../resources/auto-role.ts';
import { isObserved } from '../resources/common-fields.ts';
import { API_VERSION, AUTO_ROLE_LABEL, BACKEND_LABEL } from '../resources/kinds.ts';
import type { VaultAuthRole } from '../resources/role.ts';
import { type ClusterServiceAccount, type ControllerContext, type Reconcile, resyncAfterMs } from './runtime/context.ts';
import { refOf } from './runtime/object-writer.ts';

/** A generated role that somebody deletes comes back within this; everything else tells us at once. */
const RESYNC_SECONDS = 300;
/** How soon it is looked whether a role is gone whose successor waits for that. */
const AGAIN_MS = 2000;

/** The reconciler. A role of this name that somebody wrote wins: only roles with our label are ever changed or deleted. */
export const reconcileAutoRole: Reconcile<ClusterServiceAccount> = async (context, key, account, signal) => {
  if (context.vault.observeOnly) return {};
  const role = context.listers.roles.get(key);
  if (role && role.metadata.labels?.[AUTO_ROLE_LABEL] === undefined) return {};
  const wanted = account && wantedRole(context, account);
  if (!wanted) {
    if (role && role.metadata.deletionTimestamp === undefined) await remove(context, role, signal);
    return {};
  }
  const { manifest, ignored } = wanted;
  if (role?.metadata.deletionTimestamp !== undefined) return { requeueAfterMs: AGAIN_MS };
  if (role && backendNameOf(role.spec) !== backendNameOf(manifest['spec'])) {
    // The backend of a role cannot be changed.
    await remove(context, role, signal);
    return { requeueAfterMs: AGAIN_MS };
  }
  if (!role || !isAsWanted(role, manifest)) await apply(context, account, manifest, signal);
  if (role && ignored.length > 0)
    context.report.emitEvent(
      role,
      'Warning',
      'PoliciesIgnored',
      `Its service account asks for what no role can have: ${ignored.join(', ')}.`,
    );
  return { requeueAfterMs: resyncAfterMs(context.clock, RESYNC_SECONDS) };
};

/** Of several backends that want one: that of the namespace's label, else the default, else the first by name. */
const wantedRole = (context: ControllerContext, account: ClusterServiceAccount): AutoRole | undefined => {
  const namespace = context.listers.namespaces.get(account.namespace);
  if (!namespace || namespace.deleting) return undefined;
  const named = namespace.labels[BACKEND_LABEL];
  const rank = (name: string, isDefault: boolean): string => `${name === named ? 0 : isDefault ? 1 : 2} ${name}`;
  const wishes = context.listers.backends.list().flatMap((backend) => {
    const { name, deletionTimestamp } = backend.metadata;
    if (isObserved(backend) || deletionTimestamp !== undefined) return [];
    const role = autoRoleOf({ backend, namespace, serviceAccount: account });
    return role ? [{ role, rank: rank(name, backend.spec.isDefault) }] : [];
  });
  return wishes.toSorted((one, other) => (one.rank < other.rank ? -1 : 1))[0]?.role;
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

/** Apart from the manager of status and finalizers, so that what is left out of a manifest goes away and nothing else. */
const FIELD_MANAGER = 'vault-auth-injector-auto-roles';

const remove = async (context: ControllerContext, role: VaultAuthRole, signal: AbortSignal): Promise<void> => {
  await deleteObject(context.kube.client, refOf('VaultAuthRole', role), { uid: role.metadata.uid, signal });
};

const FIELDS = ['backendRef', 'serviceAccounts', 'policies', 'tokenExpirationSeconds', 'token'] as const;

const isAsWanted = (role: VaultAuthRole, { metadata, spec }: JsonObject): boolean => {
  const [wanted, labels] = [spec as JsonObject, (metadata as JsonObject)['labels'] as JsonObject];
  return (
    FIELDS.every((field) => isDeepStrictEqual(role.spec[field], wanted[field])) &&
    role.metadata.labels?.[AUTO_ROLE_LABEL] === labels[AUTO_ROLE_LABEL]
  );
};

const backendNameOf = (spec: unknown): unknown =>
  (spec as { readonly backendRef?: { readonly name?: unknown } }).backendRef?.name;
