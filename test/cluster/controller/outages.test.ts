// Outages: Vault sealed, wiped, its mount replaced, the API server restarted: the controller recovers by itself.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { objectAt, textOf } from '../../../src/json/json.ts';
import { conditionOf } from '../../bed/controller.ts';
import { PRODUCTS, type ProductName } from '../seeds/stage.ts';
import { accessorOf, backendSpec, dataAt, type FaultStage, openFaultStage, policySpec } from './fault-stage.ts';
import { eventually } from '../../support/eventually.ts';

/** The maximum back-off becomes three seconds. */
const FACTOR = 0.05;
const LONGEST_BACK_OFF_MS = 60_000 * FACTOR;

let stage: FaultStage;
let failures = 0;
beforeAll(async () => {
  stage = await openFaultStage({ products: PRODUCTS, flags: [`-resync-factor=${FACTOR}`] });
  for (const product of PRODUCTS) {
    await stage.declare(
      'VaultAuthBackend',
      `kube-${product}`,
      backendSpec(stage, product, 'kube', { kubernetes: { host: stage.bed.url, reviewer: { mode: 'Rotated' } } }),
    );
    // With driftPolicy Report only an operator corrects drift; a new server gets the configuration all the same.
    await stage.declare(
      'VaultAuthBackend',
      `keys-${product}`,
      backendSpec(stage, product, 'keys', {
        type: 'jwt',
        kubernetes: undefined as never,
        jwt: {},
        driftPolicy: 'Report',
        adoption: 'Never',
      }),
    );
    await stage.declare('VaultACLPolicy', `policy-${product}`, policySpec(product, `kube-${product}`));
    for (const backend of ['kube', 'keys']) await declareRole(`${backend}-role`, product, backend);
  }
  for (const product of PRODUCTS) await allReady(product);
}, 600_000);
beforeEach(() => void (failures += 1));
afterAll(() => stage?.stop(failures > 0 ? 'failed' : 'passed'));

const declareRole = (name: string, product: ProductName, backend: string): Promise<void> =>
  stage.declare('VaultAuthRole', `${name}-${product}`, {
    backendRef: { name: `${backend}-${product}` },
    serviceAccounts: ['default'],
  });
const rolePath = (name: string, product: ProductName, backend: string): string =>
  `auth/${backend}/role/test.${stage.namespace}.${name}-${product}`;
const allReady = async (product: ProductName): Promise<void> => {
  for (const kind of ['kube', 'keys']) {
    await stage.until('VaultAuthBackend', `${kind}-${product}`, 'Ready=True');
    await stage.until('VaultAuthRole', `${kind}-role-${product}`, 'Ready=True');
  }
  await stage.until('VaultACLPolicy', `policy-${product}`, 'Ready=True');
};
/** Waits until everything that was declared is in Vault. */
const allThere = async (product: ProductName): Promise<boolean> => {
  const { vault } = stage.server(product);
  const accessor = await accessorOf(vault, 'kube');
  const parts = await Promise.all([
    dataAt(vault, 'auth/kube/config'),
    dataAt(vault, 'auth/keys/config'),
    dataAt(vault, rolePath('kube-role', product, 'kube')),
    dataAt(vault, rolePath('keys-role', product, 'keys')),
  ]);
  const policy = textOf(await dataAt(vault, `sys/policies/acl/policy-${product}`), 'policy');
  return parts.every((part) => part !== undefined) && accessor !== undefined && policy?.includes(accessor) === true;
};
const passed = (): void => void (failures -= 1);

it.each(PRODUCTS)(
  'recovers after %s was sealed for longer than the maximum back-off',
  async (product) => {
    const { vault, proxy } = stage.server(product);
    // Development servers print their unseal key.
    const log = readFileSync(join(stage.bed.directory, 'log', `${product}.log`), 'utf8');
    const key = /Unseal Key: (\S+)/.exec(log)?.[1];
    expect((await vault.ask('PUT', 'sys/seal')).status).toBe(204);
    await stage.until('VaultEndpoint', product, 'Reachable=Sealed');
    await stage.until('VaultAuthBackend', `kube-${product}`, 'Mounted=EndpointNotReady');
    await stage.until('VaultAuthRole', `kube-role-${product}`, 'Programmed=VaultSealed');
    await stage.until('VaultACLPolicy', `policy-${product}`, 'Programmed=EndpointNotReady');
    await declareRole('sealed', product, 'kube');
    await stage.until('VaultAuthRole', `sealed-${product}`, 'Programmed=VaultSealed');
    const [before, since] = [proxy.seen.length, Date.now()];
    await sleep(2 * LONGEST_BACK_OFF_MS);
    // Only the endpoint is reconciled.
    expect(proxy.seen.length - before).toBeLessThanOrEqual((Date.now() - since) / 1000 + 1);
    const unsealed = await vault.ask('PUT', 'sys/unseal', { key: key ?? '' }, '');
    expect(unsealed.json).toMatchObject({ sealed: false });
    await allReady(product);
    await stage.until('VaultAuthRole', `sealed-${product}`, 'Ready=True');
    expect(await dataAt(vault, rolePath('sealed', product, 'kube'))).toBeDefined();
    passed();
  },
  300_000,
);

it.each(PRODUCTS)(
  'recovers after %s was wiped',
  async (product) => {
    const { vault } = stage.server(product);
    const clusterOf = async (): Promise<string | undefined> =>
      textOf(objectAt(objectAt(await stage.read('VaultAuthRole', `keys-role-${product}`), 'status'), 'vault'), 'clusterID');
    const before = await clusterOf();
    await stage.bed.restart(product);
    await eventually('everything is there again', () => allThere(product), { seconds: 90 });
    await allReady(product);
    await eventually('the roles know the new server', async () => (await clusterOf()) !== before);
    expect((await dataAt(vault, 'auth/kube/config'))?.['kubernetes_host']).toBe(stage.bed.url);
    passed();
  },
  300_000,
);

it.each(PRODUCTS)(
  'recovers after a mount of %s was deleted and created by an operator',
  async (product) => {
    const { vault } = stage.server(product);
    const before = await accessorOf(vault, 'kube');
    await vault.ask('DELETE', 'sys/auth/kube');
    await vault.ask('POST', 'sys/auth/kube', { type: 'kubernetes' });
    const now = await accessorOf(vault, 'kube');
    await eventually('everything is there again', () => allThere(product), { seconds: 90 });
    await allReady(product);
    // The controller may have created it in between: then that mount stayed.
    expect([now, await accessorOf(vault, 'kube')]).not.toContain(before);
    passed();
  },
  300_000,
);

it('recovers after a restart of the API server', async () => {
  await stage.bed.restart('kube-apiserver');
  // A process that lost its Lease exits, and the kubelet restarts it.
  await sleep(2000);
  if (!stage.controller().server.running()) await stage.startAgain();
  for (const product of PRODUCTS) {
    await declareRole('restarted', product, 'kube');
    await stage.until('VaultAuthRole', `restarted-${product}`, 'Ready=True');
    await allReady(product);
    expect(conditionOf(await stage.read('VaultAuthBackend', `kube-${product}`), 'Configured')).toMatchObject({ status: 'True' });
  }
  passed();
}, 300_000);
