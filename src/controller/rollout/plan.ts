// What a rollout does next, as a function of what is observed. No I/O.
import type { SecretVersion } from './versions.ts';
import type { RolloutState, RunningRollout, Versions, Workload, WorkloadPod } from './rollout-workload.ts';

export interface Observed {
  readonly workload: Workload;
  /** Its pods; not needed, and empty, while nothing has changed. */
  readonly pods: readonly WorkloadPod[];
  /** What is known of each of its secrets. */
  readonly versions: ReadonlyMap<string, SecretVersion>;
  /** Creation of its oldest and youngest pod, in milliseconds by the API server's clock. */
  readonly oldestPod: number;
  readonly youngestPod: number;
  readonly now: number;
  /** A phase that lasts longer is reported as stopped. */
  readonly timeoutMs: number;
}

/** A step, and the Event that reports it. */
export type Step =
  | { readonly do: 'nothing' }
  /** Look again soon: `report` is for an Event. */
  | { readonly do: 'wait'; readonly report?: Report | undefined }
  /** Write the state, and look again. */
  | { readonly do: 'record'; readonly state: RolloutState; readonly report?: Report | undefined }
  /** A new rollout: needs a turn within the rate of the cluster. */
  | { readonly do: 'start'; readonly state: RolloutState; readonly restarts: Versions | undefined; readonly report: Report }
  | { readonly do: 'evict'; readonly pod: { readonly name: string; readonly uid: string } }
  /** Change the template. */
  | { readonly do: 'restart'; readonly state: RolloutState; readonly restarts: Versions };

export interface Report {
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'RolloutStarted' | 'RolloutComplete' | 'RolloutStopped' | 'RolloutPaused' | 'RolloutLeftToOwner';
  readonly message: string;
}

/** Pods that were created so long after a version have it, whatever the difference of the two clocks. */
const CLOCK_SKEW_MS = 60_000;

/** The versions to which the workload should be brought: those that are known, and otherwise the present ones. */
const targetOf = ({ versions }: Observed, present: Versions): Versions =>
  Object.fromEntries(
    [...versions].flatMap(([secret, version]) => {
      const isUsable = version.kind === 'known' && !version.isDeleted;
      const number = isUsable ? version.version : present[secret];
      return number === undefined ? [] : [[secret, number]];
    }),
  );

/** The present versions, with those of new secrets: 0 if the pods are older than the version, which they do not have then. */
const presentOf = ({ versions, oldestPod, workload }: Observed): Versions => {
  const recorded = workload.state?.versions ?? {};
  return Object.fromEntries(
    [...versions].flatMap(([secret, version]) => {
      const before = recorded[secret];
      if (before !== undefined) return [[secret, before]];
      if (version.kind !== 'known' || version.isDeleted) return [];
      return [[secret, version.createdAt > oldestPod ? 0 : version.version]];
    }),
  );
};

const isSame = (one: Versions, other: Versions): boolean => {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
};

const changedIn = (present: Versions, target: Versions): readonly string[] =>
  Object.keys(target).filter((secret) => target[secret] !== present[secret]);

/** Whether the workload needs a look at its pods: something has changed, or a rollout runs. */
export function needsPods(observed: Observed): boolean {
  const present = presentOf(observed);
  return observed.workload.state?.running !== undefined || changedIn(present, targetOf(observed, present)).length > 0;
}

/** The next step. */
export function nextStep(observed: Observed): Step {
  const { workload } = observed;
  const { state } = workload;
  const present = presentOf(observed);
  if (!state || !isSame(present, state.versions)) return { do: 'record', state: { ...state, versions: present } };
  const target = targetOf(observed, present);
  const changed = changedIn(present, target);
  const { running } = state;
  if (changed.length === 0) return running ? { do: 'record', state: { versions: present } } : { do: 'nothing' };
  const change = { present, target, changed };
  // Pods that are started from now on have the new version.
  if (workload.desired === 0) return { do: 'record', state: { versions: target } };
  if (!running || !isSame(running.target, target)) return startOf(observed, change);
  return running.phase === 'Rest' ? restOf(observed, running, changed) : firstPodOf(observed, running, change);
}

interface Change {
  readonly present: Versions;
  readonly target: Versions;
  readonly changed: readonly string[];
}

const startOf = (observed: Observed, { present, target, changed }: Change): Step => {
  const { workload, pods, now } = observed;
  const done: RolloutState = { versions: target };
  const what = describe(changed, target);
  if (workload.isOnDelete || workload.partition >= workload.desired) {
    const why = workload.isOnDelete ? 'its update strategy is OnDelete' : `its partition is ${workload.partition}`;
    return {
      do: 'record',
      state: done,
      report: normal('RolloutLeftToOwner', `${what}; ${why}: its pods use it once they are deleted, or restart it yourself.`),
    };
  }
  const { running } = workload.state ?? {};
  if (!running && observed.youngestPod > 0 && isNewer(observed, changed)) return { do: 'record', state: done };
  if (workload.isPaused) return paused(what);
  // Also when the last one failed, the pods of another change must not be mistaken for those of this one.
  if (!running && isRolling(workload)) return { do: 'wait' };
  const isRest = running?.phase === 'Rest' && workload.kind !== 'StatefulSet';
  const first = workload.desired <= 1 || isRest ? undefined : firstPod(workload, pods);
  const begun = { target, since: now };
  return first
    ? {
        do: 'start',
        state: { versions: present, running: { ...begun, phase: 'FirstPod', first } },
        restarts: undefined,
        report: normal('RolloutStarted', `${what}: replaces the pod ${first.name} first.`),
      }
    : {
        do: 'start',
        state: { versions: present, running: { ...begun, phase: 'Rest' } },
        restarts: target,
        report: normal('RolloutStarted', `${what}: restarts the workload.`),
      };
};

/** Every pod was created after all the changes: for example because its owner restarted the workload. */
const isNewer = ({ versions, oldestPod }: Observed, changed: readonly string[]): boolean =>
  changed.every((secret) => {
    const version = versions.get(secret);
    return version?.kind === 'known' && oldestPod > version.createdAt + CLOCK_SKEW_MS;
  });

const isRolling = ({ isObserved, updated, desired, partition, outdated }: Workload): boolean =>
  !isObserved || updated < desired - partition || outdated > 0;

/**
 * The pod to replace first: one that is not available, since it serves no requests; but not of a DaemonSet, where its node may be
 * down. Otherwise the last one: of a StatefulSet that with the highest ordinal, which is never below the partition.
 */
const firstPod = ({ kind, desired }: Workload, pods: readonly WorkloadPod[]): RunningRollout['first'] => {
  const present = pods.filter(({ isDeleting }) => !isDeleting);
  const sorted = present.toSorted((one, other) => ordinalOf(one) - ordinalOf(other) || (one.name < other.name ? -1 : 1));
  const available = present.filter(({ isAvailable }) => isAvailable).length;
  const unavailable = kind === 'DaemonSet' ? undefined : sorted.findLast(({ isAvailable }) => !isAvailable);
  const chosen = unavailable ?? sorted.findLast(({ isAvailable }) => isAvailable);
  return (
    chosen && {
      name: chosen.name,
      uid: chosen.uid,
      after: Math.max(...present.map(({ createdAt }) => createdAt)),
      available: Math.min(desired, available + (chosen.isAvailable ? 0 : 1)),
    }
  );
};

/** Of a StatefulSet; the suffixes of other pods are not numbers. */
const ordinalOf = ({ name }: WorkloadPod): number => Number(/-(\d{1,9})$/.exec(name)?.[1] ?? -1);

/** The replacement of the first pod has a later creation time than all pods before: the API server counts whole seconds. */
const MIN_BEFORE_EVICTION_MS = 2000;

const firstPodOf = (observed: Observed, running: RunningRollout, change: Change): Step => {
  const { workload, pods, now } = observed;
  const { first, since } = running;
  const { changed, target } = change;
  const { versions } = workload.state ?? { versions: {} };
  if (!first) return { do: 'record', state: { versions } };
  if (workload.isPaused) return paused(describe(changed, target));
  if (pods.some(({ uid, isDeleting }) => uid === first.uid && !isDeleting))
    return now - since < MIN_BEFORE_EVICTION_MS ? { do: 'wait' } : { do: 'evict', pod: first };
  const available = pods.filter(({ isAvailable, isDeleting }) => isAvailable && !isDeleting);
  const isReplaced = available.some(({ createdAt }) => createdAt > first.after);
  if (isReplaced && available.length >= Math.min(first.available, workload.desired))
    return { do: 'restart', restarts: target, state: { versions, running: { target, phase: 'Rest', since: now } } };
  // Scaling down may have removed the replacement: another pod goes first then, unless one is broken that may be the replacement by
  // the clock of another API server.
  const isGone = !pods.some(({ createdAt, uid }) => createdAt > first.after || uid === first.uid);
  if (isGone && available.length >= workload.desired) return startOf(observed, change);
  const young = pods.find(({ createdAt, isDeleting }) => createdAt > first.after && !isDeleting);
  return overdue(
    observed,
    running,
    `${describe(changed, target)}: stopped after the first pod, since ${young ? `its replacement ${young.name}` : 'its replacement'} is not available. ` +
      `The other pods keep running. The rollout goes on when the pod becomes ready, or when a new version of the secret works.`,
  );
};

const restOf = (observed: Observed, running: RunningRollout, changed: readonly string[]): Step => {
  const { workload } = observed;
  const what = describe(changed, running.target);
  if (workload.isPaused) return paused(what);
  if (!isRolling(workload) && workload.available >= workload.desired)
    return {
      do: 'record',
      state: { versions: running.target },
      report: normal('RolloutComplete', `${what}: all pods were restarted.`),
    };
  return overdue(
    observed,
    running,
    `${what}: not all pods are available: ${workload.available} of ${workload.desired}. ` +
      'The rollout goes on when they become ready, or when a new version of the secret works.',
  );
};

/** Reports a phase once when it lasts too long; it goes on whenever it can. */
const overdue = ({ workload, now, timeoutMs }: Observed, running: RunningRollout, message: string): Step => {
  if (running.isStopped === true || now - running.since < timeoutMs) return { do: 'wait' };
  const { versions } = workload.state ?? { versions: {} };
  return {
    do: 'record',
    state: { versions, running: { ...running, isStopped: true } },
    report: { type: 'Warning', reason: 'RolloutStopped', message },
  };
};

const normal = (reason: Report['reason'], message: string): Report => ({ type: 'Normal', reason, message });

const paused = (what: string): Step => ({
  do: 'wait',
  report: normal('RolloutPaused', `${what}: waits, since the Deployment is paused.`),
});

const MAX_NAMED = 3;

/** `kv/data/web is at version 8`; never a value. */
const describe = (changed: readonly string[], target: Versions): string => {
  const named = changed.slice(0, MAX_NAMED).map((secret) => `${secret.slice(secret.indexOf('/') + 1)} version ${target[secret]}`);
  const more = changed.length - named.length;
  return `New ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
};
