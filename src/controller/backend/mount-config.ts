// The configuration of the mount: one document, compared as a whole, written as a whole, and read back; its tuning beside it.
import { createHash } from 'node:crypto';
import type { JsonObject } from '../../json/json.ts';
import type { VaultAuthBackendStatus } from '../../resources/backend.ts';
import { differences } from '../../resources/canonical.ts';
import type { Difference } from '../../resources/common-fields.ts';
import { tuneDocument } from '../../resources/config-document.ts';
import { readConfig, writeConfig } from '../../vault/mounts.ts';
import { type DocumentResult, fieldNames, previouslyIgnored, reconcileDocument } from '../document.ts';
import { combineDocuments, configuredBy, mounted } from './conditions.ts';
import type { DesiredConfig } from './desired-config.ts';
import { ensureTune, mountStatus, TUNE_PREFIX, tuneDifferences, type UsableMount } from './mount.ts';
import { hashOfToken, isHashOfToken, keyIDOf, type Reviewer, type ReviewerToken } from './reviewer.ts';
import { isSameVaultCluster, type ReconcileInput, type StepResult, stepResult, type ReviewerJWT } from './step.ts';

/** The field that Vault never returns. */
const TOKEN_FIELD = 'token_reviewer_jwt';

/** What the steps before this one found. */
export interface ConfigTarget {
  readonly mount: UsableMount;
  readonly desired: DesiredConfig;
  readonly reviewer: Reviewer;
}

/** What a write of the configuration came to. */
export interface WrittenConfig {
  readonly document: DocumentResult;
  readonly hash: string | undefined;
  readonly reviewer: VaultAuthBackendStatus['reviewer'];
  /** Vault received a token that it did not have before. */
  readonly isNewToken: boolean;
}

/** Entries that the status can hold. */
const MAX_DRIFT = 64;
const MAX_WARNINGS = 16;
const MAX_WARNING_LENGTH = 1024;

/**
 * Makes configuration and tuning match, and adopts the mount if the spec allows that; without a value the mount belongs to
 * someone else. Throws VaultError, and a KubeError if a token cannot be requested.
 */
export async function ensureConfig(input: ReconcileInput, target: ConfigTarget): Promise<StepResult<WrittenConfig>> {
  const { context, backend, previous, observeOnly } = input;
  const { mount, isOwned, isNew, warnings } = target.mount;
  const tune = tuneDocument(backend);
  let isClaimed = false;
  const claim = async (): Promise<void> => {
    isClaimed = true;
    await context.kube.writeStatus('VaultAuthBackend', backend, { ...previous, mount: mountStatus(input, mount, true) });
  };
  // A process that ends between the first write and the final status would otherwise not recognise its own mount.
  if (isNew) await claim();
  const write = { ...target, rewrite: false, claim, tuneDrift: tuneDifferences(tune, mount) };
  let config = await writeDesiredConfig(input, { ...write, isOwned });
  // Adopted without a write: the token in Vault, which cannot be read, is written as well.
  if (isClaimed && !isOwned && !config.document.wrote) config = await writeDesiredConfig(input, { ...write, isOwned: true });
  const isForeign = config.document.outcome === 'NotOwned';
  const tuned = isForeign ? undefined : await ensureTune(input, tune, mount);
  const documents = [config.document, ...(tuned ? [tuned.document] : [])];
  const combined = combineDocuments(documents);
  report(input, config, combined.repaired, combined.drift);
  const condition = configuredBy(combined, backend.spec.path);
  const status = {
    // Fields that the server ignored are compared with what it ignores next time: repaired fields must not be among them.
    drift: (combined.outcome === 'IgnoredParameters' ? combined.drift : [...combined.drift, ...combined.repaired]).slice(
      0,
      MAX_DRIFT,
    ),
    ...reviewerAndHash(config, target.reviewer),
    ...(tuned?.hash === undefined ? {} : { tuneHash: tuned.hash }),
    ...(documents.some(({ wrote }) => wrote)
      ? { warnings: shortened([...warnings, ...documents.flatMap((document) => document.warnings ?? [])]) }
      : {}),
  };
  return isForeign
    ? stepResult({ conditions: [mounted('False', 'NotOwned', condition.message), condition], status })
    : stepResult({
        conditions: [condition.status === 'False' ? condition : (target.desired.unsupported ?? condition)],
        status: { ...status, mount: mountStatus(input, mount, !observeOnly || isOwned) },
        value: config,
      });
}

const shortened = (warnings: readonly string[]): readonly string[] =>
  warnings.slice(0, MAX_WARNINGS).map((warning) => warning.slice(0, MAX_WARNING_LENGTH));

/** What the status records of a written configuration. */
export function reviewerAndHash(
  { hash, reviewer }: Pick<WrittenConfig, 'hash' | 'reviewer'>,
  { serviceAccount }: Reviewer,
): Partial<VaultAuthBackendStatus> {
  return {
    ...(hash === undefined ? {} : { configHash: hash }),
    ...(reviewer === undefined ? {} : { reviewer: { ...reviewer, ...(serviceAccount === undefined ? {} : { serviceAccount }) } }),
  };
}

const report = (
  { context: { report: to }, backend }: ReconcileInput,
  { document, isNewToken }: WrittenConfig,
  repaired: readonly Difference[],
  drift: readonly Difference[],
): void => {
  const mount = `auth/${backend.spec.path}`;
  if (repaired.length > 0) {
    to.metrics.drift('VaultAuthBackend', 'repaired', repaired.length);
    to.emitEvent(backend, 'Warning', 'Repaired', `Drift corrected in ${mount}: ${fieldNames(repaired)}.`);
  }
  if (document.overwrote.length > 0)
    to.emitEvent(
      backend,
      'Warning',
      'Overwritten',
      `${mount} was configured differently and was overwritten: ${fieldNames(document.overwrote)}.`,
    );
  if (isNewToken) to.emitEvent(backend, 'Normal', 'ReviewerReplaced', `Wrote a new reviewer token to ${mount}.`);
  if (document.outcome === 'Drifted') to.metrics.drift('VaultAuthBackend', 'reported', Math.max(1, drift.length));
  if (document.outcome === 'IgnoredParameters') to.metrics.drift('VaultAuthBackend', 'ignored', drift.length);
};

export interface ConfigWrite {
  readonly desired: DesiredConfig;
  readonly reviewer: Reviewer;
  /** Tuning that would have to change too: a mount of someone else is adopted as a whole or not at all. */
  readonly tuneDrift: readonly Difference[];
  readonly isOwned: boolean;
  /** Logins fail although everything that can be read matches: write the token again. */
  readonly rewrite: boolean;
  readonly claim: () => Promise<void>;
}

/**
 * Reconciles the configuration alone. `reviewer.token` must not be `missing` unless nothing is written. Throws as
 * `ensureConfig`.
 */
export async function writeDesiredConfig(input: ReconcileInput, request: ConfigWrite): Promise<WrittenConfig> {
  const { context, backend, vault, previous, state, observeOnly, signal } = input;
  const { isOwned, rewrite, tuneDrift } = request;
  const { documentWith } = request.desired;
  const { token } = request.reviewer;
  const { path, type, adoption, driftPolicy } = backend.spec;
  const recorded = isSameVaultCluster(input) ? previous.reviewer : undefined;
  const desired = documentWith(token.kind === 'none' ? undefined : TOKEN_PLACEHOLDER);
  const isNewToken = !observeOnly && needsNewToken(input, token, recorded);
  let written: ReviewerJWT | undefined;
  const document = await reconcileDocument<JsonObject>(
    {
      read: () => readConfig(vault.session, path, signal),
      differences: (current) => [
        ...differences(desired, current, type === 'kubernetes' ? 'kubernetesConfig' : 'jwtConfig'),
        // Vault does not return the token: after the write it counts as equal.
        ...(written === undefined && isNewToken && isOwned
          ? [tokenDrift('an earlier token, or an unknown one', 'the current token')]
          : []),
        ...(written === undefined && rewrite ? [tokenDrift('logins fail', 'a token that works')] : []),
        ...(isOwned ? [] : tuneDrift),
      ],
      claim: request.claim,
      write: async () => {
        written = await tokenToWrite(input, token, isNewToken || rewrite);
        context.vault.fence();
        const warnings = await writeConfig(vault.session, path, documentWith(written?.token));
        state.previousReviewer = isNewToken ? state.reviewer : undefined;
        state.reviewer = written;
        return warnings;
      },
    },
    {
      isOwned: () => isOwned,
      isWritten: previous.configHash !== undefined && previous.configHash === hashOf(desired, recorded?.tokenHash) && !isNewToken,
      ignored: previouslyIgnored(previous, 'Configured', (field) => !field.startsWith(TUNE_PREFIX)),
      adoption,
      driftPolicy,
      observeOnly,
      fence: context.vault.fence,
    },
  );
  const reviewer = reviewerStatus(input, token, written);
  return {
    document,
    hash: document.wrote ? hashOf(desired, reviewer?.tokenHash) : previous.configHash,
    reviewer,
    isNewToken: document.wrote && isNewToken,
  };
}

const tokenDrift = (actual: string, desired: string): Difference => ({ field: TOKEN_FIELD, desired, actual });

/** Stands for the token in the document that is compared and hashed. */
const TOKEN_PLACEHOLDER = 'token';

/** Whether Vault has, or may have, another token than it should. */
const needsNewToken = (
  { backend }: ReconcileInput,
  token: ReviewerToken,
  recorded: VaultAuthBackendStatus['reviewer'],
): boolean => {
  const hash = recorded?.mode === backend.spec.kubernetes?.reviewer.mode ? recorded?.tokenHash : undefined;
  switch (token.kind) {
    case 'none':
    case 'missing':
      return false;
    case 'stored':
      return hash === undefined || !isHashOfToken(hash, token.token.token);
    case 'requested':
      return hash === undefined || token.isDue;
  }
};

/** A requested token with more than half of its lifetime left is written again; otherwise a new one is requested. */
const tokenToWrite = async (
  { state, context }: ReconcileInput,
  token: ReviewerToken,
  isNew: boolean,
): Promise<ReviewerJWT | undefined> => {
  if (token.kind === 'stored') return token.token;
  if (token.kind !== 'requested') return undefined;
  const current = state.reviewer;
  const half = ((current?.issuedAt ?? 0) + (current?.expiresAt ?? 0)) / 2;
  return current && !isNew && half > context.clock.now() ? current : token.request();
};

/** What the status records of the reviewer: the previous record, unless a token was written. */
const reviewerStatus = (
  { backend, previous, context }: ReconcileInput,
  token: ReviewerToken,
  written: ReviewerJWT | undefined,
): VaultAuthBackendStatus['reviewer'] => {
  const mode = backend.spec.kubernetes?.reviewer.mode;
  if (mode === undefined) return undefined;
  if (token.kind === 'none' || token.kind === 'missing') return { mode };
  if (!written) return previous.reviewer?.mode === mode ? previous.reviewer : { mode };
  const keyID = keyIDOf(written.token);
  const [issuedAt, expiresAt] = [timeText(written.issuedAt), timeText(written.expiresAt)];
  return {
    mode,
    ...(issuedAt === undefined ? {} : { issuedAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    tokenHash: hashOfToken(written.token),
    ...(keyID === undefined ? {} : { keyID: keyID.slice(0, 256) }),
    lastWritten: new Date(context.clock.now()).toISOString(),
    ...(token.kind === 'stored' ? { secretVersion: token.secretVersion } : {}),
  };
};

const timeText = (at: number | undefined): string | undefined => (at === undefined ? undefined : new Date(at).toISOString());

const hashOf = (document: JsonObject, tokenHash: string | undefined): string =>
  createHash('sha256')
    .update(JSON.stringify([document, tokenHash ?? '']))
    .digest('hex');
