// Each reviewer mode, with a login of a real service account.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { obtain } from '../../bed/obtain.ts';
import { answersOk } from '../../bed/parts.ts';
import { freePorts } from '../../bed/ports.ts';
import { silentProgress } from '../../bed/progress.ts';
import { untilReady } from '../../bed/server.ts';
import { CONTROLLER_ACCOUNT, CONTROLLER_NAMESPACE } from '../../bed/controller.ts';
import { reconcileRole } from '../../../src/controller/role/reconcile.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { API_VERSION, collectionPath } from '../../../src/resources/kinds.ts';
import { roleOf, TEAM } from './backend-support.ts';
import { eventually } from '../../support/eventually.ts';
import { useStage, PRODUCTS, type Stage } from './backend-stage.ts';

let stage: Stage;
const check = useStage({ reconcilers: { VaultAuthRole: reconcileRole } }, (opened) => {
  stage = opened;
});

const CLUSTER_ROLE_BINDINGS = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
const bindingOf = (backend: string): Promise<{ readonly subjects: readonly JsonObject[]; readonly roleRef: JsonObject }> =>
  stage.bed.request('GET', `${CLUSTER_ROLE_BINDINGS}/vault-auth-injector:${backend}:token-review`);
const account = (namespace: string, name: string): JsonObject => ({ kind: 'ServiceAccount', namespace, name });

const kubernetes = (reviewer: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'kubernetes',
  kubernetes: { host: stage.bed.url, reviewer, ...more },
  rbac: { manageAuthDelegator: true },
});

describe.each(PRODUCTS)('%s', (product) => {
  const own = (name: string): string => `${name}-${product}`;
  const config = async (path: string): Promise<JsonObject> =>
    (await stage.server(product).root.request({ method: 'GET', path: `auth/${path}/config` })).data ?? {};
  const logsIn = async (path: string, name = 'app'): Promise<void> => {
    const audience = `vault://prod/${path}`;
    await stage.role(product, path, roleOf(name, audience));
    const login = await stage.login(product, path, await stage.token(name, audience));
    expect(login).toMatchObject({ outcome: 'succeeded', policies: ['default'] });
  };

  check('logs in with Rotated: a TokenRequest for a created service account', async () => {
    const name = await stage.declare(product, own('rotated'), kubernetes({ mode: 'Rotated' }));
    const { reviewer, mount } = await stage.until(name, 'Ready=True');
    expect(mount).toMatchObject({
      path: name,
      type: 'kubernetes',
      owned: true,
      accessor: expect.stringMatching(/^auth_kubernetes_/),
    });
    expect(reviewer).toMatchObject({ mode: 'Rotated', serviceAccount: `${CONTROLLER_NAMESPACE}/vault-reviewer-${name}` });
    const life = Date.parse(reviewer?.expiresAt ?? '') - Date.parse(reviewer?.issuedAt ?? '');
    expect(Math.round(life / 3_600_000)).toBe(24);
    expect(await config(name)).toMatchObject({
      disable_local_ca_jwt: true,
      token_reviewer_jwt_set: true,
      kubernetes_host: stage.bed.url,
    });
    expect((await bindingOf(name)).subjects).toEqual([account(CONTROLLER_NAMESPACE, `vault-reviewer-${name}`)]);
    await logsIn(name);
  });

  check('logs in with LongLivedSecret: a Secret that the controller manager fills', async () => {
    const name = await stage.declare(product, own('long'), kubernetes({ mode: 'LongLivedSecret' }));
    const status = await stage.until(name, 'Ready=True');
    expect(status.reviewer?.expiresAt).toBeUndefined();
    expect(status.reviewer?.secretVersion).toMatch(/^\d+$/);
    expect(status.conditions?.find(({ type }) => type === 'ReviewerHealthy')?.message).toContain('Mode Rotated replaces it');
    await logsIn(name);
  });

  check('logs in with SecretRef: a token of an operator, and its replacement', async () => {
    const name = own('referred');
    await stage.bed.exchange('POST', CLUSTER_ROLE_BINDINGS, {
      metadata: { name: 'given-reviewer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
      subjects: [account(TEAM, 'given-reviewer')],
    });
    await stage.declare(product, name, kubernetes({ mode: 'SecretRef', secretRef: { name } }));
    const waiting = await stage.until(name, 'ReviewerHealthy=TokenMissing');
    expect(waiting.conditions?.find(({ type }) => type === 'ReviewerHealthy')?.message).toContain(
      `there is no Secret ${CONTROLLER_NAMESPACE}/${name}`,
    );
    const secrets = `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/secrets`;
    const token = await stage.token('given-reviewer');
    await stage.bed.request('POST', secrets, { metadata: { name }, stringData: { token } });
    const first = await stage.until(name, 'Ready=True');
    expect(Date.parse(first.reviewer?.expiresAt ?? '')).toBeGreaterThan(Date.now());
    await logsIn(name);
    const second = await stage.token('given-reviewer');
    await stage.bed.request('PATCH', `${secrets}/${name}`, { stringData: { token: second } }, 'application/merge-patch+json');
    await eventually(async () => expect((await stage.status(name)).reviewer?.tokenHash).not.toBe(first.reviewer?.tokenHash));
    await logsIn(name);
    expect(JSON.stringify(await stage.status(name))).not.toContain(token.split('.')[2]);
  });

  check('logs in with ClientJWT: one binding for the service accounts of roles and of the controller', async () => {
    const name = await stage.declare(product, own('client'), {
      ...kubernetes({ mode: 'ClientJWT' }),
      tenancy: { namespaceSelector: {} },
    });
    await stage.until(name, 'Ready=True');
    const ours = account(CONTROLLER_NAMESPACE, CONTROLLER_ACCOUNT);
    expect((await bindingOf(name)).subjects).toEqual([ours]);
    const jwt = await stage.token('client');
    const roles = collectionPath('VaultAuthRole', TEAM);
    await stage.bed.request('POST', roles, {
      apiVersion: API_VERSION,
      kind: 'VaultAuthRole',
      metadata: { name: own('client'), namespace: TEAM },
      spec: { backendRef: { name }, serviceAccounts: ['client'] },
    });
    await eventually(async () => expect((await bindingOf(name)).subjects).toEqual([account(TEAM, 'client'), ours]));
    await eventually(async () =>
      expect(await stage.login(product, name, jwt, `prod.${TEAM}.${name}`)).toMatchObject({ outcome: 'succeeded' }),
    );
    // Rights are granted before the status is written.
    await eventually(async () => expect((await stage.status(name)).roles).toEqual({ total: 1, ready: 1, refused: 0 }));
    expect(await config(name)).toMatchObject({ token_reviewer_jwt_set: false, disable_local_ca_jwt: true });
    await stage.bed.request('DELETE', `${roles}/${name}`);
    await eventually(async () => expect((await bindingOf(name)).subjects).toEqual([ours]));
  });

  check('reports a missing binding, and recovers with it', async () => {
    const name = await stage.declare(product, own('unbound'), { ...kubernetes({ mode: 'Rotated' }), rbac: {} });
    const { conditions } = await stage.until(name, 'ReviewerHealthy=BindingMissing');
    expect(conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'False',
      reason: 'BindingMissing',
      message: expect.stringContaining(`${CONTROLLER_NAMESPACE}/vault-reviewer-${name} may not create TokenReviews`),
    });
    await stage.change(name, { rbac: { manageAuthDelegator: true } });
    await stage.until(name, 'Ready=True');
    await stage.change(name, { rbac: { manageAuthDelegator: false } });
    await eventually(async () =>
      expect((await stage.bed.exchange('GET', `${CLUSTER_ROLE_BINDINGS}/vault-auth-injector:${name}:token-review`)).status).toBe(
        404,
      ),
    );
  });

  check('deletes the objects of the previous mode', async () => {
    const name = await stage.declare(product, own('changed'), kubernetes({ mode: 'LongLivedSecret' }));
    await stage.until(name, 'Ready=True');
    await stage.change(name, { kubernetes: { reviewer: { mode: 'ClientJWT' } } });
    await stage.until(name, 'Ready=True');
    expect(await config(name)).toMatchObject({ token_reviewer_jwt_set: false });
    await eventually(async () =>
      expect(await stage.bed.kubectl(['get', 'secrets,serviceaccounts', '-n', CONTROLLER_NAMESPACE, '-o', 'name'])).not.toContain(
        name,
      ),
    );
    await stage.change(name, { probe: { enabled: false } });
    await stage.until(name, 'ReviewerHealthy=NotProbed');
    const roles = await stage
      .server(product)
      .root.request({ method: 'LIST', path: `auth/${name}/role` })
      .catch(() => undefined);
    expect(roles?.data?.['keys'] ?? []).toEqual([]);
  });

  check('gives the mount to the older of two backends', async () => {
    const name = await stage.declare(product, own('conflict'), kubernetes({ mode: 'Rotated' }));
    await stage.until(name, 'Ready=True');
    const second = await stage.declare(product, own('second'), { ...kubernetes({ mode: 'ClientJWT' }), path: name });
    const { conditions } = await stage.until(second, 'Mounted=NotOwned');
    expect(conditions?.find(({ type }) => type === 'Ready')?.message).toContain(
      `VaultAuthBackend ${name} already manages auth/${name}`,
    );
    await stage.until(name, 'Ready=True');
  });

  check(
    'logs in with Local: the token of the pod in which Vault runs',
    async () => {
      const endpoint = own('in-pod');
      const namespace = own('vault');
      await stage.bed.createNamespace({ name: namespace });
      const { status } = await stage.bed.request<{ status: { token: string } }>(
        'POST',
        `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
        { spec: { expirationSeconds: 3600 } },
      );
      const folder = join(stage.bed.directory, endpoint);
      mkdirSync(folder);
      for (const [file, text] of Object.entries({ token: status.token, 'ca.crt': stage.bed.ca, namespace }))
        writeFileSync(join(folder, file), text);
      const program = product === 'vault' ? 'vault' : 'bao';
      const path = (await obtain([program], '1.36', silentProgress)).get(program) ?? program;
      const [port = 0] = await freePorts(1);
      const address = `http://127.0.0.1:${port}`;
      // A mount namespace with the files where the kubelet puts them.
      const inPod = [
        'mount -t tmpfs pod /var/run && mkdir -p /var/run/secrets/kubernetes.io/serviceaccount',
        `mount --bind ${folder} /var/run/secrets/kubernetes.io/serviceaccount`,
        `exec ${path} server -dev -dev-listen-address=127.0.0.1:${port} -dev-no-store-token`,
      ];
      const server = stage.bed.start({
        name: endpoint,
        command: 'unshare',
        arguments: ['--mount', 'sh', '-c', inPod.join(' && ')],
        environment: { BAO_DEV_ROOT_TOKEN_ID: 'root-in-pod', VAULT_DEV_ROOT_TOKEN_ID: 'root-in-pod' },
      });
      await untilReady(server, 90, () => answersOk(`${address}/v1/sys/health`));
      await stage.addServer(endpoint, address, 'root-in-pod');
      const name = await stage.declare(
        endpoint,
        own('local'),
        kubernetes({ mode: 'Local', vaultServiceAccount: { namespace, name: 'default' } }),
      );
      await stage.until(name, 'Ready=True');
      const { data } = await stage.server(endpoint).root.request({ method: 'GET', path: `auth/${name}/config` });
      expect(data).toMatchObject({ disable_local_ca_jwt: false, kubernetes_ca_cert: '', token_reviewer_jwt_set: false });
      const audience = `vault://prod/${name}`;
      await stage.role(endpoint, name, roleOf('app', audience));
      expect(await stage.login(endpoint, name, await stage.token('app', audience))).toMatchObject({ outcome: 'succeeded' });
      await server.stop('SIGKILL');
    },
    300_000,
  );
});
