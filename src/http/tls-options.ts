// TLS options of the server: its certificate, versions and cipher suites.
import { constants, X509Certificate } from 'node:crypto';
import { DEFAULT_CIPHERS, type SecureContextOptions, type SecureVersion } from 'node:tls';

/** A certificate chain and its key, in PEM. */
export interface ServedCertificate {
  readonly certificate: string;
  readonly key: string;
  readonly notAfter: Date;
}

/** The source of the certificate: files, or the self-managed CA. */
export interface CertificateProvider {
  current(): ServedCertificate | undefined;
  onChange(listener: (certificate: ServedCertificate) => void): void;
  /** Why API servers cannot rely on the certificate, as a sentence; undefined when they can. */
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

/** Options for node:tls. Each change passes all of them: a new secure context keeps nothing of the old one. */
export function secureContextOptions(certificate: ServedCertificate | undefined, rules: TlsRules): SecureContextOptions {
  const minVersion = rules.minVersion ?? 'tls12';
  const names = rules.ciphers?.length ? [...rules.ciphers, ...TLS13_SUITES].join(':') : DEFAULT_CIPHERS;
  return {
    ...(certificate && { cert: certificate.certificate, key: certificate.key }),
    minVersion: VERSIONS[minVersion],
    // OpenSSL supports versions before 1.2 only at its lowest security level.
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
/** Without these in the list, Node.js disables TLS 1.3. */
const TLS13_SUITES = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'];

/** SHA-256 of the leaf, as node:tls prints it. */
export function fingerprintOf(certificate: ServedCertificate): string {
  return new X509Certificate(certificate.certificate).fingerprint256;
}

/** OpenSSL's names by the IANA names of Go's standard library for TLS 1.0 to 1.2, which vault-k8s accepts. */
const SUITES: ReadonlyMap<string, string> = new Map([
  ['TLS_RSA_WITH_RC4_128_SHA', 'RC4-SHA'],
  ['TLS_RSA_WITH_3DES_EDE_CBC_SHA', 'DES-CBC3-SHA'],
  ['TLS_RSA_WITH_AES_128_CBC_SHA', 'AES128-SHA'],
  ['TLS_RSA_WITH_AES_256_CBC_SHA', 'AES256-SHA'],
  ['TLS_RSA_WITH_AES_128_CBC_SHA256', 'AES128-SHA256'],
  ['TLS_RSA_WITH_AES_128_GCM_SHA256', 'AES128-GCM-SHA256'],
  ['TLS_RSA_WITH_AES_256_GCM_SHA384', 'AES256-GCM-SHA384'],
  ['TLS_ECDHE_ECDSA_WITH_RC4_128_SHA', 'ECDHE-ECDSA-RC4-SHA'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA', 'ECDHE-ECDSA-AES128-SHA'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA', 'ECDHE-ECDSA-AES256-SHA'],
  ['TLS_ECDHE_RSA_WITH_RC4_128_SHA', 'ECDHE-RSA-RC4-SHA'],
  ['TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA', 'ECDHE-RSA-DES-CBC3-SHA'],
  ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', 'ECDHE-RSA-AES128-SHA'],
  ['TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA', 'ECDHE-RSA-AES256-SHA'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256', 'ECDHE-ECDSA-AES128-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256', 'ECDHE-RSA-AES128-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
]);

/** OpenSSL's names for a comma-separated list of IANA names; throws an Error that lists the unknown ones. */
export function cipherSuites(list: string): readonly string[] {
  const names = list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const unknown = names.filter((name) => !SUITES.has(name));
  if (unknown.length > 0)
    throw new Error(
      `unknown cipher suite ${unknown.join(', ')}; expected IANA names for TLS 1.2, such as TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`,
    );
  return names.flatMap((name) => SUITES.get(name) ?? []);
}
