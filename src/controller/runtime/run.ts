// The controller as a whole: watches the cluster, leads if it may, and keeps a queue of what has to be looked at.
import { type KubeClient, fencedClient } from '../../kube/client.ts';
import { eventRecorder } from '../../kube/events.ts';
import { type LeaderElection, LeaseLost, type LeaderElectionTimes, runLeaderElection } from '../../kube/lease.ts';
import type { ReflectorTimes } from '../../kube/reflector.ts';
import type { ControllerMetrics } from '../../observe/controller-metrics.ts';
import type { Log } from '../../observe/log.ts';
import { GROUP } from '../../resources/kinds.ts';
import { agenda } from './event-handlers.ts';
import { objectCounts, roleResyncs, tombstoneCounts } from './object-metrics.ts';
import type { ControllerClock, ControllerContext, Reconcilers } from './context.ts';
import { dispatcher, itemName, outcomeOf, partsOf } from './dispatch.ts';
import { finalizerWriter } from './finalizer.ts';
import { workQueue, type WorkQueue } from './queue.ts';
import { statusWriter } from './object-writer.ts';
import { openStores } from './informers.ts';
import { vaultRegistry } from './vault-registry.ts';

export interface ControllerOptions {
  readonly client: KubeClient;
  /** Our own; the Lease is there too. */
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly leaseName: string;
  /** Of this process, among all that want to lead. */
  readonly identity: string;
  readonly observeOnly: boolean;
  readonly workers: number;
  readonly times: Pick<ControllerClock, 'resyncFactor' | 'deletionTimeoutMs'>;
  readonly reconcilers: Partial<Reconcilers>;
  /** Which annotations of namespaces and service accounts are kept, by name. */
  readonly keepsAnnotation: (name: string) => boolean;
  readonly log: Log;
  readonly metrics: ControllerMetrics;
  /** The Lease is lost: nothing is written any more, and this process should end. Called at most once. */
  readonly onLost: (reason: string) => void;
  readonly watchTimes?: Partial<ReflectorTimes>;
  readonly leaderTimes?: Partial<LeaderElectionTimes>;
}

export interface Controller {
  readonly isLeading: () => boolean;
  /**
   * Why it cannot work: what has not been listed yet, and what the API server has not told of for long, so that what is known may
   * be old. Empty: it works, or waits for its turn to lead.
   */
  readonly reasons: () => readonly string[];
  /** Ends in good order: what is under way is finished, within some seconds, and the Lease is given back. */
  readonly close: () => Promise<void>;
}

/** Back-off of an object that fails: Vault is asked at least once in a minute, so that an outage is over soon after it is over. */
const FIRST_BACK_OFF_MS = 500;
const LONGEST_BACK_OFF_MS = 60_000;
/** No object that fails is looked at more often, whatever happens and however short the other times are. */
const MIN_INTERVAL_MS = 1000;
/** For so long runs may go on after the process was asked to end. */
const GRACE_MS = 5000;
const WAIT_MS = 100;

/** Starts everything; it goes on until it is closed. */
export function startController(options: ControllerOptions): Controller {
  const { client, namespace, serviceAccount, identity, observeOnly, times, log, metrics } = options;
  const { now, random } = { now: Date.now, random: Math.random };
  let leader: LeaderElection | undefined;
  let queue: WorkQueue | undefined;
  let isClosed = false;
  /** Of each watch that does not work. */
  const problems = new Map<string, string | undefined>();
  const fence = (): void => {
    if (!leader) throw new LeaseLost('this process does not lead: nothing is written');
    leader.fence();
  };
  const kube = fencedClient(client, fence);
  const plan = agenda({
    listers: () => context.listers,
    add: (kind, key, requeueAfterMs) => queue?.add(itemName(kind, key), requeueAfterMs),
    resyncFactor: times.resyncFactor,
    random,
  });
  const stores = openStores({
    client,
    namespace,
    keepsAnnotation: options.keepsAnnotation,
    listeners: plan.listeners,
    times: options.watchTimes,
    onProblem: (path, problem) => {
      problems.set(path, problem);
      if (problem === undefined) log.info({ path }, 'the API server tells of changes again');
      else log.warn({ path, problem: explained(problem) }, 'the API server does not tell of changes; what is known stays in use');
    },
  });
  const recorder = eventRecorder({
    client: kube,
    controller: `${GROUP}/controller`,
    instance: identity,
    onProblem: (problem) => {
      metrics.eventUnwritten();
      log.debug({ problem }, 'an Event was not written');
    },
  });
  const vaults = vaultRegistry();
  const { ours, namespaces, serviceAccounts, rolesInNamespace, rolesByVaultName } = stores;
  const context: ControllerContext = {
    kube: {
      client: kube,
      namespace,
      serviceAccount,
      ...statusWriter({ client: kube, stores: ours, now }),
      ...finalizerWriter({ client: kube, stores: ours }),
    },
    vault: { registry: vaults, fence, observeOnly },
    clock: { now, random, ...times },
    report: {
      emitEvent: (object, type, reason, message) => recorder.record(object, { type, reason, action: 'Reconcile', note: message }),
      log,
      metrics,
    },
    listers: {
      endpoints: ours.VaultEndpoint,
      backends: ours.VaultAuthBackend,
      policies: ours.VaultACLPolicy,
      roles: ours.VaultAuthRole,
      rolesInNamespace,
      rolesByVaultName,
      namespaces,
      serviceAccounts,
    },
    enqueue: plan.add,
  };
  const began = performance.now();
  metrics.watch({
    leading: () => leader?.isLeading() ?? false,
    queue: () => queue?.sizes() ?? { ready: 0, waiting: 0, running: 0 },
    objects: () => objectCounts(stores),
    tombstones: () => tombstoneCounts(stores),
    resyncs: () => roleResyncs(stores, times.resyncFactor),
    staleness: () => (performance.now() - (stores.heard() ?? began)) / 1000,
  });

  const lead = (): void => {
    log.info({ identity }, 'this process leads');
    queue = workQueue({
      firstBackOffMs: FIRST_BACK_OFF_MS,
      longestBackOffMs: Math.max(MIN_INTERVAL_MS, LONGEST_BACK_OFF_MS * times.resyncFactor),
      minIntervalMs: MIN_INTERVAL_MS,
      workers: options.workers,
      run: dispatcher(options.reconcilers, context, stores),
      laneOf: (item) => partsOf(item).kind,
      // Whether a server works and lets us in is what all the others wait for.
      isAlwaysUrgent: (item) => partsOf(item).kind === 'VaultEndpoint',
      onRun: (item, milliseconds, error) => {
        const { kind, key } = partsOf(item);
        metrics.reconciled(kind, outcomeOf(item, error, stores), milliseconds / 1000);
        if (error !== undefined) tellFailure(log, kind, key, error);
        plan.looked(kind, key);
      },
    });
    plan.begin();
  };
  const lost = (reason: string): void => {
    plan.end();
    void queue?.close();
    options.onLost(reason);
  };
  /** Who does not know the cluster must not lead: others may know it. */
  const tryToLead = (): void => {
    if (isClosed) return;
    if (stores.missing().length > 0) {
      setTimeout(tryToLead, WAIT_MS);
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
        if (problem === undefined) log.info({}, 'the Lease can be read and written again');
        else log.warn({ problem }, 'the Lease cannot be read or written');
      },
    });
  };
  tryToLead();

  return {
    isLeading: () => leader?.isLeading() ?? false,
    reasons: () => [
      ...stores.missing().map((path) => explained(problems.get(path) ?? `${path} has not been listed yet`)),
      ...stores.silent().map(({ path, seconds }) => {
        const said = problems.get(path);
        const why = said === undefined ? '' : `: ${said}`;
        return `nothing has been heard of ${path} for ${seconds} s, what is known of it stays in use${why}`;
      }),
    ],
    close: async () => {
      isClosed = true;
      plan.end();
      await queue?.close(GRACE_MS);
      await recorder.close();
      await leader?.close();
      await stores.close();
      vaults.close();
    },
  };
}

/** Kinds that the API server does not know are the first thing that is missing in a new installation. */
const explained = (problem: string): string =>
  problem.includes(`/apis/${GROUP}/`) && /answered 404|could not find/.test(problem)
    ? `${problem} (install our kinds: kubectl apply --server-side -k deploy/crds)`
    : problem;

const tellFailure = (log: Log, kind: string, key: string, error: unknown): void => {
  const problem = error instanceof Error ? error.message : String(error);
  // Of thousands of objects: the leader says once what it is about.
  if (error instanceof LeaseLost) return log.debug({ kind, key, problem }, 'a run was cut short');
  // Faults of this program: everything that others can do to us has an error of its own.
  const stack = error instanceof TypeError || error instanceof RangeError ? { stack: error.stack } : {};
  log.warn({ kind, key, problem, ...stack }, 'a run failed and will be tried again');
};
