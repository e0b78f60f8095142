// Restarts a workload when one of its secrets has a new version: gather, plan, act. One pod goes first.
import type { ControllerContext, ReconcileResult } from '../runtime/context.ts';
import { needsPods, nextStep, type Observed, type Report, type Step } from './plan.ts';
import type { RolloutPod } from './pods.ts';
import type { SecretVersion } from './versions.ts';
import { evictPod, readPods, readWorkload, type Workload, writeState } from './rollout-workload.ts';

/** Interval of looks at a workload while its rollout runs or waits. */
const POLL_MS = 5000;
/** After a step: the informers and controllers of the cluster need a moment to see it. */
const SOON_MS = 1000;

/** The reconciler of one workload; `pods` are those of its pods that request rollouts. */
export async function reconcileRollout(
  context: ControllerContext,
  key: string,
  pods: readonly RolloutPod[] | undefined,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const { rollouts, kube, clock } = context;
  if (!rollouts) return {};
  const present = (pods ?? []).filter(({ isDeleting }) => !isDeleting);
  const versions = present.length === 0 ? undefined : versionsOf(context, present);
  // The first read of the last version enqueues the workload again.
  if (!versions) return forget(context, key);
  const workload = await readWorkload(kube.client, key, signal);
  if (!workload) return forget(context, key);
  reportUnreadable(context, workload, versions);
  const created = present.map(({ createdAt }) => createdAt);
  const observed: Observed = {
    workload,
    pods: [],
    versions,
    oldestPod: Math.min(...created),
    youngestPod: Math.max(...created),
    now: clock.now(),
    timeoutMs: rollouts.options.timeoutMs,
  };
  const step = needsPods(observed)
    ? nextStep({ ...observed, pods: await readPods(kube.client, workload, observed.now, signal) })
    : nextStep(observed);
  return act(context, key, workload, step, signal);
}

/** Undefined until each of them has been read once. */
const versionsOf = (
  { rollouts }: ControllerContext,
  pods: readonly RolloutPod[],
): ReadonlyMap<string, SecretVersion> | undefined => {
  const versions = new Map<string, SecretVersion>();
  for (const secret of new Set(pods.flatMap(({ secrets }) => secrets))) {
    const version = rollouts?.versions.get(secret);
    if (!version) return undefined;
    versions.set(secret, version);
  }
  return versions;
};

const forget = ({ rollouts }: ControllerContext, key: string): ReconcileResult => {
  rollouts?.phases.delete(key);
  return {};
};

/** Secrets that cannot cause a rollout, each with the reason. */
const reportUnreadable = (
  { report }: ControllerContext,
  { subject }: Workload,
  versions: ReadonlyMap<string, SecretVersion>,
): void => {
  for (const [secret, version] of versions) {
    const path = secret.slice(secret.indexOf('/') + 1);
    if (version.kind !== 'known')
      report.emitEvent(
        subject,
        'Warning',
        version.kind === 'unversioned' ? 'SecretWithoutVersion' : 'SecretVersionUnreadable',
        `A change of ${path} causes no rollout: ${version.reason}.`,
      );
    else if (version.isDeleted)
      report.emitEvent(subject, 'Warning', 'SecretDeleted', `Version ${version.version} of ${path} is deleted: no rollout.`);
  }
};

const act = async (
  context: ControllerContext,
  key: string,
  workload: Workload,
  step: Step,
  signal: AbortSignal,
): Promise<ReconcileResult> => {
  const { rollouts, kube, report, clock } = context;
  if (!rollouts) return {};
  const { phases, turns } = rollouts;
  const poll = { requeueAfterMs: POLL_MS * clock.resyncFactor };
  const soon = { requeueAfterMs: SOON_MS };
  const emit = (event: Report | undefined): void => {
    if (!event) return;
    report.emitEvent(workload.subject, event.type, event.reason, event.message);
    const outcome = OUTCOMES[event.reason];
    if (outcome) report.metrics.rollout(workload.kind, outcome);
  };
  switch (step.do) {
    case 'nothing':
      turns.cancel(key);
      return forget(context, key);
    case 'wait':
      phases.set(key, phaseOf(workload));
      if (step.report) report.emitEvent(workload.subject, step.report.type, step.report.reason, step.report.message);
      return poll;
    case 'record':
      await writeState(kube.client, workload, step.state, undefined, signal);
      emit(step.report);
      phases.set(key, step.state.running?.isStopped === true ? 'stopped' : 'waiting');
      return soon;
    case 'start': {
      const waitMs = turns.take(key);
      if (waitMs > 0) {
        phases.set(key, 'waiting');
        return { requeueAfterMs: waitMs };
      }
      await writeState(kube.client, workload, step.state, step.restarts, signal);
      emit(step.report);
      phases.set(key, step.restarts === undefined ? 'first_pod' : 'rest');
      return soon;
    }
    case 'evict': {
      phases.set(key, 'first_pod');
      const blocked = await evictPod(kube.client, workload.namespace, step.pod, signal);
      if (blocked === undefined) return soon;
      report.emitEvent(workload.subject, 'Warning', 'RolloutBlocked', `The pod ${step.pod.name} is not evicted: ${blocked}`);
      return poll;
    }
    case 'restart':
      await writeState(kube.client, workload, step.state, step.restarts, signal);
      phases.set(key, 'rest');
      return soon;
  }
};

/** A rollout in the metrics. */
export type RolloutPhase = 'waiting' | 'first_pod' | 'rest' | 'stopped';

const phaseOf = ({ state }: Workload): RolloutPhase => {
  const running = state?.running;
  if (!running) return 'waiting';
  if (running.isStopped === true) return 'stopped';
  return running.phase === 'Rest' ? 'rest' : 'first_pod';
};

const OUTCOMES: Readonly<Partial<Record<Report['reason'], 'started' | 'completed' | 'stopped'>>> = {
  RolloutStarted: 'started',
  RolloutComplete: 'completed',
  RolloutStopped: 'stopped',
};
