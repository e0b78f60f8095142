// The secrets list: it is read like single annotations, reports all problems at once, and reaches only its own fields.
import fc from 'fast-check';
import { stringify } from 'yaml';
import { families } from '../../../src/annotations/families.ts';
import { familyName } from '../../../src/annotations/names.ts';
import { secretPath } from '../../../src/annotations/path-kinds.ts';
import { INVALID } from '../../../src/annotations/value-kinds.ts';
import { LISTED_FIELDS } from '../../../src/annotations/secret-list.ts';
import type { CachedCluster } from '../../../src/cluster/admission-context.ts';
import { objectAt, textOf, type JsonObject } from '../../../src/json/json.ts';
import { admit, containerOf, mountsOf, podWith, type Result } from '../../support/pods.ts';

const LIST = 'vaultauth.dev/secrets';
const PROFILES = ['compat', 'native'] as const;
type Profile = (typeof PROFILES)[number];
type Fields = Readonly<Record<string, string | readonly string[]>>;

const spec: JsonObject = {
  containers: [
    {
      name: 'web',
      volumeMounts: [{ name: 'kube-api-access-x7k2p', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
    },
    { name: 'worker' },
  ],
  initContainers: [{ name: 'migrate' }],
};
const admitted = (annotations: Readonly<Record<string, string>>, profile: Profile = 'native', cluster?: CachedCluster): Result =>
  admit(podWith({ annotations: { 'vaultauth.dev/profile': profile, ...annotations }, spec }), {
    command: 'webhook',
    ...(cluster ? { cluster } : {}),
  });
const listed = (list: string): Result => admitted({ [LIST]: list });

const inDirectory = (name: string, more: Fields): Fields => ({ name, path: 'kv/a', volumePath: '/own', ...more });

const metadata = (annotations: Readonly<Record<string, string>>): ReturnType<CachedCluster['namespace']> => ({
  labels: new Map(),
  annotations: new Map(Object.entries(annotations)),
});

const singly = (secrets: readonly Fields[]): Record<string, string> =>
  Object.fromEntries(
    secrets.flatMap(({ name, ...fields }) =>
      Object.entries(fields).map(([field, value]) => [
        familyName(LISTED_FIELDS[field as keyof typeof LISTED_FIELDS], name as string),
        typeof value === 'string' ? value : value.join(','),
      ]),
    ),
  );

/** The pod without its author's annotations, which differ between both forms. */
const made = ({ pod, outcome }: Result): unknown => {
  const { annotations = {}, ...metadata } = objectAt(pod, 'metadata') as JsonObject & { annotations?: JsonObject };
  const config = annotations['vaultauth.dev/agent-config'] ?? '';
  return { ...pod, metadata: { ...metadata, config }, outcome: [outcome.decision, outcome.problems.map(({ code }) => code)] };
};

const text = fc.oneof(
  fc.constantFrom(
    'kv/data/web',
    '0440',
    'yes',
    'null',
    '- x',
    '{{ with secret "a" }}\n{{ end }}',
    'it\'s #1: "x" `id` $(X)',
    ' x',
    '~',
    '"',
  ),
  fc.string({ minLength: 1, maxLength: 30 }).filter((value) => value.trim() !== ''),
);
/** A path is one line; what else it has is as free as a template. */
const line = text.map((value) => value.replaceAll(/\s+/g, ' ')).filter((value) => secretPath.read(value.trim()) !== INVALID);
const secret = fc
  .record(
    {
      name: fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9_.-]{0,8}[A-Za-z0-9])?$/),
      template: text,
      format: fc.constantFrom('json', 'kv2', 'yaml'),
      file: fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8})?$/),
      perms: fc.constantFrom('0400', '0440'),
      command: text,
      volumePath: fc.constantFrom('/etc/app', '/one', '/one/'),
    },
    { requiredKeys: ['name'] },
  )
  .chain((fields) => line.map((path): Fields => ({ ...fields, path })));
const secrets = fc.uniqueArray(secret, { selector: ({ name }) => name, minLength: 1, maxLength: 5 });

describe.each(PROFILES)('profile %s', (profile) => {
  test('makes the same pod of a YAML list, a JSON list and single annotations', () => {
    let injected = 0;
    fc.assert(
      fc.property(secrets, fc.constantFrom(stringify, JSON.stringify), (list, write) => {
        const one = admitted({ [LIST]: write(list) }, profile);
        if (one.outcome.decision === 'injected') injected += 1;
        expect(made(one)).toEqual(made(admitted(singly(list), profile)));
      }),
      { numRuns: 300 },
    );
    expect(injected).toBeGreaterThan(150);
  });

  test('gives a secret only to the containers that it names', () => {
    const list: Fields[] = [
      { name: 'db', path: 'kv/db', volumePath: '/db', containers: ['worker', 'migrate'] },
      { name: 'all', path: 'kv/all' },
    ];
    const result = admitted({ [LIST]: stringify(list) }, profile);
    expect(made(result)).toEqual(made(admitted(singly(list), profile)));
    const paths = (name: string): string[] => mountsOf(containerOf(result.pod, name)).map((mount) => mount.split(':')[1] ?? '');
    expect(paths('worker')).toEqual(expect.arrayContaining(['/vault/secrets', '/db']));
    expect(paths('web')).not.toContain('/db');
    if (profile === 'native') expect(paths('migrate')).toEqual(['/vault/secrets', '/db']);
    expect(paths('vault-agent')).toEqual(expect.arrayContaining(['/vault/secrets', '/db']));
  });
});

describe('containers', () => {
  test('need a directory of their own', () => {
    expect(listed('[{name: a, path: kv/a, containers: [web]}]').outcome.problems).toEqual([
      { code: 'secret-containers', annotation: `${LIST}[0].containers`, directory: '/vault/secrets/', other: undefined },
    ]);
    for (const other of [{}, { containers: ['worker'] }, { containers: ['web', 'worker'] }]) {
      const list = [inDirectory('a', { containers: ['web'] }), inDirectory('b', other)];
      expect(listed(stringify(list)).codes).toEqual(['secret-containers']);
      expect(listed(stringify(list.toReversed())).codes).toEqual(['secret-containers']);
    }
    const alike = [inDirectory('a', { containers: ['web', 'worker'] }), inDirectory('b', { containers: ['worker', 'web'] })];
    expect(listed(stringify(alike)).codes).toEqual([]);
  });

  test('override the common selection but not skip-containers, and warn if unknown', () => {
    const list = stringify([inDirectory('a', { containers: ['web', 'worker', 'wbe'] })]);
    const { pod, outcome } = admitted({
      [LIST]: list,
      'agent-inject-containers': 'worker',
      'vaultauth.dev/skip-containers': 'web',
    });
    expect(mountsOf(containerOf(pod, 'worker')).map((mount) => mount.split(':')[1])).toEqual(['/vault/secrets', '/own']);
    expect(mountsOf(containerOf(pod, 'web'))).toHaveLength(1);
    expect(outcome.warnings).toEqual([{ code: 'container-unknown', annotation: `${LIST}[0].containers`, container: 'wbe' }]);
  });
});

test('reports all problems of a list at once, each with its location', () => {
  const { outcome } = listed(`
- name: db
  paht: kv/data/db
  perms: {mode: 0440}
  format: xml
- path: kv/data/web
- name: ../up
  path: kv/a
- {name: a, path: "", containers: web}
- {name: a, path: kv/a, template: x, templateFile: /t}
- {name: b, path: kv/b, containers: [Web]}
- {name: c, path: kv/c, __proto__: {path: x}}
- text
`);
  expect(outcome.problems.map((problem) => Object.values(problem).slice(0, 3))).toEqual([
    ['secret-field-unknown', `${LIST}[0]`, 'paht'],
    ['secret-field', `${LIST}[0].perms`, 'text'],
    ['secret-field', `${LIST}[0].format`, 'one of map, json, kv2, dotenv, shell, docker, properties, yaml'],
    ['secret-field', `${LIST}[0]`, expect.stringContaining('nothing to render')],
    ['secret-field', `${LIST}[1].name`, expect.stringContaining('63')],
    ['secret-field', `${LIST}[2].name`, expect.stringContaining('63')],
    ['secret-field', `${LIST}[3].path`, 'text'],
    ['secret-field', `${LIST}[3].containers`, expect.stringContaining('list')],
    ['secret-field', `${LIST}[4]`, 'template or templateFile, not both'],
    ['secret-field', `${LIST}[5].containers`, expect.stringContaining('list')],
    ['secret-field-unknown', `${LIST}[6]`, '__proto__'],
    ['secret-field', `${LIST}[7]`, expect.stringContaining('map')],
    ['secret-duplicate', `${LIST}[4]`, `${LIST}[3]`],
  ]);
  expect(outcome.problems[0]).toMatchObject({ nearest: 'path' });
});

test.each(['name: db', '42', '', '- {name: db', '[]', JSON.stringify(Array.from({ length: 201 }, () => ({ name: 'a' })))])(
  'what is no list, or too long a one, is refused or empty: %.20s',
  (list) => {
    const { codes } = listed(list);
    expect(codes).toEqual(list === '[]' ? [] : list === '' ? ['annotation-empty'] : ['secrets-unreadable']);
  },
);

describe('names', () => {
  const LISTED = `[{name: db, path: kv/a}]`;

  test.each(['vault.hashicorp.com/', 'openbao.org/', 'vaultauth.dev/'])(
    'are declared once on one object, under %s too',
    (prefix) => {
      for (const key of ['secret', 'template', 'templateFile', 'file', 'perms', 'command', 'volumePath'] as const) {
        const other = `${prefix}${families[key].name}-db`;
        expect(admitted({ [LIST]: LISTED, [other]: families[key].example }).outcome.problems).toContainEqual({
          code: 'secret-duplicate',
          annotation: `${LIST}[0]`,
          other,
          name: 'db',
        });
      }
    },
  );

  test('can have options that a list does not have', () => {
    const { codes, pod } = admitted({ [LIST]: LISTED, 'agent-template-left-delim-db': '[[', 'error-on-missing-key-db': 'true' });
    expect(codes).toEqual([]);
    expect(JSON.stringify(pod)).toContain('left_delimiter');
  });

  test('are not read as templates of other secrets', () => {
    expect(listed('[{name: file-x, path: kv/a}, {name: x, templateFile: /vault/secrets/t}]').codes).toEqual([]);
  });
});

test('later layers override a list by secret and field', () => {
  const cluster: CachedCluster = {
    namespace: () => metadata({ [LIST]: '[{name: a, path: kv/namespace, perms: "0444"}, {name: b, path: kv/b}]' }),
    serviceAccount: () => metadata({ [LIST]: '[{name: b, path: kv/account}]' }),
  };
  const { pod, codes } = admitted({ 'agent-inject-secret-a': 'kv/pod' }, 'native', cluster);
  expect(codes).toEqual([]);
  const config = textOf(objectAt(objectAt(pod, 'metadata'), 'annotations'), 'vaultauth.dev/agent-config');
  expect(JSON.parse(config ?? '')).toMatchObject({
    template: [
      { destination: '/vault/secrets/a', perms: '0444', contents: expect.stringContaining('"kv/pod"') },
      { destination: '/vault/secrets/b', contents: expect.stringContaining('"kv/account"') },
    ],
  });
});

test('has no meaning under other prefixes', () => {
  const { outcome } = admitted({ 'openbao.org/secrets': '[{name: db, path: kv/a}]' });
  expect(outcome.warnings).toEqual([{ code: 'annotation-unknown', annotation: 'openbao.org/secrets', nearest: LIST }]);
});

test('rejects files outside the secrets directory', () => {
  expect(listed('[{name: a, path: kv/a, file: ../../etc/passwd}]').outcome.problems).toEqual([
    { code: 'secret-escapes', annotation: `${LIST}[0].file`, value: '../../etc/passwd' },
  ]);
});
