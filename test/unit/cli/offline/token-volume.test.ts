// What the API server's ServiceAccount plugin will add is there for injection, and gone again afterwards.
import { withTokenVolume } from '../../../../src/cli/offline/token-volume.ts';
import type { JsonObject } from '../../../../src/json/json.ts';

const DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
const pod = (spec: JsonObject): JsonObject => ({ spec });
const mount = (name: string, mountPath = DIRECTORY): JsonObject => ({ name, readOnly: true, mountPath });

/** As injection does it: one more container, which has the token that the first one has. */
const injected = (seen: JsonObject): JsonObject => {
  const spec = seen['spec'] as { containers: JsonObject[] };
  const mounts = (spec.containers[0]?.['volumeMounts'] ?? []) as JsonObject[];
  return {
    ...seen,
    spec: { ...spec, containers: [...spec.containers, { name: 'agent', volumeMounts: [...mounts, mount('own', '/own')] }] },
  };
};

test('every container without a mount there gets one, and the volume is added once', () => {
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

test('afterwards nothing of it is left, in the agent neither', () => {
  const original = pod({ containers: [{ name: 'a' }, { name: 'b', volumeMounts: null }] });
  const { pod: seen, restore } = withTokenVolume(original, undefined);
  expect(restore(injected(seen))['spec']).toEqual({
    containers: [{ name: 'a' }, { name: 'b', volumeMounts: null }, { name: 'agent', volumeMounts: [mount('own', '/own')] }],
  });
});

test('a volume of the plugin that the manifest holds, as one from a cluster does, stays with its mounts', () => {
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

/** True when the token is there for injection. */
const sees = (own: boolean | undefined, account: boolean | undefined): boolean => {
  const spec = { containers: [{ name: 'a' }], ...(own === undefined ? {} : { automountServiceAccountToken: own }) };
  return JSON.stringify(withTokenVolume(pod(spec), account).pod).includes(DIRECTORY);
};

test('automounting can be refused by the account and by the pod, and the pod has the last word', () => {
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
])('a malformed pod is left for the checks to name: %j', (spec) => {
  expect(withTokenVolume(pod(spec), undefined).pod['spec']).toEqual(spec);
});
