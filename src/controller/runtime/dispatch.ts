// From an item of the queue to its reconciler, and from the run to the reason that the metrics report.
import { LeaseLost } from '../../kube/lease.ts';
import { type KindName, kinds } from '../../resources/kinds.ts';
import type { VaultCall } from '../../vault/client.ts';
import type { ControllerContext, ItemKind, Reconcilers, ReconcileResult } from './context.ts';
import type { Informers } from './informers.ts';
import { readyReason } from './object-metrics.ts';
import type { Cause } from './queue-lanes.ts';
import type { VaultRegistry } from './vault-registry.ts';

/** An item of the queue: `Kind/name` or `Kind/namespace/name`. */
export function itemName(kind: ItemKind, key: string): string {
  return `${kind}/${key}`;
}

/** The parts of an item. */
export function partsOf(item: string): { readonly kind: ItemKind; readonly key: string } {
  const cut = item.indexOf('/');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only itemName creates items
  return { kind: item.slice(0, cut) as ItemKind, key: item.slice(cut + 1) };
}

/** The namespace of a role or service account; empty for kinds that only the platform team creates, and for what it switches on. */
export function namespaceOf(item: string): string {
  const { kind, key } = partsOf(item);
  return kind === 'VaultAuthRole' || kind === 'ServiceAccount' ? key.slice(0, key.indexOf('/')) : '';
}

/** Runs the reconciler of an item, if there is one for its kind. In a resync, Vault requests of changes go first. */
export function dispatcher(
  reconcilers: Partial<Reconcilers>,
  controller: ControllerContext,
  { objects, serviceAccounts, rolloutPods }: Pick<Informers, 'objects' | 'serviceAccounts' | 'rolloutPods'>,
) {
  return async (item: string, signal: AbortSignal, cause: Cause): Promise<ReconcileResult | void> => {
    const { kind, key } = partsOf(item);
    const { vault } = controller;
    const context =
      cause === 'resync' ? { ...controller, vault: { ...vault, registry: resyncRegistry(vault.registry) } } : controller;
    switch (kind) {
      case 'VaultEndpoint':
        return reconcilers.VaultEndpoint?.(context, key, objects.VaultEndpoint.get(key), signal);
      case 'VaultAuthBackend':
        return reconcilers.VaultAuthBackend?.(context, key, objects.VaultAuthBackend.get(key), signal);
      case 'VaultACLPolicy':
        return reconcilers.VaultACLPolicy?.(context, key, objects.VaultACLPolicy.get(key), signal);
      case 'VaultAuthRole':
        return reconcilers.VaultAuthRole?.(context, key, objects.VaultAuthRole.get(key), signal);
      case 'ServiceAccount':
        return reconcilers.ServiceAccount?.(context, key, serviceAccounts.get(key), signal);
      case 'PendingDeletions':
        return reconcilers.PendingDeletions?.(context, key, objects.VaultAuthBackend.get(key), signal);
      case 'SecretVersion':
        return reconcilers.SecretVersion?.(context, key, rolloutPods.ofSecret(key), signal);
      case 'Rollout':
        return reconcilers.Rollout?.(context, key, rolloutPods.ofWorkload(key), signal);
    }
  };
}

/**
 * The registry for a run that no change asked for: its reads wait behind the requests of changes. From its first write on it
 * counts as a change, so that drift is corrected and read back at once.
 */
const resyncRegistry = (registry: VaultRegistry): VaultRegistry => {
  let hasWritten = false;
  const asResync = <Call extends VaultCall>(call: Call): Call => {
    hasWritten ||= call.method !== 'GET' && call.method !== 'LIST';
    return hasWritten ? call : { priority: 'resync', ...call };
  };
  return {
    ...registry,
    get: (endpoint) => {
      const vault = registry.get(endpoint);
      if (vault.state === 'notReady') return vault;
      const { session, client } = vault;
      return {
        ...vault,
        session: { ...session, request: (call) => session.request(asResync(call)) },
        client: { ...client, request: (call) => client.request(asResync(call)) },
      };
    },
  };
};

/** The reason of a run for the metrics: that of the object's condition Ready, or `Gone`, `Done`, `Error`, `LeaseLost`. */
export function reasonOfRun(item: string, error: unknown, { objects }: Pick<Informers, 'objects'>): string {
  if (error !== undefined) return error instanceof LeaseLost ? 'LeaseLost' : 'Error';
  const { kind, key } = partsOf(item);
  if (!isObjectKind(kind)) return 'Done';
  const object = objects[kind].get(key);
  return object ? readyReason(object) : 'Gone';
}

const isObjectKind = (kind: ItemKind): kind is KindName => Object.hasOwn(kinds, kind);
