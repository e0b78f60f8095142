// What a reconciler gets: the cluster in memory, the servers that can be worked with, and the ways to write.
import type { KubeClient } from '../kube/client.ts';
import type { Lister } from '../kube/informer.ts';
import type { ControllerMetrics } from '../observe/controller-metrics.ts';
import type { Log } from '../observe/log.ts';
import type { VaultACLPolicy } from '../resources/acl-policy.ts';
import type { VaultAuthBackend } from '../resources/backend.ts';
import type { PendingDeletion } from '../resources/backend-status.ts';
import type { VaultEndpoint } from '../resources/endpoint.ts';
import type { KindName } from '../resources/kinds.ts';
import type { VaultAuthRole } from '../resources/role.ts';
import type { VaultRegistry } from './vault-registry.ts';

/** The objects of our kinds. */
export interface Objects {
  readonly VaultEndpoint: VaultEndpoint;
  readonly VaultAuthBackend: VaultAuthBackend;
  readonly VaultACLPolicy: VaultACLPolicy;
  readonly VaultAuthRole: VaultAuthRole;
}

/** A namespace, as far as anything here depends on it. */
export interface ClusterNamespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Those under our prefixes. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly deleting: boolean;
}

/** A service account, as far as anything here depends on it. */
export interface ClusterServiceAccount {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Those under our prefixes, and of vault.hashicorp.com. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** Everything that can be in the queue. Tombstones: roles in Vault whose objects are gone, under the name of their backend. */
export type ItemKind = KindName | 'ServiceAccount' | 'Tombstones';

/** Milliseconds; tests make them shorter. */
export interface ControllerTimes {
  /** All times after which something is looked at again are multiplied by this. */
  readonly resyncFactor: number;
  /** How long the deletion of an object waits for Vault before what is left there becomes a tombstone. */
  readonly deletionMs: number;
}

export interface ControllerContext {
  /** Reads always, and writes only while this process leads: everything but GET throws LeaseLost otherwise. */
  readonly kube: KubeClient;
  /** Our own namespace: all credentials live here. */
  readonly namespace: string;
  /** Our own service account. */
  readonly serviceAccount: string;
  /** Nothing is written to Vault, whatever any object says. */
  readonly observeOnly: boolean;
  readonly times: ControllerTimes;
  readonly endpoints: Lister<VaultEndpoint>;
  readonly backends: Lister<VaultAuthBackend>;
  readonly policies: Lister<VaultACLPolicy>;
  readonly roles: Lister<VaultAuthRole>;
  /** Roles of one namespace. */
  readonly rolesIn: (namespace: string) => readonly VaultAuthRole[];
  /** Roles that would have this name in Vault where the backend does not qualify names: `vaultRoleName`, or their own name. */
  readonly rolesNamed: (name: string) => readonly VaultAuthRole[];
  readonly namespaces: Lister<ClusterNamespace>;
  /** By `namespace/name`. */
  readonly serviceAccounts: Lister<ClusterServiceAccount>;
  readonly vaults: VaultRegistry;
  readonly queue: { readonly add: (kind: ItemKind, key: string, afterMs?: number) => void };
  /**
   * Applies the status of an object, if it differs in more than times from what is there. An object that is gone meanwhile,
   * or is another one by now, is left alone. The stores know of it when this resolves. Tombstones are not part of it.
   */
  readonly writeStatus: <K extends KindName>(
    kind: K,
    object: Objects[K],
    status: NonNullable<Objects[K]['status']>,
  ) => Promise<void>;
  /**
   * Changes what a backend remembers of roles in Vault whose objects are gone; false when there is no such backend. It is in the
   * backend's status when this resolves. `writeStatus` leaves these alone.
   */
  readonly changeTombstones: (
    backend: string,
    change: (before: readonly PendingDeletion[]) => readonly PendingDeletion[],
  ) => Promise<boolean>;
  /** Adds our finalizer, to be called before the first write to Vault. Throws `Conflict` when the object has changed. */
  readonly hold: (kind: KindName, object: Objects[KindName]) => Promise<void>;
  /** Takes our finalizer away: the object may go. */
  readonly release: (kind: KindName, object: Objects[KindName]) => Promise<void>;
  /** Tells people who look at the object; returns at once. */
  readonly event: (object: Objects[KindName], type: 'Normal' | 'Warning', reason: string, message: string) => void;
  /** Throws LeaseLost unless this process certainly leads. To be called right before each write to Vault. */
  readonly fence: () => void;
  readonly log: Log;
  readonly metrics: ControllerMetrics;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** At least 0 and less than 1. */
  readonly random: () => number;
}

/**
 * Brings one object and what it stands for together; `object` undefined: it is gone. Level-triggered: whatever happened since
 * the last run, it looks at how things are. `afterMs` says when to look again; what it throws is tried again, with growing waits.
 */
export type Reconcile<T> = (
  context: ControllerContext,
  key: string,
  object: T | undefined,
  signal: AbortSignal,
) => Promise<{ readonly afterMs?: number | undefined }>;

/** One reconciler for each kind of item. */
export interface Reconcilers {
  readonly VaultEndpoint: Reconcile<VaultEndpoint>;
  readonly VaultAuthBackend: Reconcile<VaultAuthBackend>;
  readonly VaultACLPolicy: Reconcile<VaultACLPolicy>;
  readonly VaultAuthRole: Reconcile<VaultAuthRole>;
  /** Roles that are made for service accounts. */
  readonly ServiceAccount: Reconcile<ClusterServiceAccount>;
  /** Roles in Vault whose objects are gone; the object is their backend. */
  readonly Tombstones: Reconcile<VaultAuthBackend>;
}

/** Milliseconds until the next look, for something to be looked at every so many seconds; spread by a fifth to both sides. */
export function resyncAfter({ times, random }: Pick<ControllerContext, 'times' | 'random'>, seconds: number): number {
  return seconds * 1000 * times.resyncFactor * (0.8 + 0.4 * random());
}
