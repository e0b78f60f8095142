// Deletions during an outage of Vault: they end in time, and roles left in Vault are deleted later.
import { type JsonObject, objectAt, objectsOf } from '../../../src/json/json.ts';
import { objectPath } from '../../../src/resources/kinds.ts';
import { type Bed, startBed } from '../../bed/bed.ts';
import {
  applyYAML,
  CONTROLLER_NAMESPACE,
  type ControllerProcess,
  installController,
  readObject,
  runController,
  untilCondition,
} from '../../bed/controller.ts';
import { FAULTS, type FaultProxy, startFaultProxy } from '../../bed/fault-proxy.ts';
import { type VaultView, view } from '../seeds/stage.ts';
import { eventually } from '../../support/eventually.ts';

/** The deletion timeout in seconds. */
const BOUND = 5;
/** For a busy machine: the controller manager deletes a namespace in several rounds, some seconds apart. */
const SLACK = 115;

const set = (address: string, token: string, host: string): string => `
apiVersion: v1
kind: Secret
metadata: { name: vault-token, namespace: ${CONTROLLER_NAMESPACE} }
stringData: { token: "${token}" }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultEndpoint
metadata: { name: main }
spec:
  address: ${address}
  allowPlainHTTP: true
  auth: { token: { secretRef: { name: vault-token } } }
  limits: { requestsPerSecond: 200, burst: 200, maxInFlight: 8, timeoutSeconds: 2 }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthBackend
metadata: { name: kube }
spec:
  endpointRef: { name: main }
  type: kubernetes
  path: kube
  clusterName: test
  kubernetes: { host: "${host}", reviewer: { mode: Rotated } }
  rbac: { manageAuthDelegator: true }
  tenancy: { namespaceSelector: {} }
`;
const role = (namespace: string, name: string): string => `
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthRole
metadata: { name: ${name}, namespace: ${namespace} }
spec: { backendRef: { name: kube }, serviceAccounts: [default] }
`;

const UNPROTECTED = { metadata: { finalizers: null } };

let bed: Bed;
let proxy: FaultProxy;
let vault: VaultView;
let controller: ControllerProcess;
let outcome: 'passed' | 'failed' = 'failed';

beforeAll(async () => {
  bed = await startBed({ parts: ['kube-controller-manager', 'openbao'] });
  const { address, rootToken } = bed.openbao ?? { address: '', rootToken: '' };
  vault = view(address, rootToken);
  proxy = await startFaultProxy({ upstream: address });
  await installController(bed);
  controller = await runController(bed, { flags: ['-resync-factor=0.05', `-deletion-timeout=${BOUND}s`] });
  await applyYAML(bed, set(proxy.address, rootToken, bed.url));
  await untilCondition(bed, 'VaultAuthBackend', { name: 'kube' }, 'Ready=True', 60);
}, 600_000);
afterAll(async () => {
  await proxy?.stop();
  await bed?.stop(outcome);
});

const hasRole = async (name: string): Promise<boolean> => (await vault.ask('GET', `auth/kube/role/${name}`)).status === 200;
const backend = (): Promise<JsonObject> => readObject(bed, 'VaultAuthBackend', { name: 'kube' });
const pendingDeletions = async (): Promise<readonly JsonObject[]> =>
  objectsOf(objectAt(await backend(), 'status')?.['pendingDeletions']);
const names = async (): Promise<readonly unknown[]> => (await pendingDeletions()).map(({ roleName }) => roleName);
const isGone = async (path: string): Promise<boolean> => (await bed.exchange('GET', path)).status === 404;
const metric = async (line: RegExp): Promise<boolean> =>
  line.test(await (await fetch(`${controller.operations}/metrics`)).text());
const ready = async (namespace: string, name: string): Promise<void> => {
  await bed.createNamespace({ name: namespace });
  await applyYAML(bed, role(namespace, name));
  await untilCondition(bed, 'VaultAuthRole', { namespace, name }, 'Ready=True');
};
const leave = async (namespace: string): Promise<void> => {
  await bed.request('DELETE', `/api/v1/namespaces/${namespace}`);
  await eventually(`${namespace} is gone`, () => isGone(`/api/v1/namespaces/${namespace}`), { seconds: BOUND + SLACK });
};

it('deletes the role with its object while Vault answers', async () => {
  await ready('plain', 'web');
  expect(await hasRole('test.plain.web')).toBe(true);
  await leave('plain');
  expect(await hasRole('test.plain.web')).toBe(false);
  expect(await pendingDeletions()).toEqual([]);
}, 300_000);

it('ends the deletion of a namespace during an outage, and deletes the role after it', async () => {
  await ready('away', 'web');
  proxy.inject({ fault: { kind: 'cutBefore' } });
  await leave('away');
  expect(await pendingDeletions()).toMatchObject([
    { roleName: 'test.away.web', namespace: 'away', name: 'web', vaultNamespace: '' },
  ]);
  expect(await hasRole('test.away.web')).toBe(true);
  await eventually('it is counted', () => metric(/^vault_auth_injector_pending_deletions\{backend="kube"\} 1$/m));
  proxy.heal();
  await eventually('the role is gone', async () => !(await hasRole('test.away.web')), {});
  await eventually('there is no pending deletion', async () => (await pendingDeletions()).length === 0);
  await eventually('an Event reports it', async () =>
    (await bed.kubectl(['events', '-n', 'default', '--for=vaultauthbackend/kube'])).includes('PendingDeletionCleared'),
  );
}, 300_000);

it('adopts a pending deletion with a new object of the same name', async () => {
  await ready('back', 'web');
  proxy.inject({ fault: FAULTS.forbidden, when: ({ method }) => method === 'DELETE' });
  await leave('back');
  expect(await names()).toEqual(['test.back.web']);
  // The role is changed in Vault, so that it differs from the new object.
  await vault.ask('POST', 'auth/kube/role/test.back.web', { token_policies: 'other' });
  await ready('back', 'web');
  const { json } = await vault.ask('GET', 'auth/kube/role/test.back.web');
  expect(objectAt(json, 'data')?.['token_policies']).not.toEqual(['other']);
  proxy.heal();
  await eventually('there is no pending deletion', async () => (await pendingDeletions()).length === 0);
  await untilCondition(bed, 'VaultAuthRole', { namespace: 'back', name: 'web' }, 'Ready=True');
  expect(await hasRole('test.back.web')).toBe(true);
}, 300_000);

it('leaves a role of another owner alone', async () => {
  await bed.createNamespace({ name: 'foreign' });
  const foreign = {
    bound_service_account_names: ['other'],
    bound_service_account_namespaces: ['other'],
    token_policies: ['other'],
  };
  await vault.ask('POST', 'auth/kube/role/test.foreign.web', foreign);
  await applyYAML(bed, role('foreign', 'web'));
  await untilCondition(bed, 'VaultAuthRole', { namespace: 'foreign', name: 'web' }, 'Programmed=NotOwned');
  // Also after another reconcile: an observed role does not become owned.
  await bed.kubectl(['label', 'vaultauthrole', '-n', 'foreign', 'web', 'look=again']);
  await bed.kubectl(['patch', 'vaultauthrole', '-n', 'foreign', 'web', '--type=merge', '-p', '{"spec":{"token":{"ttl":"10m"}}}']);
  await untilCondition(bed, 'VaultAuthRole', { namespace: 'foreign', name: 'web' }, 'Programmed=NotOwned');
  await leave('foreign');
  const { json } = await vault.ask('GET', 'auth/kube/role/test.foreign.web');
  expect(objectAt(json, 'data')).toMatchObject(foreign);
  expect(await pendingDeletions()).toEqual([]);
}, 300_000);

it('D3: deletes roles whose finalizer a tenant removes before or during the deletion', async () => {
  await ready('forced', 'before');
  await applyYAML(bed, role('forced', 'during'));
  await untilCondition(bed, 'VaultAuthRole', { namespace: 'forced', name: 'during' }, 'Ready=True');
  const strip = (name: string): Promise<unknown> =>
    bed.request('PATCH', objectPath('VaultAuthRole', { namespace: 'forced', name }), UNPROTECTED, 'application/merge-patch+json');
  await strip('before');
  await bed.request('DELETE', objectPath('VaultAuthRole', { namespace: 'forced', name: 'before' }));
  proxy.inject({ fault: FAULTS.forbidden, when: ({ method }) => method === 'DELETE' });
  await bed.request('DELETE', objectPath('VaultAuthRole', { namespace: 'forced', name: 'during' }));
  await strip('during');
  await eventually('both objects are gone', async () => {
    const paths = ['before', 'during'].map((name) => objectPath('VaultAuthRole', { namespace: 'forced', name }));
    return (await Promise.all(paths.map(isGone))).every(Boolean);
  });
  proxy.heal();
  for (const name of ['before', 'during'])
    await eventually(`the role ${name} is gone`, async () => !(await hasRole(`test.forced.${name}`)), { seconds: 90 });
  await eventually('there is no pending deletion', async () => (await pendingDeletions()).length === 0);
  await leave('forced');
}, 300_000);

it('deletes nothing in another cluster', async () => {
  await ready('other', 'web');
  proxy.inject({ fault: { kind: 'cutBefore' } });
  await leave('other');
  expect(await names()).toEqual(['test.other.web']);
  // A restarted development server is a new cluster.
  await bed.restart('openbao');
  await vault.ask('POST', 'sys/auth/kube', { type: 'kubernetes' });
  const theirs = { bound_service_account_names: ['theirs'], bound_service_account_namespaces: ['theirs'] };
  await vault.ask('POST', 'auth/kube/role/test.other.web', theirs);
  proxy.heal();
  await eventually(
    'the reason is reported',
    async () => JSON.stringify(await pendingDeletions()).includes('another cluster now'),
    {},
  );
  const { json } = await vault.ask('GET', 'auth/kube/role/test.other.web');
  expect(objectAt(json, 'data')).toMatchObject(theirs);
  expect(await names()).toEqual(['test.other.web']);
  outcome = 'passed';
}, 300_000);
