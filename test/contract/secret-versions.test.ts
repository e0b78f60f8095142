// Versions of secrets on real servers, with a token that has no right but the one that `policy -metadata` prints.
import { readVersion, type SecretVersion } from '../../src/controller/rollout/versions.ts';
import { controllerRights, policyOfRights } from '../../src/resources/controller-policy.ts';
import { textOf } from '../../src/json/json.ts';
import { type VaultSession, vaultSession } from '../../src/vault/session.ts';
import { type ContractServer, onEachServer } from './servers.ts';

const METADATA = ['kv2/metadata/*', 'team/kv2/metadata/web'];

/** Mounts the engines, writes the policy, and returns a session with a token that has only that. */
const prepare = async ({ root, client }: ContractServer): Promise<VaultSession> => {
  for (const [path, version] of [
    ['kv2', '2'],
    ['team/kv2', '2'],
    ['kv1', '1'],
    ['denied', '2'],
  ] as const)
    await root.request({ method: 'POST', path: `sys/mounts/${path}`, body: { type: 'kv', options: { version } } });
  await root.request({ method: 'POST', path: 'sys/mounts/keys', body: { type: 'transit' } });
  const rights = controllerRights({ backends: [], policies: [], furtherPolicies: [], metadata: METADATA, observeOnly: false });
  const others = 'path "kv1/x" { capabilities = ["read"] }\npath "keys/x" { capabilities = ["read"] }';
  const policy = `${policyOfRights(rights)}\n${others}`;
  await root.request({ method: 'POST', path: 'sys/policies/acl/versions', body: { policy } });
  const body = { policies: ['versions'], no_default_policy: true };
  const { auth } = await root.request({ method: 'POST', path: 'auth/token/create-orphan', body });
  const token = textOf(auth, 'client_token') ?? '';
  return vaultSession({ client, login: { method: 'token', token: () => Promise.resolve(token) } });
};

onEachServer(
  [],
  () => Promise.resolve(),
  (_, server) => {
    let session: VaultSession;
    beforeAll(async () => {
      session = await prepare(server());
    });
    const write = async (path: string): Promise<void> => {
      const body = { data: { password: 'x' } };
      // A new mount of KV version 2 needs a moment.
      for (let attempt = 1; ; attempt += 1)
        try {
          await server().root.request({ method: 'POST', path, body });
          return;
        } catch (error) {
          if (attempt === 50) throw error;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
    };
    const read = (path: string): Promise<SecretVersion> => readVersion(session, path);

    it('reads the version of each write, with the time of the server', async () => {
      const before = Date.now();
      for (const version of [1, 2]) {
        await write('kv2/data/web');
        expect(await read('kv2/data/web')).toMatchObject({ kind: 'known', version, isDeleted: false });
      }
      const { createdAt } = (await read('kv2/data/web')) as Extract<SecretVersion, { readonly kind: 'known' }>;
      expect(createdAt - before).toBeGreaterThan(-1000);
      expect(createdAt - before).toBeLessThan(60_000);
    });

    it('finds the mount of a path with several segments', async () => {
      await write('team/kv2/data/web');
      expect(await read('team/kv2/data/web')).toMatchObject({ kind: 'known', version: 1 });
    });

    it('sees that the current version is deleted, destroyed, and written again', async () => {
      await write('kv2/data/gone');
      await server().root.request({ method: 'DELETE', path: 'kv2/data/gone' });
      expect(await read('kv2/data/gone')).toMatchObject({ version: 1, isDeleted: true });
      await server().root.request({ method: 'PUT', path: 'kv2/destroy/gone', body: { versions: [1] } });
      expect(await read('kv2/data/gone')).toMatchObject({ version: 1, isDeleted: true });
      await write('kv2/data/gone');
      expect(await read('kv2/data/gone')).toMatchObject({ version: 2, isDeleted: false });
    });

    it.each([
      ['kv1/x', 'unversioned', 'kv1/ is KV version 1, which has no versions'],
      ['keys/x', 'unversioned', 'keys/ is a secrets engine of type transit: its secrets are issued for each pod'],
      ['kv2/metadata/web', 'unversioned', 'kv2/metadata/web is not a path below kv2/data/'],
      ['kv2/data/absent', 'unreadable', 'Vault has no metadata of kv2/data/absent'],
      ['denied/data/web', 'unreadable', 'Vault denies the controller to read the metadata of denied/data/web'],
      ['nothing/data/web', 'unreadable', 'Vault denies the controller to read the metadata of nothing/data/web'],
      ['team/kv2/data/other', 'unreadable', 'Vault denies the controller to read the metadata of team/kv2/data/other'],
    ])('reports %s as %s', async (path, kind, reason) => {
      expect(await read(path)).toEqual({ kind, reason: expect.stringContaining(reason) as string });
    });

    it('gives the token no value', async () => {
      await write('kv2/data/web');
      await expect(session.request({ method: 'GET', path: 'kv2/data/web' })).rejects.toMatchObject({ kind: 'PermissionDenied' });
    });
  },
);
