// The token volume of the API server's ServiceAccount plugin: added for injection, removed afterwards.
import { withTokenVolume } from '../../../src/pod/token-volume.ts';
import type { JsonObject } from '../../../src/json/json.ts';

const DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
const pod = (spec: JsonObject): JsonObject => ({ spec });
const mount = (name: string, mountPath = DIRECTORY): JsonObject => ({ name, readOnly: true, mountPath });

/** As injection does: one more container, with the token mount of the first one. */
const injected = (seen: JsonObject): JsonObject => {
  const spec = seen['spec'] as { containers: JsonObject[] };
  const mounts = (spec.containers[0]?.['volumeMounts'] ?? []) as JsonObject[];
  return {
    ...seen,
    spec: { ...spec, containers: [...spec.containers, { name: 'agent', volumeMounts: [...mounts, mount('own', '/own')] }] },
  };
};

test('adds a mount to every container without one, and the volume once', () => {
  const own = mount('mine');
  const { pod: seen } = withTokenVolume(
    pod({ initContainers: [{ name: 'i' }], containers: [{ name: 'a', volumeMounts: [own] }, { name: 'b' }] }),
    undefined,
  );
  const spec = seen['spec'] as Record<string, JsonObject[]>;
  const [volume] = spec['volumes'] ?? [];
  expect(volume).toMatchObject({
    name: expect.stringMatching(/^kube-api-access-/),
    projected: { sources: [{ serviceAccountToken: { path: 'token' } }, {}, {}] },
  });
  expect(spec['containers']).toEqual([
    { name: 'a', volumeMounts: [own] },
    { name: 'b', volumeMounts: [mount(volume?.['name'] as string)] },
  ]);
  expect(spec['initContainers']).toEqual([{ name: 'i', volumeMounts: [mount(volume?.['name'] as string)] }]);
});

test('removes volume and mounts afterwards, also from the agent', () => {
  const original = pod({ containers: [{ name: 'a' }, { name: 'b', volumeMounts: null }] });
  const { pod: seen, restore } = withTokenVolume(original, undefined);
  expect(restore(injected(seen))['spec']).toEqual({
    containers: [{ name: 'a' }, { name: 'b', volumeMounts: null }, { name: 'agent', volumeMounts: [mount('own', '/own')] }],
  });
});

test('keeps a volume of the plugin that the manifest has, as one from a cluster does', () => {
  const volumes = [{ name: 'kube-api-access-x2x4z', projected: {} }];
  const original = pod({ volumes, containers: [{ name: 'a', volumeMounts: [mount('kube-api-access-x2x4z')] }] });
  const { pod: seen, restore } = withTokenVolume(original, undefined);
  expect(seen['spec']).toEqual(original['spec']);
  expect(restore(injected(seen))['spec']).toEqual({
    volumes,
    containers: [
      { name: 'a', volumeMounts: [mount('kube-api-access-x2x4z')] },
      { name: 'agent', volumeMounts: [mount('own', '/own')] },
    ],
  });
});

/** True if injection finds the token. */
const sees = (own: boolean | undefined, account: boolean | undefined): boolean => {
  const spec = { containers: [{ name: 'a' }], ...(own === undefined ? {} : { automountServiceAccountToken: own }) };
  return JSON.stringify(withTokenVolume(pod(spec), account).pod).includes(DIRECTORY);
};

test('respects automountServiceAccountToken of service account and pod, the pod first', () => {
  expect([sees(undefined, undefined), sees(undefined, false), sees(true, false), sees(false, true)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

test.each([
  [{ containers: 'x' }],
  [{ containers: [1] }],
  [{ containers: [{ volumeMounts: 'x' }] }],
  [{ volumes: {}, containers: [] }],
])('does not change a malformed pod: %j', (spec) => {
  expect(withTokenVolume(pod(spec), undefined).pod['spec']).toEqual(spec);
});
