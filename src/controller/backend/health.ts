// What the probe and the tokens say about the reviewer, in words: Vault itself hides the cause behind "permission denied".
import { isClientJWT, type BackendConditionUpdate, type VaultAuthBackendStatus } from '../../resources/backend.ts';
import { keysFresh, type KeysFinding } from './keys.ts';
import type { Work } from './work.ts';

export type ReviewerFinding = Extract<BackendConditionUpdate, { readonly type: 'ReviewerHealthy' }>;
type LastProbe = VaultAuthBackendStatus['lastProbe'];

export interface HealthSituation {
  readonly probe: LastProbe;
  readonly reviewer: VaultAuthBackendStatus['reviewer'];
  /** `namespace/name` of the reviewer, and whether it may review tokens; both only where that is known. */
  readonly account: string | undefined;
  readonly mayReview: boolean | undefined;
  /** Why rights in Kubernetes are not as `rbac.manageAuthDelegator` asks. */
  readonly rightsProblem: string | undefined;
  /** Vault has another token than it was given, and nobody puts that right. */
  readonly isReplaced: boolean;
}

/** ReviewerHealthy of a backend of type kubernetes. */
export function reviewerHealth(
  work: Work,
  { probe, reviewer, account, mayReview, rightsProblem, isReplaced }: HealthSituation,
): ReviewerFinding {
  const { context, backend } = work;
  const now = context.clock.now();
  const ends = Date.parse(reviewer?.expiresAt ?? '');
  const begins = Date.parse(reviewer?.issuedAt ?? '');
  if (ends <= now)
    return healthy(
      'False',
      'TokenExpiring',
      `The reviewer's token ended at ${reviewer?.expiresAt}: every login is refused. ${renewal(work)}`,
    );
  if (isReplaced)
    return healthy(
      'False',
      'TokenReplaced',
      'Vault no longer has the reviewer token that it was given; driftPolicy Report leaves it so.',
    );
  // Where one login works another need not: in this mode each has rights of its own.
  if (rightsProblem !== undefined && (probe?.result !== 'Succeeded' || isClientJWT(backend.spec)))
    return healthy(
      'False',
      'BindingMissing',
      `The rights of rbac.manageAuthDelegator cannot be kept: ${rightsProblem}. Install the controller's variant with these rights, or bind the reviewer yourself.`,
    );
  if (mayReview === false)
    return healthy(
      'False',
      'BindingMissing',
      `The service account ${account} may not create TokenReviews, so that every login is refused: bind it to the ClusterRole system:auth-delegator, or set rbac.manageAuthDelegator.`,
    );
  if (!backend.spec.probe.enabled) return healthy('True', 'NotProbed', 'Not proven: probe.enabled is false.');
  if (!probe) return healthy('Unknown', 'NotProbed', 'No login has been tried yet.');
  switch (probe.result) {
    case 'Denied':
      return healthy('False', 'ProbeDenied', `A login was refused: ${probe.message}. ${causes(work, account)}`);
    case 'Failed':
      return healthy('False', 'ProbeFailed', `A login could not be tried: ${probe.message}. ${causes(work, account)}`);
    case 'Succeeded':
      // Made tokens are replaced at half of their life; at a quarter left something is in the way.
      return ends - now < (ends - (Number.isNaN(begins) ? now : begins)) / 4
        ? healthy(
            'True',
            'TokenExpiring',
            `Logins work, but the reviewer's token ends at ${reviewer?.expiresAt}. ${renewal(work)}`,
          )
        : healthy('True', 'ProbeSucceeded', `${probe.message ?? 'Logged in.'}${advice(work, reviewer)}`);
  }
}

/** KeysFresh of a backend of type jwt, after a login has been tried. */
export function keysHealth(finding: KeysFinding, probe: LastProbe): KeysFinding {
  if (finding.status === 'False' || !probe || probe.result === 'Succeeded') return finding;
  const said = probe.message ?? '';
  const message = `A login was refused: ${said}.`;
  if (/fetching keys|get keys failed|error checking|connection refused|no such host/i.test(said))
    return keysFresh(
      'False',
      'JWKSUnreachable',
      `${message} Vault cannot fetch the keys; with jwt.keys.source Push it need not.`,
    );
  if (/invalid issuer/i.test(said))
    return keysFresh('False', 'IssuerChanged', `${message} The API server signs as another issuer than spec.jwt.issuer says.`);
  if (/signature|no known key|key/i.test(said))
    return keysFresh('False', 'KeyRotationPending', `${message} The API server signs with a key that Vault does not have yet.`);
  return keysFresh('False', 'NotSynced', message);
}

/** What is so while the server is in trouble where a login is prepared. Of keys that are known to be wrong more is known already. */
export function untried(
  { spec }: Work['backend'],
  findings: readonly BackendConditionUpdate[],
  problem: string,
): readonly BackendConditionUpdate[] {
  const message = `No login could be tried: ${problem}.`;
  if (spec.type === 'kubernetes') return [healthy('Unknown', 'NotProbed', message)];
  const isKnown = findings.some(({ type, status }) => type === 'KeysFresh' && status === 'False');
  return isKnown ? [] : [keysFresh('Unknown', 'NotSynced', message)];
}

export function healthy(status: ReviewerFinding['status'], reason: ReviewerFinding['reason'], message: string): ReviewerFinding {
  return {
    type: 'ReviewerHealthy',
    status,
    reason,
    message,
  };
}

const renewal = ({ backend }: Work): string =>
  backend.spec.kubernetes?.reviewer.mode === 'SecretRef'
    ? 'Put a new one into the Secret of reviewer.secretRef.'
    : 'The controller replaces it as soon as it can; see its Events.';

const advice = ({ backend, context }: Work, reviewer: VaultAuthBackendStatus['reviewer']): string => {
  const mode = backend.spec.kubernetes?.reviewer.mode;
  if (mode === 'ClientJWT')
    return ' Every service account that logs in here may have any token reviewed, and its tokens are good for the API server too.';
  if (mode !== 'LongLivedSecret') return '';
  const made = Date.parse(reviewer?.issuedAt ?? '');
  const age = Number.isNaN(made) ? '' : `; this one is ${Math.floor((context.clock.now() - made) / 86_400_000)} days old`;
  return ` The reviewer's token never ends${age}. The mode Rotated replaces it every day.`;
};

/** The likely ones for the mode, most likely first. */
const causes = ({ backend }: Work, account: string | undefined): string => {
  const host = backend.spec.kubernetes?.host ?? 'https://kubernetes.default.svc';
  const common = `Vault cannot reach the API server at ${host}, or kubernetes.ca is not its authority; Vault's log says which at level debug.`;
  switch (backend.spec.kubernetes?.reviewer.mode) {
    case 'Local':
      return `Likely: Vault's own service account may not create TokenReviews (ClusterRole system:auth-delegator), or Vault does not run in this cluster; ${common}`;
    case 'ClientJWT':
      return `Likely: the service account that logs in may not create TokenReviews (rbac.manageAuthDelegator binds those of roles); ${common}`;
    case 'LongLivedSecret':
    case 'Rotated':
      return `Likely: ${account ?? 'the reviewer'} was made anew or may not create TokenReviews (rbac.manageAuthDelegator binds it); ${common}`;
    case 'SecretRef':
      return `Likely: the token in the Secret of reviewer.secretRef has ended, was revoked, or may not create TokenReviews; ${common}`;
    case undefined:
      return common;
  }
};
