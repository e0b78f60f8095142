// Takes the steps of the authority's life that are due: the state machine says which, keys are made here.
import { dated } from './authority-secret.ts';
import {
  announced,
  type Authority,
  type AuthorityPolicy,
  created,
  type DatedPair,
  dropped,
  nextStep,
  type Step,
  switched,
} from './authority-state.ts';
import { issueAuthority } from './issue.ts';

export interface Moment {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The authority that this replica knew until now. */
  readonly remembered: Authority | undefined;
  /** Does every entry of the live configuration trust this certificate? */
  readonly isPublished: (certificate: string) => boolean;
}

export interface Change {
  readonly step: Step | 'restore';
  readonly authority: Authority;
}

/** Common names of authorities, by which others of ours are known in a bundle. */
export const AUTHORITY_NAMES = {
  secret: 'vault-auth-injector authority',
  memory: 'vault-auth-injector authority (in memory)',
} as const;

/** Certificates start in the past, for clocks that are behind ours. */
export const BACKDATE_MS = 5 * 60_000;

/** The next step from an authority as it is stored, or from nothing: then a remembered one comes back, with a successor announced. */
export function change(
  stored: Authority | undefined,
  { now, remembered, isPublished }: Moment,
  policy: AuthorityPolicy,
  name: string,
): Change {
  if (!stored && remembered && now < remembered.current.notAfter) {
    return { step: 'restore', authority: announced(remembered, fresh(now, policy, name), now) };
  }
  const step = nextStep(stored, now, isPublished, policy);
  if (step === 'create' || !stored) return { step: 'create', authority: created(fresh(now, policy, name)) };
  if (step === 'announce') return { step, authority: announced(stored, fresh(now, policy, name), now) };
  if (step === 'switch') return { step, authority: switched(stored, now, policy) };
  return { step, authority: step === 'drop' ? dropped(stored, now) : stored };
}

const fresh = (now: number, policy: AuthorityPolicy, commonName: string): DatedPair =>
  dated(issueAuthority({ commonName, notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + policy.authorityLifeMs) }));
