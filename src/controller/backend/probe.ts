// The probe: a real login of the controller itself, the one proof that host, CA, reviewer, rights and audience work together.
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../json/json.ts';
import { KubeError } from '../../kube/errors.ts';
import { requestToken } from '../../kube/tokens.ts';
import { type BackendConditionUpdate, type VaultAuthBackendStatus, defaultAudience } from '../../resources/backend.ts';
import { differences } from '../../resources/canonical.ts';
import type { Difference } from '../../resources/common-fields.ts';
import { API_VERSION } from '../../resources/kinds.ts';
import { roleDocument } from '../../resources/role-document.ts';
import { probeRoleName } from '../../resources/role-name.ts';
import type { VaultAuthRole } from '../../resources/role.ts';
import { isVaultError, VaultError } from '../../vault/errors.ts';
import { tryLogin } from '../../vault/login.ts';
import { writeConfig } from '../../vault/mounts.ts';
import { deleteRole, readRole, writeRole } from '../../vault/roles.ts';
import { configuredBy, keysHealth, notProbed, reviewerHealth, reviewerHealthy } from './conditions.ts';
import { type ConfigTarget, reviewerAndHash, writeDesiredConfig, type WrittenConfig } from './mount-config.ts';
import { keyIDOf, mayReviewTokens } from './reviewer.ts';
import { type ReconcileInput, type StepResult, stepResult } from './step.ts';

export interface ProbeTarget extends ConfigTarget {
  readonly config: WrittenConfig;
}

/**
 * Probes the mount if a login is due, and reports ReviewerHealthy (type kubernetes) or KeysFresh (type jwt). Throws VaultError if
 * the token has to be written again and cannot be.
 */
export async function probeBackend(input: ReconcileInput, target: ProbeTarget): Promise<StepResult<never>> {
  const { backend, observeOnly } = input;
  const forget = await removeUnusedRole(input);
  try {
    const proof = observeOnly || !backend.spec.probe.enabled ? undefined : await prove(input, target);
    const repaired = proof?.repaired;
    return stepResult<never>({
      forget,
      status: {
        ...(proof?.lastProbe ? { lastProbe: proof.lastProbe } : {}),
        ...proof?.status,
        ...(repaired ? { drift: repaired } : {}),
      },
      conditions: [
        ...(repaired ? [configuredBy({ outcome: 'Repaired', drift: [], repaired }, backend.spec.path)] : []),
        ...(await health(input, target, proof)),
      ],
    });
  } catch (error) {
    if (!(error instanceof ProbeRoleFailed)) throw error;
    // Mount and configuration are as reported; only the login was not possible.
    return stepResult<never>({
      forget,
      conditions: notProbed(backend, target.desired.keysFresh, error.message),
      failure: { isFinal: false, retryAfterMs: error.cause.retryAfterMs },
    });
  }
}

/** Deletes the probe role after `probe.enabled` was set to false. Returns what the status must forget. */
const removeUnusedRole = async (input: ReconcileInput): Promise<readonly 'lastProbe'[]> => {
  const { context, backend, vault, previous, observeOnly } = input;
  if (backend.spec.probe.enabled || !previous.lastProbe || observeOnly) return [];
  context.vault.fence();
  await deleteRole(vault.session, backend.spec.path, probeRoleName(backend));
  return ['lastProbe'];
};

const health = async (
  input: ReconcileInput,
  { desired, reviewer, config }: ProbeTarget,
  proof: Proof | undefined,
): Promise<readonly BackendConditionUpdate[]> => {
  const { context, backend, previous, observeOnly, signal } = input;
  if (backend.spec.type === 'jwt') return desired.keysFresh ? [keysHealth(desired.keysFresh, proof?.lastProbe)] : [];
  if (observeOnly) return [reviewerHealthy('True', 'NotProbed', 'No login is tried (observe only).')];
  const { serviceAccount: account, rightsProblem } = reviewer;
  const isDenied = proof?.lastProbe?.result === 'Denied' && account !== undefined;
  return [
    reviewerHealth(input, {
      probe: proof?.lastProbe,
      reviewer: proof?.status.reviewer ?? reviewerAndHash(config, reviewer).reviewer ?? previous.reviewer,
      account,
      mayReview: isDenied ? await mayReviewTokens(context.kube.client, account, signal) : undefined,
      rightsProblem,
      isReplaced:
        config.document.outcome === 'Drifted' && config.document.drift.some(({ field }) => field === 'token_reviewer_jwt'),
    }),
  ];
};

interface Proof {
  readonly lastProbe: VaultAuthBackendStatus['lastProbe'];
  /** What was written to make the login work. */
  readonly status: Partial<VaultAuthBackendStatus>;
  /** Logins work since the token was written again, so that it had been changed in Vault. */
  readonly repaired: readonly Difference[] | undefined;
}

/** Minimum between two rewrites of the token: where one does not help, the cause is another. */
const REWRITE_SECONDS = 300;
const rewriteMs = ({ context: { clock } }: ReconcileInput): number => REWRITE_SECONDS * 1000 * clock.resyncFactor;

/** Logs in if that is due. After a denied login, a new token is reverted and an old one is written again. */
const prove = async (input: ReconcileInput, target: ProbeTarget): Promise<Proof> => {
  const { config } = target;
  const { state, context } = input;
  const attempted = await probeWhenDue(input, config.document.wrote);
  if (config.document.wrote) state.rewriteAfter = context.clock.now() + rewriteMs(input);
  if (attempted.outcome?.result === 'Succeeded') state.previousReviewer = undefined;
  if (attempted.outcome?.result === 'Denied')
    return config.isNewToken ? revertToken(input, target, attempted) : rewriteToken(input, target, attempted);
  return unchanged(attempted);
};

const unchanged = ({ lastProbe }: Attempted): Proof => ({ lastProbe, status: {}, repaired: undefined });

/** A new token with which no login works is replaced by the previous one while that is valid. */
const revertToken = async (input: ReconcileInput, { desired }: ProbeTarget, attempted: Attempted): Promise<Proof> => {
  const { context, backend, vault, previous, state } = input;
  const token = state.previousReviewer;
  if (!token || previous.lastProbe?.result !== 'Succeeded' || (token.expiresAt ?? Infinity) <= context.clock.now())
    return unchanged(attempted);
  context.vault.fence();
  await writeConfig(vault.session, backend.spec.path, desired.documentWith(token.token));
  state.reviewer = token;
  state.previousReviewer = undefined;
  context.report.emitEvent(
    backend,
    'Warning',
    'ReviewerTakenBack',
    `No login works with the new reviewer token: ${attempted.outcome?.message ?? ''}; wrote the previous one to auth/${backend.spec.path} again.`,
  );
  const { lastProbe } = await probeWhenDue(input, true);
  return {
    lastProbe,
    status: {
      ...(previous.reviewer === undefined ? {} : { reviewer: previous.reviewer }),
      ...(previous.configHash === undefined ? {} : { configHash: previous.configHash }),
    },
    repaired: undefined,
  };
};

/** The token in Vault may have been changed, or its service account created again: Vault shows neither. */
const rewriteToken = async (
  input: ReconcileInput,
  { reviewer, desired, config }: ProbeTarget,
  attempted: Attempted,
): Promise<Proof> => {
  const { context, backend, state, signal } = input;
  const mayHelp = reviewer.token.kind === 'stored' || reviewer.token.kind === 'requested';
  const isAllowed = backend.spec.driftPolicy === 'Repair' && context.clock.now() >= state.rewriteAfter;
  if (!mayHelp || !isAllowed || config.document.wrote) return unchanged(attempted);
  state.rewriteAfter = context.clock.now() + rewriteMs(input);
  const { serviceAccount } = reviewer;
  const lacksRights =
    serviceAccount !== undefined && (await mayReviewTokens(context.kube.client, serviceAccount, signal)) === false;
  if (lacksRights) return unchanged(attempted);
  const written = await writeDesiredConfig(input, {
    desired,
    reviewer,
    tuneDrift: [],
    isOwned: true,
    rewrite: true,
    claim: async () => undefined,
  });
  if (!written.document.wrote) return unchanged(attempted);
  const { lastProbe, outcome } = await probeWhenDue(input, true);
  const isRepaired = outcome?.result === 'Succeeded';
  if (isRepaired) {
    context.report.metrics.drift('VaultAuthBackend', 'repaired');
    context.report.emitEvent(
      backend,
      'Warning',
      'Repaired',
      `Logins at auth/${backend.spec.path} failed and work again since the reviewer token was rewritten.`,
    );
  }
  return {
    lastProbe,
    status: reviewerAndHash(written, reviewer),
    repaired: isRepaired ? written.document.repaired : undefined,
  };
};

/** Vault applies a new CA within 30 s, and keeps connections until then: a login before that does not prove the new CA. */
const AGAIN_SECONDS = 45;
/** After a failure: this, doubled with each further one, up to the interval. */
const FIRST_RETRY_SECONDS = 15;
/** Right after a change the API server may not have applied new rights yet: waits in milliseconds. */
const RIGHTS_DELAYS_MS = [200, 400, 800, 1600];

interface Attempted {
  readonly lastProbe: VaultAuthBackendStatus['lastProbe'];
  /** Undefined: no login was due. */
  readonly outcome: ProbeOutcome | undefined;
}

/** Logs in if that is due, or after a write. */
const probeWhenDue = async (input: ReconcileInput, hasChanged: boolean): Promise<Attempted> => {
  const { context, previous, state, backend, signal } = input;
  const { clock } = context;
  if (!hasChanged && nextProbeAt(input) > clock.now()) return { lastProbe: previous.lastProbe, outcome: undefined };
  let outcome = await probe(input);
  for (const delay of hasChanged ? RIGHTS_DELAYS_MS : []) {
    if (outcome.result !== 'Denied') break;
    await sleep(delay, undefined, { signal });
    outcome = await probe(input);
  }
  const now = clock.now();
  const isRepetition = state.probeAgainAt !== undefined && state.probeAgainAt <= now;
  if (hasChanged) state.probeAgainAt = now + AGAIN_SECONDS * 1000 * clock.resyncFactor;
  else if (isRepetition) state.probeAgainAt = undefined;
  state.probedAt = now;
  state.probeFailures = outcome.result === 'Succeeded' ? 0 : state.probeFailures + 1;
  state.signingKey = outcome.signedBy ?? state.signingKey;
  context.report.metrics.probe(backend.metadata.name, METRIC[outcome.result]);
  return { lastProbe: { time: new Date(now).toISOString(), result: outcome.result, message: outcome.message }, outcome };
};

const METRIC = { Succeeded: 'succeeded', Denied: 'denied', Failed: 'failed' } as const;

/** When the next login is due, in milliseconds since 1970. */
export function nextProbeAt({
  context: { clock },
  backend,
  previous,
  state,
}: Pick<ReconcileInput, 'context' | 'backend' | 'previous' | 'state'>): number {
  const factor = 1000 * clock.resyncFactor;
  const interval = backend.spec.probe.intervalSeconds * factor;
  const last = state.probedAt ?? Date.parse(previous.lastProbe?.time ?? '');
  if (Number.isNaN(last)) return 0;
  const retry = Math.min(interval, FIRST_RETRY_SECONDS * factor * 2 ** Math.min(10, state.probeFailures - 1));
  const hasFailed = state.probeFailures > 0 || (state.probedAt === undefined && previous.lastProbe?.result !== 'Succeeded');
  return Math.min(last + (hasFailed ? retry : interval), state.probeAgainAt ?? Infinity);
}

interface ProbeOutcome {
  /** Denied: Vault answered the login with an error about it. Failed: no answer, or an error about something else. */
  readonly result: 'Succeeded' | 'Denied' | 'Failed';
  readonly message: string;
  /** The ID of the key that signed the token of the login, if it names one. */
  readonly signedBy?: string | undefined;
}

/** Vault did not answer while the probe role was written: nothing is known about logins. */
class ProbeRoleFailed extends Error {
  override readonly cause: VaultError;
  constructor(cause: VaultError) {
    super(cause.message);
    this.cause = cause;
  }
}

/** Writes the probe role if needed and logs in. Throws ProbeRoleFailed. */
const probe = async (input: ReconcileInput): Promise<ProbeOutcome> => {
  const { context, backend, vault, signal } = input;
  const { client, namespace, serviceAccount } = context.kube;
  const { path, probe: settings } = backend.spec;
  try {
    await ensureProbeRole(input);
  } catch (error) {
    // A rejection concerns this role alone: mount and configuration are as reported.
    if (!isVaultError(error, 'PermissionDenied', 'BadRequest'))
      throw error instanceof VaultError ? new ProbeRoleFailed(error) : error;
    return { result: 'Failed', message: `the probe role cannot be written: ${error.message}`.slice(0, MAX_MESSAGE) };
  }
  const audience = defaultAudience(backend);
  try {
    const { token } = await requestToken(client, namespace, serviceAccount, {
      audiences: audience === '' ? [] : [audience],
      expirationSeconds: TOKEN_SECONDS,
      signal,
    });
    const login = await tryLogin(vault.client, path, probeRoleName(backend), token, settings.timeoutSeconds * 1000, signal);
    const signedBy = keyIDOf(token);
    return login.outcome === 'succeeded'
      ? { signedBy, result: 'Succeeded', message: `Logged in as ${namespace}/${serviceAccount}.` }
      : { signedBy, result: isDenial(login.error) ? 'Denied' : 'Failed', message: messageOf(login.error) };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return { result: 'Failed', message: `No token for the login: ${error.message}` };
  }
};

/** The minimum of the TokenRequest API. */
const TOKEN_SECONDS = 600;
/** TTL of the Vault token of the login, which the controller does not use. */
const LOGIN_TTL_SECONDS = 10;
const MAX_MESSAGE = 500;

/** The probe role admits the controller's service account only, and its tokens can do nothing. */
const probeRole = ({ context, backend, vault }: ReconcileInput): JsonObject => {
  const { namespace, serviceAccount } = context.kube;
  const role: VaultAuthRole = {
    apiVersion: API_VERSION,
    kind: 'VaultAuthRole',
    metadata: { name: 'probe', namespace, uid: '', generation: 0, resourceVersion: '' },
    spec: { serviceAccounts: [serviceAccount], policies: [], managementPolicy: 'Manage', deletionPolicy: 'Delete' },
  };
  return {
    ...roleDocument({ backend, role, product: vault.product, effectivePolicies: [] }),
    token_type: 'batch',
    token_ttl: LOGIN_TTL_SECONDS,
    token_max_ttl: LOGIN_TTL_SECONDS,
    token_explicit_max_ttl: 0,
    token_period: 0,
    token_num_uses: 0,
    token_bound_cidrs: [],
    token_no_default_policy: true,
    ...(vault.product === 'OpenBao' ? { token_strictly_bind_ip: false } : {}),
  };
};

const ensureProbeRole = async (input: ReconcileInput): Promise<void> => {
  const { context, backend, vault, signal } = input;
  const { path, type } = backend.spec;
  const desired = probeRole(input);
  const current = await readRole(vault.session, path, probeRoleName(backend), signal);
  if (current && differences(desired, current, type === 'kubernetes' ? 'kubernetesRole' : 'jwtRole').length === 0) return;
  context.vault.fence();
  await writeRole(vault.session, path, probeRoleName(backend), desired);
};

/** 400 and 403 answer the login itself; a 500 may as well, but then the cause is another. */
const isDenial = ({ kind }: VaultError): boolean => kind === 'PermissionDenied' || kind === 'BadRequest';

const messageOf = ({ errors, message }: VaultError): string =>
  (errors.length > 0 ? errors.join('; ') : message).slice(0, MAX_MESSAGE);
