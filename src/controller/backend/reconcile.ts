// Reconciles one VaultAuthBackend: its auth mount in Vault, the configuration of the mount, and the token reviewer in Kubernetes.
import {
  type BackendConditionUpdate,
  type VaultAuthBackend,
  type VaultAuthBackendStatus,
  defaultAudience,
} from '../../resources/backend.ts';
import { readyCondition } from '../../resources/condition.ts';
import type { VaultAuthRole } from '../../resources/role.ts';
import { type ControllerContext, type Reconcile, resyncAfterMs } from '../runtime/context.ts';
import { emitReadyEvent, type ObjectResult, reportStatus, retryAfter } from '../runtime/report-status.ts';
import { resolveBackend } from '../role/vault-role-ref.ts';
import { attempt } from './attempt.ts';
import { mounted } from './conditions.ts';
import { deleteBackend } from './deletion.ts';
import { type DesiredConfig, copiesClusterKeys, readDesiredConfig } from './desired-config.ts';
import { ensureConfig } from './mount-config.ts';
import { createMount, findMount, findMountConflict, mountHeldByOther, type MountPlan, planMount } from './mount.ts';
import { nextProbeAt, probeBackend } from './probe.ts';
import { deleteUnneededObjects, ensureReviewer, rotateAt } from './reviewer.ts';
import {
  type BackendState,
  backendStates,
  combine,
  type CombinedResult,
  isObserveOnly,
  type ReconcileInput,
  type StepResult,
  stepResult,
  unreached,
} from './step.ts';

export interface BackendOptions {
  /** CA certificates (PEM) with which the controller itself verifies the API server; undefined: those of its system. */
  readonly clusterCA: () => Promise<string | undefined>;
}

type BackendResult = ObjectResult<BackendConditionUpdate, VaultAuthBackendStatus>;

/**
 * Makes the mount of one backend match its spec: gathers, plans, and acts in steps (mount, reviewer, configuration, probe,
 * cleanup). Each step returns as data what it reached. A failed step ends the run, and `combine` keeps what the steps before it
 * reached. Throws errors that are neither of Vault nor of the API server.
 */
async function reconcileBackend(input: ReconcileInput, options: BackendOptions): Promise<CombinedResult> {
  const conflict = findMountConflict(input);
  if (conflict !== undefined) return combine(input.previous, [mountHeldByOther(conflict)]);

  // Gather: the mount in Vault, and what its configuration must be. If the latter cannot be read, the mount is created all the same.
  const found = await attempt('Mounted', input, async () => stepResult({ value: { mount: await findMount(input) } }));
  if (!found.value) return combine(input.previous, [found]);
  const { mount } = found.value;
  const desired = await attempt('Configured', input, () => readDesiredConfig(input, mount, options));

  const plan = planMount(input, mount);
  return combine(input.previous, await act(input, plan, desired));
}

/**
 * Makes Vault and Kubernetes match, in steps. The first step without a value, or with a failure, ends the run: without a mount
 * or a reviewer's token there is nothing to configure.
 */
const act = async (
  input: ReconcileInput,
  plan: MountPlan,
  desired: StepResult<DesiredConfig>,
): Promise<readonly StepResult<unknown>[]> => {
  const mount = plan.action === 'create' ? await attempt('Mounted', input, () => createMount(input)) : plan.result;
  if (!mount.value) return [mount];
  if (!desired.value) return [mount, desired];

  const onMount = { ...input, previous: mount.value.previous };
  const reviewer = await attempt('Configured', onMount, () => ensureReviewer(onMount));
  if (!reviewer.value) return [mount, desired, reviewer];

  const target = { mount: mount.value, desired: desired.value, reviewer: reviewer.value };
  const config = await attempt('Configured', onMount, () => ensureConfig(onMount, target));
  if (!config.value) return [mount, desired, reviewer, config];

  const written = { ...target, config: config.value };
  const probe = await attempt('Configured', onMount, () => probeBackend(onMount, written));
  if (probe.failure) return [mount, desired, reviewer, config, probe];

  const cleanup = await attempt('Configured', onMount, () => deleteUnneededObjects(onMount));
  return [mount, desired, reviewer, config, probe, cleanup];
};

/** The reconciler of the queue: deletion, status, Event and requeue around `reconcileBackend`. */
export function backendReconciler(options: BackendOptions): Reconcile<VaultAuthBackend> {
  const states = backendStates();
  return async (context, key, backend, signal) => {
    const { metrics } = context.report;
    if (!backend) {
      states.delete(key);
      metrics.probe(key, undefined);
      metrics.expires('reviewer', key, undefined);
      return {};
    }
    const deletion = backend.metadata.deletionTimestamp === undefined ? undefined : await deleteBackend(context, backend, signal);
    if (deletion && !deletion.unconfirmed) return deletion;
    const result = await reconcileIfReady(context, backend, states.of(key, backend.metadata.uid), options, signal);
    const conditions = deletion?.unconfirmed ? [...result.conditions, deletion.unconfirmed] : result.conditions;
    const { expiresAt } = result.status.reviewer ?? {};
    metrics.expires('reviewer', key, expiresAt === undefined ? undefined : Date.parse(expiresAt));
    emitReadyEvent(context, backend, readyCondition(conditions));
    const status = {
      ...result.status,
      audience: defaultAudience(backend),
      roles: countRoles(context, key),
      lastSyncTime: new Date(context.clock.now()).toISOString(),
    };
    return reportStatus(context, 'VaultAuthBackend', backend, { ...result, conditions, status });
  };
}

/** Reconciles while the endpoint is ready; otherwise the last status stays, and Mounted is unknown. */
const reconcileIfReady = async (
  context: ControllerContext,
  backend: VaultAuthBackend,
  state: BackendState,
  options: BackendOptions,
  signal: AbortSignal,
): Promise<BackendResult> => {
  const previous = backend.status ?? {};
  const endpoint = backend.spec.endpointRef.name;
  const vault = context.vault.registry.get(endpoint);
  if (vault.state === 'notReady') {
    const condition = mounted('Unknown', 'EndpointNotReady', `VaultEndpoint ${endpoint}: ${vault.message}`);
    // When the endpoint becomes ready, the watch mapping enqueues this backend.
    return {
      conditions: [condition, ...unreached(previous, new Set(['Mounted']))],
      status: previous,
      next: { afterMs: requeueAfterMs({ context, backend, previous, state }, false) },
    };
  }
  const observeOnly = isObserveOnly(context, backend);
  if (!observeOnly) await ensureFinalizer(context, backend);
  const input: ReconcileInput = { context, backend, vault, state, previous, observeOnly, signal };
  const combined = await reconcileBackend(input, options);
  const { failure, isWaiting } = combined;
  const { conditions, status } = failure ? combined : rememberRepair(input, combined);
  return {
    conditions,
    status,
    next:
      failure && !failure.isFinal
        ? retryAfter(failure.retryAfterMs)
        : { afterMs: requeueAfterMs({ context, backend, state, previous: status }, isWaiting) },
  };
};

/**
 * Keeps a repair in memory, and shows it in the status for one resync interval: otherwise the next run would overwrite it before
 * an operator reads it.
 */
const rememberRepair = ({ context, backend, state }: ReconcileInput, result: CombinedResult): CombinedResult => {
  const condition = result.conditions.find(({ type }) => type === 'Configured');
  const now = context.clock.now();
  if (condition?.reason === 'Repaired') {
    state.repaired = { at: now, drift: result.status.drift ?? [], condition };
    return result;
  }
  const { repaired } = state;
  const isRecent = repaired !== undefined && now - repaired.at < backend.spec.resyncSeconds * 1000 * context.clock.resyncFactor;
  if (condition?.reason !== 'InSync' || !isRecent) {
    state.repaired = undefined;
    return result;
  }
  const conditions = result.conditions.map((each) => (each.type === 'Configured' ? repaired.condition : each));
  return { ...result, conditions, status: { ...result.status, drift: repaired.drift } };
};

/** Keys of the cluster are read this often: a new one has to be in Vault before tokens are signed with it. */
const KEY_SYNC_SECONDS = 60;
/** For what another controller finishes soon, such as the token in a new Secret. */
const WAITING_SECONDS = 2;
const MIN_REQUEUE_MS = 1000;

/**
 * Milliseconds until whatever is due first: resync, key sync, rotation or probe. `previous` is the status of the run that just
 * ended.
 */
const requeueAfterMs = (
  input: Pick<ReconcileInput, 'context' | 'backend' | 'previous' | 'state'>,
  isWaiting: boolean,
): number => {
  const { context, backend, previous, state } = input;
  const { clock } = context;
  const now = clock.now();
  const resync = resyncAfterMs(clock, backend.spec.resyncSeconds);
  const keys = copiesClusterKeys(backend.spec) ? resyncAfterMs(clock, KEY_SYNC_SECONDS) : Infinity;
  const rotation =
    previous.reviewer?.mode === 'Rotated' && previous.reviewer.tokenHash !== undefined
      ? rotateAt(previous.reviewer, state.signingKey) - now
      : Infinity;
  const probe = backend.spec.probe.enabled && previous.lastProbe !== undefined ? nextProbeAt(input) - now : Infinity;
  const soon = isWaiting ? resyncAfterMs(clock, Math.max(WAITING_SECONDS, waitedSeconds(input) / 2)) : Infinity;
  return Math.max(MIN_REQUEUE_MS, Math.min(resync, keys, rotation, probe, soon));
};

/** How long the reviewer has been unhealthy: the longer it lasts, the less often it is checked. */
const waitedSeconds = ({ context, backend }: Pick<ReconcileInput, 'context' | 'backend'>): number => {
  const since = backend.status?.conditions?.find(({ type, status }) => type === 'ReviewerHealthy' && status === 'False');
  return since ? (context.clock.now() - Date.parse(since.lastTransitionTime)) / 1000 : 0;
};

/** Only a backend whose deletion disables the mount needs the finalizer. */
const ensureFinalizer = ({ kube }: ControllerContext, backend: VaultAuthBackend): Promise<void> =>
  backend.spec.deletionPolicy === 'Delete'
    ? kube.addFinalizer('VaultAuthBackend', backend)
    : kube.removeFinalizer('VaultAuthBackend', backend);

const countRoles = (
  context: ControllerContext,
  backend: string,
): { readonly total: number; readonly ready: number; readonly refused: number } => {
  const roles = context.listers.roles.list().filter((role) => backendOf(context, role) === backend);
  const count = (type: string, status: string): number =>
    roles.filter((role) => role.status?.conditions?.some((condition) => condition.type === type && condition.status === status))
      .length;
  return { total: roles.length, ready: count('Ready', 'True'), refused: count('Accepted', 'False') };
};

const backendOf = (context: ControllerContext, role: VaultAuthRole): string | undefined => {
  const placed = role.status?.vault?.backend;
  if (placed !== undefined) return placed;
  const resolved = resolveBackend(context, role);
  return resolved.ok ? resolved.backend.metadata.name : undefined;
};
