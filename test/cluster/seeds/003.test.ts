// Seed 003: four ways to work with short-lived tokens, issuers, and annotations as metadata for templated policies.
import { objectAt, objectsOf, textOf, type JsonObject } from '../../../src/json/json.ts';
import { readObject, untilCondition } from '../../bed/controller.ts';
import { startInCluster } from './in-cluster-server.ts';
import { createPod, onEachProduct, type Stage, tokenOf, view, type VaultView } from './stage.ts';
import { eventually } from '../../support/eventually.ts';

/** The seed's table, with the improved third row beside it: the backend, its mount, and what the table says. */
const ROWS = [
  { name: 'local', mount: 'k8s/local', row: 'local token as reviewer JWT', canRevokeEarly: true },
  { name: 'client', mount: 'k8s/client', row: 'client JWT as reviewer JWT', canRevokeEarly: true },
  { name: 'longlived', mount: 'k8s/longlived', row: 'long-lived token as reviewer JWT', canRevokeEarly: true },
  { name: 'rotated', mount: 'k8s/rotated', row: 'the same, rotated', canRevokeEarly: true },
  { name: 'jwt', mount: 'jwt', row: 'JWT auth instead', canRevokeEarly: false },
] as const;

interface Login {
  readonly vault: VaultView;
  readonly mount: string;
  readonly role: string;
  readonly jwt: string;
}

const statusOf = (object: JsonObject): JsonObject | undefined => objectAt(object, 'status');

/** A token as the row's pods have it, and where it logs in. */
const loginOf = async ({ bed, vault }: Stage, local: VaultView, namespace: string, name: string): Promise<Login> => {
  const status = statusOf(await untilCondition(bed, 'VaultAuthRole', { namespace, name }, 'Ready=True'));
  const audience = textOf(objectAt(status, 'binding'), 'audience') ?? '';
  const place = objectAt(status, 'vault');
  await createPod(bed, namespace, name, 'myapp');
  const jwt = await tokenOf(bed, { namespace, serviceAccount: 'myapp', pod: name, ...(audience === '' ? {} : { audience }) });
  return {
    vault: name === 'local' ? local : vault,
    mount: textOf(place, 'mountPath') ?? '',
    role: textOf(place, 'roleName') ?? '',
    jwt,
  };
};

const claimsOf = (jwt: string): { readonly exp?: number; readonly iss: string } =>
  JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { readonly exp?: number; readonly iss: string };

onEachProduct((stage) => {
  it('logs in by every row of the table, and revokes early where the table requires it', async () => {
    const { bed, apply, product, vault } = stage();
    const namespace = await bed.createNamespace();
    await bed.request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'vault' } });
    const address = await startInCluster(bed, product, await tokenOf(bed, { namespace, serviceAccount: 'vault' }));
    const local = view(address, vault.rootToken);
    await apply('003.yaml', { NAMESPACE: namespace, LOCAL_ADDRESS: address, ROOT_TOKEN: vault.rootToken });
    const logins = new Map<string, Login>();
    for (const { name } of ROWS) {
      await apply('role.yaml', { NAMESPACE: namespace, NAME: name });
      logins.set(name, await loginOf(stage(), local, namespace, name));
    }
    const codes = async (): Promise<Readonly<Record<string, number>>> => {
      const answers = [...logins].map(
        async ([name, each]) => [name, (await each.vault.login(each.mount, each.role, each.jwt)).status] as const,
      );
      return Object.fromEntries(await Promise.all(answers));
    };
    // The rights of clients are bound a moment after their role is ready.
    await eventually('every row logs in', async () => Object.values(await codes()).every((status) => status === 200));
    for (const { name } of ROWS) await bed.request('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}?gracePeriodSeconds=0`);
    // The API server remembers tokens for ten seconds.
    const expected = Object.fromEntries(ROWS.map(({ name, canRevokeEarly }) => [name, canRevokeEarly ? 403 : 200]));
    let last: Readonly<Record<string, number>> = {};
    await eventually(
      'a deleted pod cannot log in where the table says so',
      async () => JSON.stringify((last = await codes())) === JSON.stringify(expected),
      { seconds: 90, state: () => JSON.stringify(last) },
    );
  }, 300_000);

  it('keeps all tokens short-lived except that of the third row', async () => {
    const { bed } = stage();
    const reviewer = async (name: string): Promise<JsonObject | undefined> =>
      objectAt(statusOf(await readObject(bed, 'VaultAuthBackend', { name })), 'reviewer');
    expect(await reviewer('rotated')).toHaveProperty('expiresAt');
    expect(await reviewer('longlived')).not.toHaveProperty('expiresAt');
  });

  it('binds only the clients of the second row to system:auth-delegator', async () => {
    const { bed } = stage();
    const binding = await bed.request<JsonObject>(
      'GET',
      '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/vault-auth-injector:client:token-review',
    );
    expect(objectsOf(binding['subjects']).map(({ name }) => name)).toEqual(['myapp', 'vault-auth-injector-controller']);
  });

  it("discovers the cluster's issuer and has Vault check it", async () => {
    const { bed, vault } = stage();
    const { iss } = claimsOf(await tokenOf(bed, { namespace: 'default', serviceAccount: 'default' }));
    const config = objectAt((await vault.ask('GET', 'auth/k8s/longlived/config')).json, 'data');
    expect(config).toMatchObject({ issuer: iss, disable_iss_validation: false });
    expect(statusOf(await readObject(bed, 'VaultAuthBackend', { name: 'longlived' }))).toMatchObject({ issuer: iss });
    expect(objectAt((await vault.ask('GET', 'auth/jwt/config')).json, 'data')).toMatchObject({ bound_issuer: iss });
  });

  it('fills templated policies from annotations where the product can, and from built-in metadata on both', async () => {
    const { apply, bed, product, vault } = stage();
    const namespace = await bed.createNamespace();
    await vault.ask('POST', 'sys/mounts/env-kv', { type: 'kv', options: { version: '2' } });
    for (const path of ['demo/app', 'demo/other', `${namespace}/own`])
      await eventually(
        'a secret can be written',
        async () => (await vault.ask('POST', `env-kv/data/${path}`, { data: { path } })).status === 200,
      );
    await apply('003-metadata.yaml', { NAMESPACE: namespace });
    const status = statusOf(await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'env-reader' }, 'Ready=True'));
    for (const name of ['env-tmpl', 'own-tmpl']) await untilCondition(bed, 'VaultACLPolicy', { name }, 'Ready=True');
    const accessor = textOf(objectAt(status, 'vault'), 'mountAccessor') ?? '?';
    const policy = objectAt((await vault.ask('GET', 'sys/policies/acl/env-tmpl')).json, 'data');
    expect(textOf(policy, 'policy')).toContain(`identity.entity.aliases.${accessor}.metadata.env`);

    const jwt = await tokenOf(bed, {
      namespace,
      serviceAccount: 'app',
      audience: textOf(objectAt(status, 'binding'), 'audience') ?? '',
    });
    // The right to read annotations is bound apart from the right to review tokens: without it Vault refuses the login.
    let token = '';
    await eventually('the annotated service account logs in', async () => {
      const { json } = await vault.login('k8s/annotated', textOf(objectAt(status, 'vault'), 'roleName') ?? '', jwt);
      token = textOf(objectAt(json, 'auth'), 'client_token') ?? '';
      return token !== '';
    });
    const read = async (path: string): Promise<number> =>
      (await vault.ask('GET', `env-kv/data/${path}`, undefined, token)).status;
    expect(await read(`${namespace}/own`)).toBe(200);
    expect(await read('demo/other')).toBe(403);
    const isSupported = product === 'vault';
    expect(await read('demo/app')).toBe(isSupported ? 200 : 403);
    await untilCondition(
      bed,
      'VaultAuthBackend',
      { name: 'annotated' },
      isSupported ? 'Configured=InSync' : 'Configured=UnsupportedByProduct',
    );
  }, 300_000);
});
