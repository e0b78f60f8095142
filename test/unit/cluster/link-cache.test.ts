// The cache of VaultAuthRoles and the objects that they reference.
import { cachedObject, type CachedObject, type LinkedKind, linkCache } from '../../../src/cluster/link-cache.ts';
import type { JsonObject } from '../../../src/json/json.ts';

const cached = (kind: LinkedKind, name: string, rest: JsonObject = {}): CachedObject => {
  const made = cachedObject(kind, { metadata: { name, namespace: 'team' }, ...rest }, true);
  if (!made) throw new Error('not cached');
  return made;
};

const status = (time: string): JsonObject => ({
  status: { lastSyncTime: time, conditions: [{ type: 'Ready', status: 'True', message: '' }] },
});

test('gets roles by name and lists them sorted', () => {
  const cache = linkCache();
  for (const name of ['web', 'api', 'jobs']) cache.set(cached('VaultAuthRole', name));
  expect(cache.rolesIn('team').map(({ name }) => name)).toEqual(['api', 'jobs', 'web']);
  expect(cache.role('team', 'web')?.serviceAccounts).toEqual(['web']);
  cache.delete(cached('VaultAuthRole', 'jobs'));
  expect(cache.rolesIn('team').map(({ name }) => name)).toEqual(['api', 'web']);
  expect([cache.role('team', 'jobs'), cache.role('other', 'web'), cache.rolesIn('other')]).toEqual([undefined, undefined, []]);
});

test('takes a later status of a role', () => {
  const cache = linkCache();
  cache.set(cached('VaultAuthRole', 'web', status('2026-01-01T00:00:00Z')));
  expect(cache.role('team', 'web')?.state).toBe('ready');
  cache.set(cached('VaultAuthRole', 'web', {}));
  expect(cache.role('team', 'web')?.state).toBe('unprogrammed');
});

test('has a default backend if only one has isDefault', () => {
  const cache = linkCache();
  const spec = { spec: { isDefault: true } };
  expect([cache.inUse(), cache.defaultBackend()]).toEqual([false, undefined]);
  cache.set(cached('VaultAuthBackend', 'one', spec));
  expect([cache.inUse(), cache.defaultBackend()?.name]).toEqual([true, 'one']);
  cache.set(cached('VaultAuthBackend', 'two', spec));
  expect(cache.defaultBackend()).toBeUndefined();
  cache.delete(cached('VaultAuthBackend', 'one', spec));
  expect(cache.defaultBackend()?.name).toBe('two');
});

test('does not cache an object that is being deleted', () => {
  const metadata = { name: 'web', namespace: 'team', deletionTimestamp: '2026-01-01T00:00:00Z' };
  expect(cachedObject('VaultAuthRole', { metadata }, true)).toBeUndefined();
});

test('gives fields that an older CRD does not have their defaults', () => {
  const cache = linkCache();
  cache.set(cached('VaultAuthBackend', 'bare', { spec: { clusterName: 'c', path: 'p', autoRoles: { mode: 'Sometimes' } } }));
  cache.set(cached('VaultEndpoint', 'bare'));
  expect(cache.backend('bare')).toMatchObject({
    admissionMode: 'Warn',
    roleNaming: 'Qualified',
    audience: 'vault://c/p',
    tokenExpirationSeconds: 900,
    autoRoleRules: { tenancy: {}, autoRoles: { mode: 'Disabled', includeDefault: false } },
  });
  expect(cache.endpoint('bare')).toMatchObject({ address: '', vaultNamespace: '' });
});
