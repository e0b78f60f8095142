// readPod: which objects are Pods, and what is reported about the others.
import type { JsonObject } from '../../../src/json/json.ts';
import { podHeader, readPod, serviceAccountOf } from '../../../src/pod/pod.ts';
import { typed } from '../../support/pods.ts';

const object: JsonObject = {
  metadata: { name: 'web', annotations: { a: 'b' }, labels: null, future: 1 },
  spec: { containers: [{ name: 'web', env: [{ name: 'A', value: 'b' }], future: {} }], initContainers: null },
};

test('returns the received object, with unknown fields and nulls', () => {
  expect(readPod(object)).toEqual({ ok: true, pod: object });
  expect(typed(object)).toBe(object);
});

test.each([
  [{}, ['metadata must be an object', 'spec must be an object']],
  [{ metadata: {}, spec: null }, ['spec must be an object']],
  [
    { metadata: { annotations: { a: true, b: 'c', 'x/y': 1 } }, spec: {} },
    ['metadata.annotations["a"] must be text', 'metadata.annotations["x/y"] must be text'],
  ],
  [{ metadata: { labels: [] }, spec: { volumes: {} } }, ['metadata.labels must be an object', 'spec.volumes must be a list']],
  [
    { metadata: {}, spec: { containers: [{}, null, 'web'] } },
    ['spec.containers[1] must be an object', 'spec.containers[2] must be an object'],
  ],
  [
    { metadata: {}, spec: { containers: [{ name: 1, env: [{ value: 5 }], volumeMounts: [1] }] } },
    [
      'spec.containers[0].name must be text',
      'spec.containers[0].env[0].value must be text',
      'spec.containers[0].volumeMounts[0] must be an object',
    ],
  ],
  [
    { metadata: {}, spec: { initContainers: [{ resources: { limits: { cpu: 1, memory: true } } }] } },
    ['spec.initContainers[0].resources.limits["memory"] must be a quantity'],
  ],
  [
    { metadata: {}, spec: { securityContext: { runAsUser: '0' }, shareProcessNamespace: 'yes' } },
    ['spec.securityContext.runAsUser must be a number', 'spec.shareProcessNamespace must be true or false'],
  ],
  [
    { metadata: {}, spec: { volumes: [{ projected: { sources: [{ serviceAccountToken: { path: 1 } }] } }] } },
    ['spec.volumes[0].projected.sources[0].serviceAccountToken.path must be text'],
  ],
] as readonly (readonly [JsonObject, readonly string[]])[])(
  'reports every field of another type in %j',
  (malformed, expected) => {
    const reading = readPod(malformed);
    const sentences = reading.ok
      ? []
      : reading.problems.map((problem) =>
          problem.code === 'pod-malformed' ? `${problem.path} must be ${problem.expected}` : '',
        );
    expect(sentences).toEqual(expected);
  },
);

test('reads the header of any object', () => {
  const owner = { kind: 'ReplicaSet', name: 'web-7d9c5', controller: true };
  expect(podHeader({ metadata: { labels: { a: 'b', c: 1 }, ownerReferences: [owner] }, status: { phase: 'Pending' } })).toEqual({
    name: '',
    generateName: '',
    owner: 'ReplicaSet/web-7d9c5',
    labels: new Map([['a', 'b']]),
    annotations: new Map(),
    phase: 'Pending',
    operatingSystem: undefined,
  });
  expect(podHeader({ metadata: 1, spec: [] })).toMatchObject({ owner: '', phase: undefined });
});

test('uses the default service account of the API server', () => {
  expect(serviceAccountOf(typed(object))).toBe('default');
  expect(serviceAccountOf(typed({ metadata: {}, spec: { serviceAccountName: 'web' } }))).toBe('web');
});
