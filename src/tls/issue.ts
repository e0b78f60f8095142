// Issues P-256 certificates: keys, digests and signatures by node:crypto, DER by node-forge's ASN.1 writer. Forge parses and
// verifies nothing here: its published vulnerabilities were in parsers and verifiers (docs/decisions/0020).
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import forge from 'node-forge';

export interface KeyPair {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export type CaRequest = Validity & { readonly commonName: string };

export type LeafRequest = Validity & {
  readonly ca: KeyPair;
  readonly commonName: string;
  readonly organization?: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly usages: readonly ('server' | 'client')[];
};

/** A self-signed CA certificate that may sign leaves only. Dates are rounded down to seconds. Throws on a name longer than X.509's 64 characters. */
export function issueCa({ commonName, notBefore, notAfter }: CaRequest): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = name(commonName);
  const body = toBeSigned({ issuer: subject, subject, notBefore, notAfter, publicKey }, [
    extension(OID.basicConstraints, true, sequence(boolean(true), integer(Buffer.of(0)))),
    extension(OID.keyUsage, true, bits(Buffer.of(0b0000_0110), 1)),
    extension(OID.subjectKeyIdentifier, false, octets(keyIdentifier(publicKey))),
    extension(OID.authorityKeyIdentifier, false, sequence(context(0, keyIdentifier(publicKey)))),
  ]);
  const certificate = signed(body, privateKey);
  return { certificate: readBack(certificate, certificate.publicKey, certificate), key: pem(privateKey) };
}

/**
 * A leaf signed by a CA of `issueCa`. Verifiers check dnsNames and ipAddresses only; the common name is informative.
 * Throws when an address is not an IP address, a name is too long, or certificate and key of the CA do not match.
 */
export function issueLeaf(request: LeafRequest): KeyPair {
  const { ca, dnsNames, ipAddresses, usages, notBefore, notAfter } = request;
  const issuer = new X509Certificate(ca.certificate);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const alternatives = [
    ...dnsNames.map((dns) => context(2, Buffer.from(dns, 'latin1'))),
    ...ipAddresses.map((ip) => context(7, addressBytes(ip))),
  ];
  const body = toBeSigned(
    {
      issuer: name(commonNameOf(issuer)),
      subject: name(request.commonName, request.organization),
      notBefore,
      notAfter,
      publicKey,
    },
    [
      extension(OID.basicConstraints, true, sequence()),
      extension(OID.keyUsage, true, bits(Buffer.of(0b1000_0000), 7)),
      extension(OID.extendedKeyUsage, false, sequence(...usages.map((usage) => objectIdentifier(OID[usage])))),
      extension(OID.subjectKeyIdentifier, false, octets(keyIdentifier(publicKey))),
      extension(OID.authorityKeyIdentifier, false, sequence(context(0, keyIdentifier(issuer.publicKey)))),
      ...(alternatives.length > 0 ? [extension(OID.subjectAlternativeName, false, sequence(...alternatives))] : []),
    ],
  );
  const certificate = signed(body, ca.key);
  return { certificate: readBack(certificate, issuer.publicKey, issuer), key: pem(privateKey) };
}

const { asn1 } = forge;
const { Class, Type } = asn1;
type Asn1 = forge.asn1.Asn1;

const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  ecPublicKey: '1.2.840.10045.2.1',
  prime256v1: '1.2.840.10045.3.1.7',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
} as const;

const primitive = (type: forge.asn1.Type, bytes: Uint8Array): Asn1 =>
  asn1.create(Class.UNIVERSAL, type, false, Buffer.from(bytes).toString('latin1'));
const sequence = (...parts: Asn1[]): Asn1 => asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, parts);
// The types of forge have universal tags only; a context-specific tag is any number.
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment
const contextTag = (tag: number): forge.asn1.Type => tag;
const context = (tag: number, bytes: Uint8Array): Asn1 =>
  asn1.create(Class.CONTEXT_SPECIFIC, contextTag(tag), false, Buffer.from(bytes).toString('latin1'));
const wrapped = (tag: number, content: Asn1): Asn1 => asn1.create(Class.CONTEXT_SPECIFIC, contextTag(tag), true, [content]);
const boolean = (value: boolean): Asn1 => primitive(Type.BOOLEAN, Buffer.of(value ? 0xff : 0));
const integer = (bytes: Uint8Array): Asn1 => primitive(Type.INTEGER, bytes);
const octets = (bytes: Uint8Array): Asn1 => primitive(Type.OCTETSTRING, bytes);
const bits = (bytes: Uint8Array, unused = 0): Asn1 => primitive(Type.BITSTRING, Buffer.concat([Buffer.of(unused), bytes]));
const objectIdentifier = (oid: string): Asn1 => asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(oid).getBytes());
const der = (node: Asn1): Buffer => Buffer.from(asn1.toDer(node).getBytes(), 'latin1');

const extension = (oid: string, critical: boolean, value: Asn1): Asn1 =>
  sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octets(der(value)));

const name = (commonName: string, organization?: string): Asn1 => {
  const parts = [
    ...(organization === undefined ? [] : [[OID.organization, organization] as const]),
    [OID.commonName, commonName] as const,
  ];
  return sequence(
    ...parts.map(([oid, text]) =>
      asn1.create(Class.UNIVERSAL, Type.SET, true, [sequence(objectIdentifier(oid), nameText(text))]),
    ),
  );
};

const nameText = (text: string): Asn1 => {
  // RFC 5280, appendix A.1: ub-common-name and ub-organization-name.
  if (text.length === 0 || text.length > 64)
    throw new Error(`a name in a certificate has 1 to 64 characters, not ${text.length}: ${text}`);
  return primitive(Type.UTF8, Buffer.from(text));
};

// RFC 5280, 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050.
const time = (date: Date): Asn1 =>
  date.getUTCFullYear() < 2050
    ? asn1.create(Class.UNIVERSAL, Type.UTCTIME, false, asn1.dateToUtcTime(date))
    : asn1.create(Class.UNIVERSAL, Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(date));

const signatureAlgorithm = (): Asn1 => sequence(objectIdentifier(OID.ecdsaWithSha256));

/** The uncompressed point of a P-256 key. */
const point = (key: KeyObject): Buffer => {
  const { x, y } = key.export({ format: 'jwk' });
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1' || x === undefined || y === undefined)
    throw new Error('the key is not a P-256 key');
  return Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
};

/** RFC 7093, section 2, method 1: the leftmost 160 bits of the SHA-256 of the public key. */
const keyIdentifier = (key: KeyObject): Buffer => createHash('sha256').update(point(key)).digest().subarray(0, 20);

interface Body extends Validity {
  readonly issuer: Asn1;
  readonly subject: Asn1;
  readonly publicKey: KeyObject;
}

const toBeSigned = ({ issuer, subject, notBefore, notAfter, publicKey }: Body, extensions: readonly Asn1[]): Asn1 =>
  sequence(
    wrapped(0, integer(Buffer.of(2))),
    integer(serialNumber()),
    signatureAlgorithm(),
    issuer,
    sequence(time(notBefore), time(notAfter)),
    subject,
    sequence(sequence(objectIdentifier(OID.ecPublicKey), objectIdentifier(OID.prime256v1)), bits(point(publicKey))),
    wrapped(3, sequence(...extensions)),
  );

// Not by toLegacyObject(): called before node:tls was ever loaded it leaves that module of Node 20 half initialised.
const commonNameOf = ({ subject }: X509Certificate): string => {
  const text = /^CN=([^\\\n]+)$/.exec(subject)?.[1];
  if (text === undefined) throw new Error(`the subject of a CA must be one plain common name, not: ${subject}`);
  return text;
};

/** 126 random bits, positive and without a superfluous leading zero (DER). */
const serialNumber = (): Buffer => {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
};

const signed = (body: Asn1, key: KeyObject | string): X509Certificate =>
  new X509Certificate(der(sequence(body, signatureAlgorithm(), bits(sign('sha256', der(body), key)))));

const readBack = (certificate: X509Certificate, issuerKey: KeyObject, issuer: X509Certificate): string => {
  if (!certificate.checkIssued(issuer) || !certificate.verify(issuerKey)) {
    throw new Error(`the certificate of the CA and its key do not match (${issuer.subject})`);
  }
  return certificate.toString();
};

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** The 4 or 16 bytes of an IP address. Throws when the text is not one. */
function addressBytes(address: string): Buffer {
  const version = isIP(address);
  if (version === 4) return Buffer.from(address.split('.').map(Number));
  if (version === 0) throw new Error(`not an IP address: ${address}`);
  // The URL parser writes an IPv6 address in its canonical form: hexadecimal groups, one :: at most, no dotted tail.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

const groups = (text: string): readonly string[] => (text === '' ? [] : text.split(':'));
