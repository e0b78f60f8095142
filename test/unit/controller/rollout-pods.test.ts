// Pods that request rollouts: which workload owns them, and the secrets that a forged annotation cannot extend.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type PodMetadata, rolloutPodReader } from '../../../src/controller/rollout/pods.ts';
import { annotationName } from '../../../src/annotations/names.ts';
import { ON_CHANGE_LABEL, ON_CHANGE_SECRETS_ANNOTATION, SECRET_VERSIONS_ANNOTATION } from '../../../src/resources/kinds.ts';

const podWith = (secrets: unknown, more: Partial<PodMetadata['metadata']> = {}): PodMetadata => ({
  metadata: {
    name: 'web-6f5-x',
    namespace: 'shop',
    uid: 'u',
    creationTimestamp: '2026-01-01T00:00:00Z',
    annotations: { [ON_CHANGE_SECRETS_ANNOTATION]: typeof secrets === 'string' ? secrets : JSON.stringify(secrets) },
    ...more,
  },
});
const read = rolloutPodReader();
const collect = (): void => {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
};

test('the controller and the webhook use the same names', () => {
  expect([ON_CHANGE_LABEL, ON_CHANGE_SECRETS_ANNOTATION, SECRET_VERSIONS_ANNOTATION]).toEqual(
    (['onChange', 'onChangeSecrets', 'secretVersions'] as const).map(annotationName),
  );
});

test.each([
  ['a Deployment', { kind: 'ReplicaSet', name: 'web-api-6f5' }, 'Deployment/shop/web-api'],
  ['a StatefulSet', { kind: 'StatefulSet', name: 'db' }, 'StatefulSet/shop/db'],
  ['a DaemonSet', { kind: 'DaemonSet', name: 'log' }, 'DaemonSet/shop/log'],
  ['nothing for a ReplicaSet of its own', { kind: 'ReplicaSet', name: 'web' }, undefined],
  ['nothing for a Job', { kind: 'Job', name: 'web-6f5' }, undefined],
])('finds %s', (_, owner, expected) => {
  const labels = { 'pod-template-hash': '6f5' };
  expect(read(podWith({}, { labels, ownerReferences: [{ ...owner, controller: true }] })).workload).toBe(expected);
  expect(read(podWith({}, { labels, ownerReferences: [owner] })).workload).toBeUndefined();
});

test('finds no Deployment without the hash of the template', () => {
  const ownerReferences = [{ kind: 'ReplicaSet', name: 'web-', controller: true }];
  expect(read(podWith({}, { ownerReferences })).workload).toBeUndefined();
});

test('reads endpoint and paths', () => {
  const { secrets, createdAt } = read(podWith({ endpoint: 'main', paths: ['kv/data/a', 'kv/data/b c'] }));
  expect([secrets, createdAt]).toEqual([['main/kv/data/a', 'main/kv/data/b c'], Date.UTC(2026, 0, 1)]);
});

test.each<[string, unknown]>([
  ['text', 'x'],
  ['a list', []],
  ['no endpoint', { paths: ['kv/data/a'] }],
  ['an endpoint with a slash', { endpoint: 'a/b', paths: ['kv/data/a'] }],
  ['paths that leave their mount', { endpoint: 'main', paths: ['kv/../sys', '../a', 'kv/./a', 'kv//a', '/kv', 'kv/', ''] }],
  ['paths with control characters', { endpoint: 'main', paths: ['kv/data/a\n', 'kv/\u0000'] }],
  ['a path of a kilobyte', { endpoint: 'main', paths: ['k'.repeat(1024)] }],
  ['paths that are no texts', { endpoint: 'main', paths: [1, {}, null] }],
])('ignores %s', (_, secrets) => expect(read(podWith(secrets)).secrets).toEqual([]));

test('reads at most 100 paths of a pod', () => {
  const paths = Array.from({ length: 1000 }, (_, index) => `kv/data/${index}`);
  expect(read(podWith({ endpoint: 'main', paths })).secrets).toHaveLength(100);
});

test('keeps 15,000 pods of 5,000 workloads in less than 20 MB', () => {
  const pods = [];
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let index = 0; index < 15_000; index += 1) {
    const name = `workload-${index % 5000}`;
    const ownerReferences = [{ kind: 'ReplicaSet', name: `${name}-6f5`, controller: true }];
    const annotations = { [ON_CHANGE_SECRETS_ANNOTATION]: `{"endpoint":"main","paths":["kv/data/${name}","kv/data/shared"]}` };
    pods.push(read(podWith({}, { labels: { 'pod-template-hash': '6f5' }, ownerReferences, annotations })));
  }
  collect();
  expect(pods).toHaveLength(15_000);
  expect((process.memoryUsage().heapUsed - before) / 1e6).toBeLessThan(20);
});
