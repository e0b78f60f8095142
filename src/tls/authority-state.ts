// The life of our certificate authority as a state machine over plain data: no keys are made here, no clock is read.
//
//   (none) ──create──▶ current ──announce──▶ current + next ──switch──▶ next becomes current, the old one former ──drop──▶ current
//
// Everything is published all the time (current, next, former), so whatever a replica still serves is trusted.

/** A certificate authority with its dates, in milliseconds since 1970. */
export interface DatedPair {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Authority {
  /** Signs leaves. */
  readonly current: DatedPair;
  /** Published since then, signs nothing yet. */
  readonly next: { readonly pair: DatedPair; readonly since: number } | undefined;
  /** No longer sign; published until the last leaf of theirs has expired. */
  readonly former: readonly { readonly certificate: string; readonly until: number }[];
}

export interface AuthorityPolicy {
  readonly authorityLifeMs: number;
  readonly leafLifeMs: number;
  /** How long the next authority is published before it signs: API servers hear of a changed configuration within seconds. */
  readonly settleMs: number;
}

const DAY = 86_400_000;

/** One year, leaves of seven days: as cert-manager does for its own webhook. */
export const USUAL_POLICY: AuthorityPolicy = { authorityLifeMs: 365 * DAY, leafLifeMs: 7 * DAY, settleMs: 60_000 };

export type Step = 'create' | 'announce' | 'switch' | 'drop' | 'rest';

/**
 * What is to be done now. `isPublished` tells whether every entry of the live configuration trusts a certificate: nothing
 * signs before it is published. After each step, ask again.
 */
export function nextStep(
  authority: Authority | undefined,
  now: number,
  isPublished: (certificate: string) => boolean,
  policy: AuthorityPolicy,
): Step {
  if (!authority) return 'create';
  const { current, next, former } = authority;
  const usable = next && now < next.pair.notAfter ? next : undefined;
  // The cluster slept through the rotation: no leaf is valid any more, so there is nothing to be gentle with.
  if (now >= current.notAfter) return usable ? 'switch' : 'create';
  if (former.some(({ until }) => now >= until)) return 'drop';
  if (!usable) return now >= twoThirdsOf(current) ? 'announce' : 'rest';
  // A clock that was set back must not keep us waiting for the time to come again.
  const settled = now - usable.since >= policy.settleMs || now < usable.since;
  return settled && isPublished(usable.pair.certificate) ? 'switch' : 'rest';
}

/** A new authority. */
export function created(pair: DatedPair): Authority {
  return { current: pair, next: undefined, former: [] };
}

/** The authority with a successor that is to be published from now on. */
export function announced(authority: Authority, pair: DatedPair, now: number): Authority {
  return {
    ...authority,
    next: { pair, since: now },
  };
}

/** The successor signs; the one before is trusted as long as a leaf of it may live. */
export function switched(authority: Authority, now: number, policy: AuthorityPolicy): Authority {
  const { current, next, former } = authority;
  if (!next) return authority;
  const until = Math.min(current.notAfter, now + policy.leafLifeMs);
  return { current: next.pair, next: undefined, former: [...former, { certificate: current.certificate, until }] };
}

/** The authority without those formers that nothing valid can be signed by. */
export function dropped(authority: Authority, now: number): Authority {
  return {
    ...authority,
    former: authority.former.filter(({ until }) => now < until),
  };
}

/** All certificates to publish, PEM, the signing one first. */
export function trusted({ current, next, former }: Authority): readonly string[] {
  return [current.certificate, ...(next ? [next.pair.certificate] : []), ...former.map(({ certificate }) => certificate)];
}

/** When two thirds of the life of a certificate are over: the time to replace it, with a third left for things to go wrong. */
export function twoThirdsOf({ notBefore, notAfter }: { readonly notBefore: number; readonly notAfter: number }): number {
  return notBefore + ((notAfter - notBefore) * 2) / 3;
}
