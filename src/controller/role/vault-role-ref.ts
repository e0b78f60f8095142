// Which role in Vault a VaultAuthRole stands for: backend, server, mount and name.
import type { VaultAuthBackend } from '../../resources/backend.ts';
import { BACKEND_LABEL } from '../../resources/kinds.ts';
import { vaultRoleName } from '../../resources/role-name.ts';
import type { VaultAuthRole, VaultAuthRoleStatus } from '../../resources/role.ts';
import type { ControllerContext } from '../runtime/context.ts';

export type ResolvedBackend =
  | { readonly ok: true; readonly backend: VaultAuthBackend }
  | { readonly ok: false; readonly message: string };

/** The backend in the role's spec, or else that of its namespace, or else the only default one. */
export function resolveBackend({ listers }: ControllerContext, role: VaultAuthRole): ResolvedBackend {
  const { namespace = '' } = role.metadata;
  const label = listers.namespaces.get(namespace)?.labels[BACKEND_LABEL];
  const name = role.spec.backendRef?.name ?? label;
  if (name !== undefined) {
    const backend = listers.backends.get(name);
    const source = role.spec.backendRef ? 'spec.backendRef' : `label ${BACKEND_LABEL} of the namespace`;
    return backend ? { ok: true, backend } : { ok: false, message: `there is no VaultAuthBackend ${name} (${source})` };
  }
  const [only, ...others] = listers.backends.list().filter(({ spec }) => spec.isDefault);
  if (only && others.length === 0) return { ok: true, backend: only };
  const choose = `set spec.backendRef, or the label ${BACKEND_LABEL} of the namespace`;
  if (!only) return { ok: false, message: `no VaultAuthBackend is the default: ${choose}` };
  const names = [only, ...others].map(({ metadata }) => metadata.name).join(', ');
  return { ok: false, message: `several VaultAuthBackends are the default (${names}): ${choose}` };
}

/** The role in Vault, as `status.vault` records it. */
export type VaultRoleRef = NonNullable<VaultAuthRoleStatus['vault']>;

/** The role in Vault that the object stands for now. */
export function vaultRoleRef(
  { listers }: ControllerContext,
  backend: VaultAuthBackend,
  role: VaultAuthRole,
  clusterID: string,
): VaultRoleRef {
  const { endpointRef, path } = backend.spec;
  const accessor = backend.status?.mount?.accessor;
  return {
    endpoint: endpointRef.name,
    clusterID,
    namespace: listers.endpoints.get(endpointRef.name)?.spec.namespace ?? '',
    backend: backend.metadata.name,
    mountPath: path,
    ...(accessor === undefined ? {} : { mountAccessor: accessor }),
    roleName: vaultRoleName(backend, role),
    loginPath: `auth/${path}/login`,
  };
}

/** Whether both are the same role; a mount that was disabled and enabled again counts as the same. */
export function isSameRef(one: VaultRoleRef | undefined, other: VaultRoleRef): boolean {
  return (
    one !== undefined &&
    one.endpoint === other.endpoint &&
    one.clusterID === other.clusterID &&
    one.namespace === other.namespace &&
    one.mountPath === other.mountPath &&
    one.roleName === other.roleName
  );
}
