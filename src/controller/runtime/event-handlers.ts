// Event handlers of the informers: from a change in the cluster to items of the queue, once this process leads.
import { FINALIZER, type KindName } from '../../resources/kinds.ts';
import type { ItemKind, Listers, Objects } from './context.ts';
import type { InformerHandlers } from './informers.ts';
import {
  createsRoles,
  isChanged,
  isCosmetic,
  itemOf,
  itemsOfServiceAccounts,
  mapBackend,
  mapCredential,
  mapEndpoint,
  mapNamespace,
  mapPod,
  mapPolicy,
  mapRole,
  mapSecretVersion,
  mapServiceAccount,
  type MappedItem,
} from './watch-mapping.ts';

export interface EventHandlerOptions {
  readonly listers: () => Listers;
  readonly enqueue: (kind: ItemKind, key: string, afterMs?: number) => void;
  /** Called before the item of a role whose finalizer someone else removed. */
  readonly vanished: (key: string, role: Objects['VaultAuthRole']) => void;
  /** See ControllerClock. */
  readonly resyncFactor: number;
  readonly random: () => number;
}

export interface EventHandlers {
  readonly handlers: InformerHandlers;
  /** This process leads: enqueues all endpoints, and after their first reconcile everything else. */
  readonly start: () => void;
  /** The version of a secret differs from the one before. */
  readonly secretVersion: (secret: string) => void;
  /** A reconcile has ended. */
  readonly reconciled: (kind: ItemKind, key: string) => void;
  readonly stop: () => void;
}

/** Many items are spread over this time for each, but over no more than the maximum. */
const SPREAD_PER_ITEM_MS = 5;
const MAX_SPREAD_MS = 60_000;
const LATER_MS = 5000;
/** The first reconcile of an endpoint lasts as long as its server needs to answer; the others start after this without it. */
const FIRST_ENDPOINTS_TIMEOUT_MS = 20_000;

/** Event handlers that drop everything until `start`: the first reconcile of everything makes up for that. */
export function eventHandlers({ listers, enqueue, vanished, resyncFactor, random }: EventHandlerOptions): EventHandlers {
  let phase: 'stopped' | 'endpoints' | 'all' = 'stopped';
  const pendingEndpoints = new Set<string>();
  let timeout: NodeJS.Timeout | undefined;

  const admit = (kind: ItemKind, key: string, afterMs?: number): void => {
    // Without a ready endpoint a reconcile of its backend would only report EndpointNotReady.
    if (phase === 'all' || (phase === 'endpoints' && kind === 'VaultEndpoint')) enqueue(kind, key, afterMs);
  };
  const admitAll = (items: readonly MappedItem[]): void => {
    const spreadMs = Math.min(MAX_SPREAD_MS, items.length * SPREAD_PER_ITEM_MS);
    for (const { kind, key, when } of items)
      admit(kind, key, when === undefined ? 0 : when === 'later' ? LATER_MS * resyncFactor : 1 + random() * spreadMs);
  };
  const handle = (map: () => readonly MappedItem[]): void => {
    if (phase !== 'stopped') admitAll(map());
  };
  const startAll = (): void => {
    if (phase !== 'endpoints') return;
    clearTimeout(timeout);
    phase = 'all';
    const { backends, policies, roles, rolloutPods } = listers();
    admitAll([
      ...backends.list().map(itemOf('VaultAuthBackend')),
      ...policies.list().map(itemOf('VaultACLPolicy')),
      ...roles.list().map(itemOf('VaultAuthRole', 'spread')),
      ...(backends.list().some(createsRoles) ? itemsOfServiceAccounts(listers()) : []),
      ...backends
        .list()
        .filter(({ status }) => (status?.pendingDeletions?.length ?? 0) > 0)
        .map(itemOf('PendingDeletions')),
      // The first read of each version enqueues the workloads that use it.
      ...rolloutPods.secrets().map((key): MappedItem => ({ kind: 'SecretVersion', key, when: 'spread' })),
    ]);
  };

  return {
    handlers: {
      object: (kind, key, before, after) => {
        if (phase !== 'stopped' && before && !after && isVanishedRole(before)) vanished(key, before);
        if (phase !== 'stopped' && isChanged(before, after))
          admit(kind, key, isCosmetic(before, after) ? LATER_MS * resyncFactor : undefined);
        handle(() => mapObject(listers(), kind, before, after));
      },
      namespace: (before, after) => handle(() => mapNamespace(listers(), before, after)),
      serviceAccount: (before, after) => handle(() => mapServiceAccount(listers(), before, after)),
      credential: (name) => handle(() => mapCredential(listers(), name)),
      pod: (before, after) => handle(() => mapPod(listers(), before, after)),
    },
    secretVersion: (secret) => handle(() => mapSecretVersion(listers(), secret)),
    start: () => {
      phase = 'endpoints';
      for (const key of listers().endpoints.keys()) {
        pendingEndpoints.add(key);
        enqueue('VaultEndpoint', key);
      }
      if (pendingEndpoints.size === 0) return startAll();
      timeout = setTimeout(startAll, FIRST_ENDPOINTS_TIMEOUT_MS);
    },
    reconciled: (kind, key) => {
      const isFirst = phase === 'endpoints' && kind === 'VaultEndpoint' && pendingEndpoints.delete(key);
      if (isFirst && pendingEndpoints.size === 0) startAll();
    },
    stop: () => {
      phase = 'stopped';
      clearTimeout(timeout);
    },
  };
}

/**
 * A role that went without the controller: the controller removes its finalizer only from objects that are being deleted. If its own
 * removal is seen late, the role in Vault is deleted already, and deleting it again changes nothing.
 */
const isVanishedRole = (before: Objects[KindName]): before is Objects['VaultAuthRole'] => {
  if (before.kind !== 'VaultAuthRole') return false;
  const { deletionTimestamp, finalizers } = before.metadata;
  return deletionTimestamp === undefined || finalizers?.includes(FINALIZER) === true;
};

type AnyObject = Objects[KindName] | undefined;

const mapObject = (listers: Listers, kind: KindName, before: AnyObject, after: AnyObject): readonly MappedItem[] => {
  switch (kind) {
    case 'VaultEndpoint':
      return mapEndpoint(listers, before as Objects['VaultEndpoint'], after as Objects['VaultEndpoint']);
    case 'VaultAuthBackend':
      return mapBackend(listers, before as Objects['VaultAuthBackend'], after as Objects['VaultAuthBackend']);
    case 'VaultACLPolicy':
      return mapPolicy(listers, before as Objects['VaultACLPolicy'], after as Objects['VaultACLPolicy']);
    case 'VaultAuthRole':
      return mapRole(listers, before as Objects['VaultAuthRole'], after as Objects['VaultAuthRole']);
  }
};
