// The controller as a whole: starts informers, takes the leader lease, and runs a queue of reconciles.
import { type KubeClient, fencedClient } from '../../kube/client.ts';
import { eventRecorder } from '../../kube/events.ts';
import { type LeaderElection, LeaseLost, type LeaderElectionTimes, runLeaderElection } from '../../kube/lease.ts';
import type { ReflectorTimes } from '../../kube/reflector.ts';
import type { ControllerMetrics } from '../../observe/controller-metrics.ts';
import type { Log } from '../../observe/log.ts';
import type { VaultAuthRole } from '../../resources/role.ts';
import { GROUP } from '../../resources/kinds.ts';
import type { ControllerClock, ControllerContext, ControllerRollouts, Reconcilers, RolloutOptions } from './context.ts';
import { dispatcher, itemName, partsOf, reasonOfRun, namespaceOf } from './dispatch.ts';
import { turnQueue } from '../../net/rate-limit.ts';
import { freshnessOf } from '../rollout/freshness.ts';
import type { RolloutPhase } from '../rollout/reconcile.ts';
import { secretVersions } from '../rollout/versions.ts';
import { eventHandlers } from './event-handlers.ts';
import { startInformers } from './informers.ts';
import { failingConditions, objectCounts, roleResyncs, pendingDeletionCounts } from './object-metrics.ts';
import { finalizerWriter, statusWriter } from './object-writer.ts';
import { workQueue, type WorkQueue } from './queue.ts';
import { vaultRegistry } from './vault-registry.ts';

export interface ControllerOptions {
  readonly client: KubeClient;
  /** The controller's own, which holds the leader lease too. */
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly leaseName: string;
  /** The holder identity of this process in the lease. */
  readonly identity: string;
  readonly observeOnly: boolean;
  readonly workers: number;
  readonly times: Pick<ControllerClock, 'resyncFactor' | 'deletionTimeoutMs'>;
  readonly reconcilers: Partial<Reconcilers>;
  /** Undefined: off. Neither pods nor workloads are read then. */
  readonly rollouts?: RolloutOptions | undefined;
  /** Which annotations of namespaces and service accounts are cached, by name. */
  readonly cachesAnnotation: (name: string) => boolean;
  readonly log: Log;
  readonly metrics: ControllerMetrics;
  /** The leader lease is lost: nothing is written from now on, and this process should exit. Called at most once. */
  readonly onLost: (reason: string) => void;
  readonly watchTimes?: Partial<ReflectorTimes>;
  readonly leaderTimes?: Partial<LeaderElectionTimes>;
}

export interface Controller {
  readonly isLeading: () => boolean;
  /** Why it is not ready: collections that are not synced yet, and stale ones. Empty if it works, or waits for the lease. */
  readonly reasons: () => readonly string[];
  /** Stops in order: running reconciles end within some seconds, and the lease is released. */
  readonly close: () => Promise<void>;
}

/** Back-off of an object that fails. At most a minute, so that objects recover soon after an outage. */
const FIRST_BACK_OFF_MS = 500;
const MAX_BACK_OFF_MS = 60_000;
/** A failed reconcile is not repeated sooner, whatever the other times are. */
const MIN_INTERVAL_MS = 1000;
/** Running reconciles have this long to end after the process received a stop signal. */
const SHUTDOWN_GRACE_MS = 5000;
const SYNC_POLL_MS = 100;

/** Starts the controller, which runs until it is closed. */
export function startController(options: ControllerOptions): Controller {
  const { client, namespace, serviceAccount, identity, observeOnly, times, log, metrics } = options;
  const { now, random } = { now: Date.now, random: Math.random };
  let leader: LeaderElection | undefined;
  let queue: WorkQueue | undefined;
  let isClosed = false;
  /** The last problem of each watch, by path. */
  const watchProblems = new Map<string, string | undefined>();
  const fence = (): void => {
    if (!leader) throw new LeaseLost('this process does not hold the leader lease: nothing is written');
    leader.fence();
  };
  const kube = fencedClient(client, fence);
  const vanishedRoles = new Map<string, VaultAuthRole>();
  const events = eventHandlers({
    listers: () => context.listers,
    enqueue: (kind, key, afterMs) => queue?.add(itemName(kind, key), afterMs),
    vanished: (key, role) => vanishedRoles.set(key, role),
    resyncFactor: times.resyncFactor,
    random,
  });
  const informers = startInformers({
    client,
    namespace,
    cachesAnnotation: options.cachesAnnotation,
    watchesPods: options.rollouts !== undefined,
    handlers: events.handlers,
    times: options.watchTimes,
    onProblem: (path, problem) => {
      watchProblems.set(path, problem);
      if (problem === undefined) log.info({ path }, 'watch restored');
      else log.warn({ path, problem: withHint(problem) }, 'watch failed, serving from cache');
    },
  });
  const recorder = eventRecorder({
    client: kube,
    controller: `${GROUP}/controller`,
    instance: identity,
    onProblem: (problem) => {
      metrics.eventUnwritten();
      log.debug({ problem }, 'Event not written');
    },
  });
  const vaults = vaultRegistry();
  const { objects, namespaces, serviceAccounts, rolesInNamespace, rolesByVaultName, rolloutPods } = informers;
  const rollouts = options.rollouts && startRollouts(options.rollouts, events.secretVersion);
  const context: ControllerContext = {
    kube: {
      client: kube,
      namespace,
      serviceAccount,
      ...statusWriter({ client: kube, informers: objects, now }),
      ...finalizerWriter({ client: kube, informers: objects }),
    },
    vault: { registry: vaults, fence, observeOnly },
    clock: { now, random, ...times },
    report: {
      emitEvent: (object, type, reason, message) => recorder.record(object, { type, reason, action: 'Reconcile', note: message }),
      log,
      metrics,
    },
    listers: {
      endpoints: objects.VaultEndpoint,
      backends: objects.VaultAuthBackend,
      policies: objects.VaultACLPolicy,
      roles: objects.VaultAuthRole,
      rolesInNamespace,
      rolesByVaultName,
      namespaces,
      serviceAccounts,
      rolloutPods,
    },
    vanishedRoles,
    rollouts,
  };
  const reasons = (): readonly string[] => [
    ...informers.notSynced().map((path) => withHint(watchProblems.get(path) ?? `${path} is not synced yet`)),
    ...informers.stale().map(({ path, seconds }) => {
      const problem = watchProblems.get(path);
      const why = problem === undefined ? '' : `: ${problem}`;
      return `no activity on the watch of ${path} for ${seconds} s, serving from cache${why}`;
    }),
  ];
  const startedAt = performance.now();
  metrics.watch({
    leading: () => leader?.isLeading() ?? false,
    ready: () => reasons().length === 0,
    queue: () => queue?.sizes() ?? { ready: 0, waiting: 0, running: 0 },
    objects: () => objectCounts(informers),
    failingConditions: () => failingConditions(informers),
    pendingDeletions: () => pendingDeletionCounts(informers),
    resyncs: () => roleResyncs(informers, times.resyncFactor),
    rollouts: () => rollouts?.phases.values() ?? [],
    ...(rollouts ? { freshness: () => freshnessOf(rolloutPods, rollouts.versions) } : {}),
    staleness: () => (performance.now() - (informers.lastActivity() ?? startedAt)) / 1000,
  });

  const lead = (): void => {
    log.info({ identity }, 'acquired leader lease');
    queue = workQueue({
      firstBackOffMs: FIRST_BACK_OFF_MS,
      maxBackOffMs: Math.max(MIN_INTERVAL_MS, MAX_BACK_OFF_MS * times.resyncFactor),
      minIntervalMs: MIN_INTERVAL_MS,
      workers: options.workers,
      run: dispatcher(options.reconcilers, context, informers),
      laneOf: (item) => partsOf(item).kind,
      groupOf: namespaceOf,
      // All other items depend on a ready endpoint.
      isAlwaysUrgent: (item) => partsOf(item).kind === 'VaultEndpoint',
      onRun: (item, milliseconds, error) => {
        const { kind, key } = partsOf(item);
        metrics.reconciled(kind, reasonOfRun(item, error, informers), milliseconds / 1000);
        if (error !== undefined) logFailure(log, kind, key, error);
        events.reconciled(kind, key);
      },
    });
    events.start();
  };
  const lost = (reason: string): void => {
    events.stop();
    void queue?.close();
    options.onLost(reason);
  };
  /** A process without synced informers must not lead: another one may be able to. */
  const tryToLead = (): void => {
    if (isClosed) return;
    if (informers.notSynced().length > 0) {
      setTimeout(tryToLead, SYNC_POLL_MS);
      return;
    }
    leader = runLeaderElection({
      client,
      namespace,
      name: options.leaseName,
      identity,
      times: options.leaderTimes,
      onStartedLeading: lead,
      onStoppedLeading: lost,
      onProblem: (problem) => {
        if (problem === undefined) log.info({}, 'leader lease reachable again');
        else log.warn({ problem }, 'leader lease not reachable');
      },
    });
  };
  tryToLead();

  return {
    isLeading: () => leader?.isLeading() ?? false,
    reasons,
    close: async () => {
      isClosed = true;
      events.stop();
      await queue?.close(SHUTDOWN_GRACE_MS);
      await recorder.close();
      await leader?.close();
      await informers.close();
      vaults.close();
    },
  };
}

const MINUTE_MS = 60_000;

const startRollouts = (options: RolloutOptions, onChange: (secret: string) => void): ControllerRollouts => ({
  options,
  versions: secretVersions(onChange),
  turns: turnQueue(MINUTE_MS / options.perMinute, () => performance.now()),
  phases: new Map<string, RolloutPhase>(),
});

/** In a new installation the CRDs are the first thing that is missing. */
const withHint = (problem: string): string =>
  problem.includes(`/apis/${GROUP}/`) && /returned status 404|could not find/.test(problem)
    ? `${problem} (install the CRDs: kubectl apply --server-side -k deploy/crds)`
    : problem;

const logFailure = (log: Log, kind: string, key: string, error: unknown): void => {
  const problem = error instanceof Error ? error.message : String(error);
  // The loss of the lease is logged once, not for each of thousands of objects.
  if (error instanceof LeaseLost) return log.debug({ kind, key, problem }, 'reconcile interrupted');
  // A bug: errors of Vault and of the API server have classes of their own.
  const stack = error instanceof TypeError || error instanceof RangeError ? { stack: error.stack } : {};
  log.warn({ kind, key, problem, ...stack }, 'reconcile failed, retrying');
};
