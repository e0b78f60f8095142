// Whether a VaultAuthRole may use its claim on a role in Vault. Who may write the status of a VaultAuthRole can put any claim there,
// so the claim is checked against what no tenant can write: the backend, its endpoint, and the rules for names.
import type { JsonObject } from '../../json/json.ts';
import type { VaultAuthBackend } from '../../resources/backend.ts';
import { nameInVault, vaultRoleName } from '../../resources/role-name.ts';
import type { VaultAuthRole } from '../../resources/role.ts';
import type { ControllerContext } from '../runtime/context.ts';
import type { VaultRoleRef } from './vault-role-ref.ts';

/** `ref`: what the object created or adopted. `isQualified`: by its name it can belong to no other object. */
export type Claim =
  | { readonly state: 'none' }
  | { readonly state: 'valid'; readonly ref: VaultRoleRef; readonly isQualified: boolean }
  | { readonly state: 'invalid'; readonly ref: VaultRoleRef; readonly why: string };

/** The checked claim of the object's status. */
export function claimOf(context: ControllerContext, role: VaultAuthRole): Claim {
  const ref = role.status?.vault;
  if (!ref?.owned) return { state: 'none' };
  const backend = context.listers.backends.get(ref.backend);
  const invalid = (why: string): Claim => ({ state: 'invalid', ref, why });
  if (!backend) return invalid(`the VaultAuthBackend ${ref.backend} no longer exists`);
  const { endpointRef, path } = backend.spec;
  // All three are immutable, so that a true claim has them too.
  if (ref.endpoint !== endpointRef.name || ref.mountPath !== path)
    return invalid(
      `it is not at auth/${path} of VaultEndpoint ${endpointRef.name}, the place of VaultAuthBackend ${ref.backend}`,
    );
  if (ref.roleName === qualifiedName(backend, role)) return { state: 'valid', ref, isQualified: true };
  if (ref.roleName.startsWith(`${backend.spec.clusterName}.`))
    return invalid('its name belongs to another object or to the controller');
  const login = loginOf(context, backend, ref.roleName);
  if (login !== undefined) return invalid(`its name belongs to ${login}`);
  const holder = otherHolder(context, backend, role, ref.roleName);
  if (holder) return invalid(`its name belongs to VaultAuthRole ${holder.metadata.namespace}/${holder.metadata.name}`);
  return { state: 'valid', ref, isQualified: false };
}

/**
 * Whether a role in Vault can be one that an object of this namespace has written. A plain name says nothing about its owner,
 * and what an object writes always binds its own namespace.
 */
export function bindsNamespace(document: JsonObject, namespace: string): boolean {
  const subjects = [document['bound_subject'], claimedSubjects(document['bound_claims'])].flat();
  const prefix = `system:serviceaccount:${namespace}:`;
  return (
    listOf(document['bound_service_account_namespaces']).includes(namespace) ||
    subjects.some((subject) => typeof subject === 'string' && subject.startsWith(prefix))
  );
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const claimedSubjects = (claims: unknown): readonly unknown[] =>
  typeof claims === 'object' && claims !== null && 'sub' in claims ? [claims.sub].flat() : [];

const qualifiedName = (
  { spec: { clusterName } }: VaultAuthBackend,
  { metadata: { name, namespace = '' } }: VaultAuthRole,
): string =>
  nameInVault({ clusterName, roleNaming: 'Qualified' }, { namespace, name, vaultRoleName: undefined, isObserved: false });

/**
 * The VaultEndpoint whose login uses a role of this name on the backend's mount, such as "VaultEndpoint main": with a plain name
 * a tenant could otherwise overwrite the role by which the controller logs in.
 */
export function loginOf({ listers }: ControllerContext, { spec: { path } }: VaultAuthBackend, name: string): string | undefined {
  const endpoint = listers.endpoints
    .list()
    .find(({ spec: { auth } }) => [auth.kubernetes, auth.jwt].some((login) => login?.mount === path && login.role === name));
  return endpoint && `VaultEndpoint ${endpoint.metadata.name}`;
}

/** Another object that stands for the name on this backend, by its spec. */
const otherHolder = (
  { listers }: ControllerContext,
  backend: VaultAuthBackend,
  role: VaultAuthRole,
  roleName: string,
): VaultAuthRole | undefined =>
  listers
    .rolesByVaultName(roleName)
    .find(
      (other) =>
        other.metadata.uid !== role.metadata.uid &&
        other.metadata.deletionTimestamp === undefined &&
        other.status?.vault?.owned === true &&
        other.status.vault.backend === backend.metadata.name &&
        vaultRoleName(backend, other) === roleName,
    );
