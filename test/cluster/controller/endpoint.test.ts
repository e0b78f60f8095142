// VaultEndpoint on a real API server with OpenBao and Vault: status, logins, products, namespaces, deletion, secrets.
import { API_VERSION, collectionPath, objectPath } from '../../../src/resources/kinds.ts';
import { enableMount } from '../../../src/vault/mounts.ts';
import { writePolicy } from '../../../src/vault/policies.ts';
import { vaultSession } from '../../../src/vault/session.ts';
import { CONTROLLER_ACCOUNT, CONTROLLER_NAMESPACE } from '../../bed/controller.ts';
import { ROOT_TOKEN, secureServer } from '../../contract/secure-server.ts';
import { bind, contractClient, PRODUCTS, serviceAccount, tokenOf, write } from '../../contract/servers.ts';
import { type EndpointStage, openEndpointStage } from './endpoint-stage.ts';
import { eventually } from '../../support/eventually.ts';

let stage: EndpointStage;
let failed = true;

beforeAll(async () => {
  stage = await openEndpointStage();
  failed = false;
}, 600_000);
afterAll(() => stage?.stop(failed ? 'failed' : 'passed'));

/** A test that keeps the logs after a failure. */
const check = (name: string, run: () => Promise<void>): void =>
  // oxlint-disable-next-line jest/valid-title -- the title is the caller's
  test(name, async () => {
    try {
      await run();
    } catch (error) {
      failed = true;
      throw error;
    }
  });

describe.each(PRODUCTS)('%s', (product) => {
  check('reports a ready server in the status', async () => {
    const proxy = await stage.proxyTo(product);
    await stage.declare(`works-${product}`, stage.specOf(proxy, product));
    const { conditions, lastContactTime, ...status } = await stage.until(`works-${product}`, 'Ready=True');
    expect(status).toEqual({
      observedGeneration: 1,
      product: product === 'vault' ? 'Vault' : 'OpenBao',
      version: expect.stringMatching(/^\d/),
      clusterID: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sealed: false,
      rollouts: false,
      capabilities: product === 'vault' ? [] : ['Namespaces'],
    });
    expect(Date.parse(lastContactTime ?? '')).toBeGreaterThan(Date.now() - 60_000);
    expect(conditions?.map(({ type, status: is, reason }) => `${type} ${is} ${reason}`)).toEqual([
      'Reachable True Connected',
      'Supported True Detected',
      'Authenticated True LoggedIn',
      'Authorized True Sufficient',
      'Ready True Ready',
    ]);
    expect(await stage.messageOf(`works-${product}`, 'Authenticated')).toContain('for development and bootstrap');
  });

  check('logs in by kubernetes once its service account is bound', async () => {
    const { bed } = stage;
    const root = stage.root(product);
    await serviceAccount(bed, CONTROLLER_NAMESPACE, `reviewer-${product}`);
    await bind(bed, CONTROLLER_NAMESPACE, `reviewer-${product}`);
    const proxy = await stage.proxyTo(product);
    const auth = { kubernetes: { role: 'controller', audience: 'vault' } };
    await stage.declare(`kubernetes-${product}`, stage.specOf(proxy, product, { auth }));
    await stage.until(`kubernetes-${product}`, 'Authenticated=LoginDenied');
    expect(await stage.messageOf(`kubernetes-${product}`, 'Ready')).toContain('Check that auth/kubernetes is mounted');
    await enableMount(root, 'kubernetes', { type: 'kubernetes' });
    await write(root, 'auth/kubernetes/config', {
      kubernetes_host: bed.url,
      kubernetes_ca_cert: bed.ca,
      token_reviewer_jwt: await tokenOf(bed, CONTROLLER_NAMESPACE, `reviewer-${product}`),
      disable_local_ca_jwt: true,
    });
    await write(root, 'auth/kubernetes/role/controller', {
      bound_service_account_names: [CONTROLLER_ACCOUNT],
      bound_service_account_namespaces: [CONTROLLER_NAMESPACE],
      audience: 'vault',
      token_ttl: 600,
    });
    const { tokenExpiresAt } = await stage.until(`kubernetes-${product}`, 'Ready=True');
    expect(Date.parse(tokenExpiresAt ?? '')).toBeGreaterThan(Date.now() + 500_000);
    await stage.until(`kubernetes-${product}`, 'Authorized=RightsMissing');
    expect(await stage.messageOf(`kubernetes-${product}`, 'Authorized')).toContain('sys/auth (read)');
    expect(proxy.count('POST', /auth\/kubernetes\/login$/)).toBeLessThan(20);
    await writePolicy(root, 'controller', 'path "sys/auth" { capabilities = ["read"] }');
    await write(root, 'auth/kubernetes/role/controller', { audience: 'vault', token_policies: ['controller'] });
  });

  check('logs in by AppRole once its Secret exists, and again after a change of it', async () => {
    const root = stage.root(product);
    await enableMount(root, 'approle', { type: 'approle' });
    await write(root, 'auth/approle/role/r', { token_ttl: 600 });
    const roleId = (await root.request({ method: 'GET', path: 'auth/approle/role/r/role-id' })).data?.['role_id'] ?? '';
    const secretId = async (): Promise<string> => {
      const { data } = await root.request({ method: 'POST', path: 'auth/approle/role/r/secret-id', body: {} });
      return data?.['secret_id'] as string;
    };
    const name = `approle-${product}`;
    const proxy = await stage.proxyTo(product);
    await stage.declare(name, stage.specOf(proxy, product, { auth: { appRole: { roleId, secretIdRef: { name } } } }));
    await stage.until(name, 'Authenticated=CredentialMissing');
    expect(await stage.messageOf(name, 'Ready')).toBe(`there is no Secret ${CONTROLLER_NAMESPACE}/${name}.`);
    await stage.secret(name, { 'secret-id': 'canary-wrong-secret-id' });
    await stage.until(name, 'Authenticated=LoginDenied');
    await stage.secret(name, { 'secret-id': await secretId() });
    await stage.until(name, 'Ready=True');
    proxy.forget();
    await stage.secret(name, { 'secret-id': await secretId() });
    await eventually('it has logged in again', () => proxy.count('POST', /approle\/login$/) === 1);
  });

  check('logs in by a client certificate, with CA certificates from a Secret and a ConfigMap', async () => {
    const { bed } = stage;
    const name = `cert-${product}`;
    const { address, ca } = await secureServer(bed, product);
    const { certificate, key } = bed.credentials.issueClient({ commonName: 'controller' });
    const client = contractClient(address, '', { ca });
    try {
      const root = vaultSession({ client, login: { method: 'token', token: async () => ROOT_TOKEN } });
      await enableMount(root, 'cert', { type: 'cert' });
      await write(root, 'auth/cert/certs/controller', {
        certificate: bed.ca,
        allowed_common_names: ['controller'],
        token_ttl: 600,
      });
    } finally {
      client.close();
    }
    await bed.request('POST', `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/configmaps`, {
      metadata: { name },
      data: { 'ca.crt': ca },
    });
    const tls = { serverName: 'localhost', ca: { configMapRef: { name } }, clientCert: { secretRef: { name } } };
    await stage.declare(name, { address, tls, auth: { cert: {} } });
    await stage.until(name, 'Authenticated=CredentialMissing');
    await stage.secret(name, { 'tls.crt': certificate, 'tls.key': key });
    const ready = await stage.until(name, 'Ready=True');
    // Injected pods cannot read that ConfigMap.
    expect(ready.workloadCA?.trim()).toBe(ca.trim());
    expect(await stage.reported()).toMatch(new RegExp(`expiry_seconds{what="client_certificate",name="${name}"} \\d+`));
  });

  check('rejects the wrong product, and a namespace that is missing or unsupported', async () => {
    const proxy = await stage.proxyTo(product);
    const name = `other-${product}`;
    await stage.declare(
      name,
      stage.specOf(proxy, product, { product: product === 'vault' ? 'OpenBao' : 'Vault', namespace: 'team' }),
    );
    await stage.until(name, 'Supported=ProductMismatch');
    await stage.change(name, { product: 'Auto' });
    proxy.forget();
    await stage.until(name, product === 'vault' ? 'Supported=NamespacesUnsupported' : 'Authenticated=NamespaceMissing');
    expect(await stage.messageOf(name, 'Ready')).toContain('team');
    expect(proxy.seen.every(({ method, headers }) => method === 'GET' && headers['x-vault-token'] === undefined)).toBe(true);
    if (product === 'vault') return;
    await write(stage.root(product), 'sys/namespaces/team', {});
    proxy.forget();
    await stage.until(name, 'Ready=True');
    const asked = proxy.seen.filter(({ headers }) => headers['x-vault-token'] !== undefined);
    expect(new Set(asked.map(({ headers }) => headers['x-vault-namespace']))).toEqual(new Set(['team']));
  });
});

check('blocks the deletion while it is in use', async () => {
  const { bed } = stage;
  const proxy = await stage.proxyTo('openbao');
  await stage.declare('used', stage.specOf(proxy, 'openbao'));
  const backend = { endpointRef: { name: 'used' }, type: 'kubernetes', path: 'p', clusterName: 'c', kubernetes: {} };
  await bed.request('POST', collectionPath('VaultAuthBackend'), {
    apiVersion: API_VERSION,
    kind: 'VaultAuthBackend',
    metadata: { name: 'user' },
    spec: backend,
  });
  const path = objectPath('VaultEndpoint', { name: 'used' });
  await eventually('it is held', async () => JSON.stringify(await bed.request('GET', path)).includes('"finalizers"'));
  await bed.request('DELETE', path);
  await stage.until('used', 'Deletable=InUse');
  expect(await stage.messageOf('used', 'Deletable')).toBe('In use by VaultAuthBackend user: delete those first.');
  await stage.until('used', 'Ready=True');
  await bed.request('DELETE', objectPath('VaultAuthBackend', { name: 'user' }));
  await eventually('it is gone', async () => (await bed.exchange('GET', path)).status === 404);
});

check('shows no credential in status, Events, logs or metrics', async () => {
  const { bed } = stage;
  const objects = (await bed.exchange('GET', collectionPath('VaultEndpoint'))).text;
  const events = (await bed.exchange('GET', '/apis/events.k8s.io/v1/events')).text;
  const output = `${objects}${events}${await stage.reported()}`;
  expect(events).toContain('LoginDenied');
  for (const secret of ['canary', bed.openbao?.rootToken ?? '', bed.vault?.rootToken ?? '', 'eyJhbGciOi'])
    expect(output.includes(secret) ? secret : '').toBe('');
});
