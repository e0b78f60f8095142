// The printed policy grants all that the controller does, on both products, and nothing on objects of others.
import { generateKeyPairSync } from 'node:crypto';
import { type JsonObject, textOf } from '../../src/json/json.ts';
import { controllerRights, policyOfRights } from '../../src/resources/controller-policy.ts';
import { jwtConfig } from '../../src/resources/config-document.ts';
import { roleDocument } from '../../src/resources/role-document.ts';
import { probeRoleName } from '../../src/resources/role-name.ts';
import { readConfig, writeConfig, disableMount, enableMount, readMounts, readTune, writeTune } from '../../src/vault/mounts.ts';
import { deletePolicy, readPolicy, writePolicy } from '../../src/vault/policies.ts';
import { deleteRole, listRoles, readRole, writeRole } from '../../src/vault/roles.ts';
import { type VaultSession, vaultSession } from '../../src/vault/session.ts';
import { aclPolicy, jwtBackend, webRole } from '../support/objects.ts';
import { type ContractServer, onEachServer, outcomeOf } from './servers.ts';

const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString();
const policies = [aclPolicy('path "secret/x" {}', { deletionPolicy: 'Delete' })];

/** A session whose token has only the printed policy. */
const controllerOf = async (
  { root, client }: ContractServer,
  backend: ReturnType<typeof jwtBackend>,
  observeOnly = false,
): Promise<VaultSession> => {
  const name = `controller-${backend.spec.path.replace('/', '-')}`;
  const rights = controllerRights({ backends: [backend], policies, furtherPolicies: ['team-*'], observeOnly });
  await writePolicy(root, name, policyOfRights(rights));
  const { auth } = await root.request({
    method: 'POST',
    path: 'auth/token/create',
    body: { policies: [name], no_default_policy: true, no_parent: true, ttl: '1h' },
  });
  return vaultSession({ client, login: { method: 'token', token: () => Promise.resolve(textOf(auth, 'client_token') ?? '') } });
};
const document = (backend: ReturnType<typeof jwtBackend>): JsonObject =>
  roleDocument({ backend, role: webRole(), product: 'Vault', effectivePolicies: [] });

onEachServer(
  [],
  () => Promise.resolve(),
  (_product, server) => {
    it('grants everything from enabling the mount to disabling it', async () => {
      const backend = jwtBackend({ path: 'made/here', deletionPolicy: 'Delete' });
      const { path } = backend.spec;
      const session = await controllerOf(server(), backend);
      await enableMount(session, path, { type: 'jwt', description: 'ours', config: { default_lease_ttl: 60 } });
      expect((await readMounts(session)).some((mount) => mount.path === path)).toBe(true);
      await writeTune(session, path, { description: 'still ours' });
      expect(await readTune(session, path)).toMatchObject({ description: 'still ours' });
      expect(await readConfig(session, path)).toBeUndefined();
      await writeConfig(session, path, jwtConfig({ backend, keys: [KEY], issuer: 'https://issuer' }));
      expect(await readConfig(session, path)).toMatchObject({ bound_issuer: 'https://issuer' });
      for (const name of ['prod.team.web', probeRoleName(backend)]) {
        expect(await readRole(session, path, name)).toBeUndefined();
        await writeRole(session, path, name, document(backend));
        await writeRole(session, path, name, document(backend));
        expect(await readRole(session, path, name)).toMatchObject({ role_type: 'jwt' });
      }
      expect(await listRoles(session, path)).toEqual(['prod.probe', 'prod.team.web']);
      await deleteRole(session, path, 'prod.team.web');
      for (const name of ['own-secrets', 'team-a']) {
        expect(await readPolicy(session, name)).toBeUndefined();
        await writePolicy(session, name, 'path "secret/x" {}');
        expect(await readPolicy(session, name)).toContain('secret/x');
        await deletePolicy(session, name);
      }
      expect((await session.request({ method: 'POST', path: 'auth/token/renew-self', body: {} })).status).toBe(200);
      expect((await session.request({ method: 'GET', path: 'auth/token/lookup-self' })).status).toBe(200);
      await disableMount(session, path);
      expect((await readMounts(session)).some((mount) => mount.path === path)).toBe(false);
    });

    it('denies other mounts, roles and policies', async () => {
      const backend = jwtBackend({ path: 'ours' });
      const { root, mount } = server();
      const other = await mount('jwt');
      await enableMount(root, 'ours', { type: 'jwt' });
      const session = await controllerOf(server(), backend);
      const attempts = [
        writeRole(session, 'ours', 'dev.team.web', document(backend)),
        writeRole(session, 'ours', 'web', document(backend)),
        deleteRole(session, 'ours', 'web'),
        writeRole(session, other, 'prod.team.web', document(backend)),
        writeConfig(session, other, {}),
        readConfig(session, other),
        writeTune(session, other, { description: 'x' }),
        enableMount(session, 'another', { type: 'jwt' }),
        disableMount(session, 'ours'),
        writePolicy(session, 'default', 'path "x" {}'),
        readPolicy(session, 'root'),
      ].map((attempt) => outcomeOf(attempt.then(() => ({ status: 200, warnings: [] }))));
      expect(new Set((await Promise.all(attempts)).map((outcome) => outcome.slice(0, 3)))).toEqual(new Set(['403']));
    });

    it('grants no writes in Observe mode', async () => {
      const { root } = server();
      const backend = jwtBackend({ path: 'looked-at' });
      await enableMount(root, 'looked-at', { type: 'jwt' });
      await writeRole(root, 'looked-at', 'legacy', document(backend));
      const session = await controllerOf(server(), backend, true);
      expect(await readRole(session, 'looked-at', 'legacy')).toMatchObject({ role_type: 'jwt' });
      const attempts = [
        writeRole(session, 'looked-at', 'prod.team.web', document(backend)),
        writeConfig(session, 'looked-at', {}),
        writeTune(session, 'looked-at', { description: 'x' }),
        enableMount(session, 'looked-at', { type: 'jwt' }),
        writePolicy(session, 'own-secrets', ''),
      ].map((attempt) => outcomeOf(attempt.then(() => ({ status: 200, warnings: [] }))));
      expect(new Set((await Promise.all(attempts)).map((outcome) => outcome.slice(0, 3)))).toEqual(new Set(['403']));
    });
  },
);
