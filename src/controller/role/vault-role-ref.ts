// Where the role of a VaultAuthRole is: on which backend, on which server, under which name.
import type { VaultAuthBackend } from '../../resources/backend.ts';
import { BACKEND_LABEL } from '../../resources/kinds.ts';
import { vaultRoleName } from '../../resources/role-name.ts';
import type { VaultAuthRole, VaultAuthRoleStatus } from '../../resources/role.ts';
import type { ControllerContext } from '../runtime/context.ts';

export type FoundBackend =
  | { readonly ok: true; readonly backend: VaultAuthBackend }
  | { readonly ok: false; readonly message: string };

/** The backend that a role names, else the one that its namespace names, else the only default one. */
export function backendOf(context: ControllerContext, role: VaultAuthRole): FoundBackend {
  const { namespace = '' } = role.metadata;
  const label = context.listers.namespaces.get(namespace)?.labels[BACKEND_LABEL];
  const name = role.spec.backendRef?.name ?? label;
  if (name !== undefined) {
    const backend = context.listers.backends.get(name);
    const source = role.spec.backendRef ? 'spec.backendRef' : `label ${BACKEND_LABEL} of the namespace`;
    return backend ? { ok: true, backend } : { ok: false, message: `there is no VaultAuthBackend ${name} (${source})` };
  }
  const [only, ...others] = context.listers.backends.list().filter(({ spec }) => spec.isDefault);
  if (only && others.length === 0) return { ok: true, backend: only };
  const choose = `name one in spec.backendRef, or in the label ${BACKEND_LABEL} of the namespace`;
  if (!only) return { ok: false, message: `no VaultAuthBackend is the default: ${choose}` };
  const names = [only, ...others].map(({ metadata }) => metadata.name).join(', ');
  return { ok: false, message: `several VaultAuthBackends are the default (${names}): ${choose}` };
}

export type RolePlace = NonNullable<VaultAuthRoleStatus['vault']>;

/** Where the role belongs now. */
export function placeOf(
  context: ControllerContext,
  backend: VaultAuthBackend,
  role: VaultAuthRole,
  clusterID: string,
): RolePlace {
  const { endpointRef, path } = backend.spec;
  const accessor = backend.status?.mount?.accessor;
  return {
    endpoint: endpointRef.name,
    clusterID,
    namespace: context.listers.endpoints.get(endpointRef.name)?.spec.namespace ?? '',
    backend: backend.metadata.name,
    mountPath: path,
    ...(accessor === undefined ? {} : { mountAccessor: accessor }),
    roleName: vaultRoleName(backend, role),
    loginPath: `auth/${path}/login`,
  };
}

/** Whether two places are the same role; a mount that was made anew is the same place. */
export function isSamePlace(one: RolePlace | undefined, other: RolePlace): boolean {
  return (
    one !== undefined &&
    one.endpoint === other.endpoint &&
    one.clusterID === other.clusterID &&
    one.namespace === other.namespace &&
    one.mountPath === other.mountPath &&
    one.roleName === other.roleName
  );
}
