import { AUTHORITY_NAMES } from '../../../src/tls/authority-change.ts';
import { dated } from '../../../src/tls/authority-secret.ts';
import { created } from '../../../src/tls/authority-state.ts';
import { certificatesOf, holds, sameCertificates, wantedBundle } from '../../../src/tls/bundle.ts';
import { issueAuthority, issueLeaf, type KeyPair } from '../../../src/tls/issue.ts';

const start = Date.UTC(2030, 0, 1);
const pair = (commonName: string, day = 0): KeyPair =>
  issueAuthority({
    commonName,
    notBefore: new Date(start + day * 86_400_000),
    notAfter: new Date(start + (day + 30) * 86_400_000),
  });
const own = pair(AUTHORITY_NAMES.secret);
const authority = created(dated(own));
const rule = { now: start + 1, keepAll: false, keepOurs: false };
const [memory, ours, foreign] = [
  pair(AUTHORITY_NAMES.memory).certificate,
  pair(AUTHORITY_NAMES.secret).certificate,
  pair('Agent Inject CA').certificate,
];
const leaf = issueLeaf({
  authority: own,
  commonName: 'x',
  dnsNames: [],
  ipAddresses: [],
  usages: ['server'],
  notBefore: new Date(start),
  notAfter: new Date(start + 9e8),
}).certificate;

test('bundles are sets: order, repetition, spaces and garbage between do not count', () => {
  expect(sameCertificates(ours + foreign, `x\n${foreign}\r\n${ours}${ours}`)).toBe(true);
  expect(sameCertificates(ours, ours + foreign)).toBe(false);
  expect(holds(`garbage${ours.trim()}`, ours)).toBe(true);
  expect(holds(foreign, ours)).toBe(false);
  expect(certificatesOf('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')).toEqual([]);
});

test.each([
  ['by itself', rule, [memory]],
  ['with authorities of ours, where there is no common Secret', { ...rule, keepOurs: true }, [memory, ours]],
  ['with everything, just after the start', { ...rule, keepAll: true }, [memory, ours, foreign]],
  ['without what has expired', { now: start + 31 * 86_400_000, keepAll: true, keepOurs: true }, []],
] as const)('our authority is published %s', (_, chosen, others) => {
  const bundle = wantedBundle(authority, [own.certificate, memory + foreign, ours + leaf, ''], chosen);
  expect(bundle.startsWith(own.certificate)).toBe(true);
  expect(sameCertificates(bundle, [own.certificate, ...others].join(''))).toBe(true);
});

test('two replicas want the same set, and a bundle does not grow without end', () => {
  const one = wantedBundle(authority, [memory], { ...rule, keepOurs: true });
  const other = wantedBundle(created(dated(pair(AUTHORITY_NAMES.memory))), [one], { ...rule, keepOurs: true });
  expect(sameCertificates(wantedBundle(authority, [other], { ...rule, keepOurs: true }), other)).toBe(true);
  const many = Array.from({ length: 20 }, (_, day) => pair(AUTHORITY_NAMES.memory, day).certificate);
  const bounded = wantedBundle(authority, many, rule);
  expect(certificatesOf(bounded)).toHaveLength(17);
  expect(holds(bounded, many[19] ?? '')).toBe(true);
  expect(holds(bounded, many[0] ?? '')).toBe(false);
});
