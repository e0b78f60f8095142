// Mounts, tuning, policies, capabilities, namespaces, rate limits and seals on both products.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../src/json/json.ts';
import type { VaultCaller } from '../../src/vault/client.ts';
import { isVaultError } from '../../src/vault/errors.ts';
import { hasNamespaces, namespaceExists, readHealth } from '../../src/vault/health.ts';
import { login, lookUpSelf } from '../../src/vault/login.ts';
import { disableMount, enableMount, readMounts, readTune, writeTune } from '../../src/vault/mounts.ts';
import { readCapabilities, deletePolicy, listPolicies, readPolicy, writePolicy } from '../../src/vault/policies.ts';
import { contractClient, onEachServer, outcomeOf, read, write } from './servers.ts';
import { eventually } from '../support/eventually.ts';

const nothing = (): Promise<void> => Promise.resolve();

onEachServer([], nothing, (product, server) => {
  const isVault = product === 'vault';
  /** Sends requests with a token that has only this policy. */
  const limited = async (policy: string): Promise<VaultCaller> => {
    const { client, root } = server();
    await writePolicy(root, 'limited', policy);
    const { auth } = await root.request({ method: 'POST', path: 'auth/token/create', body: { policies: ['limited'] } });
    const token = typeof auth?.['client_token'] === 'string' ? auth['client_token'] : '';
    return { request: (call) => client.request({ ...call, token }) };
  };
  const accessorOf = async (path: string): Promise<string | undefined> =>
    (await readMounts(server().root)).find((mount) => mount.path === path)?.accessor;

  test('1.7 health requires no token; only Vault has the field "enterprise"', async () => {
    expect(await readHealth(server().client)).toEqual({
      initialized: true,
      sealed: false,
      standby: false,
      disasterRecovery: false,
      version: expect.stringMatching(/^\d+\.\d+/),
      clusterID: expect.stringMatching(/^[0-9a-f-]{36}$/),
      product: isVault ? 'Vault' : 'OpenBao',
    });
  });

  test('1.9 mounts are listed with accessor and type; a second mount at a path or below it is rejected; disabling an absent one is not an error', async () => {
    const { root } = server();
    expect(
      await enableMount(root, 'k8s/prod', { type: 'kubernetes', description: 'd', config: { max_lease_ttl: '1h' } }),
    ).toEqual([]);
    expect((await readMounts(root)).find(({ path }) => path === 'k8s/prod')).toMatchObject({
      type: 'kubernetes',
      description: 'd',
    });
    await expect(enableMount(root, 'k8s/prod', { type: 'jwt' })).rejects.toMatchObject({
      kind: 'BadRequest',
      errors: ['path is already in use at k8s/prod/'],
    });
    await expect(enableMount(root, 'k8s', { type: 'jwt' })).rejects.toMatchObject({
      errors: ['path is already in use at k8s/prod/'],
    });
    await expect(enableMount(root, 'other', { type: 'zz' })).rejects.toMatchObject({ kind: 'BadRequest' });
    await disableMount(root, 'nowhere');
  });

  test('1.9 disabling a mount deletes its roles and tokens; enabled again it has another accessor', async () => {
    const { root, client } = server();
    await enableMount(root, 'gone', { type: 'approle' });
    await write(root, 'auth/gone/role/r', { token_policies: ['default'] });
    const roleId = (await read(root, 'auth/gone/role/r/role-id'))['role_id'] as string;
    const secret = await root.request({ method: 'POST', path: 'auth/gone/role/r/secret-id', body: {} });
    const secretId = (): Promise<string> => Promise.resolve(secret.data?.['secret_id'] as string);
    const { token } = await login(client, { method: 'approle', mount: 'gone', roleId, secretId });
    const before = await accessorOf('gone');
    await disableMount(root, 'gone');
    await enableMount(root, 'gone', { type: 'approle' });
    expect(await accessorOf('gone')).not.toBe(before);
    await expect(lookUpSelf(client, token)).rejects.toMatchObject({ kind: 'PermissionDenied' });
  });

  test('1.9 tune changes the given fields; zero is the system’s TTL; an empty visibility is removed; unknown fields are dropped without a warning', async () => {
    const { root } = server();
    await enableMount(root, 'tuned', { type: 'kubernetes' });
    expect(await readTune(root, 'nowhere')).toBeUndefined();
    const system = 2_764_800;
    expect(await readTune(root, 'tuned')).toMatchObject({ default_lease_ttl: system, max_lease_ttl: system, description: '' });
    const after = async (body: JsonObject): Promise<JsonObject> => {
      expect(await writeTune(root, 'tuned', body)).toEqual([]);
      return (await readTune(root, 'tuned')) ?? {};
    };
    expect(await after({ description: 'new', default_lease_ttl: '5m' })).toMatchObject({
      description: 'new',
      default_lease_ttl: 300,
    });
    expect(await after({ description: '' })).toMatchObject({ description: '', default_lease_ttl: 300 });
    expect(await after({ default_lease_ttl: 0 })).toMatchObject({ default_lease_ttl: system });
    expect(await after({ listing_visibility: 'hidden', nonsense: 1 })).toMatchObject({ listing_visibility: 'hidden' });
    expect(await after({ listing_visibility: '' })).not.toHaveProperty('listing_visibility');
    for (const type of ['default-service', 'default-batch', 'service', 'batch'])
      expect(await after({ token_type: type })).toMatchObject({ token_type: type });
    await expect(writeTune(root, 'tuned', { token_type: 'junk' })).rejects.toMatchObject({ kind: 'BadRequest' });
    await expect(writeTune(root, 'tuned', { max_lease_ttl: '1m', default_lease_ttl: '5m' })).rejects.toMatchObject({
      kind: 'BadRequest',
    });
  });

  test('1.9 sudo is required for mounts under sys/auth, but neither for the list of mounts nor for tune under sys/mounts', async () => {
    await enableMount(server().root, 'plain', { type: 'kubernetes' });
    const caller = await limited(`
      path "sys/auth" { capabilities = ["read"] }
      path "sys/auth/*" { capabilities = ["create", "read", "update", "delete"] }
      path "sys/mounts/auth/+/tune" { capabilities = ["read", "update"] }`);
    expect((await readMounts(caller)).map(({ path }) => path)).toContain('plain');
    expect(await readTune(caller, 'plain')).toMatchObject({ description: '' });
    expect(await writeTune(caller, 'plain', { description: 'x' })).toEqual([]);
    for (const [method, path] of [
      ['GET', 'sys/auth/plain'],
      ['POST', 'sys/auth/more'],
      ['GET', 'sys/auth/plain/tune'],
    ] as const)
      expect(await outcomeOf(caller.request({ method, path, body: { type: 'jwt' } }))).toMatch(/^403 /);
    expect(await readCapabilities(caller, ['sys/auth', 'sys/mounts/auth/x/tune', 'secret/x'])).toEqual(
      new Map([
        ['sys/auth', ['read']],
        ['sys/mounts/auth/x/tune', ['read', 'update']],
        ['secret/x', ['deny']],
      ]),
    );
  });

  test('1.9 policies keep their text, names are in lower case, and built-in ones cannot be deleted', async () => {
    const { root } = server();
    const text = '# c\n  path "x" {\n capabilities = ["read"] }\n\n';
    expect(await writePolicy(root, 'Team.A_b-c', text)).toEqual(['policy name was converted to team.a_b-c']);
    expect(await readPolicy(root, 'team.a_b-c')).toBe(text);
    expect(await listPolicies(root)).toEqual(expect.arrayContaining(['default', 'team.a_b-c']));
    await deletePolicy(root, 'team.a_b-c');
    await deletePolicy(root, 'team.a_b-c');
    expect(await readPolicy(root, 'team.a_b-c')).toBeUndefined();
    for (const bad of ['path {', 'path "x" { capabilities=["fly"] }', ''])
      await expect(writePolicy(root, 'bad', bad)).rejects.toMatchObject({ kind: 'BadRequest' });
    await expect(deletePolicy(root, 'default')).rejects.toMatchObject({ kind: 'BadRequest' });
    await expect(writePolicy(root, 'root', text)).rejects.toMatchObject({ kind: 'BadRequest' });
    await writePolicy(root, 'a,b', text);
    expect(await readPolicy(root, 'a,b')).toBe(text);
    const twice = 'path "x" { capabilities=["read"]\n capabilities=["list"] }';
    expect(await write(root, 'sys/policies/acl/twice', { policy: twice })).toMatch(
      isVault ? /^400 .*can only be defined once/ : /^204$/,
    );
  });

  test('1.7 conditional and expiring policies are OpenBao’s: Vault accepts the fields and ignores them', async () => {
    const { root } = server();
    const path = 'sys/policies/acl/conditional';
    const policy = 'path "x" { capabilities = ["read"] }';
    expect(await write(root, path, { policy, cas: -1 })).toBe('204');
    expect(await write(root, path, { policy, cas: -1 })).toMatch(isVault ? /^204$/ : /^400 /);
    expect('version' in (await read(root, path))).toBe(!isVault);
    await write(root, 'sys/policies/acl/ending', { policy, ttl: '1s' });
    if (!isVault) await eventually(async () => (await readPolicy(root, 'ending')) === undefined);
    else await sleep(1500);
    expect((await readPolicy(root, 'ending')) === undefined).toBe(!isVault);
  });

  test('1.7 paged lists are OpenBao’s: Vault returns the whole list, with a warning', async () => {
    const { root } = server();
    await enableMount(root, 'many', { type: 'kubernetes' });
    const body = { bound_service_account_names: 'a', bound_service_account_namespaces: 'a', audience: 'v' };
    for (const name of ['a', 'b', 'c']) await write(root, `auth/many/role/${name}`, body);
    const part = await root.request({ method: 'LIST', path: 'auth/many/role', query: { after: 'a', limit: '1' } });
    expect(part.data?.['keys']).toEqual(isVault ? ['a', 'b', 'c'] : ['b']);
    expect(part.warnings.length).toBe(isVault ? 1 : 0);
  });

  test('1.9 allowed_parameters with a glob does not restrict', async () => {
    const { root } = server();
    await enableMount(root, 'fenced', { type: 'kubernetes' });
    const caller = await limited(
      'path "auth/fenced/role/*" { capabilities = ["create", "update"] allowed_parameters = { "token_policies" = ["team-*"] "*" = [] } }',
    );
    const body = { bound_service_account_names: 'a', bound_service_account_namespaces: 'a', audience: 'v' };
    expect(await write(caller, 'auth/fenced/role/r', { ...body, token_policies: 'team-a,evil' })).toBe('204');
    expect(await read(root, 'auth/fenced/role/r')).toMatchObject({ token_policies: ['team-a', 'evil'] });
    expect(await write(caller, 'auth/fenced/role/r', { ...body, policies: ['evil'] })).toBe('204');
  });

  test('1.7 namespaces: OpenBao rejects an absent one; Vault’s Community Edition serves its root for all', async () => {
    const { address, client, root } = server();
    expect(await hasNamespaces(client)).toBe(!isVault);
    expect(await write(root, 'sys/namespaces/team', {})).toBe(isVault ? '404 enterprise-only feature' : '200');
    expect(await namespaceExists(client, '')).toBe(true);
    expect(await namespaceExists(client, 'team')).toBe(true);
    expect(await namespaceExists(client, 'nope')).toBe(isVault);
    const inside = contractClient(address, 'team');
    try {
      expect(await readHealth(inside)).toMatchObject({ initialized: true });
      const { auth } = await root.request({
        method: 'POST',
        path: 'auth/token/create',
        body: { policies: ['root'] },
        namespace: '',
      });
      const token = auth?.['client_token'] as string;
      const call = (path: string) => ({ method: 'GET', path, token }) as const;
      expect(await outcomeOf(inside.request({ ...call('sys/auth'), namespace: 'nope' }))).toBe(
        isVault ? '200' : '404 namespace not found',
      );
      const paths = (await readMounts({ request: (more) => inside.request({ ...more, token }) })).map(({ path }) => path);
      expect(paths.includes('tuned')).toBe(isVault);
    } finally {
      inside.close();
    }
  });

  test('1.7 a rate limit is a 429, with Retry-After only where headers are enabled', async () => {
    const { root, address } = server();
    // The client itself observes Retry-After.
    const fill = async (): Promise<void> => {
      const client = contractClient(address);
      try {
        for (let count = 0; count < 5; count += 1)
          await client.request({ method: 'GET', path: 'auth/token/x' }).catch((error: unknown) => {
            if (isVaultError(error, 'RateLimited')) throw error;
          });
      } finally {
        client.close();
      }
    };
    await write(root, 'sys/quotas/rate-limit/q', { rate: 1, interval: '10s', path: 'auth/token' });
    await expect(fill()).rejects.toMatchObject({ kind: 'RateLimited', retryAfterMs: undefined });
    await write(root, 'sys/quotas/config', { enable_rate_limit_response_headers: true });
    await expect(fill()).rejects.toMatchObject({ kind: 'RateLimited', retryAfterMs: expect.any(Number) });
    await write(root, 'sys/quotas/rate-limit/q', {}, 'DELETE');
  });

  test('sealed: health is a 503 with its body, all other paths are a 503 with a message; unsealed everything works again', async () => {
    const { address, root, bed } = server();
    const apart = contractClient(address);
    try {
      expect(await write(root, 'sys/seal', {}, 'PUT')).toBe('204');
      await eventually(async () => (await readHealth(apart)).sealed);
      expect(await readHealth(apart)).toMatchObject({ initialized: true, sealed: true });
      await expect(apart.request({ method: 'GET', path: 'sys/auth' })).rejects.toMatchObject({ kind: 'Sealed', status: 503 });
      const key = /Unseal Key: (\S+)/.exec(readFileSync(`${bed.directory}/log/${product}.log`, 'utf8'))?.[1] ?? '';
      await write(apart, 'sys/unseal', { key }, 'PUT');
      await eventually(async () => !(await readHealth(apart)).sealed);
    } finally {
      apart.close();
    }
  });
});
