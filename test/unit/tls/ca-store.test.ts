import { fromSecret, OWNER_LABEL, toSecret } from '../../../src/tls/ca-store.ts';
import { announced, type CaState, created, dated, switched } from '../../../src/tls/ca-state.ts';
import { caPolicy } from '../../../src/tls/lifetimes.ts';
import { issueCa, issueLeaf } from '../../../src/tls/issue.ts';
import type { Secret } from '../../../src/kube/secret-objects.ts';

const dates = { notBefore: new Date('2030-01-01'), notAfter: new Date('2031-01-01') };
const ca = (name: string) => dated(issueCa({ commonName: name, ...dates }));
const [a, b, c] = [ca('a'), ca('b'), ca('c')];
const base: Secret = { metadata: { name: 'ca', namespace: 'vault', resourceVersion: '7', labels: { team: 'x' } } };
const now = dates.notBefore.getTime();

test.each<[string, CaState]>([
  ['young', created(a)],
  ['with a successor', announced(created(a), b, now)],
  [
    'with a former and a successor',
    announced(switched(announced(created(a), b, now), now, caPolicy(365 * 86_400_000, 7 * 86_400_000)), c, now),
  ],
])('a CA that is %s is read as it was written', (_, state) => {
  const secret = toSecret(state, base);
  expect(secret.metadata).toMatchObject({ resourceVersion: '7', labels: { team: 'x', [OWNER_LABEL.name]: OWNER_LABEL.value } });
  expect(fromSecret(secret)).toEqual({ kind: 'ca', ca: state });
});

test('treats a Secret without the owner label as foreign, whatever its content', () => {
  const secret = toSecret(created(a), base);
  expect(fromSecret({ ...secret, metadata: base.metadata })).toEqual({ kind: 'foreign' });
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const leaf = issueLeaf({ ca: a, commonName: 'leaf', dnsNames: [], ipAddresses: [], usages: ['server'], ...dates });

test.each<[string, Readonly<Record<string, string>>, RegExp]>([
  ['no key', { 'ca.key': '' }, /./],
  ['another key', { 'ca.key': b.key }, /does not match/],
  ['garbage for a certificate', { 'ca.crt': 'garbage' }, /./],
  ['a certificate that is not a CA certificate', { 'ca.crt': leaf.certificate, 'ca.key': leaf.key }, /not a CA certificate/],
  ['no state', { 'state.json': '' }, /./],
  ['a state of another shape', { 'state.json': '{"former": [1]}' }, /state.json is invalid/],
  ['an unreadable former', { 'state.json': '{"former": [{"certificate": "x", "until": 1}]}' }, /./],
  ['a successor without its key', { 'next.crt': b.certificate }, /./],
])('reports %s as damage, without the content', (_, change, problem) => {
  const secret = toSecret(created(a), base);
  const data = { ...secret.data, ...Object.fromEntries(Object.entries(change).map(([key, text]) => [key, base64(text)])) };
  const read = fromSecret({ ...secret, data });
  expect(read).toMatchObject({ kind: 'damaged' });
  expect(JSON.stringify(read)).toMatch(problem);
  expect(JSON.stringify(read)).not.toContain('PRIVATE');
});
