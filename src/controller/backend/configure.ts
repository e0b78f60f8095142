// Configuration and tuning of a mount: kept, taken over, told.
import type { JsonObject } from '../../json/json.ts';
import type { VaultAuthBackendStatus } from '../../resources/backend.ts';
import type { Difference } from '../../resources/common-fields.ts';
import type { AuthMount } from '../../vault/mounts.ts';
import { type ConfigOutcome, keepConfig } from './config.ts';
import { configuredBy, namesOf, together } from './configured.ts';
import type { MountState } from './mount.ts';
import type { Pass } from './pass.ts';
import type { Reviewer } from './reviewer.ts';
import { keepTune, tuneDifferences } from './tuning.ts';
import type { Work } from './work.ts';
import type { Wanted } from './wanted.ts';

/** What the status keeps of the mount. */
export function mountStatus(
  { vault, backend }: Work,
  { type, accessor }: AuthMount,
  owned: boolean,
): NonNullable<VaultAuthBackendStatus['mount']> {
  return {
    path: backend.spec.path,
    type,
    accessor,
    owned,
    clusterID: vault.clusterID,
  };
}

export interface Configuration {
  readonly work: Work;
  readonly pass: Pass;
  readonly mountState: MountState;
  readonly mount: AuthMount;
  readonly isOurs: boolean;
  readonly wanted: Wanted;
  readonly reviewer: Reviewer;
  readonly tune: JsonObject;
  readonly documentWith: (token: string | undefined) => JsonObject;
}

/** One pass over both, told in `pass`. Throws VaultError, and a KubeError when a token cannot be made. */
export async function configure(configuration: Configuration): Promise<ConfigOutcome> {
  const { work, pass, mountState, mount, isOurs, wanted, reviewer, tune, documentWith } = configuration;
  const { context, backend, before } = work;
  let claimed = false;
  const claim = async (): Promise<void> => {
    claimed = true;
    await context.kube.writeStatus('VaultAuthBackend', backend, { ...before, mount: mountStatus(work, mount, true) });
  };
  // Who ends between the first write and the last status would else find a mount of which it does not know that it made it.
  if (mountState.made) await claim();
  const situation = { documentWith, token: reviewer.token, rewrite: false, claim, alsoDiffers: tuneDifferences(tune, mount) };
  let config = await keepConfig(work, { ...situation, isOurs });
  // Taken over as it was: the token that nobody can see is written too.
  if (claimed && !isOurs && !config.state.wrote) config = await keepConfig(work, { ...situation, isOurs: true });
  const isForeign = config.state.finding === 'NotOwned';
  const tuned = isForeign ? undefined : await keepTune(work, tune, mount);
  const whole = together([config.state, ...(tuned ? [tuned] : [])]);
  const finding = configuredBy(whole, backend.spec.path);
  if (isForeign) {
    pass.findings.splice(pass.findings.indexOf(mountState.finding), 1, {
      ...mountState.finding,
      status: 'False',
      reason: 'NotOwned',
      message: finding.message,
    });
  }
  pass.findings.push(finding.status === 'False' ? finding : (wanted.problem ?? finding));
  tell(work, config, whole.repaired, whole.drift);
  pass.status = {
    ...pass.status,
    // What a server dropped is held against what it drops next time: nothing else may be among it.
    drift: (whole.finding === 'IgnoredParameters' ? whole.drift : [...whole.drift, ...whole.repaired]).slice(0, MOST_DRIFT),
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
      [...mountState.warnings, ...(config.state.warnings ?? []), ...(tuned?.warnings ?? [])],
      config.state.wrote || tuned?.wrote === true,
    ),
  };
  return config;
}

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
    context.report.metrics.drift('VaultAuthBackend', 'repaired', repaired.length);
    context.report.emitEvent(
      backend,
      'Warning',
      'Repaired',
      `auth/${path} was changed in Vault and is as declared again: ${namesOf(repaired)}.`,
    );
  }
  if (state.overwrote.length > 0)
    context.report.emitEvent(
      backend,
      'Warning',
      'Overwritten',
      `auth/${path} was configured otherwise: ${namesOf(state.overwrote)}.`,
    );
  if (newToken) context.report.emitEvent(backend, 'Normal', 'ReviewerReplaced', `auth/${path} has a new reviewer's token.`);
  if (state.finding === 'Drifted') context.report.metrics.drift('VaultAuthBackend', 'reported', Math.max(1, drift.length));
  if (state.finding === 'IgnoredParameters') context.report.metrics.drift('VaultAuthBackend', 'ignored', drift.length);
};
