// What has to be looked at again when something of the cluster has changed that is not ours: namespaces, service accounts,
// Secrets and ConfigMaps of our own namespace.
import { isDeepStrictEqual } from 'node:util';
import type { Resource } from '../../resources/kinds.ts';
import { serviceAccountsOf } from '../../resources/role.ts';
import type { ClusterNamespace, ClusterServiceAccount, Listers } from './context.ts';
import { accountsOf, type Dependant, itemOf, itemOfAccount, makesRoles } from './dependant.ts';

/** Whether it may have roles, and for which backend. */
export function ofNamespace(
  listers: Listers,
  before: ClusterNamespace | undefined,
  after: ClusterNamespace | undefined,
): readonly Dependant[] {
  if (!after || (before && isDeepStrictEqual(before.labels, after.labels) && before.deleting === after.deleting)) return [];
  const { name } = after;
  return [
    ...listers.rolesInNamespace(name).map(itemOf('VaultAuthRole', 'spread')),
    ...(listers.backends.list().some(makesRoles) ? accountsOf(listers, name) : []),
  ];
}

/** Roles that bind it by name; and it itself, where some backend makes roles for service accounts. */
export function ofServiceAccount(
  listers: Listers,
  before: ClusterServiceAccount | undefined,
  after: ClusterServiceAccount | undefined,
): readonly Dependant[] {
  const account = after ?? before;
  if (!account) return [];
  const { namespace, name } = account;
  const isNew = before?.uid !== after?.uid;
  return [
    ...(isNew
      ? listers
          .rolesInNamespace(namespace)
          .filter((role) => serviceAccountsOf(role).includes(name))
          .map(itemOf('VaultAuthRole'))
      : []),
    ...(listers.backends.list().some(makesRoles) ? [itemOfAccount()(account)] : []),
  ];
}

/** Whoever names a Secret or ConfigMap of our namespace. */
export function ofCredential(listers: Listers, name: string): readonly Dependant[] {
  const names = ({ spec }: Resource<unknown, unknown>): boolean =>
    JSON.stringify(spec).includes(`"name":${JSON.stringify(name)}`);
  return [
    ...listers.endpoints.list().filter(names).map(itemOf('VaultEndpoint')),
    ...listers.backends.list().filter(names).map(itemOf('VaultAuthBackend')),
  ];
}
