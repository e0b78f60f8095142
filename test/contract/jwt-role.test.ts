// Roles of the JWT method on both products, and logins with them.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isObject, type JsonObject } from '../../src/json/json.ts';
import { deleteRole, listRoles, readRole } from '../../src/vault/roles.ts';
import type { Bed } from '../bed/bed.ts';
import { forged, onEachServer, outcomeOf, read, secondsFromNow, serviceAccount, tokenOf, write } from './servers.ts';

const SUBJECT = 'system:serviceaccount:team-a:app';
const BASE = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'], bound_claims: { sub: [SUBJECT] } };
const FULL = {
  ...BASE,
  user_claim: '/kubernetes.io/serviceaccount/uid',
  user_claim_json_pointer: true,
  bound_subject: SUBJECT,
  bound_claims_type: 'glob',
  claim_mappings: { '/kubernetes.io/namespace': 'service_account_namespace' },
  groups_claim: 'groups',
  expiration_leeway: -1,
  not_before_leeway: -1,
  clock_skew_leeway: -1,
  token_ttl: 300,
  token_policies: ['Pol-A'],
};
const prepare = (bed: Bed): Promise<void> => serviceAccount(bed, 'team-a', 'app');

onEachServer(['kube-apiserver'], prepare, (product, server) => {
  const isVault = product === 'vault';
  let path = '';
  let jwt = '';
  beforeAll(async () => {
    const { bed, mount, root } = server();
    path = await mount('jwt');
    jwt = await tokenOf(bed, 'team-a', 'app', { audience: 'vault' });
    const key = readFileSync(`${bed.directory}/pki/service-accounts.pub`, 'utf8');
    await write(root, `auth/${path}/config`, { jwt_validation_pubkeys: [key], bound_issuer: bed.url });
  });
  const put = (name: string, body: JsonObject): Promise<string> => write(server().root, `auth/${path}/role/${name}`, body);
  const get = async (name: string): Promise<JsonObject> => (await readRole(server().root, path, name)) ?? {};
  const call = (role: string, token: string) =>
    ({ method: 'POST', path: `auth/${path}/login`, body: { role, jwt: token } }) as const;
  const login = (role: string, token: string): Promise<string> => outcomeOf(server().client.request(call(role, token)));
  /** The status of a login with a token that expired so many seconds ago. */
  const after = async (leeway: JsonObject, seconds: number): Promise<string> => {
    await put('late', { ...BASE, expiration_leeway: 0, clock_skew_leeway: 0, ...leeway });
    const begun = secondsFromNow(-600);
    return (await login('late', resign({ exp: secondsFromNow(-seconds), iat: begun, nbf: begun }))).slice(0, 3);
  };
  const resign = (claims: JsonObject, key?: string): string => forged(server().bed, jwt, claims, key);

  test('2.1 a role is absent, listed in lower case, and absent again after its deletion', async () => {
    expect(await readRole(server().root, path, 'x')).toBeUndefined();
    expect(await put('A.b_C-d', BASE)).toBe('204');
    expect(await listRoles(server().root, path)).toContain('a.b_c-d');
    expect(await readRole(server().root, path, 'A.B_C-D')).toMatchObject({ user_claim: 'sub' });
    await deleteRole(server().root, path, 'a.b_c-d');
    await deleteRole(server().root, path, 'a.b_c-d');
    expect(await listRoles(server().root, path)).not.toContain('a.b_c-d');
  });

  test('2.3 a read returns null for unset lists', async () => {
    await put('full', FULL);
    expect(await get('full')).toEqual({
      ...FULL,
      allowed_redirect_uris: null,
      max_age: 0,
      oidc_scopes: null,
      token_bound_cidrs: [],
      token_explicit_max_ttl: 0,
      token_max_ttl: 0,
      token_no_default_policy: false,
      token_num_uses: 0,
      token_period: 0,
      token_type: 'default',
      verbose_oidc_logging: false,
      ...(!isVault && {
        callback_mode: 'client',
        oauth2_metadata: null,
        token_policies_template_claims: false,
        token_strictly_bind_ip: false,
      }),
    });
  });

  test('2.3 a write without role_type is rejected, and changes nothing', async () => {
    await put('typed', FULL);
    const before = await get('typed');
    expect(await put('typed', { token_ttl: 60 })).toBe(
      "400 'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified.",
    );
    expect(await get('typed')).toEqual(before);
  });

  test('2.3 a write merges all fields except bound_claims_type', async () => {
    await put('merged', FULL);
    const before = await get('merged');
    expect(await put('merged', { role_type: 'jwt', token_ttl: 60 })).toBe('204');
    expect(await get('merged')).toEqual({ ...before, token_ttl: 60, bound_claims_type: 'string' });
  });

  test('2.3 zeros clear; null clears some', async () => {
    await put('zero', FULL);
    const zeros = {
      bound_subject: '',
      bound_claims: {},
      claim_mappings: {},
      user_claim_json_pointer: false,
      bound_claims_type: 'string',
      groups_claim: '',
      expiration_leeway: 0,
      not_before_leeway: 0,
      clock_skew_leeway: 0,
      token_ttl: 0,
      token_policies: [],
    };
    expect(await put('zero', { ...BASE, ...zeros })).toBe('204');
    expect(await get('zero')).toMatchObject({ ...zeros, bound_claims: {} });
    await put('zero', { ...BASE, bound_subject: 'q', claim_mappings: { a: 'b' } });
    await put('zero', { role_type: 'jwt', bound_claims: null, bound_subject: null });
    const role = await get('zero');
    expect([role['bound_subject'], isObject(role['bound_claims']) ? Object.keys(role['bound_claims']) : []]).toEqual(['', []]);
  });

  test.each<[string, JsonObject, string]>([
    [
      'something must be bound',
      { role_type: 'jwt', user_claim: 'sub' },
      '400 must have at least one bound constraint when creating/updating a role',
    ],
    ['a user claim is required', { role_type: 'jwt', bound_audiences: ['v'] }, '400 a user claim must be defined on the role'],
    [
      'the mapping "role" is reserved',
      { ...BASE, claim_mappings: { a: 'role' } },
      '400 metadata key "role" is reserved and may not be a mapping destination',
    ],
    [
      'mappings have targets of their own',
      { ...BASE, claim_mappings: { a: 'x', b: 'x' } },
      '400 multiple keys are mapped to metadata key "x"',
    ],
    ['bound_claims_type is one of two', { ...BASE, bound_claims_type: 'no' }, "400 invalid 'bound_claims_type': no"],
    ['an unknown parameter is dropped without a word', { ...BASE, nonsense: 1 }, '204'],
    ['alias_metadata is dropped without a word', { ...BASE, alias_metadata: { a: 'b' } }, '204'],
  ])('2.3 %s', async (_, body, answer) => {
    expect(await put('field', body)).toBe(answer);
    await deleteRole(server().root, path, 'field');
  });

  test('2.4 a bound subject is one exact service account; alias by uid; metadata with the keys of the Kubernetes method', async () => {
    const { bed, client, root } = server();
    await put('pair', {
      ...BASE,
      user_claim: '/kubernetes.io/serviceaccount/uid',
      user_claim_json_pointer: true,
      claim_mappings: {
        '/kubernetes.io/namespace': 'service_account_namespace',
        '/kubernetes.io/serviceaccount/name': 'service_account_name',
        '/kubernetes.io/serviceaccount/uid': 'service_account_uid',
      },
    });
    const { metadata: account } = await bed.request<{ metadata: { uid: string } }>(
      'GET',
      '/api/v1/namespaces/team-a/serviceaccounts/app',
    );
    const { auth } = await client.request(call('pair', jwt));
    const metadata = {
      role: 'pair',
      service_account_namespace: 'team-a',
      service_account_name: 'app',
      service_account_uid: account.uid,
    };
    expect(auth?.['metadata']).toEqual(metadata);
    const entityId = auth?.['entity_id'];
    const entity = await read(root, `identity/entity/id/${typeof entityId === 'string' ? entityId : ''}`);
    // Other than in the Kubernetes method, the alias has the role too.
    expect(entity['aliases']).toEqual([expect.objectContaining({ name: account.uid, metadata })]);
    expect(await login('pair', resign({ sub: 'system:serviceaccount:team-b:app' }))).toBe(
      '400 error validating claims: claim "sub" does not match any associated bound claim values',
    );
  });

  test('2.3 failed logins are 400 with the reason', async () => {
    await put('app', BASE);
    expect(await login('nope', jwt)).toBe('400 role "nope" could not be found');
    expect(await login('app', '')).toBe('400 missing token');
    const invalid = '400 error validating token: ';
    expect(await login('app', resign({ aud: ['x'] }))).toMatch(`${invalid}invalid audience (aud) claim`);
    expect(await login('app', resign({ iss: 'https://else' }))).toMatch(`${invalid}invalid issuer (iss) claim`);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const foreign = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(await login('app', resign({}, foreign))).toMatch(
      `${invalid}error verifying token signature: no known key successfully validated the token signature`,
    );
    await put('unbound', { role_type: 'jwt', user_claim: 'sub', bound_subject: SUBJECT });
    expect(await login('unbound', jwt)).toBe('400 audience claim found in JWT but no audiences bound to the role');
  });

  test('2.3 clock_skew_leeway accepts expired tokens, by default for a minute; expiration_leeway has no effect', async () => {
    expect(await after({}, 40)).toBe('200');
    expect(await after({}, 90)).toBe('400');
    expect(await after({ expiration_leeway: -1 }, 40)).toBe('200');
    expect(await after({ expiration_leeway: 200 }, 90)).toBe('400');
    expect(await after({ clock_skew_leeway: -1 }, 10)).toBe('400');
    expect(await after({ clock_skew_leeway: 200 }, 90)).toBe('200');
  });

  test('2.5 static keys do not follow a rotation until the next write', async () => {
    const { bed, root } = server();
    const { privateKey, publicKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    expect(await login('app', resign({}, privateKey))).toMatch(/^400/);
    const old = readFileSync(`${bed.directory}/pki/service-accounts.pub`, 'utf8');
    await write(root, `auth/${path}/config`, { jwt_validation_pubkeys: [old, publicKey], bound_issuer: bed.url });
    expect([await login('app', resign({}, privateKey)), await login('app', jwt)]).toEqual(['200', '200']);
  });
});
