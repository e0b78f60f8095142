// What has to be looked at again when something of the cluster has changed that is not ours: namespaces, service accounts,
// Secrets and ConfigMaps of our own namespace.
import { isDeepStrictEqual } from 'node:util';
import type { Resource } from '../resources/resource.ts';
import { serviceAccountsOf } from '../resources/role.ts';
import type { ClusterNamespace, ClusterServiceAccount } from './context.ts';
import { accountsOf, type Dependant, itemOf, itemOfAccount, type Known, makesRoles } from './dependant.ts';

/** Whether it may have roles, and for which backend. */
export function ofNamespace(
  known: Known,
  before: ClusterNamespace | undefined,
  after: ClusterNamespace | undefined,
): readonly Dependant[] {
  if (!after || (before && isDeepStrictEqual(before.labels, after.labels) && before.deleting === after.deleting)) return [];
  const { name } = after;
  return [
    ...known.rolesIn(name).map(itemOf('VaultAuthRole', 'spread')),
    ...(known.backends.list().some(makesRoles) ? accountsOf(known, name) : []),
  ];
}

/** Roles that bind it by name; and it itself, where some backend makes roles for service accounts. */
export function ofServiceAccount(
  known: Known,
  before: ClusterServiceAccount | undefined,
  after: ClusterServiceAccount | undefined,
): readonly Dependant[] {
  const account = after ?? before;
  if (!account) return [];
  const { namespace, name } = account;
  const isNew = before?.uid !== after?.uid;
  return [
    ...(isNew
      ? known
          .rolesIn(namespace)
          .filter((role) => serviceAccountsOf(role).includes(name))
          .map(itemOf('VaultAuthRole'))
      : []),
    ...(known.backends.list().some(makesRoles) ? [itemOfAccount()(account)] : []),
  ];
}

/** Whoever names a Secret or ConfigMap of our namespace. */
export function ofCredential(known: Known, name: string): readonly Dependant[] {
  const names = ({ spec }: Resource<unknown, unknown>): boolean =>
    JSON.stringify(spec).includes(`"name":${JSON.stringify(name)}`);
  return [
    ...known.endpoints.list().filter(names).map(itemOf('VaultEndpoint')),
    ...known.backends.list().filter(names).map(itemOf('VaultAuthBackend')),
  ];
}
