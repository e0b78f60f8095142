// Which containers get environment variables from secrets, and what cannot be one. Values are in test/contract/environment.test.ts.
import { originalPod } from '../../../src/cli/live/original-pod.ts';
import { objectAt, objectsOf, textOf, type JsonObject } from '../../../src/json/json.ts';
import { readEnvFile } from '../../support/env-file.ts';
import { admit, podWith, type PodParts, type Result, type Surrounding } from '../../support/pods.ts';

const ENV = 'vaultauth.dev/env-A';
const injected = (annotations: Readonly<Record<string, string>>, spec: JsonObject = {}, more: Surrounding = {}): Result =>
  admit(
    podWith({
      annotations,
      spec: { serviceAccountName: 'web', securityContext: { runAsUser: 1000 }, ...spec },
    } satisfies PodParts),
    {
      command: 'webhook',
      ...more,
    },
  );

/** Names of the variables of a container, in order. */
const namesIn = (pod: JsonObject, container: string): readonly (string | undefined)[] =>
  ['initContainers', 'containers']
    .flatMap((list) => objectsOf(objectAt(pod, 'spec')?.[list]))
    .filter((each) => textOf(each, 'name') === container)
    .flatMap((each) => objectsOf(each['env']).map((entry) => textOf(entry, 'name')));

const containers = [{ name: 'web', env: [{ name: 'OWN', value: '$(A)' }] }, { name: 'worker' }, { name: 'istio-proxy' }];

test('variables come before those of the container, and the proxy of a mesh gets none', () => {
  const { pod } = injected({ [ENV]: 'kv/a#b', 'vaultauth.dev/env-B': 'kv/a#c' }, { containers });
  expect(namesIn(pod, 'web')).toEqual(['A', 'B', 'OWN']);
  expect(namesIn(pod, 'worker')).toEqual(['A', 'B']);
  expect(namesIn(pod, 'istio-proxy')).toEqual([]);
});

test('env-containers names the containers, except those that skip-containers names', () => {
  const annotations = {
    [ENV]: 'kv/a#b',
    'vaultauth.dev/env-containers': 'worker,istio-proxy,wbe',
    'vaultauth.dev/skip-containers': 'worker',
  };
  const { pod, outcome } = injected(annotations, { containers });
  expect(['web', 'worker', 'istio-proxy'].map((name) => namesIn(pod, name).includes('A'))).toEqual([false, false, true]);
  expect(outcome.warnings).toEqual([{ code: 'container-unknown', annotation: 'vaultauth.dev/env-containers', container: 'wbe' }]);
});

test('an init container before the agent gets no variable, since the kubelet could not start it', () => {
  const { pod } = injected({ [ENV]: 'kv/a#b', 'agent-init-first': 'false' }, { containers, initContainers: [{ name: 'early' }] });
  expect(namesIn(pod, 'early')).toEqual([]);
  expect(namesIn(injected({ [ENV]: 'kv/a#b' }, { initContainers: [{ name: 'late' }] }).pod, 'late')).toEqual(['A']);
});

test('a container that a later webhook adds gets the variables at the second review, and no other gets them twice', () => {
  const { pod } = injected({ [ENV]: 'kv/a#b' }, { containers });
  const spec = objectAt(pod, 'spec') ?? {};
  const later = { ...pod, spec: { ...spec, containers: [...objectsOf(spec['containers']), { name: 'later' }] } };
  const again = admit(later, { command: 'webhook' });
  expect(namesIn(again.pod, 'later')).toEqual(['A']);
  expect(namesIn(again.pod, 'web')).toEqual(['A', 'OWN']);
});

test('explain finds the pod without the variables', () => {
  const { pod } = injected({ [ENV]: 'kv/a#b' }, { containers });
  expect(namesIn(originalPod(pod).original, 'web')).toEqual(['OWN']);
});

test.each([
  ['1', '34', 'v1.34.4', ['env-unsupported']],
  ['1', '35', 'v1.35.0', []],
])('with an API server of version %s.%s (%s), the problems are %j', (major, minor, gitVersion, codes) => {
  const cluster = { namespace: () => undefined, serviceAccount: () => undefined, version: { major, minor, gitVersion } };
  expect(injected({ [ENV]: 'kv/a#b' }, {}, { cluster }).outcome.problems.map(({ code }) => code)).toEqual(codes);
});

test.each([
  [{ 'agent-pre-populate': 'false' }, 'gate'],
  [{ 'vaultauth.dev/mode': 'token' }, 'mode'],
  [{ 'vaultauth.dev/profile': 'compat' }, 'profile'],
])('with %j, variables are not possible', (more, because) => {
  const { outcome } = injected({ [ENV]: 'kv/a#b', ...more });
  expect(outcome.problems).toContainEqual(expect.objectContaining({ code: 'env-unsupported', because }));
});

test.each(['', 'kv/a', '#b', 'kv/a#', 'kv/a#?x', 'https://vault/v1/kv/a#b'])('%j is not a key of a secret', (value) => {
  expect(injected({ [ENV]: value }).codes).toContain('annotation-value');
});

test.each([
  ['[{name: a, env: [b]}]', 'secret-field'],
  ['[{name: a, path: kv/a, env: b}]', 'secret-field'],
  ['[{name: a, path: kv/a, env: {A: {b: c}}}]', 'secret-field'],
  ['[{name: a, path: kv/a, env: []}]', 'secret-field'],
  ['[{name: a, path: kv/a, env: ["1"]}]', 'env-name'],
  ['[{name: a, path: kv/a, env: [A]}, {name: b, path: kv/b, env: [A]}]', 'env-duplicate'],
])('the list %s is a problem', (list, code) => {
  expect(injected({ 'vaultauth.dev/secrets': list }).codes).toEqual([code]);
});

test.each([
  ["A='a'B='b'\n", 'begins no assignment'],
  ['A="a"\n', 'begins no assignment'],
  ["A='a\n", 'begins no assignment'],
  [`A='${'x'.repeat(65_533)}'`, 'too long'],
])('the second reader rejects what the kubelet rejects: %.20j', (text, message) => {
  expect(() => readEnvFile(Buffer.from(text))).toThrow(message);
});

test('the second reader reads what the kubelet reads', () => {
  const text = "# a\n\n \t A='1\r\n2' # b\nB=''\nA='3'\n";
  expect([...readEnvFile(Buffer.from(text))]).toEqual([
    ['A', '1\n2'],
    ['B', ''],
  ]);
});
