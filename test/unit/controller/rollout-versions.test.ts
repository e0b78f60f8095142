// Versions of secrets: what each answer of Vault means, and how often it is asked.
import { readVersion, reconcileSecretVersion, secretVersions } from '../../../src/controller/rollout/versions.ts';
import type { ControllerContext } from '../../../src/controller/runtime/context.ts';
import type { RolloutPod } from '../../../src/controller/rollout/pods.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { VaultCaller } from '../../../src/vault/client.ts';
import { VaultError, type VaultErrorKind } from '../../../src/vault/errors.ts';

const failure = (kind: VaultErrorKind): VaultError => new VaultError(`GET x: ${kind}`, { status: 0, kind, written: 'no' });
const KV2 = { path: 'kv/', type: 'kv', options: { version: '2' } };
const METADATA = {
  current_version: 3,
  versions: { '3': { created_time: '2026-01-01T00:00:00Z', deletion_time: '', destroyed: false } },
};

/** Answers by path; an error is thrown. */
const caller = (answers: Readonly<Record<string, JsonObject | VaultError>>) => {
  const asked: string[] = [];
  const vault: VaultCaller = {
    request: ({ path }) => {
      asked.push(path);
      const answer = answers[path] ?? failure('NotFound');
      return answer instanceof VaultError
        ? Promise.reject(answer)
        : Promise.resolve({ status: 200, data: answer, auth: undefined, warnings: [], raw: {} });
    },
  };
  return { vault, asked };
};
const MOUNT = 'sys/internal/ui/mounts/kv/data/web';

test('reads the metadata and never the value', async () => {
  const { vault, asked } = caller({ [MOUNT]: KV2, 'kv/metadata/web': METADATA });
  expect(await readVersion(vault, 'kv/data/web')).toEqual({
    kind: 'known',
    version: 3,
    createdAt: Date.UTC(2026, 0, 1),
    isDeleted: false,
  });
  expect(asked).toEqual([MOUNT, 'kv/metadata/web']);
});

test.each<[string, JsonObject]>([
  ['deleted', { current_version: 3, versions: { '3': { deletion_time: '2026-01-02T00:00:00Z' } } }],
  ['destroyed', { current_version: 3, versions: { '3': { destroyed: true } } }],
  ['without a version', { current_version: 0, versions: {} }],
])('sees that the secret is %s', async (_, metadata) => {
  const { vault } = caller({ [MOUNT]: KV2, 'kv/metadata/web': metadata });
  expect(await readVersion(vault, 'kv/data/web')).toMatchObject({ kind: 'known', isDeleted: true });
});

test.each<[string, JsonObject, string]>([
  ['KV version 1', { path: 'kv/', type: 'kv', options: null }, 'kv/ is KV version 1, which has no versions'],
  [
    'a database',
    { path: 'kv/', type: 'database' },
    'kv/ is a secrets engine of type database: its secrets are issued for each pod',
  ],
  ['a path that is not of data', { ...KV2, path: 'kv/data/' }, 'kv/data/web is not a path below kv/data/data/'],
])('reports %s as without versions', async (_, mount, reason) => {
  expect(await readVersion(caller({ [MOUNT]: mount }).vault, 'kv/data/web')).toEqual({ kind: 'unversioned', reason });
});

test.each<[VaultErrorKind, string]>([
  ['PermissionDenied', 'Vault denies the controller to read the metadata of kv/data/web'],
  ['NotFound', 'Vault has no metadata of kv/data/web'],
  ['Sealed', 'GET x: Sealed'],
])('reports %s as unreadable', async (kind, reason) => {
  const answers = { [MOUNT]: KV2, 'kv/metadata/web': failure(kind) };
  expect(await readVersion(caller(answers).vault, 'kv/data/web')).toEqual({
    kind: 'unreadable',
    reason: expect.stringContaining(reason) as string,
  });
});

describe('the reconciler of a secret', () => {
  const POD: RolloutPod = {
    uid: 'u',
    workload: 'Deployment/a/b',
    secrets: ['main/kv/data/web'],
    createdAt: 0,
    isDeleting: false,
  };
  const stage = (answers: Readonly<Record<string, JsonObject | VaultError>>, isReady = true) => {
    const changed: string[] = [];
    const versions = secretVersions((secret) => changed.push(secret));
    const { vault, asked } = caller(answers);
    const registry = {
      get: () =>
        isReady ? { state: 'ready', session: vault } : { state: 'notReady', reason: 'Sealed', message: 'it is sealed' },
    };
    const options = { intervalMs: 60_000, perMinute: 10, timeoutMs: 0 };
    const context = {
      rollouts: { options, versions },
      clock: { random: () => 0.5 },
      vault: { registry },
    } as unknown as ControllerContext;
    const run = (pods: readonly RolloutPod[] = [POD]) =>
      reconcileSecretVersion(context, 'main/kv/data/web', pods, new AbortController().signal);
    return { run, versions, changed, asked };
  };

  test('reads once in the interval for all pods, and reports changes only', async () => {
    const { run, changed, asked } = stage({ [MOUNT]: KV2, 'kv/metadata/web': METADATA });
    expect(await run([POD, POD, POD])).toEqual({ requeueAfterMs: 60_000 });
    await run();
    expect([changed, asked.length]).toEqual([['main/kv/data/web'], 4]);
  });

  test('stops when no pod uses the secret', async () => {
    const { run, asked, versions } = stage({ [MOUNT]: KV2, 'kv/metadata/web': METADATA });
    await run();
    expect(await run([])).toEqual({});
    expect([asked.length, versions.get('main/kv/data/web')]).toEqual([2, undefined]);
  });

  test('keeps the last version in an outage', async () => {
    const answers: Record<string, JsonObject | VaultError> = { [MOUNT]: KV2, 'kv/metadata/web': METADATA };
    const { run, versions, changed } = stage(answers);
    await run();
    answers[MOUNT] = failure('ConnectionFailed');
    await run();
    expect([versions.get('main/kv/data/web')?.kind, changed]).toEqual(['known', ['main/kv/data/web']]);
  });

  test('reports an endpoint that is not ready', async () => {
    const { run, versions } = stage({}, false);
    await run();
    expect(versions.get('main/kv/data/web')).toEqual({
      kind: 'unreadable',
      reason: 'VaultEndpoint main is not ready: it is sealed',
    });
  });

  test('reads less often when there are very many secrets', async () => {
    const { run, versions } = stage({ [MOUNT]: KV2, 'kv/metadata/web': METADATA });
    for (let index = 0; index < 5000; index += 1) versions.set(`main/kv/data/${index}`, { kind: 'unversioned', reason: '' });
    expect((await run()).requeueAfterMs).toBeGreaterThan(500_000);
  });
});
