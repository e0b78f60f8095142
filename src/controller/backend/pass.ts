// One look at a backend whose Vault can be worked with: mount, rights, reviewer, configuration, tuning, and the proof by a login.
import { KubeError } from '../../kube/error.ts';
import type { JsonObject } from '../../pod/manifest.ts';
import type { BackendFinding, VaultAuthBackendStatus } from '../../resources/backend-status.ts';
import type { Difference } from '../../resources/management.ts';
import { tuneDocument } from '../../resources/tune.ts';
import { readConfig } from '../../vault/auth-config.ts';
import type { AuthMount } from '../../vault/mounts.ts';
import { type ConfigOutcome, keepConfig } from './config.ts';
import { configured, configuredBy, namesOf, together } from './configured.ts';
import { type HealthSituation, healthy, keysHealth, reviewerHealth } from './health.ts';
import { isSynced } from './keys.ts';
import { keepMount, type MountState } from './mount.ts';
import { prove } from './proof.ts';
import { keepRights, mayReview } from './rights.ts';
import { type Reviewer, readReviewer } from './reviewer.ts';
import { keepTune, tuneDifferences } from './tuning.ts';
import { isRecordedHere, type Work } from './work.ts';
import { readWanted, type Wanted } from './wanted.ts';

export interface Pass {
  /** Grows with each step; what it has not reached is not there. */
  readonly findings: BackendFinding[];
  status: Partial<VaultAuthBackendStatus>;
  /** Something comes soon, such as a token in a Secret. */
  isWaiting: boolean;
}

/** Goes as far as it can; what it found until then is in `pass`, also when it throws: VaultError, or a KubeError. */
export const look = async (work: Work, pass: Pass, clusterCA: () => Promise<string | undefined>): Promise<void> => {
  const { backend, vault, signal } = work;
  const { path } = backend.spec;
  const tune = tuneDocument(backend);
  const mounted = await keepMount(work, tune);
  pass.findings.push(mounted.finding);
  const { mount } = mounted;
  if (!mount) {
    pass.findings.push(configured('Unknown', 'Pending', 'There is no mount to configure.'));
    pass.status = { drift: mounted.drift };
    return;
  }
  const isOurs = mounted.made || isOwned(work, mount);
  pass.status = { mount: mountStatus(work, mount, isOurs) };
  const held = isSynced(backend.spec) ? await readConfig(vault.session, path, signal) : undefined;
  const wanted = await readWanted(work, held, clusterCA);
  const { issuer, plan, finding: keysFinding } = wanted.keys;
  if (keysFinding) pass.findings.push(keysFinding);
  pass.status = {
    ...pass.status,
    ...(issuer === undefined ? {} : { issuer }),
    ...(plan ? { keys: { kids: plan.kids.slice(0, MOST_KIDS), lastSync: new Date(work.context.now()).toISOString() } } : {}),
  };
  if (!wanted.documentWith) {
    if (wanted.problem) pass.findings.push(wanted.problem);
    return;
  }
  const reviewer = await withReviewer(work, pass);
  if (!reviewer) return;
  const config = await configure({
    work,
    pass,
    mounted,
    mount,
    isOurs,
    wanted,
    reviewer,
    tune,
    documentWith: wanted.documentWith,
  });
  if (config.state.finding === 'NotOwned') return;
  pass.status = { ...pass.status, mount: mountStatus(work, mount, !work.observe || isOurs) };
  await judge(work, pass, reviewer, config, wanted.documentWith);
};

/** As many as the status can hold. */
const MOST_KIDS = 32;

/** A mount of another accessor was made by somebody else, whatever its path. */
const isOwned = (work: Work, mount: AuthMount): boolean =>
  isRecordedHere(work) && work.before.mount?.owned === true && work.before.mount.accessor === mount.accessor;

const mountStatus = (
  { vault, backend }: Work,
  { type, accessor }: AuthMount,
  owned: boolean,
): NonNullable<VaultAuthBackendStatus['mount']> => ({
  path: backend.spec.path,
  type,
  accessor,
  owned,
  clusterID: vault.clusterID,
});

/** The reviewer, its objects and its rights; undefined when there is no token to configure with. */
const withReviewer = async (work: Work, pass: Pass): Promise<Reviewer | undefined> => {
  const { backend, observe, before } = work;
  if (backend.spec.type !== 'kubernetes') return { serviceAccount: undefined, token: { kind: 'none' } };
  const missing = (message: string): undefined => {
    pass.isWaiting = true;
    pass.findings.push(
      configured(
        before.configHash === undefined ? 'False' : 'Unknown',
        'Pending',
        "The configuration waits for the reviewer's token.",
      ),
      healthy('False', 'TokenMissing', message),
    );
  };
  try {
    const reviewer = await readReviewer(work);
    if (!observe) await keepRights(work, reviewer.serviceAccount);
    return reviewer.token.kind === 'missing' && !observe ? missing(reviewer.token.message) : reviewer;
  } catch (error) {
    // What the API server refuses is told; that it is away is not this object's fault.
    if (!(error instanceof KubeError) || error.status < 400 || error.status >= 500) throw error;
    return missing(`The reviewer's objects cannot be kept: ${error.message}`);
  }
};

interface Configuration {
  readonly work: Work;
  readonly pass: Pass;
  readonly mounted: MountState;
  readonly mount: AuthMount;
  readonly isOurs: boolean;
  readonly wanted: Wanted;
  readonly reviewer: Reviewer;
  readonly tune: JsonObject;
  readonly documentWith: (token: string | undefined) => JsonObject;
}

const configure = async (configuration: Configuration): Promise<ConfigOutcome> => {
  const { work, pass, mounted, mount, isOurs, wanted, reviewer, tune, documentWith } = configuration;
  const { context, backend, before } = work;
  let claimed = false;
  const claim = async (): Promise<void> => {
    claimed = true;
    await context.writeStatus('VaultAuthBackend', backend, { ...before, mount: mountStatus(work, mount, true) });
  };
  const situation = { documentWith, token: reviewer.token, rewrite: false, claim, alsoDiffers: tuneDifferences(tune, mount) };
  let config = await keepConfig(work, { ...situation, isOurs });
  // Taken over as it was: the token that nobody can see is written too.
  if (claimed && !config.state.wrote) config = await keepConfig(work, { ...situation, isOurs: true });
  const isForeign = config.state.finding === 'NotOwned';
  const tuned = isForeign ? undefined : await keepTune(work, tune, mount);
  const whole = together([config.state, ...(tuned ? [tuned] : [])]);
  const finding = configuredBy(whole, backend.spec.path);
  if (isForeign) {
    pass.findings.splice(pass.findings.indexOf(mounted.finding), 1, {
      ...mounted.finding,
      status: 'False',
      reason: 'NotOwned',
      message: finding.message,
    });
  }
  pass.findings.push(finding.status === 'False' ? finding : (wanted.problem ?? finding));
  tell(work, config, whole.repaired, whole.drift);
  pass.status = {
    ...pass.status,
    drift: [...whole.drift, ...whole.repaired].slice(0, MOST_DRIFT),
    ...(config.hash === undefined ? {} : { configHash: config.hash }),
    ...(config.reviewer === undefined
      ? {}
      : {
          reviewer: {
            ...config.reviewer,
            ...(reviewer.serviceAccount === undefined ? {} : { serviceAccount: reviewer.serviceAccount }),
          },
        }),
    ...warningsOf(
      [...mounted.warnings, ...(config.state.warnings ?? []), ...(tuned?.warnings ?? [])],
      config.state.wrote || tuned?.wrote === true,
    ),
  };
  return config;
};

const MOST_DRIFT = 64;
const MOST_WARNINGS = 16;

const warningsOf = (warnings: readonly string[], wrote: boolean): Partial<VaultAuthBackendStatus> =>
  wrote ? { warnings: warnings.slice(0, MOST_WARNINGS).map((warning) => warning.slice(0, 1024)) } : {};

const tell = (
  { context, backend }: Work,
  { state, newToken }: ConfigOutcome,
  repaired: readonly Difference[],
  drift: readonly Difference[],
): void => {
  const { path } = backend.spec;
  if (repaired.length > 0) {
    context.metrics.drift('VaultAuthBackend', 'repaired', repaired.length);
    context.event(
      backend,
      'Warning',
      'Repaired',
      `auth/${path} was changed in Vault and is as declared again: ${namesOf(repaired)}.`,
    );
  }
  if (state.overwrote.length > 0)
    context.event(backend, 'Warning', 'Overwritten', `auth/${path} was configured otherwise: ${namesOf(state.overwrote)}.`);
  if (newToken) context.event(backend, 'Normal', 'ReviewerReplaced', `auth/${path} has a new reviewer's token.`);
  if (state.finding === 'Drifted') context.metrics.drift('VaultAuthBackend', 'reported', Math.max(1, drift.length));
  if (state.finding === 'IgnoredParameters') context.metrics.drift('VaultAuthBackend', 'ignored', drift.length);
};

/** ReviewerHealthy or KeysFresh, by a login where that may be. */
const judge = async (
  work: Work,
  pass: Pass,
  reviewer: Reviewer,
  config: ConfigOutcome,
  documentWith: (token: string | undefined) => JsonObject,
): Promise<void> => {
  const { context, backend, before, observe, signal } = work;
  const proven = observe || !backend.spec.probe.enabled ? undefined : await prove(work, { reviewer, config, documentWith });
  if (proven) pass.status = { ...pass.status, ...(proven.lastProbe ? { lastProbe: proven.lastProbe } : {}), ...proven.status };
  if (proven?.repaired) {
    const at = pass.findings.findIndex(({ type }) => type === 'Configured');
    pass.findings.splice(at, 1, configuredBy({ finding: 'Repaired', drift: [], repaired: proven.repaired }, backend.spec.path));
    pass.status = { ...pass.status, drift: proven.repaired };
  }
  if (backend.spec.type === 'jwt') {
    const at = pass.findings.findIndex(({ type }) => type === 'KeysFresh');
    const finding = pass.findings[at];
    if (finding?.type === 'KeysFresh') pass.findings.splice(at, 1, keysHealth(finding, proven?.lastProbe));
    return;
  }
  if (observe) {
    pass.findings.push(healthy('True', 'NotProbed', 'No login is tried (only observing).'));
    return;
  }
  const { serviceAccount: account } = reviewer;
  const lastProbe = proven?.lastProbe;
  const isDenied = lastProbe?.result === 'Denied' && account !== undefined;
  const situation: HealthSituation = {
    probe: lastProbe,
    reviewer: pass.status.reviewer ?? before.reviewer,
    account,
    mayReview: isDenied ? await mayReview(context.kube, account, signal) : undefined,
    isReplaced: config.state.finding === 'Drifted' && config.state.drift.some(({ field }) => field === 'token_reviewer_jwt'),
  };
  pass.findings.push(reviewerHealth(work, situation));
};
