// What explain tells apart in a pod of a cluster: which pod is meant, and what in it is ours.
import { presentIn } from '../../../src/cli/live/present.ts';
import { podReference } from '../../../src/cli/live/reference.ts';
import { objectAt } from '../../../src/json/json.ts';
import { admit, podWith, TOKEN_VOLUME, volumeNames } from '../fixture.ts';

test.each([
  [['pod', 'shop/web'], { namespace: 'shop', name: 'web' }],
  [['pod', 'web'], { namespace: undefined, name: 'web' }],
  [['pods/web'], { namespace: undefined, name: 'web' }],
  [['po/shop/web'], { namespace: 'shop', name: 'web' }],
  [['pod.yaml'], undefined],
  [['podium', 'web'], undefined],
  [[], undefined],
])('%j', (words, meant) => expect(podReference(words)).toEqual(meant));

test.each<[string, Record<string, string>, 'webhook' | 'agent-inject']>([
  ['a native agent', {}, 'webhook'],
  ['an agent of another name', { 'vaultauth.dev/container-name': 'helper' }, 'webhook'],
  ['the agents of vault-k8s', {}, 'agent-inject'],
  ['a token', { 'vaultauth.dev/mode': 'token' }, 'webhook'],
])('%s is found, and what was there before stays', (_, annotations, command) => {
  const volumes = [
    { name: TOKEN_VOLUME, projected: {} },
    { name: 'vault-of-the-bank', emptyDir: {} },
  ];
  const before = podWith({ annotations: { 'agent-inject-secret-db': 'kv/db', ...annotations }, spec: { volumes } });
  expect(presentIn(before).injected).toBe(false);
  const { pod } = admit(before, { command });
  const { injected, without } = presentIn(pod);
  expect(injected).toBe(true);
  expect(objectAt(without, 'spec')).toMatchObject({ containers: [{ name: 'web' }] });
  expect(objectAt(without, 'spec')?.['initContainers'] ?? []).toEqual([]);
  expect(volumeNames(without)).toEqual([TOKEN_VOLUME, 'vault-of-the-bank']);
});

test('a container that is only called like an agent is an app', () => {
  const pod = { metadata: {}, spec: { containers: [{ name: 'vault-agent', image: 'mine' }] } };
  expect(presentIn(pod).injected).toBe(false);
});
