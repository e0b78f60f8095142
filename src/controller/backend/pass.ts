// One look at a backend whose Vault can be worked with: mount, rights, reviewer, configuration, tuning, and the proof by a login.
import { KubeError } from '../../kube/errors.ts';
import type { BackendConditionUpdate, VaultAuthBackendStatus } from '../../resources/backend.ts';
import { tuneDocument } from '../../resources/config-document.ts';
import { readConfig, type AuthMount } from '../../vault/mounts.ts';
import { configure, mountStatus } from './configure.ts';
import { configured } from './configured.ts';
import { healthy } from './health.ts';
import { judge } from './judge.ts';
import { isSynced } from './keys.ts';
import { keepMount, mounted } from './mount.ts';
import { dropUnneeded, type Reviewer, readReviewer } from './reviewer.ts';
import { keepRights } from './rights.ts';
import { rivalOf } from './rival.ts';
import { readWanted } from './wanted.ts';
import { isRecordedHere, type Work } from './work.ts';

export interface Pass {
  /** Grows with each step; what it has not reached is not there. */
  readonly findings: BackendConditionUpdate[];
  status: Partial<VaultAuthBackendStatus>;
  /** What of the last status still holds where this look says nothing. */
  before: VaultAuthBackendStatus;
  /** Something comes soon, such as a token in a Secret. */
  isWaiting: boolean;
  /** Why rights in Kubernetes are not as they were asked for. */
  rightsProblem: string | undefined;
  /** There is no role for logins of ours any more. */
  forgetsProbe: boolean;
}

/** Goes as far as it can; what it found until then is in `pass`, also when it throws: VaultError, ProbeUntried, or a KubeError. */
export async function look(asked: Work, pass: Pass, clusterCA: () => Promise<string | undefined>): Promise<void> {
  const { backend, vault, signal } = asked;
  const { path } = backend.spec;
  const rival = rivalOf(asked);
  if (rival !== undefined) {
    yieldTo(rival, pass);
    return;
  }
  const tune = tuneDocument(backend);
  const mountState = await keepMount(asked, tune);
  const { mount } = mountState;
  const rivalByAccessor = mount && rivalOf(asked, mount.accessor);
  if (rivalByAccessor !== undefined) {
    yieldTo(rivalByAccessor, pass);
    return;
  }
  pass.findings.push(mountState.finding);
  if (!mount) {
    pass.findings.push(configured('Unknown', 'Pending', 'There is no mount to configure.'));
    pass.status = { drift: mountState.drift };
    return;
  }
  const isKnown = isOwned(asked, mount);
  const isOurs = mountState.made || isKnown;
  if (!isKnown) pass.before = ofAnotherMount(asked.before);
  const work = { ...asked, before: pass.before };
  pass.status = { mount: mountStatus(work, mount, isOurs) };
  const held = isSynced(backend.spec) ? await readConfig(vault.session, path, signal) : undefined;
  const wanted = await readWanted(work, held, clusterCA);
  const { issuer, plan, finding: keysFinding } = wanted.keys;
  if (keysFinding) pass.findings.push(keysFinding);
  pass.status = {
    ...pass.status,
    ...(issuer === undefined ? {} : { issuer }),
    ...(plan
      ? { keys: { kids: plan.kids.slice(0, MOST_KIDS), lastSync: new Date(work.context.clock.now()).toISOString() } }
      : {}),
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
    mountState,
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
  if (!work.observe && backend.spec.type === 'kubernetes') await dropUnneeded(work);
}

/** The mount is another's: nothing here is ever to write, or disable, what the status would say is ours. */
const yieldTo = (message: string, pass: Pass): void => {
  pass.findings.push(mounted('False', 'NotOwned', message), configured('Unknown', 'Pending', 'The mount is not ours.'));
  const { mount: _mount, configHash: _configHash, ...rest } = pass.before;
  pass.before = rest;
};

/** As many as the status can hold. */
const MOST_KIDS = 32;

/** A mount of another accessor was made by somebody else, whatever its path. */
const isOwned = (work: Work, mount: AuthMount): boolean =>
  isRecordedHere(work) && work.before.mount?.owned === true && work.before.mount.accessor === mount.accessor;

/** What was written to another mount, or to another server, says nothing about what this one has: nothing was written yet. */
const ofAnotherMount = (before: VaultAuthBackendStatus): VaultAuthBackendStatus => {
  const { configHash: _configHash, reviewer: _reviewer, observedGeneration: _observedGeneration, ...rest } = before;
  return rest;
};

/** The reviewer, its objects and its rights; undefined when there is no token to configure with. */
const withReviewer = async (work: Work, pass: Pass): Promise<Reviewer | undefined> => {
  const { backend, observe, before } = work;
  if (backend.spec.type !== 'kubernetes') return { serviceAccount: undefined, token: { kind: 'none' } };
  const missing = (message: string): undefined => {
    pass.isWaiting = backend.spec.kubernetes?.reviewer.mode === 'LongLivedSecret';
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
    if (!observe) pass.rightsProblem = await problemOfRights(work, reviewer);
    return reviewer.token.kind === 'missing' && !observe ? missing(reviewer.token.message) : reviewer;
  } catch (error) {
    // What the API server refuses is told; that it is away is not this object's fault.
    if (!(error instanceof KubeError) || error.status < 400 || error.status >= 500) throw error;
    return missing(`The reviewer's objects cannot be kept: ${error.message}`);
  }
};

/** What the API server refuses of the rights does not hold the rest up: somebody else may have given them. */
const problemOfRights = async (work: Work, { serviceAccount }: Reviewer): Promise<string | undefined> => {
  try {
    await keepRights(work, serviceAccount);
    return undefined;
  } catch (error) {
    if (!(error instanceof KubeError) || error.status < 400 || error.status >= 500) throw error;
    return error.message;
  }
};
