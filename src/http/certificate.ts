// The certificate that the TLS port shows, and which versions and ciphers it speaks.
import { constants, X509Certificate } from 'node:crypto';
import { DEFAULT_CIPHERS, type SecureContextOptions, type SecureVersion } from 'node:tls';

/** A certificate chain and its key, in PEM. */
export interface ServedCertificate {
  readonly certificate: string;
  readonly key: string;
  readonly notAfter: Date;
}

/** Where the certificate comes from: files, an issuer of our own. */
export interface CertificateProvider {
  current(): ServedCertificate | undefined;
  onChange(listener: (certificate: ServedCertificate) => void): void;
  /** Why the provider is not ready to be relied on, in words; undefined when it is. */
  problem(): string | undefined;
}

/** Versions by the names that the settings use. */
export type TlsVersion = 'tls10' | 'tls11' | 'tls12' | 'tls13';

export interface TlsRules {
  /** Default `tls12`. */
  readonly minVersion?: TlsVersion | undefined;
  /** Names of OpenSSL for TLS 1.2 and older; its default when absent or empty. TLS 1.3 has suites of its own. */
  readonly ciphers?: readonly string[] | undefined;
}

/** Options for node:tls. They are given whole at every change, for a new context forgets the old one's. */
export function secureContextOptions(certificate: ServedCertificate | undefined, rules: TlsRules): SecureContextOptions {
  const minVersion = rules.minVersion ?? 'tls12';
  const names = rules.ciphers?.length ? [...rules.ciphers, ...TLS13_SUITES].join(':') : DEFAULT_CIPHERS;
  return {
    ...(certificate && { cert: certificate.certificate, key: certificate.key }),
    minVersion: VERSIONS[minVersion],
    // OpenSSL speaks the versions before 1.2 only at its lowest level of security.
    ciphers: minVersion === 'tls10' || minVersion === 'tls11' ? `${names}:@SECLEVEL=0` : names,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
}

const VERSIONS: Readonly<Record<TlsVersion, SecureVersion>> = {
  tls10: 'TLSv1',
  tls11: 'TLSv1.1',
  tls12: 'TLSv1.2',
  tls13: 'TLSv1.3',
};
/** Without these in the list Node.js turns TLS 1.3 off. */
const TLS13_SUITES = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'];

/** SHA-256 of the leaf, as node:tls prints it. */
export function fingerprintOf(certificate: ServedCertificate): string {
  return new X509Certificate(certificate.certificate).fingerprint256;
}
