// An item of the queue that depends on something else, and what it takes to find such items.
import type { VaultAuthBackend } from '../../resources/backend.ts';
import type { Resource } from '../../resources/kinds.ts';
import type { ClusterServiceAccount, ItemKind, Listers } from './context.ts';

/**
 * An item, and when: at once unless told. `spread`: it is one of many, which shall not come all at once. `later`: many changes
 * of others concern it, and it is enough to look after some of them.
 */
export interface Dependant {
  readonly kind: ItemKind;
  readonly key: string;
  readonly when?: 'spread' | 'later';
}

/** The item of an object of ours. */
export function itemOf(kind: ItemKind, when?: Dependant['when']) {
  return ({ metadata: { name, namespace } }: Resource<unknown, unknown>): Dependant => ({
    kind,
    key: namespace === undefined ? name : `${namespace}/${name}`,
    ...(when === undefined ? {} : { when }),
  });
}

/** Whether a backend makes roles for service accounts. */
export function makesRoles({ spec }: VaultAuthBackend): boolean {
  return spec.autoRoles.mode !== 'Off';
}

/** Service accounts, of one namespace or of all. */
export function accountsOf({ serviceAccounts }: Listers, namespace?: string): readonly Dependant[] {
  return serviceAccounts
    .list()
    .filter((account) => namespace === undefined || account.namespace === namespace)
    .map(itemOfAccount('spread'));
}

/** The item of a service account. */
export function itemOfAccount(when?: Dependant['when']) {
  return ({ namespace, name }: ClusterServiceAccount): Dependant => ({
    kind: 'ServiceAccount',
    key: `${namespace}/${name}`,
    ...(when === undefined ? {} : { when }),
  });
}
