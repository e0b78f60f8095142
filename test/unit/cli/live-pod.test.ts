// Pods of a cluster: how a command line names one, and what injection added to it.
import { podReference } from '../../../src/cli/explain.ts';
import { originalPod } from '../../../src/cli/live/original-pod.ts';
import { objectAt } from '../../../src/json/json.ts';
import { admit, podWith, TOKEN_VOLUME, volumeNames } from '../../support/pods.ts';

test.each([
  [['pod', 'shop/web'], { namespace: 'shop', name: 'web' }],
  [['pod', 'web'], { namespace: undefined, name: 'web' }],
  [['pods/web'], { namespace: undefined, name: 'web' }],
  [['po/shop/web'], { namespace: 'shop', name: 'web' }],
  [['pod.yaml'], undefined],
  [['podium', 'web'], undefined],
  [[], undefined],
])('reads the pod in %j', (words, meant) => expect(podReference(words)).toEqual(meant));

test.each<[string, Record<string, string>, 'webhook' | 'agent-inject']>([
  ['a native agent', {}, 'webhook'],
  ['an agent of another name', { 'vaultauth.dev/container-name': 'helper' }, 'webhook'],
  ['the agents of vault-k8s', {}, 'agent-inject'],
  ['a token', { 'vaultauth.dev/mode': 'token' }, 'webhook'],
])('finds %s and returns the pod without it', (_, annotations, command) => {
  const volumes = [
    { name: TOKEN_VOLUME, projected: {} },
    { name: 'vault-of-the-bank', emptyDir: {} },
  ];
  const before = podWith({ annotations: { 'agent-inject-secret-db': 'kv/db', ...annotations }, spec: { volumes } });
  expect(originalPod(before).injected).toBe(false);
  const { pod } = admit(before, { command });
  const { injected, original } = originalPod(pod);
  expect(injected).toBe(true);
  expect(objectAt(original, 'spec')).toMatchObject({ containers: [{ name: 'web' }] });
  expect(objectAt(original, 'spec')?.['initContainers'] ?? []).toEqual([]);
  expect(volumeNames(original)).toEqual([TOKEN_VOLUME, 'vault-of-the-bank']);
});

test('takes a container that only has the name of an agent for an app', () => {
  const pod = { metadata: {}, spec: { containers: [{ name: 'vault-agent', image: 'mine' }] } };
  expect(originalPod(pod).injected).toBe(false);
});
