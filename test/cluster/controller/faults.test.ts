// Failed writes of every kind: the condition has the reason, no hot loop, no lost or double write, and recovery afterwards.
import { setTimeout as sleep } from 'node:timers/promises';
import { conditionOf } from '../../bed/controller.ts';
import { type Fault, FAULTS, rateLimited, type SeenRequest } from '../../bed/fault-proxy.ts';
import { PRODUCTS } from '../seeds/stage.ts';
import { backendSpec, dataAt, type FaultStage, openFaultStage, policySpec } from './fault-stage.ts';
import { eventually } from '../../support/eventually.ts';

let stage: FaultStage;
let failed = true;
beforeAll(async () => {
  // The maximum back-off becomes six seconds.
  stage = await openFaultStage({ products: PRODUCTS, flags: ['-resync-factor=0.1'] });
  for (const product of PRODUCTS) {
    await stage.declare('VaultAuthBackend', `base-${product}`, backendSpec(stage, product, 'base'));
    await stage.until('VaultAuthBackend', `base-${product}`, 'Ready=True');
  }
}, 600_000);
afterAll(() => stage?.stop(failed ? 'failed' : 'passed'));

/** The write for each fault, and the condition that reports it. */
const WRITES = [
  { what: 'mount', kind: 'VaultAuthBackend', path: (id: string) => `/v1/sys/auth/${id}`, condition: 'Mounted' },
  { what: 'config', kind: 'VaultAuthBackend', path: (id: string) => `/v1/auth/${id}/config`, condition: 'Configured' },
  { what: 'policy', kind: 'VaultACLPolicy', path: (id: string) => `/v1/sys/policies/acl/${id}`, condition: 'Programmed' },
  {
    what: 'role',
    kind: 'VaultAuthRole',
    path: (id: string) => `/v1/auth/base/role/test.${stage.namespace}.${id}`,
    condition: 'Programmed',
  },
] as const;
type Write = (typeof WRITES)[number];

const isWrite = ({ method }: SeenRequest): boolean => method === 'POST' || method === 'PUT';
const declareAll = async (product: (typeof PRODUCTS)[number], fault: string): Promise<readonly (Write & { id: string })[]> => {
  const all = WRITES.map((write) => ({ ...write, id: `${write.what}-${fault}-${product}` }));
  for (const { kind, id } of all)
    await stage.declare(
      kind,
      id,
      kind === 'VaultAuthBackend'
        ? backendSpec(stage, product, id)
        : kind === 'VaultACLPolicy'
          ? policySpec(product, `base-${product}`)
          : { backendRef: { name: `base-${product}` }, serviceAccounts: ['default'] },
    );
  return all;
};
/** Injects the fault into these writes only. */
const harm = (product: (typeof PRODUCTS)[number], fault: string, done: Fault): (() => void) => {
  const paths = new Set(WRITES.map(({ what, path }) => path(`${what}-${fault}-${product}`)));
  return stage.server(product).proxy.inject({ fault: done, when: (request) => isWrite(request) && paths.has(request.path) });
};
const attempts = (product: (typeof PRODUCTS)[number], path: string): readonly SeenRequest[] =>
  stage.server(product).proxy.seen.filter((request) => isWrite(request) && request.path === path);
const isInVault = async (product: (typeof PRODUCTS)[number], write: Write, id: string): Promise<boolean> =>
  (await dataAt(stage.server(product).vault, write.path(id).replace('/v1/', '').replace('sys/auth/', 'sys/mounts/auth/'))) !==
  undefined;

it.each([
  ['403', 'PermissionDenied', 'False', FAULTS.forbidden],
  ['429', 'VaultUnavailable', 'Unknown', rateLimited(1)],
  ['473', 'VaultUnavailable', 'Unknown', FAULTS.standby],
  ['503', 'VaultUnavailable', 'Unknown', FAULTS.unavailable],
  ['sealed', 'VaultSealed', 'Unknown', FAULTS.sealed],
  ['hang', 'VaultUnavailable', 'Unknown', { kind: 'hang' }],
  ['cut', 'VaultUnavailable', 'Unknown', { kind: 'cutBefore' }],
] as const)(
  'reports a write that ends with %s as %s, and repeats it once after the fault',
  async (fault, reason, status, done) => {
    const heals = PRODUCTS.map((product) => harm(product, fault, done));
    const all = (
      await Promise.all(
        PRODUCTS.map(async (product) => (await declareAll(product, fault)).map((write) => ({ ...write, product }))),
      )
    ).flat();
    for (const { kind, id, condition } of all) {
      const object = await stage.until(kind, id, `${condition}=${reason}`);
      expect(conditionOf(object, condition)).toMatchObject({ status, reason });
      expect(conditionOf(object, 'Ready')).toMatchObject({ status, reason });
    }
    const began = Date.now();
    await sleep(4000);
    for (const write of all) {
      const { product, path, id } = write;
      const later = attempts(product, path(id)).filter(({ at }) => at >= began);
      expect([path(id), later.length]).toEqual([path(id), Math.min(later.length, (Date.now() - began) / 1000 + 1)]);
      if (write.what !== 'config') expect([id, await isInVault(product, write, id)]).toEqual([id, false]);
    }
    for (const heal of heals) heal();
    for (const write of all) {
      const { kind, id, product, path } = write;
      await stage.until(kind, id, 'Ready=True');
      expect(await isInVault(product, write, id)).toBe(true);
      expect(attempts(product, path(id)).filter((request) => request.fault === undefined)).toHaveLength(1);
    }
  },
  300_000,
);

it('does not repeat a write whose response was lost', async () => {
  for (const product of PRODUCTS) {
    const heal = harm(product, 'lost', { kind: 'cutAfter' });
    for (const { kind, id, path } of await declareAll(product, 'lost')) {
      await stage.until(kind, id, 'Ready=True');
      expect([id, attempts(product, path(id)).length]).toEqual([id, 1]);
    }
    heal();
  }
}, 300_000);

it('reports a denied probe role in ReviewerHealthy, not in Configured', async () => {
  for (const product of PRODUCTS) {
    const [id, when] = [`probed-${product}`, ({ path }: SeenRequest) => path === `/v1/auth/probed-${product}/role/test.probe`];
    const heal = stage.server(product).proxy.inject({ fault: FAULTS.forbidden, when });
    await stage.declare('VaultAuthBackend', id, {
      ...backendSpec(stage, product, id, { kubernetes: { host: stage.bed.url, reviewer: { mode: 'Rotated' } } }),
      probe: { enabled: true, intervalSeconds: 10 },
      rbac: { manageAuthDelegator: true },
    });
    const object = await stage.until('VaultAuthBackend', id, 'ReviewerHealthy=ProbeFailed');
    expect(conditionOf(object, 'Configured')).toMatchObject({ status: 'True', reason: 'InSync' });
    heal();
    await stage.until('VaultAuthBackend', id, 'Ready=True');
  }
}, 300_000);

it('requests at most once a second for each object that fails', async () => {
  const heals = PRODUCTS.map((product) => harm(product, 'long', FAULTS.forbidden));
  const all = (await Promise.all(PRODUCTS.map((product) => declareAll(product, 'long')))).flat();
  for (const { kind, id, condition } of all) await stage.until(kind, id, `${condition}=PermissionDenied`);
  await sleep(12_000);
  const before = PRODUCTS.map((product) => stage.server(product).proxy.seen.length);
  const since = Date.now();
  await sleep(10_000);
  const seconds = (Date.now() - since) / 1000;
  PRODUCTS.forEach((product, at) => {
    const seen = stage.server(product).proxy.seen.slice(before[at]);
    // Requests for other objects do not count. A denied request is followed by a lookup of the token.
    const asked = seen.filter(({ path }) => path.includes(`long-${product}`) || path.includes('lookup-self'));
    expect(asked.length).toBeLessThanOrEqual(WRITES.length * seconds);
  });
  for (const heal of heals) heal();
  for (const { kind, id } of all) await stage.until(kind, id, 'Ready=True');
}, 300_000);

it('backs off from a server that does not answer, and recovers with it', async () => {
  const [product] = PRODUCTS;
  const { proxy } = stage.server(product);
  proxy.inject({ fault: { kind: 'hang' } });
  await stage.until('VaultEndpoint', product, 'Ready=False');
  await stage.until('VaultAuthBackend', `base-${product}`, 'Mounted=EndpointNotReady');
  await stage.declare('VaultAuthRole', 'meanwhile', { backendRef: { name: `base-${product}` }, serviceAccounts: ['default'] });
  await stage.until('VaultAuthRole', 'meanwhile', 'Programmed=VaultUnavailable');
  const [before, since] = [proxy.seen.length, Date.now()];
  await sleep(6000);
  expect(proxy.seen.length - before).toBeLessThanOrEqual((Date.now() - since) / 1000 + 1);
  proxy.heal();
  proxy.dropConnections();
  await stage.until('VaultAuthRole', 'meanwhile', 'Ready=True');
  await stage.until('VaultAuthBackend', `base-${product}`, 'Ready=True');
  await eventually(
    'no role waits',
    async () => !JSON.stringify(await stage.read('VaultAuthRole', 'meanwhile')).includes('Unavailable'),
  );
  failed = false;
}, 300_000);
