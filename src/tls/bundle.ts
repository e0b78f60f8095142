// PEM bundles as sets of certificates: what is in one, and what is to be in ours.
import { X509Certificate } from 'node:crypto';
import { AUTHORITY_NAMES } from './authority-change.ts';
import { type Authority, trusted } from './authority-state.ts';

export interface BundleRule {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Keep everything valid: others may still serve with it, for example the pods before an upgrade. */
  readonly keepAll: boolean;
  /** Keep all authorities of ours: each replica has its own. */
  readonly keepOurs: boolean;
}

/** The certificates of a PEM text, each normalised; what is none is left out. */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}

/** True when both PEM texts hold the same certificates, whatever their order. */
export function sameCertificates(one: string, other: string): boolean {
  const [a, b] = [fingerprints(one), fingerprints(other)];
  return a.size === b.size && [...a].every((fingerprint) => b.has(fingerprint));
}

/** True when the bundle holds the certificate. */
export function holds(bundle: string, certificate: string): boolean {
  const inside = fingerprints(bundle);
  return certificatesOf(certificate).every(({ fingerprint256 }) => inside.has(fingerprint256));
}

/**
 * What to publish, PEM: our authority, and of what is published now whatever others may still serve with. Nobody ever adds
 * what is not there, so replicas with different rules come to rest at the smaller set.
 */
export function wantedBundle(authority: Authority, published: readonly string[], rule: BundleRule): string {
  const own = trusted(authority).join('');
  const others = new Map(published.flatMap(certificatesOf).map((certificate) => [certificate.fingerprint256, certificate]));
  for (const fingerprint of fingerprints(own)) others.delete(fingerprint);
  const kept = [...others.values()]
    .filter((certificate) => mayBeServed(certificate, rule))
    .sort(newestFirst)
    .slice(0, MOST_OTHERS);
  return own + kept.map(String).join('');
}

/** Replicas without a common Secret leave one authority per start; a bundle must not grow without end. */
const MOST_OTHERS = 16;

const fingerprints = (pem: string): ReadonlySet<string> =>
  new Set(certificatesOf(pem).map(({ fingerprint256 }) => fingerprint256));

const mayBeServed = (certificate: X509Certificate, { now, keepAll, keepOurs }: BundleRule): boolean => {
  if (!certificate.ca || now >= Date.parse(certificate.validTo)) return false;
  if (keepAll || certificate.subject === `CN=${AUTHORITY_NAMES.memory}`) return true;
  return keepOurs && certificate.subject === `CN=${AUTHORITY_NAMES.secret}`;
};

const newestFirst = (one: X509Certificate, other: X509Certificate): number =>
  Date.parse(other.validFrom) - Date.parse(one.validFrom) || (one.fingerprint256 < other.fingerprint256 ? -1 : 1);
