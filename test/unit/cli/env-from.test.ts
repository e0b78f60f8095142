// Variables from secrets beside envFrom, in manifests that have the ConfigMap or Secret too.
import { explain } from '../../../src/cli/explain.ts';
import { ADDRESS, runCommand } from './run-command.ts';

const pod = (namespace: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web',
      namespace,
      annotations: {
        'vault.hashicorp.com/agent-inject': 'true',
        'vault.hashicorp.com/role': 'web',
        'vaultauth.dev/env-DB_PASSWORD': 'kv/data/web#password',
        'vaultauth.dev/env-TOKEN': 'kv/data/web#token',
      },
    },
    spec: {
      containers: [
        { name: 'web', envFrom: [{ prefix: 'DB_', configMapRef: { name: 'db' } }, { secretRef: { name: 'token' } }] },
        { name: 'other' },
      ],
    },
  });

const OBJECTS = [
  { kind: 'ConfigMap', metadata: { name: 'db', namespace: 'shop' }, data: { PASSWORD: 'x', HOST: 'y' } },
  { kind: 'Secret', metadata: { name: 'token', namespace: 'shop' }, stringData: { TOKEN: 'x' } },
].map((object) => JSON.stringify(object));

const warnings = async (namespace: string): Promise<readonly string[]> => {
  const stdin = [...OBJECTS, pod(namespace)].join('\n---\n');
  const { out } = await runCommand(explain, [...ADDRESS, '-o', 'json'], { stdin });
  const { pods } = JSON.parse(out) as { pods: readonly { warnings: readonly { code: string; sentence: string }[] }[] };
  return pods
    .flatMap((each) => each.warnings)
    .flatMap(({ code, sentence }) => (code === 'env-from-overridden' ? [sentence] : []));
};

test('explain warns about keys of envFrom that variables override', async () => {
  expect(await warnings('shop')).toEqual([
    'container "web" gets DB_PASSWORD from a secret, which overrides the key of ConfigMap db in envFrom',
    'container "web" gets TOKEN from a secret, which overrides the key of Secret token in envFrom',
  ]);
});

test('objects of another namespace are none of the pod', async () => {
  expect(await warnings('other')).toEqual([]);
});
