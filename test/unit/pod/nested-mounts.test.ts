// Mounts of an app inside of read-only secrets, whose directory cannot be made.
import { objectAt, objectsOf, type JsonObject } from '../../../src/json/json.ts';
import { admit, podWith, TOKEN_MOUNT } from '../../support/pods.ts';

const found = (list: readonly object[]): string[] =>
  list.flatMap((one) => ('code' in one && one.code === 'mount-nested' && 'path' in one ? [String(one.path)] : []));

const foundIn = (
  annotations: Readonly<Record<string, string>>,
  mount: JsonObject,
  volume: JsonObject,
  profile = 'native',
): readonly string[] => {
  const { outcome } = admit(
    podWith({
      annotations: { 'vaultauth.dev/profile': profile, 'agent-inject-secret-db': 'kv/data/db', ...annotations },
      spec: {
        containers: [{ name: 'web', volumeMounts: [TOKEN_MOUNT, { name: 'own', ...mount }] }],
        volumes: [
          { name: TOKEN_MOUNT.name, projected: { sources: [] } },
          { name: 'own', ...volume },
        ],
      },
    }),
    { command: 'webhook', flags: ['-allow=*'] },
  );
  return [...found(outcome.problems), ...found(outcome.warnings).map((path) => `warning ${path}`)];
};

const CONFIG_MAP = { configMap: { name: 'cfg' } };
const INSIDE = { 'secret-volume-path-db': '/app/config/secrets' };

test.each([
  [{ 'secret-volume-path': '/srv' }, '/srv/data'],
  [{ 'secret-volume-path-db': '/srv/' }, '/srv/a/b'],
])('denies read-only secrets as %j with a volume at %s', (annotations, mountPath) => {
  const readOnly = { ...annotations, 'vaultauth.dev/secrets-read-only': 'true' };
  expect(foundIn(readOnly, { mountPath }, { emptyDir: {} })).toEqual([mountPath]);
});

test('mounts only the secrets writable in which a container mounts something', () => {
  const { pod, outcome } = admit(
    podWith({
      annotations: {
        'vaultauth.dev/profile': 'native',
        'agent-inject-secret-db': 'kv/data/db',
        'agent-inject-secret-key': 'kv/data/key',
        'secret-volume-path-key': '/srv/key',
      },
      spec: {
        containers: [
          {
            name: 'web',
            volumeMounts: [TOKEN_MOUNT, { name: 'own', mountPath: '/vault/secrets/static' }],
          },
          { name: 'helper', volumeMounts: [TOKEN_MOUNT] },
        ],
        volumes: [
          { name: TOKEN_MOUNT.name, projected: { sources: [] } },
          { name: 'own', configMap: { name: 'static' } },
        ],
      },
    }),
    { command: 'webhook', flags: ['-allow=*'] },
  );
  expect(outcome.warnings).toEqual([
    { code: 'secrets-writable', container: 'web', path: '/vault/secrets/static', outer: '/vault/secrets' },
  ]);
  for (const container of objectsOf(objectAt(pod, 'spec')?.['containers'])) {
    const mounts = objectsOf(container['volumeMounts']);
    expect(mounts).toContainEqual({ name: 'vault-secrets', mountPath: '/vault/secrets' });
    expect(mounts).toContainEqual({ name: 'vault-secrets-custom-0', mountPath: '/srv/key', readOnly: true });
  }
});

test.each([
  [INSIDE, { mountPath: '/app/config' }, CONFIG_MAP],
  [{ 'secret-volume-path-db': '/vault/tls/db', 'tls-secret': 'tls' }, { mountPath: '/x' }, { emptyDir: {} }],
  [INSIDE, { mountPath: '/app/config' }, { emptyDir: {} }],
  [INSIDE, { mountPath: '/app/config', readOnly: true }, { emptyDir: {} }],
  [INSIDE, { mountPath: '/app/config', readOnly: true }, { persistentVolumeClaim: { claimName: 'c' } }],
  [INSIDE, { mountPath: '/app/config' }, { configMap: { name: 'c', items: [{ key: 'a', path: 'secrets/a' }] } }],
  [INSIDE, { mountPath: '/app/configuration' }, CONFIG_MAP],
  [{ 'secret-volume-path': '/srv', 'vaultauth.dev/secrets-read-only': 'false' }, { mountPath: '/srv/data' }, { emptyDir: {} }],
  [{ 'secret-volume-path': '/srv', 'agent-copy-volume-mounts': 'web' }, { mountPath: '/srv/data' }, { emptyDir: {} }],
  [{ 'secret-volume-path-db': '/vault/secrets/db/more' }, { mountPath: '/x' }, CONFIG_MAP],
  [{ 'secret-volume-path': '/run' }, { mountPath: '/x' }, CONFIG_MAP],
])('injects %j with a volume at %j', (annotations, mount, volume) => {
  expect(foundIn(annotations, mount, volume)).toEqual([]);
});

test('warns in profile compat, where secrets are writable', () => {
  const [path, mount] = [{ 'secret-volume-path': '/srv' }, { mountPath: '/srv/data' }];
  expect(foundIn(path, mount, { emptyDir: {} }, 'compat')).toEqual([]);
  const readOnly = { ...path, 'vaultauth.dev/secrets-read-only': 'true' };
  expect(foundIn(readOnly, mount, { emptyDir: {} }, 'compat')).toEqual(['warning /srv/data']);
});
