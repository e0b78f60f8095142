// Brings one VaultAuthBackend, its mount in Vault and its reviewer in Kubernetes together.
import { KubeError } from '../../kube/errors.ts';
import {
  type BackendConditionUpdate,
  type VaultAuthBackendStatus,
  type VaultAuthBackend,
  defaultAudience,
} from '../../resources/backend.ts';
import { type ConditionUpdate, mergeConditions, readyCondition } from '../../resources/condition.ts';
import type { ControllerContext, Reconcile } from '../context.ts';
import { vaultFailure } from '../vault-failure.ts';
import { untried } from './health.ts';
import { type BackendMemory, memories } from './memory.ts';
import { look, type Pass } from './pass.ts';
import { ProbeUntried } from './probe.ts';
import { rejection } from './rejection.ts';
import { removeBackend } from './removal.ts';
import { nextLook } from './schedule.ts';
import { isLookOnly, type Work } from './work.ts';

export interface BackendOptions {
  /** PEM that the controller itself trusts as API server; undefined: what its system trusts. */
  readonly clusterCA: () => Promise<string | undefined>;
}

interface Outcome {
  readonly findings: readonly BackendConditionUpdate[];
  readonly status: Partial<VaultAuthBackendStatus>;
  readonly requeueAfterMs: number | undefined;
}

/** A reconciler with a memory of its own. What it throws is no fault of the object, or has been told in its status already. */
export function backendReconciler({ clusterCA }: BackendOptions): Reconcile<VaultAuthBackend> {
  const known = memories();
  return async (context, key, backend, signal) => {
    if (!backend) {
      known.forget(key);
      context.report.metrics.probe(key, undefined);
      context.report.metrics.expires('reviewer', key, undefined);
      return {};
    }
    const removal = backend.metadata.deletionTimestamp === undefined ? undefined : await removeBackend(context, backend, signal);
    if (removal && !removal.unconfirmed) return removal;
    const memory = known.of(key, backend.metadata.uid);
    const { findings, status, requeueAfterMs } = await lookFrom(context, backend, memory, clusterCA, signal);
    await write(context, backend, removal?.unconfirmed ? [...findings, removal.unconfirmed] : findings, status);
    const { expiresAt } = status.reviewer ?? {};
    context.report.metrics.expires('reviewer', key, expiresAt === undefined ? undefined : Date.parse(expiresAt));
    if (requeueAfterMs !== undefined) return { requeueAfterMs };
    throw new Error(findings.find((finding) => finding.status !== 'True')?.message ?? 'Vault could not be asked');
  };
}

const lookFrom = async (
  context: ControllerContext,
  backend: VaultAuthBackend,
  memory: BackendMemory,
  clusterCA: BackendOptions['clusterCA'],
  signal: AbortSignal,
): Promise<Outcome> => {
  const before = backend.status ?? {};
  const observe = isLookOnly(context, backend);
  const { name } = backend.spec.endpointRef;
  const vault = context.vault.registry.get(name);
  if (vault.state === 'notReady') {
    const finding: BackendConditionUpdate = {
      type: 'Mounted',
      status: 'Unknown',
      reason: 'EndpointNotReady',
      message: `VaultEndpoint ${name}: ${vault.message}`,
    };
    // Whoever makes it ready tells us.
    return {
      findings: [finding, ...kept(before, ['Mounted'])],
      status: before,
      requeueAfterMs: nextLook({ context, backend, before, memory }, false),
    };
  }
  if (!observe) await holdAsNeeded(context, backend);
  const work: Work = { context, backend, vault, memory, before, observe, signal };
  const pass: Pass = { findings: [], status: {}, before, isWaiting: false, rightsProblem: undefined, forgetsProbe: false };
  try {
    await look(work, pass, clusterCA);
    remember(work, pass);
    const { lastProbe, ...rest } = pass.before;
    const status = { ...(pass.forgetsProbe || lastProbe === undefined ? rest : pass.before), drift: [], ...pass.status };
    return { findings: pass.findings, status, requeueAfterMs: nextLook({ ...work, before: status }, pass.isWaiting) };
  } catch (error) {
    const failed = failures(work, pass, error);
    if (!failed) throw error;
    const findings = [
      ...pass.findings.filter(({ type }) => !failed.findings.some((other) => other.type === type)),
      ...failed.findings,
    ];
    const status = { ...pass.before, ...pass.status, drift: pass.status.drift ?? before.drift ?? [] };
    return {
      findings: [
        ...findings,
        ...kept(
          before,
          findings.map(({ type }) => type),
        ),
      ],
      status,
      requeueAfterMs: failed.isFinal ? nextLook({ ...work, before: status }, false) : failed.retryAfterMs,
    };
  }
};

/** Conditions of the last pass that this one did not come to. */
const kept = ({ conditions = [] }: VaultAuthBackendStatus, known: readonly string[]): readonly BackendConditionUpdate[] =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- they were findings when they were written
  conditions.filter(
    ({ type }) => type !== 'Ready' && type !== 'Deletable' && !known.includes(type),
  ) as readonly BackendConditionUpdate[];

interface Failed {
  readonly findings: readonly BackendConditionUpdate[];
  /** Only a person can change it: no sooner look than ever. */
  readonly isFinal: boolean;
  readonly retryAfterMs: number | undefined;
}

/** What an error means for the step that it ended; undefined: it is no matter of this object. */
const failures = ({ backend }: Work, { findings }: Pass, error: unknown): Failed | undefined => {
  const { path } = backend.spec;
  const isMounted = findings.some(({ type }) => type === 'Mounted');
  if (error instanceof KubeError)
    return {
      findings: [
        { type: isMounted ? 'Configured' : 'Mounted', status: 'Unknown', reason: 'WriteFailed', message: error.message },
      ],
      isFinal: false,
      retryAfterMs: undefined,
    };
  if (error instanceof ProbeUntried) {
    const { message, cause } = error;
    return { findings: untried(backend, findings, message), isFinal: false, retryAfterMs: cause.retryAfterMs };
  }
  const failure = vaultFailure(error, `auth/${path}`);
  if (!failure) return undefined;
  const rejected = isMounted ? rejection(backend, error) : undefined;
  if (rejected) return { findings: rejected, isFinal: true, retryAfterMs: undefined };
  const isRefused = failure.reason === 'PermissionDenied' || failure.reason === 'WriteFailed';
  return {
    findings: [
      {
        type: isMounted ? 'Configured' : 'Mounted',
        status: isRefused ? 'False' : 'Unknown',
        reason: failure.reason,
        message: failure.message,
      },
    ],
    isFinal: false,
    retryAfterMs: failure.retryAfterMs,
  };
};

/** What was put right stays in the status for one interval, so that somebody can see it. */
const remember = ({ context, backend, memory }: Work, pass: Pass): void => {
  const at = pass.findings.findIndex(({ type }) => type === 'Configured');
  const now = context.clock.now();
  const finding = pass.findings[at];
  if (finding?.reason === 'Repaired') {
    memory.repaired = { at: now, drift: pass.status.drift ?? [], finding };
    return;
  }
  const { repaired } = memory;
  const isFresh = repaired !== undefined && now - repaired.at < backend.spec.resyncSeconds * 1000 * context.clock.resyncFactor;
  if (finding?.reason !== 'InSync' || !isFresh) {
    memory.repaired = undefined;
    return;
  }
  pass.findings.splice(at, 1, repaired.finding);
  pass.status = { ...pass.status, drift: repaired.drift };
};

/** Only an object whose deletion disables the mount is held back by us. */
const holdAsNeeded = (context: ControllerContext, backend: VaultAuthBackend): Promise<void> =>
  backend.spec.deletionPolicy === 'Delete'
    ? context.kube.addFinalizer('VaultAuthBackend', backend)
    : context.kube.removeFinalizer('VaultAuthBackend', backend);

const write = async (
  context: ControllerContext,
  backend: VaultAuthBackend,
  findings: readonly BackendConditionUpdate[],
  status: Partial<VaultAuthBackendStatus>,
): Promise<void> => {
  const { name, generation } = backend.metadata;
  const time = new Date(context.clock.now()).toISOString();
  const ready = readyCondition(findings);
  tellTurn(context, backend, ready);
  const all = [...findings, ready];
  await context.kube.writeStatus('VaultAuthBackend', backend, {
    ...status,
    audience: defaultAudience(backend),
    roles: countRoles(context, name),
    observedGeneration: generation,
    conditions: mergeConditions(backend.status?.conditions ?? [], all, generation, time),
    lastSyncTime: time,
  });
};

/** An Event when it becomes ready, or is so no longer. */
const tellTurn = (context: ControllerContext, backend: VaultAuthBackend, { status, reason, message }: ConditionUpdate): void => {
  const before = backend.status?.conditions?.find(({ type }) => type === 'Ready');
  if (before?.status === status || status === 'Unknown') return;
  context.report.emitEvent(backend, status === 'True' ? 'Normal' : 'Warning', reason, message);
};

const countRoles = (
  { listers: { roles } }: ControllerContext,
  backend: string,
): { readonly total: number; readonly ready: number } => {
  const ours = roles.list().filter(({ spec, status }) => (status?.vault?.backend ?? spec.backendRef?.name) === backend);
  const ready = ours.filter(({ status }) =>
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  );
  return { total: ours.length, ready: ready.length };
};
