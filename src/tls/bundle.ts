// PEM bundles as sets of certificates: parsing, comparing, and the bundle to publish.
import { X509Certificate } from 'node:crypto';
import { CA_NAMES, type CaState, trusted } from './ca-state.ts';

export interface BundleRule {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Keep every valid CA: other pods may still serve with it, for example those from before an upgrade. */
  readonly keepAll: boolean;
  /** Keep the CAs of other replicas: each has its own. */
  readonly keepOurs: boolean;
}

/** The certificates in a PEM text; a block that cannot be parsed is left out. */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}

/** True when both PEM texts hold the same certificates, in any order. */
export function sameCertificates(one: string, other: string): boolean {
  const [a, b] = [fingerprints(one), fingerprints(other)];
  return a.size === b.size && [...a].every((fingerprint) => b.has(fingerprint));
}

/** True when the bundle holds the certificate. */
export function containsCertificate(bundle: string, certificate: string): boolean {
  const inside = fingerprints(bundle);
  return certificatesOf(certificate).every(({ fingerprint256 }) => inside.has(fingerprint256));
}

/**
 * The bundle to publish, PEM: the CA, and of what is published now every certificate with which other pods may still serve.
 * A replica adds no certificate but its own, so replicas with different rules converge on the smaller set.
 */
export function desiredBundle(ca: CaState, published: readonly string[], rule: BundleRule): string {
  const own = trusted(ca).join('');
  const others = new Map(published.flatMap(certificatesOf).map((certificate) => [certificate.fingerprint256, certificate]));
  for (const fingerprint of fingerprints(own)) others.delete(fingerprint);
  const kept = [...others.values()]
    .filter((certificate) => mayBeServed(certificate, rule))
    .sort(newestFirst)
    .slice(0, MAX_OTHERS);
  return own + kept.map(String).join('');
}

/** Replicas without a common Secret leave one CA per start; the bundle must not grow without bound. */
const MAX_OTHERS = 16;

const fingerprints = (pem: string): ReadonlySet<string> =>
  new Set(certificatesOf(pem).map(({ fingerprint256 }) => fingerprint256));

const mayBeServed = (certificate: X509Certificate, { now, keepAll, keepOurs }: BundleRule): boolean => {
  if (!certificate.ca || now >= Date.parse(certificate.validTo)) return false;
  if (keepAll || certificate.subject === `CN=${CA_NAMES.memory}`) return true;
  return keepOurs && certificate.subject === `CN=${CA_NAMES.secret}`;
};

const newestFirst = (one: X509Certificate, other: X509Certificate): number =>
  Date.parse(other.validFrom) - Date.parse(one.validFrom) || (one.fingerprint256 < other.fingerprint256 ? -1 : 1);
