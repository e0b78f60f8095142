// Event handlers: drop events until this process leads, enqueue endpoints first, then everything once, then mapped changes.
import { eventHandlers } from '../../../src/controller/runtime/event-handlers.ts';
import type { Listers } from '../../../src/controller/runtime/context.ts';
import { FINALIZER } from '../../../src/resources/kinds.ts';
import { keyOf, type Lister, type KubeObject } from '../../../src/kube/informer.ts';
import { backend, endpoint, policy, ready, role } from '../../support/objects.ts';

// Jest has no global in ES modules.
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
    rolloutPods: { ofWorkload: () => [], ofSecret: () => [], workloads: () => [], secrets: () => [] },
    ...more,
  };
  const delays: (number | undefined)[] = [];
  const vanished: string[] = [];
  const events = eventHandlers({
    listers: () => listers,
    enqueue: (kind, key, afterMs) => {
      added.push(`${kind}/${key}`);
      delays.push(afterMs);
    },
    vanished: (key) => void vanished.push(key),
    resyncFactor: 1,
    random: () => 0.5,
  });
  return { events, added, delays, vanished };
};

test('drops changes until this process leads', () => {
  const { events, added } = started();
  events.handlers.object('VaultAuthRole', 'a/1', undefined, role('a/1'));
  events.handlers.credential('token');
  expect(added).toEqual([]);
});

test('enqueues everything else after the first reconcile of all endpoints, even if it failed', () => {
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
  // Spread, so that a change meanwhile does not wait behind a thousand items.
  expect(delays[4]).toBeGreaterThan(1000);
});

test('enqueues everything else after a timeout if an endpoint never answers', async () => {
  const { events, added } = started();
  events.start();
  await jest.advanceTimersByTimeAsync(30_000);
  expect(added.length).toBeGreaterThan(1000);
});

test('enqueues everything at once without endpoints', () => {
  const { events, added } = started({ endpoints: ours(), roles: ours() });
  events.start();
  expect(added).toEqual(['VaultAuthBackend/one', 'VaultACLPolicy/app', 'PendingDeletions/one']);
});

test('enqueues a changed object at once and mapped ones later, and nothing after stop', () => {
  const { events, added, delays } = started({ endpoints: ours(), roles: ours(), policies: ours(), backends: ours() });
  events.start();
  events.handlers.object('VaultAuthRole', 'a/1', undefined, role('a/1', { spec: { backendRef: { name: 'one' } } }));
  expect([added, delays]).toEqual([
    ['VaultAuthRole/a/1', 'VaultAuthBackend/one'],
    [undefined, 5000],
  ]);
  const settled = role('a/1', { spec: { backendRef: { name: 'one' } }, status: { conditions: ready('True') } });
  events.handlers.object('VaultAuthRole', 'a/1', settled, settled);
  expect(added).toHaveLength(2);
  events.stop();
  events.handlers.object('VaultAuthRole', 'a/1', settled, undefined);
  expect(added).toHaveLength(2);
});

test('D3: reports roles that were deleted without the finalizer, or whose finalizer someone else removed', () => {
  const { events, vanished } = started();
  const finalizers = [FINALIZER];
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const gone = (name: string, metadata: object): void =>
    events.handlers.object('VaultAuthRole', `a/${name}`, role(`a/${name}`, { metadata }), undefined);
  gone('early', { finalizers });
  events.start();
  gone('stripped', {});
  gone('raced', { finalizers, deletionTimestamp });
  gone('released', { deletionTimestamp });
  expect(vanished).toEqual(['a/stripped', 'a/raced']);
});
