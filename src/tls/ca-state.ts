// The life of the self-managed CA as a state machine over plain data. No clock is read here.
//
//   (none) ──create──▶ current ──announce──▶ current + next ──switch──▶ next becomes current, the old one former ──drop──▶ current
//
// current, next and former are published all the time, so that every leaf that a replica still serves is trusted.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { issueCa, type KeyPair } from './issue.ts';
import { backdateOf, type CaPolicy } from './lifetimes.ts';

/** A CA certificate and its key, with the dates in milliseconds since 1970. */
export interface DatedPair {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface CaState {
  /** Signs leaves. */
  readonly current: DatedPair;
  /** Published since then; does not sign yet. */
  readonly next: { readonly pair: DatedPair; readonly since: number } | undefined;
  /** Do not sign any more; published until their last leaf has expired. */
  readonly former: readonly { readonly certificate: string; readonly until: number }[];
}

export type Step = 'create' | 'announce' | 'switch' | 'drop' | 'none';

/**
 * The step that is due. `isPublished` reports whether every entry of the live configuration trusts a certificate: a CA does
 * not sign before it is published. Call again after each step.
 */
export function nextStep(
  ca: CaState | undefined,
  now: number,
  isPublished: (certificate: string) => boolean,
  policy: CaPolicy,
): Step {
  if (!ca) return 'create';
  const { current, next, former } = ca;
  const usable = next && now < next.pair.notAfter ? next : undefined;
  // The cluster was down during the rotation: no leaf is valid any more, so nothing is lost by switching at once.
  if (now >= current.notAfter) return usable ? 'switch' : 'create';
  if (former.some(({ until }) => now >= until)) return 'drop';
  if (!usable) return now >= twoThirdsOf(current) ? 'announce' : 'none';
  // A clock that was set back must not delay the switch.
  const settled = now - usable.since >= policy.settleMs || now < usable.since;
  return settled && isPublished(usable.pair.certificate) ? 'switch' : 'none';
}

/** A new CA. */
export function created(pair: DatedPair): CaState {
  return { current: pair, next: undefined, former: [] };
}

/** The CA with a successor that is published from now on. */
export function announced(ca: CaState, pair: DatedPair, now: number): CaState {
  return {
    ...ca,
    next: { pair, since: now },
  };
}

/** The successor signs; the CA before it is trusted as long as one of its leaves may be valid. */
export function switched(ca: CaState, now: number, policy: CaPolicy): CaState {
  const { current, next, former } = ca;
  if (!next) return ca;
  const until = Math.min(current.notAfter, now + policy.leafLifeMs);
  return { current: next.pair, next: undefined, former: [...former, { certificate: current.certificate, until }] };
}

/** The CA without the former ones that can have no valid leaf any more. */
export function dropped(ca: CaState, now: number): CaState {
  return {
    ...ca,
    former: ca.former.filter(({ until }) => now < until),
  };
}

/** All certificates to publish, PEM, the signing one first. */
export function trusted({ current, next, former }: CaState): readonly string[] {
  return [current.certificate, ...(next ? [next.pair.certificate] : []), ...former.map(({ certificate }) => certificate)];
}

/** When two thirds of the lifetime of a certificate are over: the time to renew it, with a third left for failures. */
export function twoThirdsOf({ notBefore, notAfter }: { readonly notBefore: number; readonly notAfter: number }): number {
  return notBefore + ((notAfter - notBefore) * 2) / 3;
}

export interface CaStepInput {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The CA that this replica last used. */
  readonly cached: CaState | undefined;
  /** Whether every entry of the live configuration trusts this certificate. */
  readonly isPublished: (certificate: string) => boolean;
}

export interface CaChange {
  readonly step: Step | 'restore';
  readonly ca: CaState;
}

/** Common names, by which the CAs of other replicas are recognised in a bundle. */
export const CA_NAMES = {
  secret: 'vault-auth-injector CA',
  memory: 'vault-auth-injector CA (in memory)',
} as const;

/** Takes the next step of the stored CA. If the Secret is gone, the cached CA is restored, with a successor announced. */
export function nextChange(
  stored: CaState | undefined,
  { now, cached, isPublished }: CaStepInput,
  policy: CaPolicy,
  name: string,
): CaChange {
  if (!stored && cached && now < cached.current.notAfter) {
    return { step: 'restore', ca: announced(cached, fresh(now, policy, name), now) };
  }
  const step = nextStep(stored, now, isPublished, policy);
  if (step === 'create' || !stored) return { step: 'create', ca: created(fresh(now, policy, name)) };
  if (step === 'announce') return { step, ca: announced(stored, fresh(now, policy, name), now) };
  if (step === 'switch') return { step, ca: switched(stored, now, policy) };
  return { step, ca: step === 'drop' ? dropped(stored, now) : stored };
}

const fresh = (now: number, policy: CaPolicy, commonName: string): DatedPair =>
  dated(
    issueCa({ commonName, notBefore: new Date(now - backdateOf(policy.caLifeMs)), notAfter: new Date(now + policy.caLifeMs) }),
  );

/** A pair with the dates of its certificate. Throws when certificate and key do not match, or it is not a CA certificate. */
export function dated({ certificate, key }: KeyPair): DatedPair {
  const parsed = new X509Certificate(certificate);
  if (!parsed.ca) throw new Error('the certificate is not a CA certificate');
  if (!parsed.checkPrivateKey(createPrivateKey(key))) throw new Error('the key does not match the certificate');
  return { certificate, key, notBefore: Date.parse(parsed.validFrom), notAfter: Date.parse(parsed.validTo) };
}
