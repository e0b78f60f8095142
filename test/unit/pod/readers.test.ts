// Who can read the agent's files: user, group, fsGroup, root and its capabilities against the mode of each file.
import { objectAt, objectsOf, type JsonObject } from '../../../src/json/json.ts';
import { canRead } from '../../../src/pod/readers.ts';
import { admit, containerOf, podWith, typed } from '../../support/pods.ts';

const OWNER = { user: 1000, group: 1000 };

test.each<[string, JsonObject, JsonObject, number, boolean | undefined]>([
  ['everybody reads 0644', {}, {}, 0o644, true],
  ['the same user reads 0400', {}, { runAsUser: 1000 }, 0o400, true],
  ["the pod's user counts", { runAsUser: 1000 }, {}, 0o400, true],
  ['another user does not read 0400', {}, { runAsUser: 1001 }, 0o400, false],
  ['an unknown user may read 0400', {}, {}, 0o400, undefined],
  ['a group without its user is not known', {}, { runAsUser: 1001 }, 0o440, undefined],
  ['another group does not read 0440', {}, { runAsUser: 1001, runAsGroup: 1001 }, 0o440, false],
  ['the same group reads 0440', {}, { runAsUser: 1001, runAsGroup: 1000 }, 0o440, true],
  ['a supplemental group reads 0440', { supplementalGroups: [1000] }, { runAsUser: 1001 }, 0o440, true],
  ['all containers have the fsGroup', { fsGroup: 3000 }, {}, 0o440, true],
  ['the fsGroup does not help with 0400', { fsGroup: 3000 }, { runAsUser: 1001 }, 0o400, false],
  ['root reads everything', {}, { runAsUser: 0 }, 0o400, true],
  ['root without capabilities is a user like others', {}, { runAsUser: 0, capabilities: { drop: ['ALL'] } }, 0o400, false],
  [
    'root with the capability for files reads everything',
    {},
    { runAsUser: 0, capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE'] } },
    0o400,
    true,
  ],
  ['a privileged root reads everything', {}, { runAsUser: 0, privileged: true, capabilities: { drop: ['ALL'] } }, 0o400, true],
])('%s', (_, pod, container, mode, expected) => {
  const containers = [{ name: 'web', securityContext: container }];
  const { spec, metadata } = typed(podWith({ spec: { securityContext: pod, containers } }));
  expect(canRead({ metadata, spec }, spec.containers?.[0] ?? {}, mode, OWNER)).toBe(expected);
});

const user = (id: number, more: JsonObject = {}): JsonObject => ({ securityContext: { runAsUser: id }, ...more });
const key = { 'agent-inject-secret-key': 'kv/key', 'agent-inject-perms-key': '0400' };
const inject = (spec: JsonObject, annotations: Readonly<Record<string, string>> = {}) =>
  admit(podWith({ annotations: { ...key, ...annotations }, spec }), { command: 'webhook', flags: ['-allow=*'] });
const agentUserOf = (pod: JsonObject): unknown => objectAt(containerOf(pod, 'vault-agent'), 'securityContext')?.['runAsUser'];

test.each<[string, JsonObject, Readonly<Record<string, string>>, number, readonly string[]]>([
  [
    'the container that gets the secrets',
    {
      containers: [
        { name: 'a', ...user(1) },
        { name: 'b', ...user(2) },
      ],
    },
    { 'agent-inject-containers': 'b' },
    2,
    [],
  ],
  [
    'the container that is not skipped',
    {
      containers: [
        { name: 'a', ...user(1) },
        { name: 'b', ...user(2) },
      ],
    },
    { 'vaultauth.dev/skip-containers': 'a' },
    2,
    [],
  ],
  [
    'the container that reads the restricted file',
    {
      containers: [
        { name: 'a', ...user(1) },
        { name: 'b', ...user(2) },
      ],
    },
    {
      'agent-inject-secret-open': 'kv/open',
      'vaultauth.dev/secret-containers-key': 'b',
      'vault.hashicorp.com/secret-volume-path-key': '/key',
    },
    2,
    [],
  ],
  [
    'the first container with a known user',
    { containers: [{ name: 'a' }, { name: 'b', ...user(2) }] },
    {},
    2,
    ['file-user-unknown'],
  ],
  [
    'the app, not the root beside it',
    {
      containers: [
        { name: 'a', ...user(0) },
        { name: 'b', ...user(2) },
      ],
    },
    {},
    2,
    [],
  ],
  [
    'the app, not the proxy of a mesh',
    {
      containers: [
        { name: 'istio-proxy', ...user(1337) },
        { name: 'app', ...user(1000) },
      ],
    },
    {},
    1000,
    [],
  ],
  [
    'an init container, if no app container gets the secrets',
    { containers: [{ name: 'a', ...user(1) }], initContainers: [{ name: 'b', ...user(2) }] },
    { 'vaultauth.dev/skip-containers': 'a' },
    2,
    [],
  ],
  [
    'the app, and an init container that cannot read the file',
    { containers: [{ name: 'a', ...user(1) }], initContainers: [{ name: 'b', ...user(2) }] },
    {},
    1,
    ['file-unreadable'],
  ],
])('the agent runs as the user of %s', (_, spec, annotations, expected, codes) => {
  const { pod, codes: found } = inject(spec, annotations);
  expect(agentUserOf(pod)).toBe(expected);
  expect(found).toEqual(codes);
});

test('an annotation overrides the user of the containers, and the remedy names it', () => {
  const { outcome } = inject({ containers: [{ name: 'a', ...user(1) }] }, { 'agent-run-as-user': '7' });
  expect(outcome.warnings).toMatchObject([
    { code: 'token-loosened' },
    { code: 'file-unreadable', containers: ['a'], userAnnotation: 'vault.hashicorp.com/agent-run-as-user' },
  ]);
});

test('counts the files of one mode instead of a warning for each', () => {
  const more = { 'agent-inject-secret-other': 'kv/other', 'agent-inject-perms-other': '0400' };
  const { outcome } = inject(
    {
      containers: [
        { name: 'a', ...user(1) },
        { name: 'b', ...user(2) },
      ],
    },
    more,
  );
  expect(outcome.warnings).toMatchObject([{ code: 'file-unreadable', path: '/vault/secrets/key', others: 1, containers: ['b'] }]);
});

const identity = (id: number): JsonObject => ({ securityContext: { runAsUser: id, runAsGroup: id } });

test('warns once about all files that the same users can read', () => {
  const many = Object.fromEntries(
    Array.from({ length: 1500 }, (_, index) => [
      [`agent-inject-secret-s${index}`, 'kv/s'],
      [`agent-inject-perms-s${index}`, (0o400 + (index % 8) * 0o10).toString(8).padStart(4, '0')],
    ]).flat() as [string, string][],
  );
  const containers = Array.from({ length: 1500 }, (_, index) => ({ name: `c${index}`, ...user(index % 3) }));
  const { outcome } = inject({ containers }, many);
  // One for each pair of user and group bits, and for each answer.
  expect(outcome.warnings.length).toBeLessThanOrEqual(4);
});

test('reports a token file of mode 0640 that a container cannot read', () => {
  const two = [
    { name: 'a', ...identity(1) },
    { name: 'b', ...identity(2) },
  ];
  const token = { 'agent-inject-token': 'true', 'agent-inject-perms-key': '0444' };
  expect(inject({ containers: two }, token).outcome.warnings).toMatchObject([
    { code: 'file-unreadable', path: '/vault/secrets/token', mode: '0640', containers: ['b'] },
  ]);
  expect(inject({ containers: two, securityContext: { fsGroup: 9 } }, token).codes).toEqual([]);
  expect(inject({ containers: [{ name: 'a' }] }, token).codes).toEqual([]);
});

const containers = (id: number): readonly JsonObject[] =>
  objectsOf(objectAt(podWith(), 'spec')?.['containers']).map((container) => ({ ...container, ...user(id) }));

test('checks the files against the user of an agent of profile compat', () => {
  const compat = { 'vaultauth.dev/profile': 'compat' };
  expect(inject({ containers: containers(1001) }, compat).codes).toEqual(['file-unreadable']);
  expect(inject({ containers: containers(100) }, compat).codes).toEqual([]);
  expect(inject({ containers: containers(1001) }, { ...compat, 'agent-run-as-same-user': 'true' }).codes).toEqual([]);
  // Without a security context the image of the agent decides.
  expect(inject({ containers: containers(1001) }, { ...compat, 'agent-set-security-context': 'false' }).codes).toEqual([]);
});
