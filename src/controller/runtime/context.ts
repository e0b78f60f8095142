// What a reconciler receives: the cluster in memory, the Vault servers, writers, clock and report.
import type { KubeClient } from '../../kube/client.ts';
import type { EventSubject } from '../../kube/events.ts';
import type { Lister } from '../../kube/informer.ts';
import type { ControllerMetrics } from '../../observe/controller-metrics.ts';
import type { Log } from '../../observe/log.ts';
import type { VaultACLPolicy } from '../../resources/acl-policy.ts';
import type { VaultAuthBackend, PendingDeletion } from '../../resources/backend.ts';
import type { VaultEndpoint } from '../../resources/endpoint.ts';
import type { KindName } from '../../resources/kinds.ts';
import type { VaultAuthRole } from '../../resources/role.ts';
import type { TurnQueue } from '../../net/rate-limit.ts';
import type { RolloutPod } from '../rollout/pods.ts';
import type { RolloutPhase } from '../rollout/reconcile.ts';
import type { SecretVersions } from '../rollout/versions.ts';
import type { VaultRegistry } from './vault-registry.ts';

/** The objects of each kind. */
export interface Objects {
  readonly VaultEndpoint: VaultEndpoint;
  readonly VaultAuthBackend: VaultAuthBackend;
  readonly VaultACLPolicy: VaultACLPolicy;
  readonly VaultAuthRole: VaultAuthRole;
}

/** What the controller caches of a namespace. */
export interface ClusterNamespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Those with the prefixes of the annotation tables. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly deleting: boolean;
}

/** What the controller caches of a service account. */
export interface ClusterServiceAccount {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Those with the prefixes of the annotation tables, and with vault.hashicorp.com. */
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Everything that can be in the queue. The key of `PendingDeletions` is the name of a backend, that of `SecretVersion` an endpoint
 * and a path, that of `Rollout` the kind, namespace and name of a workload.
 */
export type ItemKind = KindName | 'ServiceAccount' | 'PendingDeletions' | 'SecretVersion' | 'Rollout';

/** The cluster as the informers have it: read from memory, never from the API server. */
export interface Listers {
  readonly endpoints: Lister<VaultEndpoint>;
  readonly backends: Lister<VaultAuthBackend>;
  readonly policies: Lister<VaultACLPolicy>;
  readonly roles: Lister<VaultAuthRole>;
  readonly rolesInNamespace: (namespace: string) => readonly VaultAuthRole[];
  /** Roles with this name in Vault if the backend does not qualify names: `spec.vaultRoleName`, or else `metadata.name`. */
  readonly rolesByVaultName: (name: string) => readonly VaultAuthRole[];
  readonly namespaces: Lister<ClusterNamespace>;
  /** By `namespace/name`. */
  readonly serviceAccounts: Lister<ClusterServiceAccount>;
  readonly rolloutPods: RolloutPods;
}

/** The pods that request rollouts; empty if rollouts are off. */
export interface RolloutPods {
  /** By the key of `Rollout`. */
  readonly ofWorkload: (key: string) => readonly RolloutPod[];
  /** By the key of `SecretVersion`. */
  readonly ofSecret: (key: string) => readonly RolloutPod[];
  /** Everything that they use. */
  readonly workloads: () => readonly string[];
  readonly secrets: () => readonly string[];
}

/** Requests to the API server, and the writers of the controller's own objects. */
export interface ControllerKube {
  /** Everything but GET throws LeaseLost unless this process leads. */
  readonly client: KubeClient;
  /** The controller's own namespace, which holds all credentials. */
  readonly namespace: string;
  /** The controller's own service account. */
  readonly serviceAccount: string;
  /**
   * Applies the status of an object if more than its times of observation changed. Ignores an object that was deleted or
   * replaced meanwhile. The listers have the new status when this resolves. Leaves `pendingDeletions` as they are.
   */
  readonly writeStatus: <K extends KindName>(
    kind: K,
    object: Objects[K],
    status: NonNullable<Objects[K]['status']>,
  ) => Promise<void>;
  /**
   * Changes `status.pendingDeletions` of a backend, and returns false if there is no such backend. Written when this resolves.
   */
  readonly changePendingDeletions: (
    backend: string,
    change: (before: readonly PendingDeletion[]) => readonly PendingDeletion[],
  ) => Promise<boolean>;
  /** To be called before the first write to Vault. Throws `Conflict` when the object has changed. */
  readonly addFinalizer: (kind: KindName, object: Objects[KindName]) => Promise<void>;
  readonly removeFinalizer: (kind: KindName, object: Objects[KindName]) => Promise<void>;
}

/** The Vault servers, and whether this process may write to them. */
export interface ControllerVault {
  readonly registry: VaultRegistry;
  /** Throws LeaseLost unless this process certainly leads. To be called right before each write. */
  readonly fence: () => void;
  /** Nothing is written to any Vault, whatever `managementPolicy` an object has. */
  readonly observeOnly: boolean;
}

/** What rollouts share; in memory, and made again from the cluster and Vault. */
export interface ControllerRollouts {
  readonly options: RolloutOptions;
  readonly versions: SecretVersions;
  /** Starts within the rate of the cluster. */
  readonly turns: TurnQueue;
  /** Of the workloads that are not up to date. */
  readonly phases: Map<string, RolloutPhase>;
}

export interface RolloutOptions {
  /** Between two reads of the version of a secret. */
  readonly intervalMs: number;
  /** Of starts in the whole cluster. */
  readonly perMinute: number;
  /** A phase that lasts longer is reported. */
  readonly timeoutMs: number;
}

/** Time and chance; tests make the times shorter. */
export interface ControllerClock {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** At least 0 and less than 1. */
  readonly random: () => number;
  /** Multiplier for resync intervals, the longest back-off and the retention of retired keys. */
  readonly resyncFactor: number;
  /** How long a deletion waits for Vault before what is left there becomes a pending deletion. */
  readonly deletionTimeoutMs: number;
}

/** Where a reconciler reports what it did. */
export interface ControllerReport {
  /** Writes an Event about the object; returns at once. */
  readonly emitEvent: (object: EventSubject, type: 'Normal' | 'Warning', reason: string, message: string) => void;
  readonly log: Log;
  readonly metrics: ControllerMetrics;
}

/** What every reconciler receives. */
export interface ControllerContext {
  readonly kube: ControllerKube;
  readonly vault: ControllerVault;
  readonly clock: ControllerClock;
  readonly report: ControllerReport;
  readonly listers: Listers;
  /** Roles whose finalizer someone else removed before the object was deleted, by key, until they are pending deletions. */
  readonly vanishedRoles: Map<string, VaultAuthRole>;
  /** Undefined: rollouts are off. */
  readonly rollouts?: ControllerRollouts | undefined;
}

/** `requeueAfterMs` undefined: not before the next change. */
export interface ReconcileResult {
  readonly requeueAfterMs?: number | undefined;
}

/**
 * Makes Vault match one object; `object` undefined: it was deleted. Level-triggered: it compares the declared state with the
 * observed state, whatever event caused the run. The queue repeats a run that throws, with back-off.
 */
export type Reconcile<T> = (
  context: ControllerContext,
  key: string,
  object: T | undefined,
  signal: AbortSignal,
) => Promise<ReconcileResult>;

/** One reconciler for each kind of item. */
export interface Reconcilers {
  readonly VaultEndpoint: Reconcile<VaultEndpoint>;
  readonly VaultAuthBackend: Reconcile<VaultAuthBackend>;
  readonly VaultACLPolicy: Reconcile<VaultACLPolicy>;
  readonly VaultAuthRole: Reconcile<VaultAuthRole>;
  /** Generated roles (autoRoles). */
  readonly ServiceAccount: Reconcile<ClusterServiceAccount>;
  /** The object is the backend. */
  readonly PendingDeletions: Reconcile<VaultAuthBackend>;
  /** The object is the list of pods that use the secret. */
  readonly SecretVersion: Reconcile<readonly RolloutPod[]>;
  /** The object is the list of pods of the workload that request rollouts. */
  readonly Rollout: Reconcile<readonly RolloutPod[]>;
}

/**
 * Milliseconds until the next resync of an object with this interval, with a jitter of 20 % so that objects do not come in
 * bursts.
 */
export function resyncAfterMs(
  { resyncFactor, random }: Pick<ControllerClock, 'resyncFactor' | 'random'>,
  seconds: number,
): number {
  return seconds * 1000 * resyncFactor * (0.8 + 0.4 * random());
}
