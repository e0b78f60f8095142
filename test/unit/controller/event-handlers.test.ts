// The eventHandlers: nothing before this process leads, endpoints first, then everything once, and then what changes concern.
import { eventHandlers } from '../../../src/controller/runtime/event-handlers.ts';
import type { Listers } from '../../../src/controller/runtime/context.ts';
import { keyOf, type Lister, type KubeObject } from '../../../src/kube/informer.ts';
import { backend, endpoint, policy, ready, role } from './objects.ts';

// The global of Jest's ES modules.
const { jest } = import.meta;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const ours = <T extends KubeObject>(...objects: readonly T[]): Lister<T> => ({
  get: (key) => objects.find((object) => keyOf(object) === key),
  list: () => objects,
  keys: () => objects.map(keyOf),
  synced: () => true,
  lastActivity: () => 0,
  close: () => Promise.resolve(),
});

const started = (more: Partial<Listers> = {}) => {
  const added: string[] = [];
  const roles = Array.from({ length: 1000 }, (_, index) => role(`a/${index}`, { spec: { backendRef: { name: 'one' } } }));
  const listers: Listers = {
    endpoints: ours(endpoint('main'), endpoint('other')),
    backends: ours(backend('one', { status: { pendingDeletions: [{} as never] } })),
    policies: ours(policy('app')),
    roles: ours(...roles),
    namespaces: { ...ours(), get: () => undefined, list: () => [] },
    serviceAccounts: { ...ours(), get: () => undefined, list: () => [] },
    rolesInNamespace: () => [],
    rolesByVaultName: () => [],
    ...more,
  };
  const delays: (number | undefined)[] = [];
  const events = eventHandlers({
    listers: () => listers,
    enqueue: (kind, key, afterMs) => {
      added.push(`${kind}/${key}`);
      delays.push(afterMs);
    },
    resyncFactor: 1,
    random: () => 0.5,
  });
  return { events, added, delays };
};

test('changes before this process leads are dropped: everything is looked at then', () => {
  const { events, added } = started();
  events.handlers.object('VaultAuthRole', 'a/1', undefined, role('a/1'));
  events.handlers.credential('token');
  events.enqueue('VaultAuthRole', 'a/1');
  expect(added).toEqual([]);
});

test('everything waits until all endpoints were looked at, however it went', () => {
  const { events, added, delays } = started();
  events.start();
  events.handlers.object('VaultAuthRole', 'a/1', undefined, role('a/1'));
  expect(added).toEqual(['VaultEndpoint/main', 'VaultEndpoint/other']);
  events.reconciled('VaultEndpoint', 'main');
  events.reconciled('VaultEndpoint', 'main');
  expect(added).toHaveLength(2);
  events.reconciled('VaultEndpoint', 'other');
  expect(added).toHaveLength(2 + 1 + 1 + 1000 + 1);
  expect(added.slice(2, 5)).toEqual(['VaultAuthBackend/one', 'VaultACLPolicy/app', 'VaultAuthRole/a/0']);
  expect(added.at(-1)).toBe('PendingDeletions/one');
  // One by one, so that what somebody changes meanwhile does not stand behind a thousand.
  expect(delays[4]).toBeGreaterThan(1000);
});

test('an endpoint that never answers does not keep the others waiting for ever', async () => {
  const { events, added } = started();
  events.start();
  await jest.advanceTimersByTimeAsync(30_000);
  expect(added.length).toBeGreaterThan(1000);
});

test('without endpoints there is nothing to wait for', () => {
  const { events, added } = started({ endpoints: ours(), roles: ours() });
  events.start();
  expect(added).toEqual(['VaultAuthBackend/one', 'VaultACLPolicy/app', 'PendingDeletions/one']);
});

test('a change is a look at the object at once, and at others soon or later; nothing after the end', () => {
  const { events, added, delays } = started({ endpoints: ours(), roles: ours(), policies: ours(), backends: ours() });
  events.start();
  events.handlers.object('VaultAuthRole', 'a/1', undefined, role('a/1', { spec: { backendRef: { name: 'one' } } }));
  expect([added, delays]).toEqual([
    ['VaultAuthRole/a/1', 'VaultAuthBackend/one'],
    [undefined, 5000],
  ]);
  const told = role('a/1', { spec: { backendRef: { name: 'one' } }, status: { conditions: ready('True') } });
  events.handlers.object('VaultAuthRole', 'a/1', told, told);
  expect(added).toHaveLength(2);
  events.stop();
  events.handlers.object('VaultAuthRole', 'a/1', told, undefined);
  expect(added).toHaveLength(2);
});
