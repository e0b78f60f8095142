// The end of a VaultAuthBackend: the mount goes only when that was asked for twice, nothing of anybody else's goes, and it never waits for ever.
import type { BackendConditionUpdate, VaultAuthBackend } from '../../resources/backend.ts';
import { mergeConditions, readyCondition } from '../../resources/condition.ts';
import { CONFIRM_DELETE_ANNOTATION, FINALIZER } from '../../resources/kinds.ts';
import { disableMount, readMounts } from '../../vault/mounts.ts';
import type { ControllerContext } from '../context.ts';
import { vaultFailure } from '../vault-failure.ts';
import { dropRights } from './rights.ts';
import { dropReviewer } from './reviewer.ts';
import { isLookOnly } from './work.ts';

export interface Next {
  readonly requeueAfterMs?: number;
  /** It is not certain that this is meant: until it is, everything is kept true. */
  readonly unconfirmed?: Deletable;
}
type Deletable = Extract<BackendConditionUpdate, { readonly type: 'Deletable' }>;

const AGAIN_MS = 60_000;

/** Disables the mount where that is wanted and confirmed, and lets the object go. */
export async function removeBackend(context: ControllerContext, backend: VaultAuthBackend, signal: AbortSignal): Promise<Next> {
  const { metadata, spec, status } = backend;
  if (!metadata.finalizers?.includes(FINALIZER)) return {};
  const { mount } = status ?? {};
  if (spec.deletionPolicy === 'Retain' || isLookOnly(context, backend)) return letGo(context, backend);
  if (mount?.owned !== true) return cleanUp(context, backend, signal);
  if (metadata.annotations?.[CONFIRM_DELETE_ANNOTATION] !== spec.path)
    return {
      unconfirmed: deletable(
        'NotConfirmed',
        `Disabling auth/${spec.path} revokes all its tokens and forgets its roles. If that is meant: kubectl annotate vaultauthbackend ${metadata.name} ${CONFIRM_DELETE_ANNOTATION}=${spec.path}. If not: set deletionPolicy to Retain.`,
      ),
    };
  if (!context.listers.endpoints.get(spec.endpointRef.name))
    return leave(context, backend, signal, `there is no VaultEndpoint ${spec.endpointRef.name}`);
  const vault = context.vault.registry.get(spec.endpointRef.name);
  if (vault.state === 'notReady') return waitOrLeave(context, backend, signal, 'VaultUnavailable', vault.message);
  if (mount.clusterID !== vault.clusterID)
    return leave(context, backend, signal, `VaultEndpoint ${spec.endpointRef.name} leads to another cluster now`);
  try {
    const found = (await readMounts(vault.session, signal)).find(({ path }) => path === spec.path);
    if (found && found.accessor !== mount.accessor)
      return await leave(context, backend, signal, 'somebody else has made it anew');
    if (found) {
      context.vault.fence();
      await disableMount(vault.session, spec.path);
    }
  } catch (error) {
    const failure = vaultFailure(error, `auth/${spec.path}`);
    if (!failure) throw error;
    const reason = failure.reason === 'PermissionDenied' ? 'PermissionDenied' : 'VaultUnavailable';
    return waitOrLeave(context, backend, signal, reason, failure.message);
  }
  return cleanUp(context, backend, signal);
}

/** What was made for the reviewer goes with the mount; where the mount stays it stays, for logins need it. */
const cleanUp = async (context: ControllerContext, backend: VaultAuthBackend, signal: AbortSignal): Promise<Next> => {
  const work = { context, backend, signal };
  await dropRights(work);
  await dropReviewer(work);
  return letGo(context, backend);
};

const letGo = async (context: ControllerContext, backend: VaultAuthBackend): Promise<Next> => {
  await context.kube.removeFinalizer('VaultAuthBackend', backend);
  return {};
};

const waitOrLeave = (
  context: ControllerContext,
  backend: VaultAuthBackend,
  signal: AbortSignal,
  reason: Deletable['reason'],
  message: string,
): Promise<Next> => {
  const since = Date.parse(backend.metadata.deletionTimestamp ?? '');
  return context.clock.now() - since > context.clock.deletionTimeoutMs
    ? leave(context, backend, signal, message)
    : wait(context, backend, reason, message);
};

const leave = async (
  context: ControllerContext,
  backend: VaultAuthBackend,
  signal: AbortSignal,
  message: string,
): Promise<Next> => {
  const said = `the mount auth/${backend.spec.path} stays in Vault: ${message}`;
  context.report.emitEvent(backend, 'Warning', 'LeftInVault', said);
  context.report.log.warn({ backend: backend.metadata.name, problem: message }, 'a mount stays in Vault');
  return cleanUp(context, backend, signal);
};

const wait = async (
  context: ControllerContext,
  backend: VaultAuthBackend,
  reason: Deletable['reason'],
  message: string,
): Promise<Next> => {
  const { generation } = backend.metadata;
  const current = context.listers.backends.get(backend.metadata.name)?.status ?? backend.status ?? {};
  const before = current.conditions ?? [];
  const findings = [...before.filter(({ type }) => type !== 'Deletable' && type !== 'Ready'), deletable(reason, message)];
  const time = new Date(context.clock.now()).toISOString();
  const conditions = mergeConditions(before, [...findings, readyCondition(findings)], generation, time);
  await context.kube.writeStatus('VaultAuthBackend', backend, { ...current, conditions });
  return { requeueAfterMs: Math.min(AGAIN_MS, context.clock.deletionTimeoutMs / 4) };
};

const deletable = (reason: Deletable['reason'], message: string): Deletable => ({
  type: 'Deletable',
  status: 'False',
  reason,
  message,
});
