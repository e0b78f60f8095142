// Profile native on nodes without native sidecars: an init container and a sidecar, with the same security.
import { objectAt, objectsOf, textOf, type JsonObject } from '../../../src/json/json.ts';
import {
  admit,
  containerOf,
  mountsOf,
  podWith,
  TOKEN_MOUNT,
  type PodParts,
  type Result,
  type Surrounding,
} from '../../support/pods.ts';

const old: Surrounding = { command: 'webhook', flags: ['-native-sidecars=false'] };
const native = (parts: PodParts = {}): JsonObject =>
  podWith({
    ...parts,
    annotations: { 'vaultauth.dev/profile': 'native', 'agent-inject-secret-db': 'kv/db', ...parts.annotations },
  });
const inject = (parts: PodParts = {}): Result => admit(native(parts), old);
const configOf = ({ pod }: Result, name: string): JsonObject =>
  JSON.parse(textOf(objectAt(objectAt(pod, 'metadata'), 'annotations'), `vaultauth.dev/${name}`) ?? '{}') as JsonObject;
const namesOf = ({ pod }: Result, list: string): unknown[] =>
  objectsOf(objectAt(pod, 'spec')?.[list]).map((container) => container['name']);

const patch = (value: string): string => JSON.stringify([{ op: 'add', path: '/terminationMessagePath', value }]);

test('adds the init container first and the sidecar last, each with its own file', () => {
  const result = inject({ spec: { initContainers: [{ name: 'migrate' }] } });
  expect([result.outcome.injectionType, namesOf(result, 'initContainers'), namesOf(result, 'containers')]).toEqual([
    'init_and_sidecar',
    ['vault-agent-init', 'migrate'],
    ['web', 'vault-agent'],
  ]);
  for (const [name, file] of Object.entries({ 'vault-agent-init': 'agent-init.json', 'vault-agent': 'agent.json' })) {
    const agent = containerOf(result.pod, name);
    expect(agent['command']).toEqual(['vault', 'agent', `-config=/vault/agent/${file}`]);
    expect([agent['restartPolicy'], agent['startupProbe']]).toEqual([undefined, undefined]);
    expect(mountsOf(agent)).toContain('vault-auth-token:/var/run/secrets/kubernetes.io/serviceaccount:ro');
    expect(agent['securityContext']).toMatchObject({ runAsNonRoot: true, capabilities: { drop: ['ALL'] } });
  }
  expect(mountsOf(containerOf(result.pod, 'migrate'))).toEqual(['vault-secrets:/vault/secrets:ro']);
});

test('lets the init container fail, and the sidecar retry', () => {
  const result = inject();
  expect(configOf(result, 'agent-init-config')).toMatchObject({
    exit_after_auth: true,
    template_config: { exit_on_retry_failure: true },
    auto_auth: { method: [{ exit_on_err: true }] },
  });
  const config = configOf(result, 'agent-config');
  expect(config).toMatchObject({ template_config: { exit_on_retry_failure: false } });
  expect(config).not.toHaveProperty('exit_after_auth');
  const volume = objectsOf(objectAt(result.pod, 'spec')?.['volumes']).find(({ name }) => name === 'vault-agent-config');
  expect(objectsOf(objectAt(volume, 'downwardAPI')?.['items']).map(({ path }) => path)).toEqual([
    'agent-init.json',
    'agent.json',
  ]);
});

test('adds only one of the two if requested, and derives its name', () => {
  const once = inject({ annotations: { 'agent-pre-populate-only': 'true' } });
  expect([once.outcome.injectionType, namesOf(once, 'initContainers'), namesOf(once, 'containers')]).toEqual([
    'init_only',
    ['vault-agent'],
    ['web'],
  ]);
  const late = inject({ annotations: { 'agent-pre-populate': 'false' } });
  expect([late.outcome.injectionType, namesOf(late, 'initContainers'), namesOf(late, 'containers')]).toEqual([
    'sidecar_only',
    [],
    ['web', 'vault-agent'],
  ]);
  const long = 'a'.repeat(63);
  const named = inject({ annotations: { 'vaultauth.dev/container-name': long } });
  expect(namesOf(named, 'initContainers')).toEqual([`${'a'.repeat(58)}-init`]);
  const taken = inject({ spec: { containers: [{ name: 'vault-agent-init', volumeMounts: [TOKEN_MOUNT] }] } });
  expect(taken.outcome.problems).toEqual([{ code: 'container-conflict', container: 'vault-agent-init' }]);
});

test('applies each patch to its container', () => {
  const annotations = { 'agent-json-patch': patch('/sidecar'), 'agent-init-json-patch': patch('/init') };
  const { pod } = admit(native({ annotations }), { ...old, flags: [...(old.flags ?? []), '-allow=*'] });
  expect(containerOf(pod, 'vault-agent')['terminationMessagePath']).toBe('/sidecar');
  expect(containerOf(pod, 'vault-agent-init')['terminationMessagePath']).toBe('/init');
});

test('adds nothing in a second injection', () => {
  const first = inject({ spec: { initContainers: [{ name: 'migrate' }] } });
  expect(admit(first.pod, old).outcome.patch).toEqual([]);
});

test('counts both configurations against the limit of annotations', () => {
  const large = { annotations: { 'agent-inject-template-db': 'x'.repeat(100_000) } };
  const { outcome } = admit(native(large), { command: 'webhook' });
  expect(outcome.problems).toEqual([]);
  expect(inject(large).outcome.problems).toEqual([expect.objectContaining({ code: 'config-too-large' })]);
});

test.each([
  ['auto', undefined, 'sidecar_only'],
  ['auto', true, 'sidecar_only'],
  ['auto', false, 'init_and_sidecar'],
  ['true', false, 'sidecar_only'],
  ['false', true, 'init_and_sidecar'],
])('with the setting %s and cluster support %p, adds %s', (setting, known, kind) => {
  const cluster = {
    namespace: () => undefined,
    serviceAccount: () => undefined,
    ...(known === undefined ? {} : { version: { major: '1', minor: known ? '29' : '28' } }),
  };
  const { outcome } = admit(native(), { command: 'webhook', flags: [`-native-sidecars=${setting}`], cluster });
  expect(outcome.injectionType).toBe(kind);
});
