// Templated policies on both products: the paths that a login's metadata grants, and the values that must be rejected.
import { readFileSync } from 'node:fs';
import type { JsonObject } from '../../src/json/json.ts';
import type { Bed } from '../bed/bed.ts';
import { readMounts } from '../../src/vault/mounts.ts';
import { writePolicy } from '../../src/vault/policies.ts';
import { forged, onEachServer, outcomeOf, serviceAccount, tokenOf, write } from './servers.ts';

const prepare = (bed: Bed): Promise<void> => serviceAccount(bed, 'team-a', 'app');

onEachServer(['kube-apiserver'], prepare, (_, server) => {
  let path = '';
  let jwt = '';
  /** Reads a secret after a login with these claims beside those of team-a/app. */
  const readAs = async (claims: JsonObject, secret: string): Promise<string> => {
    const { bed, client } = server();
    const body = { role: 'app', jwt: forged(bed, jwt, claims) };
    const { auth } = await client.request({ method: 'POST', path: `auth/${path}/login`, body });
    const token = auth?.['client_token'];
    if (typeof token !== 'string') throw new Error('the login gave no token');
    return (await outcomeOf(client.request({ method: 'GET', path: `secret/data/${secret}`, token }))).slice(0, 3);
  };

  beforeAll(async () => {
    const { bed, root, mount } = server();
    path = await mount('jwt');
    jwt = await tokenOf(bed, 'team-a', 'app', { audience: 'vault' });
    const key = readFileSync(`${bed.directory}/pki/service-accounts.pub`, 'utf8');
    await write(root, `auth/${path}/config`, { jwt_validation_pubkeys: [key] });
    await write(root, `auth/${path}/role/app`, {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: ['vault'],
      token_policies: ['own'],
      claim_mappings: { '/kubernetes.io/namespace': 'service_account_namespace', team: 'team' },
    });
    const accessor = (await readMounts(root)).find((each) => each.path === path)?.accessor;
    const alias = `identity.entity.aliases.${accessor}.metadata`;
    await writePolicy(
      root,
      'own',
      `path "secret/data/{{${alias}.service_account_namespace}}/*" { capabilities = ["read"] }
       path "secret/data/by-team/{{${alias}.team}}/*" { capabilities = ["read"] }`,
    );
    for (const secret of ['team-a/x', 'team-b/x', 'by-team/red/x', 'by-team/blue/x', 'by-team/a/b/x'])
      await write(root, `secret/data/${secret}`, { data: { a: 1 } });
  });

  test('1.9 one policy by the namespace of the service account grants each namespace its own path', async () => {
    expect([await readAs({}, 'team-a/x'), await readAs({}, 'team-b/x')]).toEqual(['200', '403']);
  });

  test('1.7 the value at each login takes effect; without it the path is denied', async () => {
    expect(await readAs({ team: 'red' }, 'by-team/red/x')).toBe('200');
    expect(await readAs({ team: 'red' }, 'by-team/blue/x')).toBe('403');
    expect(await readAs({}, 'by-team/red/x')).toBe('403');
  });

  test('1.7 the value "+" is a wildcard that reads paths of other teams, "*" is denied: both must be rejected', async () => {
    expect(await readAs({ team: '+' }, 'by-team/blue/x')).toBe('200');
    expect(await readAs({ team: '*' }, 'by-team/blue/x')).toBe('403');
  });

  test('1.7 a value with a slash grants a deeper path', async () => {
    expect(await readAs({ team: 'a/b' }, 'by-team/a/b/x')).toBe('200');
  });
});
