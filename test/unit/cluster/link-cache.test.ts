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

const role = (name: string, spec: JsonObject): CachedObject => cached('VaultAuthRole', name, { spec });
const names = (roles: readonly { readonly name: string }[]): readonly string[] => roles.map(({ name }) => name);

test('gets a role by its name, and has the default of its service accounts', () => {
  const cache = linkCache();
  cache.set(cached('VaultAuthRole', 'web'));
  expect(cache.role('team', 'web')?.serviceAccounts).toEqual(['web']);
  expect(cache.role('other', 'web')).toBeUndefined();
});

test('lists the roles that bind a service account, sorted by name', () => {
  const cache = linkCache();
  for (const name of ['web', 'api', 'jobs']) cache.set(role(name, { serviceAccounts: ['app', name] }));
  expect(names(cache.rolesBinding('team', 'app'))).toEqual(['api', 'jobs', 'web']);
  expect(names(cache.rolesBinding('team', 'api'))).toEqual(['api']);
  cache.set(role('api', { serviceAccounts: ['api'] }));
  cache.delete(role('jobs', {}));
  expect(names(cache.rolesBinding('team', 'app'))).toEqual(['web']);
  expect([cache.role('team', 'jobs'), cache.rolesBinding('team', 'jobs'), cache.rolesBinding('other', 'app')]).toEqual([
    undefined,
    [],
    [],
  ]);
});

test('lists the roles with a name in Vault', () => {
  const cache = linkCache();
  cache.set(role('web', { vaultRoleName: 'legacy' }));
  expect(names(cache.rolesNamed('team', 'legacy'))).toEqual(['web']);
  cache.set(role('web', { vaultRoleName: 'modern' }));
  expect([names(cache.rolesNamed('team', 'legacy')), names(cache.rolesNamed('team', 'modern'))]).toEqual([[], ['web']]);
});

test('takes a later status of a role', () => {
  const cache = linkCache();
  cache.set(cached('VaultAuthRole', 'web', status('2026-01-01T00:00:00Z')));
  expect(cache.role('team', 'web')?.state).toBe('ready');
  cache.set(cached('VaultAuthRole', 'web', {}));
  expect(cache.role('team', 'web')?.state).toBe('new');
});

test('knows that a change of the spec is not reconciled yet', () => {
  const cache = linkCache();
  const condition = { type: 'Ready', status: 'True', message: '' };
  const put = (generation: number): void => {
    const metadata = { name: 'web', namespace: 'team', generation };
    const made = cachedObject('VaultAuthRole', { metadata, status: { observedGeneration: 1, conditions: [condition] } }, true);
    if (made) cache.set(made);
  };
  put(1);
  expect(cache.role('team', 'web')?.state).toBe('ready');
  put(2);
  expect(cache.role('team', 'web')?.state).toBe('changed');
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
