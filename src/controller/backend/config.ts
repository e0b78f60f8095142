// The configuration of the mount: one document, compared whole, written whole, read back.
import { createHash } from 'node:crypto';
import type { JsonObject } from '../../json/json.ts';
import type { VaultAuthBackendStatus } from '../../resources/backend.ts';
import { differences } from '../../resources/canonical.ts';
import type { Difference } from '../../resources/common-fields.ts';
import { readConfig, writeConfig } from '../../vault/mounts.ts';
import { type DocumentState, keepDocument } from '../document.ts';
import type { HeldToken } from './memory.ts';
import type { ReviewerToken } from './reviewer.ts';
import { isRecordOf, keyOf, recordOf } from './token-record.ts';
import { TUNE } from './tuning.ts';
import { isRecordedHere, type Work } from './work.ts';

/** The field that no server shows. */
const TOKEN = 'token_reviewer_jwt';

export interface ConfigSituation {
  /** The document with this token in it; the token is undefined where none is to be stored. */
  readonly documentWith: (token: string | undefined) => JsonObject;
  readonly token: ReviewerToken;
  /** Fields of the mount that would have to change as well: what is not ours is taken over whole or not at all. */
  readonly alsoDiffers: readonly Difference[];
  readonly isOurs: boolean;
  /** Logins fail although everything that can be seen is right: write what cannot be seen once more. */
  readonly rewrite: boolean;
  readonly claim: () => Promise<void>;
}

export interface ConfigOutcome {
  readonly state: DocumentState;
  readonly hash: string | undefined;
  readonly reviewer: VaultAuthBackendStatus['reviewer'];
  /** A token was written that Vault did not have. */
  readonly newToken: boolean;
  /** As Vault has it now. */
  readonly got: JsonObject | undefined;
}

/** One pass. `token.kind` must not be `missing`. Throws VaultError, a KubeError when a token cannot be made, and what `claim` throws. */
export async function keepConfig(work: Work, situation: ConfigSituation): Promise<ConfigOutcome> {
  const { context, backend, vault, before, memory, observe, signal } = work;
  const { token, documentWith, alsoDiffers } = situation;
  const { path, type, adoption, driftPolicy } = backend.spec;
  const form = type === 'kubernetes' ? 'kubernetesConfig' : 'jwtConfig';
  const recorded = isRecordedHere(work) ? before.reviewer : undefined;
  const want = documentWith(token.kind === 'none' ? undefined : PLACEHOLDER);
  const isNewToken = !observe && needsWriting(token, recorded, work);
  let written: HeldToken | undefined;
  let got: JsonObject | undefined;
  const compare = (document: JsonObject): readonly Difference[] => [
    ...differences(want, document, form),
    // Once it is written nothing tells it from the one before.
    ...(written === undefined && isNewToken && situation.isOurs
      ? [{ field: TOKEN, want: 'the current token', got: 'an earlier one, or unknown' }]
      : []),
    ...(written === undefined && situation.rewrite ? [{ field: TOKEN, want: 'a token that works', got: 'logins fail' }] : []),
    ...(situation.isOurs ? [] : alsoDiffers),
  ];
  const state = await keepDocument<JsonObject>(
    {
      read: async () => {
        got = await readConfig(vault.session, path, signal);
        return got;
      },
      differences: compare,
      claim: situation.claim,
      write: async () => {
        written = await tokenToWrite(work, token, isNewToken || situation.rewrite);
        context.vault.fence();
        const warnings = await writeConfig(vault.session, path, documentWith(written?.token));
        memory.previousReviewer = isNewToken ? memory.reviewer : undefined;
        memory.reviewer = written;
        return warnings;
      },
    },
    {
      isOurs: () => situation.isOurs,
      isWritten: before.configHash !== undefined && before.configHash === hashOf(want, recorded?.tokenHash) && !isNewToken,
      ignored: ignoredBefore(before),
      adoption,
      driftPolicy,
      observe,
      fence: context.vault.fence,
    },
  );
  const reviewer = reviewerStatus(work, token, written);
  return {
    state,
    hash: state.wrote ? hashOf(want, reviewer?.tokenHash) : before.configHash,
    reviewer,
    newToken: state.wrote && isNewToken,
    got,
  };
}

/** Stands where a token will be, so that the document says that there is one. */
const PLACEHOLDER = 'token';

/** Whether Vault certainly or possibly has another token than it should. */
const needsWriting = (token: ReviewerToken, recorded: VaultAuthBackendStatus['reviewer'], { backend }: Work): boolean => {
  const mode = backend.spec.kubernetes?.reviewer.mode;
  const record = recorded?.mode === mode ? recorded?.tokenHash : undefined;
  switch (token.kind) {
    case 'none':
    case 'missing':
      return false;
    case 'known':
      return record === undefined || !isRecordOf(record, token.held.token);
    case 'made':
      return record === undefined || token.due;
  }
};

/** One of ours that has half of its life before it is written again as it is. */
const tokenToWrite = async ({ memory, context }: Work, token: ReviewerToken, isNew: boolean): Promise<HeldToken | undefined> => {
  if (token.kind === 'known') return token.held;
  if (token.kind !== 'made') return undefined;
  const held = memory.reviewer;
  const half = ((held?.issuedAt ?? 0) + (held?.expiresAt ?? 0)) / 2;
  return held && !isNew && half > context.clock.now() ? held : token.make();
};

/** What the status keeps of the reviewer: as before, unless something was written. */
const reviewerStatus = (
  { backend, before, context }: Work,
  token: ReviewerToken,
  written: HeldToken | undefined,
): VaultAuthBackendStatus['reviewer'] => {
  const mode = backend.spec.kubernetes?.reviewer.mode;
  if (mode === undefined) return undefined;
  if (token.kind === 'none' || token.kind === 'missing') return { mode };
  if (!written) return before.reviewer?.mode === mode ? before.reviewer : { mode };
  const keyID = keyOf(written.token);
  const [issuedAt, expiresAt] = [timeText(written.issuedAt), timeText(written.expiresAt)];
  return {
    mode,
    ...(issuedAt === undefined ? {} : { issuedAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    tokenHash: recordOf(written.token),
    ...(keyID === undefined ? {} : { keyID: keyID.slice(0, 256) }),
    lastWritten: new Date(context.clock.now()).toISOString(),
    ...(token.kind === 'known' ? { secretVersion: token.secretVersion } : {}),
  };
};

const timeText = (at: number | undefined): string | undefined => (at === undefined ? undefined : new Date(at).toISOString());

/** What the server dropped of the last write; tuning is a document of its own. */
const ignoredBefore = ({ conditions, drift }: VaultAuthBackendStatus): readonly Difference[] =>
  conditions?.some(({ type, reason }) => type === 'Configured' && reason === 'IgnoredParameters')
    ? (drift ?? []).filter(({ field }) => !field.startsWith(TUNE))
    : [];

const hashOf = (document: JsonObject, tokenHash: string | undefined): string =>
  createHash('sha256')
    .update(JSON.stringify([document, tokenHash ?? '']))
    .digest('hex');
