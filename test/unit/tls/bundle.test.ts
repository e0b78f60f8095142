import { CA_NAMES, created, dated } from '../../../src/tls/ca-state.ts';
import { certificatesOf, containsCertificate, sameCertificates, desiredBundle } from '../../../src/tls/bundle.ts';
import { issueCa, issueLeaf, type KeyPair } from '../../../src/tls/issue.ts';

const start = Date.UTC(2030, 0, 1);
const pair = (commonName: string, day = 0): KeyPair =>
  issueCa({
    commonName,
    notBefore: new Date(start + day * 86_400_000),
    notAfter: new Date(start + (day + 30) * 86_400_000),
  });
const own = pair(CA_NAMES.secret);
const ca = created(dated(own));
const rule = { now: start + 1, keepAll: false, keepOurs: false };
const [memory, ours, foreign] = [
  pair(CA_NAMES.memory).certificate,
  pair(CA_NAMES.secret).certificate,
  pair('Agent Inject CA').certificate,
];
const leaf = issueLeaf({
  ca: own,
  commonName: 'x',
  dnsNames: [],
  ipAddresses: [],
  usages: ['server'],
  notBefore: new Date(start),
  notAfter: new Date(start + 9e8),
}).certificate;

test('compares bundles as sets, without order, repetition, spaces and garbage', () => {
  expect(sameCertificates(ours + foreign, `x\n${foreign}\r\n${ours}${ours}`)).toBe(true);
  expect(sameCertificates(ours, ours + foreign)).toBe(false);
  expect(containsCertificate(`garbage${ours.trim()}`, ours)).toBe(true);
  expect(containsCertificate(foreign, ours)).toBe(false);
  expect(certificatesOf('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')).toEqual([]);
});

test.each([
  ['by itself', rule, [memory]],
  ['with the CAs of other replicas, where there is no common Secret', { ...rule, keepOurs: true }, [memory, ours]],
  ['with everything, just after the start', { ...rule, keepAll: true }, [memory, ours, foreign]],
  ['without what has expired', { now: start + 31 * 86_400_000, keepAll: true, keepOurs: true }, []],
] as const)('publishes the CA %s', (_, chosen, others) => {
  const bundle = desiredBundle(ca, [own.certificate, memory + foreign, ours + leaf, ''], chosen);
  expect(bundle.startsWith(own.certificate)).toBe(true);
  expect(sameCertificates(bundle, [own.certificate, ...others].join(''))).toBe(true);
});

test('converges to the same set for two replicas, and bounds the bundle', () => {
  const one = desiredBundle(ca, [memory], { ...rule, keepOurs: true });
  const other = desiredBundle(created(dated(pair(CA_NAMES.memory))), [one], { ...rule, keepOurs: true });
  expect(sameCertificates(desiredBundle(ca, [other], { ...rule, keepOurs: true }), other)).toBe(true);
  const many = Array.from({ length: 20 }, (_, day) => pair(CA_NAMES.memory, day).certificate);
  const bounded = desiredBundle(ca, many, rule);
  expect(certificatesOf(bounded)).toHaveLength(17);
  expect(containsCertificate(bounded, many[19] ?? '')).toBe(true);
  expect(containsCertificate(bounded, many[0] ?? '')).toBe(false);
});
