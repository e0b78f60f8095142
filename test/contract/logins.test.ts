// Logins with all five auth methods on real servers; a session that renews its token and logs in again after a revocation.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bed } from '../bed/bed.ts';
import { enableMount } from '../../src/vault/mounts.ts';
import type { VaultClient } from '../../src/vault/client.ts';
import { type Login, login } from '../../src/vault/login.ts';
import { type VaultSession, vaultSession } from '../../src/vault/session.ts';
import { ROOT_TOKEN, secureServer } from './secure-server.ts';
import { bind, contractClient, onEachServer, read, serviceAccount, tokenOf, write } from './servers.ts';
import { eventually } from '../support/eventually.ts';

const prepare = async (bed: Bed): Promise<void> => {
  await serviceAccount(bed, 'vault', 'reviewer');
  await bind(bed, 'vault', 'reviewer');
  await serviceAccount(bed, 'ours', 'controller');
};

const lookUp = async (session: VaultSession): Promise<string> =>
  (await session.request({ method: 'GET', path: 'auth/token/lookup-self' })).data?.['accessor'] as string;

onEachServer(['kube-apiserver'], prepare, (product, server) => {
  const jwt = (): Promise<string> => tokenOf(server().bed, 'ours', 'controller', { audience: 'vault' });

  test('kubernetes', async () => {
    const { bed, root, client, mount } = server();
    const path = await mount('kubernetes');
    await write(root, `auth/${path}/config`, {
      kubernetes_host: bed.url,
      kubernetes_ca_cert: bed.ca,
      token_reviewer_jwt: await tokenOf(bed, 'vault', 'reviewer'),
      disable_local_ca_jwt: true,
    });
    await write(root, `auth/${path}/role/controller`, {
      bound_service_account_names: ['controller'],
      bound_service_account_namespaces: ['ours'],
      audience: 'vault',
      token_policies: ['p'],
      token_ttl: 600,
    });
    const how = { method: 'kubernetes', mount: path, role: 'controller', jwt } as const;
    expect(await login(client, how)).toMatchObject({ leaseSeconds: 600, renewable: true, policies: ['default', 'p'] });
    await expect(login(client, { ...how, role: 'x' })).rejects.toMatchObject({
      kind: 'BadRequest',
      errors: ['invalid role name "x"'],
    });
  });

  test('jwt', async () => {
    const { bed, root, client, mount } = server();
    const path = await mount('jwt');
    const key = readFileSync(`${bed.directory}/pki/service-accounts.pub`, 'utf8');
    await write(root, `auth/${path}/config`, { jwt_validation_pubkeys: [key] });
    await write(root, `auth/${path}/role/controller`, {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: ['vault'],
      token_ttl: 300,
    });
    const how = { method: 'jwt', mount: path, role: 'controller', jwt } as const;
    expect(await login(client, how)).toMatchObject({ leaseSeconds: 300, entityId: expect.any(String) });
    await expect(login(client, { ...how, jwt: () => Promise.resolve('a.b.c') })).rejects.toMatchObject({ kind: 'BadRequest' });
  });

  test('cert', async () => {
    const { bed } = server();
    const { address, ca } = await secureServer(bed, product);
    const { certificate, key } = bed.credentials.issueClient({ commonName: 'controller' });
    const shown = contractClient(address, '', { ca, certificate, key });
    const bare = contractClient(address, '', { ca });
    try {
      const root = vaultSession({ client: shown, login: { method: 'token', token: () => Promise.resolve(ROOT_TOKEN) } });
      await enableMount(root, 'cert', { type: 'cert' });
      await write(root, 'auth/cert/certs/controller', {
        certificate: bed.ca,
        allowed_common_names: ['controller'],
        token_ttl: 300,
      });
      expect(await login(shown, { method: 'cert', mount: 'cert' })).toMatchObject({ leaseSeconds: 300, policies: ['default'] });
      expect(await login(shown, { method: 'cert', mount: 'cert', role: 'controller' })).toMatchObject({ leaseSeconds: 300 });
      await expect(login(shown, { method: 'cert', mount: 'cert', role: 'x' })).rejects.toMatchObject({ kind: 'BadRequest' });
      await expect(login(bare, { method: 'cert', mount: 'cert' })).rejects.toMatchObject({ kind: 'BadRequest' });
    } finally {
      shown.close();
      bare.close();
    }
  });

  describe('approle and token', () => {
    let path = '';
    let roleId = '';
    const clients: VaultClient[] = [];
    beforeAll(async () => {
      path = await server().mount('approle');
      await write(server().root, `auth/${path}/role/r`, { token_ttl: 9, token_max_ttl: 600, token_policies: ['default'] });
      roleId = (await read(server().root, `auth/${path}/role/r/role-id`))['role_id'] as string;
    });
    afterAll(() => {
      for (const client of clients) client.close();
    });
    const secretId = async (): Promise<string> => {
      const { data } = await server().root.request({ method: 'POST', path: `auth/${path}/role/r/secret-id`, body: {} });
      return data?.['secret_id'] as string;
    };
    const sessionOf = (how: Login): VaultSession => {
      const client = contractClient(server().address);
      clients.push(client);
      return vaultSession({ client, login: how });
    };
    test('approle; renews a token before it expires', async () => {
      const session = sessionOf({ method: 'approle', mount: path, roleId, secretId });
      const first = await lookUp(session);
      const end = session.expiresAt() ?? 0;
      await eventually('the token is renewed', async () => {
        await lookUp(session);
        return session.expiresAt() !== end;
      });
      expect(session.expiresAt()).toBeGreaterThan(end);
      expect(Date.now()).toBeLessThan(end);
      await sleep(end + 200 - Date.now());
      expect(await lookUp(session)).toBe(first);
      await expect(
        login(server().client, { method: 'approle', mount: path, roleId, secretId: () => Promise.resolve('canary-id') }),
      ).rejects.toMatchObject({
        kind: 'BadRequest',
        message: expect.not.stringContaining('canary'),
      });
    });

    test('replaces a revoked token, and repeats the request', async () => {
      const session = sessionOf({ method: 'approle', mount: path, roleId, secretId });
      const accessor = await lookUp(session);
      await write(server().root, 'auth/token/revoke-accessor', { accessor });
      expect(await lookUp(session)).not.toBe(accessor);
    });

    test('token; rejects an invalid one', async () => {
      const { auth } = await server().root.request({
        method: 'POST',
        path: 'auth/token/create',
        body: { ttl: '600s', no_parent: true },
      });
      const session = sessionOf({ method: 'token', token: () => Promise.resolve(auth?.['client_token'] as string) });
      expect(await session.ready()).toMatchObject({ policies: ['root'] });
      const wrong = sessionOf({ method: 'token', token: () => Promise.resolve('hvs.canary') });
      await expect(wrong.ready()).rejects.toMatchObject({
        kind: 'PermissionDenied',
        message: expect.not.stringContaining('canary'),
      });
    });
  });
});
