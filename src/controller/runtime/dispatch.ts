// From an item of the queue to its reconciler, and from what that left behind to a word for the metrics.
import { LeaseLost } from '../../kube/lease.ts';
import type { KindName } from '../../resources/kinds.ts';
import { readyReason } from './object-metrics.ts';
import type { ControllerContext, ItemKind, Reconcilers } from './context.ts';
import type { Cause } from './queue-lanes.ts';
import { routineVaults } from './routine.ts';
import type { Stores } from './informers.ts';

/** An item of the queue: `Kind/name` or `Kind/namespace/name`. */
export function itemName(kind: ItemKind, key: string): string {
  return `${kind}/${key}`;
}

/** The parts of an item. */
export function partsOf(item: string): { readonly kind: ItemKind; readonly key: string } {
  const cut = item.indexOf('/');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- items are only made by itemName
  return { kind: item.slice(0, cut) as ItemKind, key: item.slice(cut + 1) };
}

/** Runs the reconciler of an item; without one there is nothing to do. What a routine run asks of Vault lets changes go first. */
export function dispatcher(reconcilers: Partial<Reconcilers>, controller: ControllerContext, { ours, serviceAccounts }: Stores) {
  return async (
    item: string,
    signal: AbortSignal,
    cause: Cause,
  ): Promise<{ readonly requeueAfterMs?: number | undefined } | void> => {
    const { kind, key } = partsOf(item);
    const context =
      cause === 'routine'
        ? { ...controller, vault: { ...controller.vault, registry: routineVaults(controller.vault.registry) } }
        : controller;
    switch (kind) {
      case 'VaultEndpoint':
        return reconcilers.VaultEndpoint?.(context, key, ours.VaultEndpoint.get(key), signal);
      case 'VaultAuthBackend':
        return reconcilers.VaultAuthBackend?.(context, key, ours.VaultAuthBackend.get(key), signal);
      case 'VaultACLPolicy':
        return reconcilers.VaultACLPolicy?.(context, key, ours.VaultACLPolicy.get(key), signal);
      case 'VaultAuthRole':
        return reconcilers.VaultAuthRole?.(context, key, ours.VaultAuthRole.get(key), signal);
      case 'ServiceAccount':
        return reconcilers.ServiceAccount?.(context, key, serviceAccounts.get(key), signal);
      case 'Tombstones':
        return reconcilers.Tombstones?.(context, key, ours.VaultAuthBackend.get(key), signal);
    }
  };
}

/** One word about a run that is over: a reason of Ready, or what else there is to say. */
export function outcomeOf(item: string, error: unknown, { ours }: Stores): string {
  if (error !== undefined) return error instanceof LeaseLost ? 'LeaseLost' : 'Error';
  const { kind, key } = partsOf(item);
  if (!isOurs(kind)) return 'Done';
  const object = ours[kind].get(key);
  return object ? readyReason(object) : 'Gone';
}

const isOurs = (kind: ItemKind): kind is KindName => kind !== 'ServiceAccount' && kind !== 'Tombstones';
