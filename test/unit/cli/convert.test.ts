// inject -convert bank-vaults: what becomes of pods, ConfigMaps and Secrets, and what is reported.
import { parse, parseAllDocuments } from 'yaml';
import { explain } from '../../../src/cli/explain.ts';
import { inject } from '../../../src/cli/inject.ts';
import { objectAt, objectsOf, textMap, type JsonObject } from '../../../src/json/json.ts';
import { textIn } from '../../pods/golden.ts';
import { runCommand, type CommandResult } from './run-command.ts';

const CONVERT = ['-convert', 'bank-vaults'];
const convert = (stdin: string, more: readonly string[] = []): Promise<CommandResult> =>
  runCommand(inject, [...CONVERT, ...more], { stdin });

const PREFIX = 'vault.security.banzaicloud.io/';

interface PodText {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly env?: readonly JsonObject[];
  readonly containers?: readonly JsonObject[];
}

const podText = ({ annotations = {}, env = [], containers }: PodText): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', annotations },
    spec: { containers: containers ?? [{ name: 'web', image: 'web', ...(env.length > 0 ? { env } : {}) }] },
  });

const PASSWORD = { name: 'PASSWORD', value: 'vault:secret/data/db#password' };

const annotationsIn = (out: string): Record<string, string> =>
  Object.fromEntries(textMap(objectAt(objectAt(parse(out) as JsonObject, 'metadata'), 'annotations')));

test('the converted pod is the golden pod, and has nothing more to convert', async () => {
  const { code, out, errors } = await convert(textIn('converted-from-bank-vaults', 'bank-vaults.yaml'));
  expect(out).toBe(textIn('converted-from-bank-vaults', 'pod.yaml'));
  expect(code).toBe(0);
  expect(errors).toEqual([
    expect.stringContaining(`note [bank-vaults]: ${PREFIX}vault-env-daemon is left out: the agent renews leases beside the app`),
    '1 object, 1 pod: 1 converted',
  ]);
  const again = await convert(out);
  expect(again).toEqual({ code: 0, out, errors: ['1 object, 1 pod: 0 converted'] });
});

test('annotations of either webhook become ours, and the role is the service account without one', async () => {
  const common = {
    'vault-addr': 'https://vault.example:8200',
    'vault-skip-verify': 'true',
    'vault-tls-secret': 'ca',
    'vault-namespace': 'team',
    'vault-client-timeout': '10s',
  };
  const later = { 'vault-log-level': 'debug', 'secret-init-json-log': 'true', 'bao-path': 'auth/k8s/', provider: 'bao' };
  const first = { 'log-level': 'debug', 'enable-json-log': 'true', 'vault-path': 'k8s' };
  const results = await Promise.all(
    [
      [PREFIX, { ...common, ...first }],
      ['secrets-webhook.security.bank-vaults.io/', { ...common, ...later }],
    ].map(([prefix, given]) =>
      convert(
        podText({
          annotations: Object.fromEntries(
            Object.entries(given as object).map(([name, value]) => [`${prefix as string}${name}`, String(value)]),
          ),
          env: [PASSWORD],
        }),
      ),
    ),
  );
  for (const { out, code } of results) {
    expect(code).toBe(0);
    expect(annotationsIn(out)).toEqual({
      'vault.hashicorp.com/agent-inject': 'true',
      'vault.hashicorp.com/role': 'default',
      'vault.hashicorp.com/service': 'https://vault.example:8200',
      'vault.hashicorp.com/tls-skip-verify': 'true',
      'vault.hashicorp.com/tls-secret': 'ca',
      'vault.hashicorp.com/ca-cert': '/vault/tls/ca.crt',
      'vault.hashicorp.com/namespace': 'team',
      'vault.hashicorp.com/client-timeout': '10s',
      'vault.hashicorp.com/log-level': 'debug',
      'vault.hashicorp.com/log-format': 'json',
      'vault.hashicorp.com/auth-path': 'auth/k8s',
      'vaultauth.dev/env-PASSWORD': 'secret/data/db#password',
    });
  }
});

test('missing secrets that bank-vaults ignores become optional variables', async () => {
  const { out } = await convert(podText({ annotations: { [`${PREFIX}vault-ignore-missing-secrets`]: 'true' }, env: [PASSWORD] }));
  expect(annotationsIn(out)['vaultauth.dev/env-PASSWORD']).toBe('secret/data/db#password?');
});

test('values of ConfigMaps and Secrets become variables of the containers that read them', async () => {
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { kind: 'ConfigMap', metadata: { name: 'c', namespace: 'shop' }, data: { KEY: 'vault:secret/data/api#key', MODE: 'fast' } },
      {
        kind: 'Secret',
        metadata: { name: 's', namespace: 'shop' },
        data: { token: Buffer.from('vault:secret/data/api#token').toString('base64') },
      },
    ],
  };
  const containers = [
    {
      name: 'web',
      envFrom: [{ prefix: 'API_', configMapRef: { name: 'c' } }, { secretRef: { name: 'elsewhere' } }],
      env: [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 's', key: 'token' } } }],
    },
  ];
  const { code, out, errors } = await convert(`${JSON.stringify(list)}\n---\n${podText({ containers })}`);
  expect(code).toBe(0);
  const pod = parseAllDocuments(out).at(-1)?.toJS() as JsonObject;
  expect(objectAt(objectAt(pod, 'metadata'), 'annotations')).toMatchObject({
    'vaultauth.dev/env-API_KEY': 'secret/data/api#key',
    'vaultauth.dev/env-TOKEN': 'secret/data/api#token',
  });
  const [web] = objectsOf(objectAt(pod, 'spec')?.['containers']);
  expect(web).toEqual({ name: 'web', envFrom: containers[0]?.envFrom });
  expect(errors.join('\n')).toContain('Secret elsewhere is not among the manifests, and its values are not seen');
  expect(errors.join('\n')).toContain(
    'ConfigMap shop/c: warning [bank-vaults]: KEY: variables of pods override these values now',
  );
  expect(errors.join('\n')).toContain('Secret shop/s: warning [bank-vaults]: token: variables of pods override');
});

describe('without an equivalent', () => {
  const credentials = JSON.stringify({ auths: { x: { username: 'vault:secret/data/docker#user' } } });
  test.each([
    ['a token of the login', podText({ env: [{ name: 'VAULT_TOKEN', value: 'vault:login' }] }), 'it is the token of the login'],
    [
      'all keys of a path',
      podText({ annotations: { [`${PREFIX}vault-env-from-path`]: 'secret/data/db' } }),
      'name each key as a variable',
    ],
    ['another auth method', podText({ annotations: { [`${PREFIX}vault-auth-method`]: 'gcp-gce' } }), 'choose the auth method'],
    ['an unknown annotation', podText({ annotations: { [`${PREFIX}vault-adr`]: 'x' } }), 'bank-vaults has no such annotation'],
    [
      'one name for two secrets',
      podText({
        containers: [
          { name: 'a', env: [PASSWORD] },
          { name: 'b', env: [{ name: 'PASSWORD', value: 'vault:secret/data/other#password' }] },
        ],
      }),
      'containers "a" and "b" set PASSWORD to different secrets',
    ],
    [
      'an annotation that is there',
      podText({ annotations: { 'vault.hashicorp.com/role': 'x', [`${PREFIX}vault-role`]: 'y' } }),
      'vault.hashicorp.com/role is set already, and would become "y"',
    ],
    [
      'credentials of a registry',
      JSON.stringify({ kind: 'Secret', metadata: { name: 's' }, stringData: { '.dockerconfigjson': credentials } }),
      '.dockerconfigjson: only bank-vaults writes secrets into objects',
    ],
    [
      'a custom resource',
      JSON.stringify({ kind: 'MySQLCluster', metadata: { name: 'm' }, spec: { caBundle: 'vault:pki/cert/1#ca' } }),
      'spec.caBundle: only bank-vaults writes secrets into objects',
    ],
  ])('%s is an error, and nothing is printed', async (_, text, expected) => {
    const { code, out, errors } = await convert(text);
    expect(code).toBe(1);
    expect(out).toBe('');
    const line = errors.find((each) => each.includes(expected));
    expect(line).toMatch(/^standard input:\d+: \S+ \S+: error \[bank-vaults\]: .+: .+/);
    expect(errors.at(-1)).toContain('because of the errors nothing is printed');
  });

  test('the difference is printed also with errors', async () => {
    const token = { name: 'VAULT_TOKEN', value: 'vault:login' };
    const { code, out } = await convert(podText({ env: [PASSWORD, token] }), ['-diff']);
    expect(code).toBe(1);
    const added = out.split('\n').find((line) => line.startsWith('+{')) ?? '';
    expect(added).toContain('"vaultauth.dev/env-PASSWORD"');
    // What is not converted stays where it is.
    expect(added).toContain(JSON.stringify({ env: [token] }).slice(1, -1));
  });
});

const url = (name: string): JsonObject => ({ name, value: 'vault:secret/data/db#x${.user}' });

test('templates of different containers are reported, as every container that is named gets them', async () => {
  const containers = [
    { name: 'a', env: [url('A')] },
    { name: 'b', env: [url('B')] },
    { name: 'c', image: 'c' },
  ];
  const { code, out, errors } = await convert(podText({ containers }));
  expect(code).toBe(0);
  expect(annotationsIn(out)['vaultauth.dev/env-containers']).toBe('a,b');
  expect(errors[0]).toContain('A is a template, and becomes a variable of b too');
});

test('a pod that bank-vaults skips, and a pod without its values, stay as they are', async () => {
  const skipped = podText({ annotations: { [`${PREFIX}mutate`]: 'skip' }, env: [PASSWORD] });
  const { out, errors } = await convert(skipped);
  expect(out).toBe(skipped);
  expect(errors[0]).toContain('mutate is "skip", so bank-vaults leaves the pod alone');
  const plain = podText({ env: [{ name: 'ADDRESS', value: 'vault:8200' }] });
  expect((await convert(plain)).out).toBe(plain);
});

test('another product is refused', async () => {
  const { code, errors } = await runCommand(inject, ['-convert', 'vso'], { stdin: '' });
  expect(code).toBe(2);
  expect(errors.join()).toContain('-convert: "vso" is not a product that this command knows, expected bank-vaults');
});

test('explain recognises values, annotations and values of ConfigMaps, also of a pod that requests no injection', async () => {
  const configMap = JSON.stringify({
    kind: 'ConfigMap',
    metadata: { name: 'c', namespace: 'shop' },
    data: { KEY: 'vault:a/b#key' },
  });
  const pod = podText({
    annotations: { [`${PREFIX}vault-env-from-path`]: 'secret/data/db' },
    containers: [{ name: 'web', env: [PASSWORD], envFrom: [{ configMapRef: { name: 'c' } }] }],
  });
  const { code, out } = await runCommand(explain, ['-o', 'json'], { stdin: `${configMap}\n---\n${pod}` });
  expect(code).toBe(0);
  const { pods } = JSON.parse(out) as {
    pods: readonly { warnings: readonly { code: string; sentence: string; remedy: string }[] }[];
  };
  expect(pods[0]?.warnings.map(({ sentence }) => sentence)).toEqual([
    'the pod has annotations or values (KEY, PASSWORD) of bank-vaults, which only its webhook reads',
    `${PREFIX}vault-env-from-path: "secret/data/db" has no equivalent`,
  ]);
});
