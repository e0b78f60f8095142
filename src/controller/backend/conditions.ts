// The conditions of a backend: what a run found, and what a failure means, as type, reason and sentence.
import {
  type BackendConditionUpdate,
  type VaultAuthBackend,
  type VaultAuthBackendStatus,
  isClientJWT,
} from '../../resources/backend.ts';
import { type DocumentResult, fieldNames } from '../document.ts';
import type { ReconcileInput } from './step.ts';

type Update<Type extends BackendConditionUpdate['type']> = Extract<BackendConditionUpdate, { readonly type: Type }>;
export type KeysFresh = Update<'KeysFresh'>;
type LastProbe = VaultAuthBackendStatus['lastProbe'];

/** The condition Mounted. */
export function mounted(
  status: Update<'Mounted'>['status'],
  reason: Update<'Mounted'>['reason'],
  message: string,
): Update<'Mounted'> {
  return { type: 'Mounted', status, reason, message };
}

/** The condition Configured. */
export function configured(
  status: Update<'Configured'>['status'],
  reason: Update<'Configured'>['reason'],
  message: string,
): Update<'Configured'> {
  return { type: 'Configured', status, reason, message };
}

/** The condition KeysFresh. */
export function keysFresh(status: KeysFresh['status'], reason: KeysFresh['reason'], message: string): KeysFresh {
  return { type: 'KeysFresh', status, reason, message };
}

/** The condition ReviewerHealthy. */
export function reviewerHealthy(
  status: Update<'ReviewerHealthy'>['status'],
  reason: Update<'ReviewerHealthy'>['reason'],
  message: string,
): Update<'ReviewerHealthy'> {
  return { type: 'ReviewerHealthy', status, reason, message };
}

type DocumentDrift = Pick<DocumentResult, 'outcome' | 'drift' | 'repaired'>;

const WORST_FIRST: readonly DocumentResult['outcome'][] = [
  'NotOwned',
  'IgnoredParameters',
  'Absent',
  'ObservedMismatch',
  'Drifted',
  'Repaired',
  'Observed',
  'InSync',
];

/** The results of configuration and tuning as one: the worse outcome, and the fields of both. */
export function combineDocuments(results: readonly DocumentDrift[]): DocumentDrift {
  const outcome = WORST_FIRST.find((worst) => results.some((result) => result.outcome === worst)) ?? 'InSync';
  const drift = results.flatMap((result) => result.drift);
  // A field that still differs after the write was not repaired.
  const left = new Set(drift.map(({ field }) => field));
  return { outcome, drift, repaired: results.flatMap((result) => result.repaired).filter(({ field }) => !left.has(field)) };
}

/** The condition Configured for configuration and tuning together. */
export function configuredBy({ outcome, drift, repaired }: DocumentDrift, path: string): Update<'Configured'> {
  const fields = fieldNames(drift);
  switch (outcome) {
    case 'InSync':
      return configured('True', 'InSync', `auth/${path} is configured as declared.`);
    case 'Repaired':
      return configured('True', 'Repaired', `Drift corrected in auth/${path}: ${fieldNames(repaired)}.`);
    case 'Observed':
      return configured('True', 'Observed', `auth/${path} is configured as declared (observe only).`);
    case 'Absent':
      return configured('False', 'ObservedMismatch', `auth/${path} is not configured (observe only).`);
    case 'ObservedMismatch':
      return configured('False', 'ObservedMismatch', `auth/${path} differs in ${fields} (observe only; see status.drift).`);
    case 'NotOwned':
      return configured(
        'False',
        'NotOwned',
        `auth/${path} was not created by this object and is configured differently: ${fields || 'it must not be adopted'}. Declare what is there, or set adoption to Always to overwrite it.`,
      );
    case 'Drifted':
      return configured(
        'False',
        'Drifted',
        `Drift in auth/${path}: ${fields || 'its configuration was deleted'}. driftPolicy Report leaves it unchanged.`,
      );
    case 'IgnoredParameters':
      return configured('False', 'IgnoredParameters', `Vault does not store what was written to auth/${path}: ${fields}.`);
  }
}

export interface ReviewerObservation {
  readonly probe: LastProbe;
  readonly reviewer: VaultAuthBackendStatus['reviewer'];
  /** `namespace/name` of the reviewer, and whether it may create TokenReviews; undefined where that is unknown. */
  readonly account: string | undefined;
  readonly mayReview: boolean | undefined;
  /** Why the rights of `rbac.manageAuthDelegator` could not be granted. */
  readonly rightsProblem: string | undefined;
  /** Vault has another token than the controller wrote, and driftPolicy is Report. */
  readonly isReplaced: boolean;
}

/** ReviewerHealthy of a backend of type kubernetes. Vault itself hides the cause of a failed login behind "permission denied". */
export function reviewerHealth(
  { context, backend }: Pick<ReconcileInput, 'context' | 'backend'>,
  { probe, reviewer, account, mayReview, rightsProblem, isReplaced }: ReviewerObservation,
): Update<'ReviewerHealthy'> {
  const now = context.clock.now();
  const expires = Date.parse(reviewer?.expiresAt ?? '');
  const issued = Date.parse(reviewer?.issuedAt ?? '');
  if (expires <= now)
    return reviewerHealthy(
      'False',
      'TokenExpiring',
      `The reviewer's token expired at ${reviewer?.expiresAt}: every login is denied. ${renewal(backend)}`,
    );
  if (isReplaced)
    return reviewerHealthy(
      'False',
      'TokenReplaced',
      'Vault no longer has the reviewer token that the controller wrote; driftPolicy Report leaves it unchanged.',
    );
  // With ClientJWT each service account needs the right itself: one successful login proves nothing about the others.
  if (rightsProblem !== undefined && (probe?.result !== 'Succeeded' || isClientJWT(backend.spec)))
    return reviewerHealthy(
      'False',
      'BindingMissing',
      `The rights of rbac.manageAuthDelegator cannot be granted: ${rightsProblem}. Install deploy/variants/auth-delegator, or bind the reviewer yourself.`,
    );
  if (mayReview === false)
    return reviewerHealthy(
      'False',
      'BindingMissing',
      `The service account ${account} may not create TokenReviews, so every login is denied: bind it to the ClusterRole system:auth-delegator, or set rbac.manageAuthDelegator.`,
    );
  if (!backend.spec.probe.enabled) return reviewerHealthy('True', 'NotProbed', 'Not probed: probe.enabled is false.');
  if (!probe) return reviewerHealthy('Unknown', 'NotProbed', 'No login has been tried yet.');
  switch (probe.result) {
    case 'Denied':
      return reviewerHealthy(
        'False',
        'ProbeDenied',
        `The probe login was denied: ${probe.message}. ${likelyCauses(backend, account)}`,
      );
    case 'Failed':
      return reviewerHealthy(
        'False',
        'ProbeFailed',
        `The probe login failed: ${probe.message}. ${likelyCauses(backend, account)}`,
      );
    case 'Succeeded':
      // A rotated token is replaced half-way through its lifetime: with a quarter left, something prevents that.
      return expires - now < (expires - (Number.isNaN(issued) ? now : issued)) / 4
        ? reviewerHealthy(
            'True',
            'TokenExpiring',
            `Logins succeed, but the reviewer's token expires at ${reviewer?.expiresAt}. ${renewal(backend)}`,
          )
        : reviewerHealthy('True', 'ProbeSucceeded', `${probe.message ?? 'Logged in.'}${advice(backend, reviewer, now)}`);
  }
}

/** KeysFresh of a backend of type jwt, after the probe. */
export function keysHealth(condition: KeysFresh, probe: LastProbe): KeysFresh {
  if (condition.status === 'False' || !probe || probe.result === 'Succeeded') return condition;
  const reason = probe.message ?? '';
  const message = `The probe login was denied: ${reason}.`;
  if (/fetching keys|get keys failed|error checking|connection refused|no such host/i.test(reason))
    return keysFresh(
      'False',
      'JWKSUnreachable',
      `${message} Vault cannot fetch the keys; with jwt.keys.source Push it does not have to.`,
    );
  if (/invalid issuer/i.test(reason))
    return keysFresh('False', 'IssuerChanged', `${message} The API server signs with another issuer than spec.jwt.issuer.`);
  if (/signature|no known key|key/i.test(reason))
    return keysFresh('False', 'KeyRotationPending', `${message} The API server signs with a key that Vault does not have yet.`);
  return keysFresh('False', 'NotSynced', message);
}

/** The condition of a probe that was not possible. A KeysFresh that is False already has the better reason. */
export function notProbed(
  { spec }: VaultAuthBackend,
  keys: KeysFresh | undefined,
  problem: string,
): readonly BackendConditionUpdate[] {
  const message = `No probe login was possible: ${problem}.`;
  if (spec.type === 'kubernetes') return [reviewerHealthy('Unknown', 'NotProbed', message)];
  return keys?.status === 'False' ? [] : [keysFresh('Unknown', 'NotSynced', message)];
}

const renewal = ({ spec }: VaultAuthBackend): string =>
  spec.kubernetes?.reviewer.mode === 'SecretRef'
    ? 'Put a new one into the Secret of reviewer.secretRef.'
    : 'The controller replaces it as soon as it can; see its Events.';

const advice = ({ spec }: VaultAuthBackend, reviewer: VaultAuthBackendStatus['reviewer'], now: number): string => {
  const mode = spec.kubernetes?.reviewer.mode;
  if (mode === 'ClientJWT')
    return ' Every service account that logs in here may create TokenReviews for any token, and its own tokens are valid for the API server too.';
  if (mode !== 'LongLivedSecret') return '';
  const issued = Date.parse(reviewer?.issuedAt ?? '');
  const age = Number.isNaN(issued) ? '' : `; this one is ${Math.floor((now - issued) / 86_400_000)} days old`;
  return ` The reviewer's token never expires${age}. Mode Rotated replaces it every day.`;
};

/** Likely causes of a failed login by mode, the most likely first. */
const likelyCauses = ({ spec }: VaultAuthBackend, account: string | undefined): string => {
  const host = spec.kubernetes?.host ?? 'https://kubernetes.default.svc';
  const common = `Vault cannot reach the API server at ${host}, or kubernetes.ca did not sign its certificate; Vault logs which one at level debug.`;
  switch (spec.kubernetes?.reviewer.mode) {
    case 'Local':
      return `Likely: Vault's own service account may not create TokenReviews (ClusterRole system:auth-delegator), or Vault does not run in this cluster; ${common}`;
    case 'ClientJWT':
      return `Likely: the service account that logs in may not create TokenReviews (rbac.manageAuthDelegator binds those of roles); ${common}`;
    case 'LongLivedSecret':
    case 'Rotated':
      return `Likely: ${account ?? 'the reviewer'} was deleted and created again, or may not create TokenReviews (rbac.manageAuthDelegator binds it); ${common}`;
    case 'SecretRef':
      return `Likely: the token in the Secret of reviewer.secretRef has expired, was revoked, or may not create TokenReviews; ${common}`;
    case undefined:
      return common;
  }
};
