// What a review needs that the cache does not have.
import type { AdmissionResult } from '../../../src/admission/admit.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { bare, moded } from '../../support/linked-pods.ts';
import { linked } from '../../support/linked-cluster.ts';
import { admit, podWith, type Surrounding } from '../../support/pods.ts';

const NAMESPACE = { kind: 'Namespace', name: 'shop' };
const ACCOUNT = { kind: 'ServiceAccount', namespace: 'shop', name: 'web' };
const METADATA = { labels: new Map(), annotations: new Map() };

const needsOf = (pod: JsonObject, surrounding: Surrounding = {}): AdmissionResult['needs'] =>
  admit(pod, { command: 'webhook', ...surrounding }).outcome.needs;
const unannotated = (labels = {}): JsonObject => ({
  ...podWith(),
  metadata: { name: 'web', namespace: 'shop', labels },
});

test('a pod that requests injection needs its service account and its namespace', () => {
  expect(needsOf(podWith())).toEqual([ACCOUNT, NAMESPACE]);
});

test('a pod whose service account or namespace is in the cache needs only the other one', () => {
  const cluster = { namespace: () => METADATA, serviceAccount: () => METADATA };
  expect(needsOf(podWith(), { cluster: { ...cluster, namespace: () => undefined } })).toEqual([NAMESPACE]);
  expect(needsOf(podWith(), { cluster: { ...cluster, serviceAccount: () => undefined } })).toEqual([ACCOUNT]);
  expect(needsOf(podWith(), { cluster })).toEqual([]);
});

test('a pod without a request needs its namespace, whose label may request injection', () => {
  expect(needsOf(unannotated())).toEqual([NAMESPACE]);
});

test('a pod that no namespace could select needs nothing', () => {
  expect(needsOf(unannotated({ 'vaultauth.dev/inject': 'disabled' }))).toEqual([]);
  expect(needsOf(podWith(), { namespace: 'kube-system' })).toEqual([]);
});

test.each([
  ['Enforce', [{ kind: 'VaultAuthRole', namespace: 'shop', name: 'fresh' }]],
  ['Warn', []],
])('a pod that mode %s would deny for want of its role needs the role', (mode, expected) => {
  expect(admit(bare({ role: 'fresh' }), linked({ backends: moded(mode) })).outcome.needs).toEqual(expected);
});
