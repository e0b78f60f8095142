// The proof by a login, and what is tried when it fails although everything that can be seen is right.
import type { JsonObject } from '../../json/json.ts';
import type { VaultAuthBackendStatus } from '../../resources/backend.ts';
import type { Difference } from '../../resources/common-fields.ts';
import { writeConfig } from '../../vault/mounts.ts';
import { type ConfigOutcome, keepConfig } from './config.ts';
import { type Probed, probeWhenDue } from './probing.ts';
import { mayReview } from './rights.ts';
import type { Reviewer } from './reviewer.ts';
import type { Work } from './work.ts';

export interface ProofSituation {
  readonly reviewer: Reviewer;
  readonly config: ConfigOutcome;
  readonly documentWith: (token: string | undefined) => JsonObject;
}

export interface Proof {
  readonly lastProbe: VaultAuthBackendStatus['lastProbe'];
  /** What was written on the way. */
  readonly status: Partial<VaultAuthBackendStatus>;
  /** What must have been changed behind our back: a login works since it was written once more. */
  readonly repaired: readonly Difference[] | undefined;
}

/** No second rewrite sooner than this: where it does not help, something else is broken. */
const REWRITE_SECONDS = 300;
const rewriteMs = ({ context }: Work): number => REWRITE_SECONDS * 1000 * context.clock.resyncFactor;

/** Tries a login when one is due. Throws VaultError, ProbeUntried, and a KubeError when a token cannot be made. */
export async function prove(work: Work, situation: ProofSituation): Promise<Proof> {
  const { config } = situation;
  const { memory, context } = work;
  const probed = await probeWhenDue(work, config.state.wrote);
  if (config.state.wrote) memory.rewriteAfter = context.clock.now() + rewriteMs(work);
  if (probed.outcome?.result === 'Succeeded') memory.previousReviewer = undefined;
  if (probed.outcome?.result === 'Denied')
    return config.newToken ? takeBack(work, situation, probed) : rewrite(work, situation, probed);
  return { lastProbe: probed.lastProbe, status: {}, repaired: undefined };
}

/** A new token that no login works with gives way to the one before, as long as that lives. */
const takeBack = async (work: Work, { documentWith }: ProofSituation, probed: Probed): Promise<Proof> => {
  const { context, backend, vault, before, memory } = work;
  const previous = memory.previousReviewer;
  const unchanged: Proof = { lastProbe: probed.lastProbe, status: {}, repaired: undefined };
  if (!previous || before.lastProbe?.result !== 'Succeeded' || (previous.expiresAt ?? Infinity) <= context.clock.now())
    return unchanged;
  context.vault.fence();
  await writeConfig(vault.session, backend.spec.path, documentWith(previous.token));
  memory.reviewer = previous;
  memory.previousReviewer = undefined;
  context.report.emitEvent(
    backend,
    'Warning',
    'ReviewerTakenBack',
    `No login works with the new reviewer's token: ${probed.outcome?.message ?? ''}; auth/${backend.spec.path} has the earlier one again.`,
  );
  const { lastProbe } = await probeWhenDue(work, true);
  return {
    lastProbe,
    status: {
      ...(before.reviewer === undefined ? {} : { reviewer: before.reviewer }),
      ...(before.configHash === undefined ? {} : { configHash: before.configHash }),
    },
    repaired: undefined,
  };
};

/** The token in Vault may be another than we gave it, or one of a service account that was made anew: nothing shows that. */
const rewrite = async (work: Work, { reviewer, documentWith, config }: ProofSituation, probed: Probed): Promise<Proof> => {
  const { context, backend, memory, signal } = work;
  const unchanged: Proof = { lastProbe: probed.lastProbe, status: {}, repaired: undefined };
  const mayHelp = reviewer.token.kind === 'known' || reviewer.token.kind === 'made';
  const isAllowed = backend.spec.driftPolicy === 'Repair' && context.clock.now() >= memory.rewriteAfter;
  if (!mayHelp || !isAllowed || config.state.wrote) return unchanged;
  memory.rewriteAfter = context.clock.now() + rewriteMs(work);
  const { serviceAccount } = reviewer;
  // Then it is not the token.
  if (serviceAccount !== undefined && (await mayReview(context.kube.client, serviceAccount, signal)) === false) return unchanged;
  const again = await keepConfig(work, {
    documentWith,
    token: reviewer.token,
    alsoDiffers: [],
    isOurs: true,
    rewrite: true,
    claim: async () => undefined,
  });
  if (!again.state.wrote) return unchanged;
  const { lastProbe, outcome } = await probeWhenDue(work, true);
  const works = outcome?.result === 'Succeeded';
  if (works) {
    context.report.metrics.drift('VaultAuthBackend', 'repaired');
    context.report.emitEvent(
      backend,
      'Warning',
      'Repaired',
      `Logins at auth/${backend.spec.path} failed and work since the reviewer's token was written again.`,
    );
  }
  return {
    lastProbe,
    status: {
      ...(again.hash === undefined ? {} : { configHash: again.hash }),
      ...(again.reviewer === undefined
        ? {}
        : {
            reviewer: {
              ...again.reviewer,
              ...(reviewer.serviceAccount === undefined ? {} : { serviceAccount: reviewer.serviceAccount }),
            },
          }),
    },
    repaired: works ? again.state.repaired : undefined,
  };
};
