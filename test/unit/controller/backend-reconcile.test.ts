// The reconcile of a backend as a whole, against a Vault in memory: what it writes, and what it reports after a failure half-way.
import { backendReconciler } from '../../../src/controller/backend/reconcile.ts';
import type { ControllerContext } from '../../../src/controller/runtime/context.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { VaultAuthBackend, VaultAuthBackendStatus } from '../../../src/resources/backend.ts';
import { VaultError, type VaultErrorKind } from '../../../src/vault/errors.ts';
import { endpoint, kubernetesBackend } from '../../support/objects.ts';

const MOUNT = 'k8s/prod';

const TUNE = `POST sys/mounts/auth/${MOUNT}/tune`;

const answer = (data: JsonObject) => ({ status: 200, data, auth: undefined, warnings: [], raw: {} });

/** A Vault without mounts, in which `faults` end requests by method and path, and an API server without objects. */
const setUp = (spec: object = {}, faults: Readonly<Record<string, VaultErrorKind>> = {}) => {
  const requests: string[] = [];
  const events: string[] = [];
  const mounts: Record<string, JsonObject> = {};
  let config: JsonObject | undefined;
  let object: VaultAuthBackend = kubernetesBackend(
    { probe: { enabled: false }, mount: { create: true }, ...spec },
    { reviewer: { mode: 'Local' }, issuer: 'Ignore', verifyKeys: { source: 'None' } },
  );
  const request = async ({ method, path, body }: { method: string; path: string; body?: JsonObject }) => {
    const name = `${method} ${path}`;
    if (method !== 'GET') requests.push(name);
    const kind = faults[name];
    if (kind) throw new VaultError(`${name}: ${kind}`, { status: 400, kind, written: 'no' });
    if (name === 'GET sys/auth') return answer(mounts);
    if (name === `POST sys/auth/${MOUNT}`) mounts[`${MOUNT}/`] = { config: {}, ...body, accessor: 'accessor-1' };
    if (name === TUNE) mounts[`${MOUNT}/`] = { ...mounts[`${MOUNT}/`], config: body ?? {} };
    if (name === `POST auth/${MOUNT}/config`) config = body;
    if (name !== `GET auth/${MOUNT}/config`) return answer({});
    if (!config) throw new VaultError('nothing', { status: 404, kind: 'NotFound', written: 'no' });
    return answer(config);
  };
  const status = (): VaultAuthBackendStatus => object.status ?? {};
  const context = {
    kube: {
      client: { request: async () => Promise.reject(new KubeError(404, 'NotFound', 'nothing')) },
      namespace: 'vault-auth-injector',
      serviceAccount: 'controller',
      writeStatus: async (_: string, written: VaultAuthBackend, next: VaultAuthBackendStatus) => {
        object = { ...written, status: next };
      },
      addFinalizer: async () => undefined,
      removeFinalizer: async () => undefined,
    },
    vault: {
      observeOnly: false,
      registry: { get: () => ({ state: 'ready', session: { request }, clusterID: 'cluster-1', product: 'Vault' }) },
      fence: () => undefined,
    },
    clock: { resyncFactor: 1, deletionTimeoutMs: 1000, random: () => 0.5, now: () => 0 },
    report: {
      emitEvent: (_: unknown, _type: string, reason: string) => events.push(reason),
      metrics: { drift: () => undefined, expires: () => undefined, probe: () => undefined },
    },
    listers: { endpoints: { get: () => endpoint('main') }, backends: { list: () => [object] }, roles: { list: () => [] } },
  } as unknown as ControllerContext;
  const reconcile = backendReconciler({ clusterCA: async () => undefined });
  return {
    requests,
    events,
    status,
    run: () => reconcile(context, 'prod', object, new AbortController().signal),
    /** An operator changes the declared tuning. */
    declareTune: (tune: object) => {
      const { metadata, spec: before } = object;
      const generation = metadata.generation + 1;
      object = { ...object, metadata: { ...metadata, generation }, spec: { ...before, mount: { ...before.mount, tune } } };
    },
    /** A Vault admin changes the tuning of the mount. */
    tuneInVault: (tune: JsonObject) => {
      mounts[`${MOUNT}/`] = { ...mounts[`${MOUNT}/`], config: tune };
    },
    conditions: () => status().conditions?.map(({ type, status: is, reason }) => `${type} ${is} ${reason}`),
  };
};

const WRITES = [`POST sys/auth/${MOUNT}`, `POST auth/${MOUNT}/config`];

test('creates and configures the mount, and writes nothing afterwards', async () => {
  const { run, requests, events, status, conditions } = setUp();
  expect((await run()).requeueAfterMs).toBeGreaterThan(0);
  expect(requests.slice(0, 2)).toEqual(WRITES);
  expect(conditions()).toEqual([
    'Mounted True Mounted',
    'Configured True InSync',
    'ReviewerHealthy True NotProbed',
    'Ready True Ready',
  ]);
  expect(status().mount).toEqual({
    path: MOUNT,
    type: 'kubernetes',
    accessor: 'accessor-1',
    owned: true,
    clusterID: 'cluster-1',
  });
  expect(events).toEqual(['MountCreated', 'Ready']);
  const written = requests.length;
  await run();
  expect(requests).toHaveLength(written);
});

test('reports the mount that it created before a denied write of the configuration', async () => {
  const { run, status, conditions } = setUp({}, { [`POST auth/${MOUNT}/config`]: 'PermissionDenied' });
  await expect(run()).rejects.toThrow('PermissionDenied');
  expect(conditions()).toEqual(['Mounted True Mounted', 'Configured False PermissionDenied', 'Ready False PermissionDenied']);
  expect(status().mount).toMatchObject({ accessor: 'accessor-1', owned: true });
  expect(status().configHash).toBeUndefined();
});

test('keeps conditions of the last run that a sealed Vault did not reach', async () => {
  const faults: Record<string, VaultErrorKind> = {};
  const { run, status, conditions } = setUp({}, faults);
  await run();
  const { configHash } = status();
  faults['GET sys/auth'] = 'Sealed';
  await expect(run()).rejects.toThrow('Sealed');
  expect(conditions()).toEqual([
    'Mounted Unknown VaultSealed',
    'Configured True InSync',
    'ReviewerHealthy True NotProbed',
    'Ready Unknown VaultSealed',
  ]);
  expect(status().configHash).toBe(configHash);
});

test('leaves a missing mount alone without mount.create', async () => {
  const { run, requests, status, conditions } = setUp({ mount: { create: false } });
  await run();
  expect(requests).toEqual([]);
  expect(conditions()).toEqual(['Mounted False Missing', 'Configured Unknown Pending', 'Ready False Missing']);
  expect(status().drift).toEqual([{ field: 'mount', desired: 'kubernetes', actual: 'absent' }]);
});

const configuredOf = (status: VaultAuthBackendStatus) => status.conditions?.find(({ type }) => type === 'Configured');

test.each(['Repair', 'Report'])(
  'with driftPolicy %s, writes tuning that was declared while Vault was sealed',
  async (driftPolicy) => {
    const faults: Record<string, VaultErrorKind> = {};
    const { run, requests, events, status, declareTune } = setUp({ driftPolicy }, faults);
    await run();
    faults['GET sys/auth'] = 'Sealed';
    declareTune({ defaultLeaseTTL: '30m' });
    await expect(run()).rejects.toThrow('Sealed');
    // No step reached the condition: it describes the spec before the change.
    expect(configuredOf(status())).toMatchObject({ reason: 'InSync', observedGeneration: 1 });
    delete faults['GET sys/auth'];
    await run();
    expect(requests).toContain(TUNE);
    expect(configuredOf(status())).toMatchObject({ reason: 'InSync', observedGeneration: 2 });
    expect(events).not.toContain('Repaired');
  },
);

test.each([
  ['Repair', 'Repaired', true],
  ['Report', 'Drifted', false],
])('with driftPolicy %s, reports tuning that was changed in Vault as %s', async (driftPolicy, reason, isWritten) => {
  const { run, requests, status, declareTune, tuneInVault } = setUp({ driftPolicy });
  await run();
  declareTune({ defaultLeaseTTL: '30m' });
  await run();
  expect(requests).toContain(TUNE);
  const before = requests.length;
  tuneInVault({ default_lease_ttl: 60 });
  await run();
  expect(configuredOf(status())?.reason).toBe(reason);
  expect(requests.slice(before).includes(TUNE)).toBe(isWritten);
});
