// The configuration of the JWT method on both products, with the keys and discovery of a real API server.
import { createPublicKey } from 'node:crypto';
import type { JsonObject } from '../../src/json/json.ts';
import { readConfig } from '../../src/vault/mounts.ts';
import { tryLogin } from '../../src/vault/login.ts';
import type { Bed } from '../bed/bed.ts';
import { type FaultProxy, startFaultProxy } from '../bed/fault-proxy.ts';
import { onEachServer, outcomeOf, type ProductName, read, serviceAccount, tokenOf, write } from './servers.ts';
import { eventually } from '../support/eventually.ts';

type Expected = string | Readonly<Record<ProductName, string>>;

const ONE_SOURCE = {
  openbao: "400 exactly one of 'jwt_validation_pubkeys', 'jwks_url' or 'oidc_discovery_url' must be set",
  vault: "400 exactly one of 'jwt_validation_pubkeys', 'jwks_url', 'jwks_pairs' or 'oidc_discovery_url' must be set",
};
const AUDIENCE = { audience: 'vault' };
let proxy: FaultProxy;
let keys: readonly string[] = [];
const pushed = (changes: JsonObject = {}): JsonObject => ({ jwt_validation_pubkeys: keys, ...changes });
const jwks = (): string => `${proxy.address}/openid/v1/jwks`;
afterAll(() => proxy?.stop());

const prepare = async (bed: Bed): Promise<void> => {
  await serviceAccount(bed, 'team-a', 'app');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as RFC 7517 has it
  const published = JSON.parse(await bed.kubectl(['get', '--raw', '/openid/v1/jwks'])) as { keys: JsonObject[] };
  keys = published.keys.map((key) => createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString());
  const serving = bed.credentials.issueServing({ ipAddresses: ['127.0.0.1'] });
  proxy = await startFaultProxy({ upstream: bed.url, upstreamAuthority: bed.ca, serving });
};

onEachServer(['kube-apiserver'], prepare, (product, server) => {
  const isVault = product === 'vault';
  let path = '';
  beforeAll(async () => {
    path = await server().mount('jwt');
  });
  beforeEach(() => proxy.heal());
  const put = (body: JsonObject): Promise<string> => write(server().root, `auth/${path}/config`, body);
  const get = (): Promise<JsonObject> => read(server().root, `auth/${path}/config`);

  test('2.1 a config that was never written is absent, logins report it, and it cannot be deleted', async () => {
    const fresh = await server().mount('jwt');
    expect(await readConfig(server().root, fresh)).toBeUndefined();
    const login = { method: 'POST', path: `auth/${fresh}/login`, body: { role: 'x', jwt: 'a.b.c' } } as const;
    expect(await outcomeOf(server().client.request(login))).toBe('400 could not load configuration');
    expect(await write(server().root, `auth/${fresh}/config`, {}, 'DELETE')).toBe(
      '405 1 error occurred: * unsupported operation',
    );
  });

  test('2.2 a write reads the discovery document without credentials; its issuer must equal the URL', async () => {
    const { bed } = server();
    const body = { oidc_discovery_url: bed.url, oidc_discovery_ca_pem: bed.ca };
    const refused = '400 error checking oidc discovery URL';
    const isAnswered = (answer: string): Promise<void> => eventually(async () => expect(await put(body)).toBe(answer));
    const bindings = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
    await bed.exchange('DELETE', `${bindings}/anonymous-discovery`);
    await isAnswered(refused);
    await bed.request('POST', bindings, {
      metadata: { name: 'anonymous-discovery' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:service-account-issuer-discovery' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:unauthenticated' }],
    });
    await isAnswered('204');
    for (const url of [`${bed.url}/`, `${bed.url}/.well-known/openid-configuration`])
      expect(await put({ ...body, oidc_discovery_url: url })).toBe(refused);
    expect(await put({ oidc_discovery_url: bed.url })).toBe(refused);
  });

  test('2.2 a read returns keys without the last line end, and the default role in lower case', async () => {
    expect(await put(pushed({ bound_issuer: 'https://i', jwt_supported_algs: ['RS256'], default_role: 'Def' }))).toBe('204');
    expect(await get()).toEqual({
      bound_issuer: 'https://i',
      default_role: 'def',
      jwks_ca_pem: '',
      jwks_url: '',
      jwt_supported_algs: ['RS256'],
      jwt_validation_pubkeys: keys.map((key) => key.trim()),
      namespace_in_state: true,
      oidc_client_id: '',
      oidc_discovery_ca_pem: '',
      oidc_discovery_url: '',
      oidc_response_mode: '',
      oidc_response_types: [],
      provider_config: {},
      ...(isVault
        ? { jwks_pairs: [], unsupported_critical_cert_extensions: [] }
        : { override_allowed_server_names: [], status: 'valid' }),
    });
  });

  test('2.2 a write replaces everything but namespace_in_state', async () => {
    await put(pushed({ bound_issuer: 'https://i', jwt_supported_algs: ['RS256'], default_role: 'd', namespace_in_state: false }));
    await put(pushed());
    expect(await get()).toMatchObject({ bound_issuer: '', default_role: '', jwt_supported_algs: [], namespace_in_state: false });
  });

  test('2.2 the client secret is write-only', async () => {
    await put({ oidc_discovery_url: '', jwt_validation_pubkeys: keys, oidc_client_id: 'id', oidc_client_secret: 'canary' });
    expect(JSON.stringify(await get())).not.toContain('canary');
  });

  test.each<[string, () => JsonObject, Expected]>([
    ['a key source is required', () => ({}), ONE_SOURCE],
    ['there is one key source', () => pushed({ jwks_url: jwks() }), ONE_SOURCE],
    ['keys must be keys', () => ({ jwt_validation_pubkeys: ['x'] }), '400 error parsing public key'],
    ['an unknown parameter is dropped without a word', () => pushed({ nonsense: 1 }), '204'],
    ['the JWKS is fetched at the write', () => ({ jwks_url: jwks(), jwks_ca_pem: server().bed.ca }), '204'],
    ['the JWKS must be trusted', () => ({ jwks_url: jwks() }), '400 error checking jwks URL'],
    ['the JWKS must be reachable', () => ({ jwks_url: 'http://127.0.0.1:1/x' }), '400 error checking jwks URL'],
    ['the CA of the JWKS must be PEM', () => ({ jwks_url: jwks(), jwks_ca_pem: 'x' }), '400 error checking jwks_ca_pem'],
    [
      'skip_jwks_validation is OpenBao’s',
      () => ({ jwks_url: 'http://127.0.0.1:1/x', skip_jwks_validation: true }),
      { openbao: '200 error checking jwks URL', vault: '400 error checking jwks URL' },
    ],
    [
      'jwks_pairs is Vault’s',
      () => ({ jwks_pairs: [{ jwks_url: jwks(), jwks_ca_pem: server().bed.ca }] }),
      { openbao: '400', vault: '204' },
    ],
    ['provider kubernetes is known to neither', () => ({ provider_config: { provider: 'kubernetes' } }), '400'],
  ])('2.2 %s', async (_, body, answer) => {
    const expected = typeof answer === 'string' ? answer : answer[product];
    expect((await put(body())).slice(0, expected.length)).toBe(expected);
  });

  test('2.5 static keys and a JWKS serve logins; an unreachable JWKS is a 400 with its address, and still "valid" to OpenBao', async () => {
    const { bed, client, root } = server();
    await write(root, `auth/${path}/role/app`, { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'] });
    const jwt = await tokenOf(bed, 'team-a', 'app', AUDIENCE);
    await put(pushed({ bound_issuer: bed.url }));
    expect(await tryLogin(client, path, 'app', jwt, 30_000)).toMatchObject({ outcome: 'succeeded' });
    await write(root, `auth/${path}/config`, { jwks_url: jwks(), jwks_ca_pem: bed.ca });
    expect(await tryLogin(client, path, 'app', jwt, 30_000)).toMatchObject({ outcome: 'succeeded' });
    await put({ jwks_url: jwks(), jwks_ca_pem: bed.ca, bound_issuer: bed.url });
    proxy.inject({ fault: { kind: 'cutBefore' } });
    expect(await tryLogin(client, path, 'app', jwt, 30_000)).toMatchObject({
      outcome: 'failed',
      error: { status: 400, errors: [expect.stringMatching(/^error validating token: .*fetching keys.*127\.0\.0\.1/)] },
    });
    if (!isVault) expect(await get()).toMatchObject({ status: 'valid' });
  });

  test('2.5 a deleted service account logs in until its token expires', async () => {
    const { bed, client } = server();
    await put(pushed({ bound_issuer: bed.url }));
    await serviceAccount(bed, 'team-a', `gone-${product}`);
    const jwt = await tokenOf(bed, 'team-a', `gone-${product}`, AUDIENCE);
    await bed.request('DELETE', `/api/v1/namespaces/team-a/serviceaccounts/gone-${product}`);
    expect(await tryLogin(client, path, 'app', jwt, 30_000)).toMatchObject({ outcome: 'succeeded' });
  });
});
