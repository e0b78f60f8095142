// Generated roles: follow the label of the namespace and its service accounts.
import { type JsonObject, objectAt } from '../../../src/json/json.ts';
import { AUTO_ROLE_LABEL, objectPath } from '../../../src/resources/kinds.ts';
import { readObject, untilCondition } from '../../bed/controller.ts';
import { setStage, type Stage } from '../seeds/stage.ts';
import { backend, declare, FLAGS, inVault } from './role-stage.ts';
import { eventually } from '../../support/eventually.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await setStage('openbao', { flags: FLAGS, isAdministrator: true });
  await backend(stage, 'kubernetes', {
    tenancy: { policyRules: [{ policies: ['external:common', 'external:extra'], namespaceSelector: {} }] },
    autoRoles: {
      mode: 'All',
      namespaceSelector: { matchLabels: { auto: 'yes' } },
      template: { policies: ['external:common'], token: { ttl: '10m' } },
    },
  });
}, 600_000);
afterAll(() => stage.stop());

const account = (namespace: string, name: string, annotations: JsonObject = {}): Promise<unknown> =>
  stage.bed.request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name, annotations } });
const isGone = async (namespace: string, name: string): Promise<boolean> =>
  (await stage.bed.exchange('GET', objectPath('VaultAuthRole', { namespace, name }))).status === 404;

it('creates roles for service accounts with the policies that they request and may have', async () => {
  const namespace = await stage.bed.createNamespace({ labels: { roles: 'yes', auto: 'yes' } });
  await account(namespace, 'web', { 'vaultauth.dev/vault-policies': 'external:extra' });
  const role = await untilCondition(stage.bed, 'VaultAuthRole', { namespace, name: 'web' }, 'Ready=True');
  expect(objectAt(objectAt(role, 'metadata'), 'labels')).toEqual({ [AUTO_ROLE_LABEL]: 'kubernetes' });
  expect(await inVault(stage, `auth/kubernetes/role/test.${namespace}.web`)).toMatchObject({
    bound_service_account_names: ['web'],
    token_policies: ['common', 'extra'],
    token_ttl: 600,
  });
  expect(await isGone(namespace, 'default')).toBe(true);
});

it('deletes them with the label and with the service account', async () => {
  const namespace = await stage.bed.createNamespace({ labels: { roles: 'yes', auto: 'yes' } });
  for (const name of ['web', 'worker']) {
    await account(namespace, name);
    await untilCondition(stage.bed, 'VaultAuthRole', { namespace, name }, 'Ready=True');
  }
  await stage.bed.request('DELETE', `/api/v1/namespaces/${namespace}/serviceaccounts/worker`);
  await eventually('the role of a deleted service account is gone', () => isGone(namespace, 'worker'));
  await stage.bed.kubectl(['label', 'namespace', namespace, 'auto-']);
  await eventually('the role is gone', () => isGone(namespace, 'web'));
  for (const name of ['web', 'worker'])
    expect(await inVault(stage, `auth/kubernetes/role/test.${namespace}.${name}`)).toBeUndefined();
});

it('leaves a role without the label alone', async () => {
  const namespace = await stage.bed.createNamespace({ labels: { roles: 'yes', auto: 'yes' } });
  await declare(stage, namespace, 'web', { backendRef: { name: 'kubernetes' }, serviceAccounts: ['other'] });
  await account(namespace, 'web');
  await account(namespace, 'later');
  await untilCondition(stage.bed, 'VaultAuthRole', { namespace, name: 'later' }, 'Ready=True');
  const role = await readObject(stage.bed, 'VaultAuthRole', { namespace, name: 'web' });
  expect(objectAt(role, 'spec')).toMatchObject({ serviceAccounts: ['other'] });
});
