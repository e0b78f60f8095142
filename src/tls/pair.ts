// Is this a certificate and the key for it, and is it valid now?
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { ServingCertificate } from './source.ts';

export type CheckedPair =
  | { readonly kind: 'good'; readonly serving: ServingCertificate; readonly names: string }
  | { readonly kind: 'bad'; readonly problem: string };

/** Reads a PEM chain (leaf first) and a PEM key, and checks that they belong together and are valid at `now` (milliseconds since 1970). */
export function checkPair(certificate: string, key: string, now: number): CheckedPair {
  const leaf = reading(() => new X509Certificate(certificate));
  if (typeof leaf === 'string') return bad(`the certificate is not PEM of X.509 (${leaf})`);
  const privateKey = reading((): KeyObject => createPrivateKey(key));
  // What OpenSSL says about an unreadable key names no byte of it.
  if (typeof privateKey === 'string') return bad(`the key is not PEM of a private key without passphrase (${privateKey})`);
  if (!leaf.checkPrivateKey(privateKey)) return bad('the key does not belong to the certificate');
  const problem = validity(leaf, now);
  if (problem !== undefined) return bad(problem);
  return {
    kind: 'good',
    serving: { certificate, key, notAfter: new Date(leaf.validTo) },
    names: leaf.subjectAltName ?? leaf.subject,
  };
}

/** What is wrong with the dates of a certificate at `now`. */
export function validity(
  { validFrom, validTo }: { readonly validFrom: string; readonly validTo: string },
  now: number,
): string | undefined {
  if (now >= Date.parse(validTo)) return `the certificate expired at ${new Date(validTo).toISOString()}`;
  if (now < Date.parse(validFrom)) return `the certificate is not valid before ${new Date(validFrom).toISOString()}`;
  return undefined;
}

const bad = (problem: string): CheckedPair => ({ kind: 'bad', problem });

const reading = <T extends object>(read: () => T): T | string => {
  try {
    return read();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};
