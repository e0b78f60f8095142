// The status writer: writes only changes, never to a replaced object, and keeps pending deletions.
import { statusWriter } from '../../../src/controller/runtime/object-writer.ts';
import type { KubeClient, KubeRequest } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { keyOf, type Informer } from '../../../src/kube/informer.ts';
import type { Resource } from '../../../src/resources/kinds.ts';
import { backend, ready, role } from '../../support/objects.ts';

type Any = Resource<unknown, unknown>;
const NOW = Date.parse('2026-06-01T12:00:00Z');
const ago = (hours: number): string => new Date(NOW - hours * 3_600_000).toISOString();

/** An API server with these objects; `refuse` may reject a write. */
const cluster = (objects: readonly Any[], refuse: () => void = () => undefined) => {
  const known = new Map(objects.map((object) => [keyOf(object), object]));
  const written: unknown[] = [];
  const store: Informer<Any, Any> = {
    get: (key) => known.get(key),
    list: () => [...known.values()],
    keys: () => [...known.keys()],
    synced: () => true,
    lastActivity: () => 0,
    close: () => Promise.resolve(),
    recordWrite: (answer) => void known.set(keyOf(answer), answer),
  };
  const client: KubeClient = {
    request: async <T>({ body }: KubeRequest): Promise<T> => {
      refuse();
      const { metadata, status } = body as Any;
      written.push(status);
      const before = known.get(keyOf({ metadata }));
      return { ...before, status } as T;
    },
    close: () => undefined,
  };
  const informers = { VaultEndpoint: store, VaultAuthBackend: store, VaultACLPolicy: store, VaultAuthRole: store };
  return { ...statusWriter({ client, informers, now: () => NOW }), written, known };
};

test('does not write an equal status, whatever the order of fields and undefined values', async () => {
  const object = role('a/web', { status: { conditions: ready('True'), effectivePolicies: ['x'], lastSyncTime: ago(1) } });
  const { writeStatus, written } = cluster([object]);
  await writeStatus('VaultAuthRole', object, {
    lastSyncTime: ago(0),
    warnings: undefined,
    effectivePolicies: ['x'],
    conditions: ready('True'),
  });
  expect(written).toEqual([]);
  await writeStatus('VaultAuthRole', object, { ...object.status, effectivePolicies: ['y'] });
  expect(written).toHaveLength(1);
});

test('writes times of observation only when they are old', async () => {
  const object = role('a/web', { status: { lastSyncTime: ago(7) } });
  const { writeStatus, written } = cluster([object]);
  await writeStatus('VaultAuthRole', object, { lastSyncTime: ago(0) });
  expect(written).toEqual([{ lastSyncTime: ago(0) }]);
});

test('compares with the cached status, not with that of the caller', async () => {
  const old = role('a/web', { status: { effectivePolicies: ['old'] } });
  const { writeStatus, written } = cluster([role('a/web', { status: { effectivePolicies: ['new'] } })]);
  await writeStatus('VaultAuthRole', old, { effectivePolicies: ['old'] });
  expect(written).toEqual([{ effectivePolicies: ['old'] }]);
});

test.each([
  ['gone', 'NotFound', []],
  ['replaced', 'Invalid', [role('a/web', { metadata: { uid: 'another' } })]],
])('does not write to an object that is %s by now', async (_, reason, objects) => {
  const { writeStatus } = cluster(objects, () => {
    throw new KubeError(409, reason, reason);
  });
  await expect(writeStatus('VaultAuthRole', role('a/web'), { effectivePolicies: [] })).resolves.toBeUndefined();
});

test('throws when the API server rejects the status', async () => {
  const { writeStatus } = cluster([role('a/web')], () => {
    throw new KubeError(422, 'Invalid', 'status.x: too long');
  });
  await expect(writeStatus('VaultAuthRole', role('a/web'), { effectivePolicies: [] })).rejects.toThrow('too long');
});

const pendingDeletion = (roleName: string) => ({ roleName, namespace: 'a', name: 'web', since: ago(1), reason: 'away' });

describe('pending deletions', () => {
  test('are gathered into few writes, and survive other writes of the status', async () => {
    const object = backend('one', { status: { conditions: ready('True') } });
    const { changePendingDeletions, writeStatus, written, known } = cluster([object]);
    const names = Array.from({ length: 50 }, (_, index) => `test.a.web-${index}`);
    const added = await Promise.all(
      names.map((name) => changePendingDeletions('one', (before) => [...before, pendingDeletion(name)])),
    );
    expect(added.every(Boolean)).toBe(true);
    expect(written.length).toBeLessThan(5);
    // The caller's object is older.
    await writeStatus('VaultAuthBackend', object, { conditions: ready('False', 'Drifted') });
    expect(known.get('one')?.status).toMatchObject({
      conditions: ready('False', 'Drifted'),
      pendingDeletions: names.map((name) => ({ roleName: name })),
    });
    await changePendingDeletions('one', () => []);
    expect(known.get('one')?.status).toMatchObject({ conditions: ready('False', 'Drifted'), pendingDeletions: [] });
  });

  test('cannot be recorded for a deleted backend', async () => {
    expect(await cluster([]).changePendingDeletions('one', (before) => before)).toBe(false);
  });
});
