// Pending deletions in every state of Vault.
import type { ControllerContext } from '../../../src/controller/runtime/context.ts';
import {
  addPendingDeletion,
  removePendingDeletion,
  isPendingDeletion,
  reconcilePendingDeletions,
} from '../../../src/controller/pending-deletions.ts';
import { LeaseLost } from '../../../src/kube/lease.ts';
import { MAX_PENDING_DELETIONS, type PendingDeletion } from '../../../src/resources/backend.ts';
import type { VaultAuthRole } from '../../../src/resources/role.ts';
import { VaultError, type VaultErrorKind } from '../../../src/vault/errors.ts';
import { backend, endpoint, role } from '../../support/objects.ts';

const deletion = (roleName: string, more: Partial<PendingDeletion> = {}): PendingDeletion => ({
  roleName,
  namespace: 'a',
  name: 'web',
  clusterID: 'cluster-1',
  vaultNamespace: '',
  since: '2026-01-01T00:00:00Z',
  reason: 'away',
  ...more,
});

interface Situation {
  readonly deletions: readonly PendingDeletion[];
  readonly roles?: readonly VaultAuthRole[];
  readonly answers?: Readonly<Record<string, VaultErrorKind>>;
  readonly observe?: boolean;
  readonly isReady?: boolean;
  readonly fence?: () => void;
}

const setUp = ({ deletions, roles = [], answers = {}, observe, isReady = true, fence = () => undefined }: Situation) => {
  let pending = deletions;
  const deleted: string[] = [];
  const events: string[] = [];
  const object = backend('kube', { spec: { clusterName: 'test' }, status: { pendingDeletions: deletions } });
  const session = {
    request: async ({ path }: { path: string }) => {
      const kind = answers[path.split('/').at(-1) ?? ''];
      if (kind) throw new VaultError(`DELETE ${path}: ${kind}`, { status: 400, kind, written: 'no' });
      deleted.push(path);
      return { status: 204, warnings: [], raw: {} };
    },
  };
  const context = {
    kube: {
      changePendingDeletions: async (_: string, change: (before: readonly PendingDeletion[]) => readonly PendingDeletion[]) => {
        pending = change(pending);
        return true;
      },
    },
    vault: {
      observeOnly: observe === true,
      registry: {
        get: () => (isReady ? { state: 'ready', session, clusterID: 'cluster-1' } : { state: 'notReady', message: 'away' }),
      },
      fence,
    },
    clock: { resyncFactor: 1, deletionTimeoutMs: 1000, random: () => 0.5 },
    report: {
      emitEvent: (_object: unknown, _type: string, reason: string) => events.push(reason),
      log: { info: () => undefined },
    },
    listers: {
      endpoints: { get: () => endpoint('main'), list: () => [] },
      backends: { get: () => object },
      rolesInNamespace: (namespace: string) => roles.filter(({ metadata }) => metadata.namespace === namespace),
      rolesByVaultName: (name: string) => roles.filter(({ spec, metadata }) => (spec.vaultRoleName ?? metadata.name) === name),
    },
  } as unknown as ControllerContext;
  const run = () => reconcilePendingDeletions(context, 'kube', object, new AbortController().signal);
  return { context, object, run, deleted, events, pending: () => pending.map(({ roleName, reason }) => [roleName, reason]) };
};

test('deletes all roles, removes the entries and emits Events', async () => {
  const many = Array.from({ length: 120 }, (_, index) => deletion(`test.a.r${index}`));
  const { run, deleted, events, pending } = setUp({ deletions: many });
  expect(await run()).toEqual({});
  expect([deleted.length, events.length, pending()]).toEqual([120, 120, []]);
  expect(deleted[0]).toBe('auth/kube/role/test.a.r0');
});

test('keeps an entry with its reason, and retries it', async () => {
  const { run, deleted, pending } = setUp({
    deletions: [
      deletion('test.a.cluster', { clusterID: 'cluster-0' }),
      deletion('test.a.namespace', { vaultNamespace: 'other' }),
      deletion('test.a.denied'),
      deletion('test.a.fine'),
    ],
    answers: { 'test.a.denied': 'PermissionDenied' },
  });
  expect((await run()).requeueAfterMs).toBe(60_000);
  expect(deleted).toEqual(['auth/kube/role/test.a.fine']);
  expect(pending()).toEqual([
    ['test.a.cluster', expect.stringContaining('another cluster now')],
    ['test.a.namespace', expect.stringContaining('another namespace now')],
    ['test.a.denied', expect.stringContaining('PermissionDenied')],
  ]);
});

test('counts a role without a mount as deleted', async () => {
  const { run, pending } = setUp({ deletions: [deletion('test.a.web')], answers: { 'test.a.web': 'NotFound' } });
  await run();
  expect(pending()).toEqual([]);
});

const vault = (owned: boolean, roleName: string) =>
  ({ backend: 'kube', endpoint: 'main', mountPath: 'kube', roleName, owned }) as never;

test('leaves a role that an object has claimed again; an observing object is not an owner', async () => {
  const { run, deleted, pending } = setUp({
    deletions: [deletion('test.a.web'), deletion('test.a.job'), deletion('plain', { namespace: 'gone' })],
    roles: [
      role('a/web', { status: { vault: vault(true, 'test.a.web') } }),
      role('a/job', { status: { vault: vault(false, 'test.a.job') } }),
      role('b/plain', { status: { vault: vault(true, 'plain') } }),
    ],
  });
  await run();
  expect(deleted).toEqual(['auth/kube/role/test.a.job']);
  expect(pending()).toEqual([]);
});

test('deletes a role although the status of another object claims it', async () => {
  const { run, deleted } = setUp({
    deletions: [deletion('test.a.web')],
    roles: [role('a/other', { status: { vault: vault(true, 'test.a.web') } })],
  });
  await run();
  expect(deleted).toEqual(['auth/kube/role/test.a.web']);
});

test.each<VaultErrorKind>(['Unavailable', 'Sealed', 'Timeout', 'RateLimited', 'CutOff'])(
  'when Vault does not answer (%s) what was done is kept, and the rest is tried later',
  async (kind) => {
    const { run, deleted, pending } = setUp({
      deletions: [deletion('test.a.one'), deletion('test.a.two'), deletion('test.a.three')],
      answers: { 'test.a.two': kind },
    });
    await expect(run()).rejects.toMatchObject({ kind });
    expect(deleted).toEqual(['auth/kube/role/test.a.one']);
    expect(pending().map(([name]) => name)).toEqual(['test.a.two', 'test.a.three']);
  },
);

test.each([{ observe: true }, { isReady: false }])('tries nothing while nothing may be written: %j', async (more) => {
  const { run, deleted, pending } = setUp({ deletions: [deletion('test.a.web')], ...more });
  expect(await run()).toEqual({});
  expect([deleted, pending().length]).toEqual([[], 1]);
});

test('deletes nothing without the leader lease', async () => {
  const { run, deleted } = setUp({
    deletions: [deletion('test.a.web')],
    fence: () => {
      throw new LeaseLost('not ours');
    },
  });
  await expect(run()).rejects.toThrow(LeaseLost);
  expect(deleted).toEqual([]);
});

test('records a role once, with a shortened reason, up to the maximum', async () => {
  const { context, pending } = setUp({ deletions: [deletion('test.a.web')] });
  expect(await addPendingDeletion(context, 'kube', deletion('test.a.web', { reason: 'x'.repeat(1000) }))).toBe(true);
  expect(pending()).toEqual([['test.a.web', 'x'.repeat(256)]]);
  const full = setUp({ deletions: Array.from({ length: MAX_PENDING_DELETIONS }, (_, index) => deletion(`r${index}`)) });
  expect(await addPendingDeletion(full.context, 'kube', deletion('one-more'))).toBe(false);
  expect(await addPendingDeletion(full.context, 'kube', deletion('r7', { reason: 'again' }))).toBe(true);
  expect(full.pending()).toHaveLength(MAX_PENDING_DELETIONS);
});

test('finds an entry by role name and cluster until it is removed', async () => {
  const { context, object, pending } = setUp({
    deletions: [deletion('test.a.web'), deletion('old', { clusterID: 'cluster-0' })],
  });
  expect(isPendingDeletion(object, 'test.a.web', 'cluster-1')).toBe(true);
  expect(isPendingDeletion(object, 'old', 'cluster-1')).toBe(false);
  await removePendingDeletion(context, object, 'test.a.web');
  expect(pending().map(([name]) => name)).toEqual(['old']);
});
