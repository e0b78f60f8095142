// agent-copy-volume-mounts: what the agent gets of each kind of mount, and what it does not.
import { objectAt, objectsOf, textOf, type JsonObject } from '../../../src/json/json.ts';
import { admit, containerOf, podWith, TOKEN_MOUNT, TOKEN_VOLUME } from '../../support/pods.ts';

interface Source {
  readonly mounts: readonly JsonObject[];
  readonly env?: readonly JsonObject[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly volumes?: readonly JsonObject[];
  readonly profile?: 'native' | 'compat';
}

const inject = ({ mounts, env = [], annotations = {}, volumes = [], profile = 'native' }: Source) => {
  const web = { name: 'web', env, volumeMounts: [TOKEN_MOUNT, ...mounts] };
  const token = { name: TOKEN_VOLUME, projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } };
  const all = { 'agent-copy-volume-mounts': 'web', 'agent-inject-secret-db': 'kv/db', 'vaultauth.dev/profile': profile };
  return admit(podWith({ annotations: { ...all, ...annotations }, spec: { containers: [web], volumes: [token, ...volumes] } }), {
    command: 'webhook',
  });
};

const agentOf = (source: Source): JsonObject => containerOf(inject(source).pod, 'vault-agent');
const mountAt = (agent: JsonObject, path: string): JsonObject | undefined =>
  objectsOf(agent['volumeMounts']).find((mount) => textOf(mount, 'mountPath') === path);
const variable = (agent: JsonObject, name: string): JsonObject | undefined =>
  objectsOf(agent['env']).find((entry) => textOf(entry, 'name') === name);
const lossesOf = (source: Source): readonly unknown[] =>
  inject(source).outcome.warnings.flatMap((warning) => ('loss' in warning ? [warning.loss] : []));

const field = (name: string, fieldPath: string): JsonObject => ({ name, valueFrom: { fieldRef: { fieldPath } } });

const UNCHANGED: readonly JsonObject[] = [
  { name: 'data', mountPath: '/data' },
  { name: 'data', mountPath: '/data', readOnly: true },
  { name: 'data', mountPath: '/data', readOnly: true, recursiveReadOnly: 'IfPossible' },
  { name: 'data', mountPath: '/data', readOnly: true, recursiveReadOnly: 'Enabled' },
  { name: 'data', mountPath: '/data', mountPropagation: 'None' },
  { name: 'data', mountPath: '/data', mountPropagation: 'HostToContainer' },
  { name: 'data', mountPath: '/data', subPath: 'web' },
  { name: 'claim-of-a-stateful-set', mountPath: '/data' },
  { name: 'data', mountPath: '/data', fieldOfALaterVersion: { a: 1 } },
];

test.each(UNCHANGED)('copies the mount %j unchanged', (mount) => {
  for (const profile of ['native', 'compat'] as const) {
    expect(mountAt(agentOf({ mounts: [mount], profile }), '/data')).toEqual(mount);
    expect(lossesOf({ mounts: [mount], profile })).toEqual([]);
  }
});

test.each(['native', 'compat'] as const)(
  'leaves Bidirectional out, which needs a privileged container: profile %s',
  (profile) => {
    const source: Source = { mounts: [{ name: 'kubelet', mountPath: '/data', mountPropagation: 'Bidirectional' }], profile };
    expect(mountAt(agentOf(source), '/data')).toEqual({ name: 'kubelet', mountPath: '/data' });
    expect(lossesOf(source)).toEqual([{ kind: 'propagation' }]);
  },
);

const expression = (subPathExpr: string, env: readonly JsonObject[]): Source => ({
  mounts: [{ name: 'logs', mountPath: '/data', subPathExpr }],
  env,
});

test.each<[string, readonly JsonObject[], string]>([
  ['$(POD_NAME)', [field('POD_NAME', 'metadata.name')], '$(POD_NAME)'],
  ['$(MY_POD)/x', [field('MY_POD', 'metadata.name')], '$(POD_NAME)/x'],
  ['a/$(NS)-$(NODE)', [field('NS', 'metadata.namespace'), field('NODE', 'spec.nodeName')], 'a/$(NAMESPACE)-$(NODE_NAME)'],
  ['$(DIR)', [{ name: 'DIR', value: 'logs/web' }], 'logs/web'],
  ['$(DIR)/$(DIR)', [{ name: 'DIR', value: 'logs' }], 'logs/logs'],
  [
    '$(DIR)',
    [{ name: 'POD_NAME', value: 'other' }, field('P', 'metadata.name'), { name: 'DIR', value: 'logs/$(P)' }],
    'logs/$(POD_NAME)',
  ],
  [
    '$(DIR)',
    [
      { name: 'DIR', value: 'old' },
      { name: 'DIR', value: '$(DIR)-new' },
    ],
    'old-new',
  ],
  ['$$(DIR)', [{ name: 'DIR', value: 'logs' }], '$$(DIR)'],
  ['cost$', [], 'cost$$'],
  ['$(DIR)', [{ name: 'DIR', value: 'a$$(B)' }], 'a$$(B)'],
  ['$(DIR)', [{ name: 'DIR' }], ''],
])('resolves the subPathExpr %s of the variables %j', (subPathExpr, env, expected) => {
  const source = expression(subPathExpr, env);
  expect(mountAt(agentOf(source), '/data')?.['subPathExpr']).toBe(expected);
  expect(lossesOf(source)).toEqual([]);
});

test('gives the agent of profile compat the variable that it lacks', () => {
  const source = { ...expression('$(WHO)', [field('WHO', 'metadata.name')]), profile: 'compat' } as const;
  expect(mountAt(agentOf(source), '/data')?.['subPathExpr']).toBe('$(POD_NAME)');
  expect(variable(agentOf(source), 'POD_NAME')).toEqual(field('POD_NAME', 'metadata.name'));
  expect(objectsOf(agentOf(source)['env']).filter(({ name }) => name === 'NAMESPACE')).toHaveLength(1);
});

test.each<[string, JsonObject, JsonObject]>([
  ['a label', { fieldRef: { fieldPath: "metadata.labels['tier']" } }, { fieldRef: { fieldPath: "metadata.labels['tier']" } }],
  ['a ConfigMap', { configMapKeyRef: { name: 'c', key: 'k' } }, { configMapKeyRef: { name: 'c', key: 'k' } }],
  ['a Secret', { secretKeyRef: { name: 's', key: 'k' } }, { secretKeyRef: { name: 's', key: 'k' } }],
  [
    'its own resources',
    { resourceFieldRef: { resource: 'limits.cpu' } },
    { resourceFieldRef: { containerName: 'web', resource: 'limits.cpu' } },
  ],
])('copies a variable from %s under a name that the agent does not read', (_, from, expected) => {
  const source = expression('$(VAULT_ADDR)', [{ name: 'VAULT_ADDR', valueFrom: from }]);
  const agent = agentOf(source);
  expect(mountAt(agent, '/data')?.['subPathExpr']).toBe('$(MOUNT_VAULT_ADDR)');
  expect(variable(agent, 'MOUNT_VAULT_ADDR')).toEqual({ name: 'MOUNT_VAULT_ADDR', valueFrom: expected });
  expect(variable(agent, 'VAULT_ADDR')).toBeUndefined();
});

/** Each value has the one before it twice. */
const doubling = (first: string): readonly JsonObject[] =>
  Array.from({ length: 60 }, (_, index) => ({
    name: `V${index}`,
    value: index === 0 ? first : `$(V${index - 1})$(V${index - 1})`,
  }));

test.each<[string, readonly JsonObject[], string]>([
  ['$(FROM_CONFIG_MAP)', [], 'FROM_CONFIG_MAP'],
  [
    'a/$(DIR)',
    [
      { name: 'DIR', value: '$(LATER)' },
      { name: 'LATER', value: 'x' },
    ],
    'LATER',
  ],
  ['$(FILE)', [{ name: 'FILE', valueFrom: { fileKeyRef: { key: 'a', path: 'b', volumeName: 'c' } } }], 'FILE'],
  ['$(UP)/x', [{ name: 'UP', value: '..' }], '$(UP)/x'],
  ['$(ROOT)', [{ name: 'ROOT', value: '/etc' }], '$(ROOT)'],
  ['$(V59)', doubling('x'), '$(V12)$(V12)'],
])('leaves out a mount with the subPathExpr %s', (subPathExpr, env, name) => {
  const source = expression(subPathExpr, env);
  expect(mountAt(agentOf(source), '/data')).toBeUndefined();
  expect(lossesOf(source)).toEqual([{ kind: 'variable', name }]);
});

test('resolves each variable once', () => {
  expect(mountAt(agentOf(expression('a$(V59)', doubling(''))), '/data')?.['subPathExpr']).toBe('a');
  const source = expression('$(V5)', doubling('').with(0, field('V0', "metadata.labels['a']")));
  expect(objectsOf(agentOf(source)['env']).filter(({ name }) => name === 'MOUNT_V0')).toHaveLength(1);
});

test('leaves out a subPath of the secrets, which the kubelet would create as a directory before the agent writes it', () => {
  const mounts = [{ name: 'vault-secrets', mountPath: '/conf/server.xml', subPath: 'server.xml', readOnly: true }];
  expect(mountAt(agentOf({ mounts }), '/conf/server.xml')).toBeUndefined();
  expect(lossesOf({ mounts })).toEqual([{ kind: 'secret' }]);
  // The whole directory does no harm at a second path.
  expect(mountAt(agentOf({ mounts: [{ name: 'vault-secrets', mountPath: '/conf' }] }), '/conf')).toBeDefined();
});

test.each<[string, JsonObject, boolean]>([
  ['a host path', { hostPath: { path: '/srv' } }, false],
  ['an empty directory', { emptyDir: {} }, false],
  ['a ConfigMap, in which the kubelet creates directories', { configMap: { name: 'c' } }, true],
])('copies a read-only mount above the home of the agent: %s', (_, volume, isCopied) => {
  const source = (readOnly: boolean): Source => ({
    mounts: [{ name: 'homes', mountPath: '/home', readOnly }],
    volumes: [{ name: 'homes', ...volume }],
  });
  expect(mountAt(agentOf(source(true)), '/home') !== undefined).toBe(isCopied);
  expect(lossesOf(source(true))).toEqual(isCopied ? [] : [{ kind: 'above', below: '/home/vault' }]);
  expect(mountAt(agentOf(source(false)), '/home')).toBeDefined();
});

test("keeps the agent's own mount of a path that is spelt in another way", () => {
  const agent = agentOf({
    mounts: [{ name: 'home', mountPath: '/home/vault/' }],
    volumes: [{ name: 'home', emptyDir: {} }],
  });
  const homes = objectsOf(agent['volumeMounts']).filter((mount) => textOf(mount, 'mountPath')?.startsWith('/home/vault'));
  expect(homes).toEqual([{ name: 'vault-agent-run', mountPath: '/home/vault' }]);
});

test('reports a volume instead of a container, with the containers that mount it', () => {
  const annotations = { 'agent-copy-volume-mounts': 'templates' };
  const source: Source = { mounts: [{ name: 'templates', mountPath: '/templates' }], annotations };
  expect(inject(source).outcome.warnings).toMatchObject([
    { code: 'copy-source-volume', volume: 'templates', containers: ['web'] },
  ]);
  expect(inject({ ...source, mounts: [] }).outcome.warnings).toMatchObject([{ code: 'container-unknown' }]);
  expect(mountAt(agentOf(source), '/templates')).toBeUndefined();
});

test('copies the mounts of an init container', () => {
  const { pod } = admit(
    podWith({
      annotations: { 'agent-copy-volume-mounts': 'prepare' },
      spec: { initContainers: [{ name: 'prepare', volumeMounts: [{ name: 'work', mountPath: '/work' }] }] },
    }),
    { command: 'webhook' },
  );
  expect(mountAt(containerOf(pod, 'vault-agent'), '/work')).toEqual({ name: 'work', mountPath: '/work' });
  expect(objectAt(pod, 'spec')).toBeDefined();
});
