// Our objects in memory: found by name, in order, and the same object as long as nothing that counts has changed.
import { factOf, type Fact, type LinkedKind, roleStore } from '../../../src/cli/role-store.ts';
import type { JsonObject } from '../../../src/json/json.ts';

const fact = (kind: LinkedKind, name: string, rest: JsonObject = {}): Fact => {
  const made = factOf(kind, { metadata: { name, namespace: 'team' }, ...rest }, true);
  if (!made) throw new Error('nothing is kept of it');
  return made;
};

const status = (time: string): JsonObject => ({
  status: { lastSyncTime: time, conditions: [{ type: 'Ready', status: 'True', message: '' }] },
});

test('roles are found by name, and listed in the order of their names', () => {
  const store = roleStore();
  for (const name of ['web', 'api', 'jobs']) store.put(fact('VaultAuthRole', name));
  expect(store.rolesIn('team').map(({ name }) => name)).toEqual(['api', 'jobs', 'web']);
  expect(store.role('team', 'web')?.serviceAccounts).toEqual(['web']);
  store.remove(fact('VaultAuthRole', 'jobs'));
  expect(store.rolesIn('team').map(({ name }) => name)).toEqual(['api', 'web']);
  expect([store.role('team', 'jobs'), store.role('other', 'web'), store.rolesIn('other')]).toEqual([undefined, undefined, []]);
});

test('a status that is written anew and says the same leaves the role as it is', () => {
  const store = roleStore();
  store.put(fact('VaultAuthRole', 'web', status('2026-01-01T00:00:00Z')));
  const before = store.role('team', 'web');
  store.put(fact('VaultAuthRole', 'web', status('2026-01-01T00:05:00Z')));
  expect(store.role('team', 'web')).toBe(before);
  store.put(fact('VaultAuthRole', 'web', {}));
  expect(store.role('team', 'web')?.state).toBe('unprogrammed');
});

test('the default backend is the only one that says so', () => {
  const store = roleStore();
  const spec = { spec: { isDefault: true } };
  expect([store.inUse(), store.defaultBackend()]).toEqual([false, undefined]);
  store.put(fact('VaultAuthBackend', 'one', spec));
  expect([store.inUse(), store.defaultBackend()?.name]).toEqual([true, 'one']);
  store.put(fact('VaultAuthBackend', 'two', spec));
  expect(store.defaultBackend()).toBeUndefined();
  store.remove(fact('VaultAuthBackend', 'one', spec));
  expect(store.defaultBackend()?.name).toBe('two');
});

test('of an object on its way out nothing is kept', () => {
  const metadata = { name: 'web', namespace: 'team', deletionTimestamp: '2026-01-01T00:00:00Z' };
  expect(factOf('VaultAuthRole', { metadata }, true)).toBeUndefined();
});

test('what definitions of another version leave out has the defaults of this one', () => {
  const store = roleStore();
  store.put(fact('VaultAuthBackend', 'bare', { spec: { clusterName: 'c', path: 'p', autoRoles: { mode: 'Sometimes' } } }));
  store.put(fact('VaultEndpoint', 'bare'));
  expect(store.backend('bare')).toMatchObject({
    mode: 'Warn',
    roleNaming: 'Qualified',
    audience: 'vault://c/p',
    tokenExpirationSeconds: 900,
    rules: { tenancy: {}, autoRoles: { mode: 'Off', includeDefault: false } },
  });
  expect(store.endpoint('bare')).toMatchObject({ address: '', namespace: '' });
});
