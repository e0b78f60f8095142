// Logins with the Kubernetes method: their tokens, and the errors of failed ones. A real API server reviews the tokens.
import { generateKeyPairSync } from 'node:crypto';
import { tryLogin, lookUpSelf, renewSelf } from '../../src/vault/login.ts';
import type { Bed } from '../bed/bed.ts';
import { AUDIENCE, DENIED, type KubernetesStage, kubernetesStage, prepareReviews, type Reviewing } from './kubernetes-stage.ts';
import { forged, onEachServer, secondsFromNow, serviceAccount, tokenOf } from './servers.ts';

let reviewing: Reviewing;
afterAll(() => reviewing?.proxy.stop());

const prepare = async (bed: Bed): Promise<void> => {
  reviewing = await prepareReviews(bed);
};

const foreignKey = (): string =>
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

onEachServer(['kube-apiserver'], prepare, (product, server) => {
  let on: KubernetesStage;
  beforeAll(async () => {
    on = await kubernetesStage(server(), reviewing);
  });
  beforeEach(() => {
    reviewing.proxy.heal();
    reviewing.proxy.forget();
  });

  test('1.5 a login looks up the role before the configuration', async () => {
    expect(await on.login('x', on.app)).toBe('400 invalid role name "x"');
    await on.role('app', { token_policies: ['Pol-B', 'pol-a'] });
    expect(await on.login('app', on.app)).toBe('500 could not load backend configuration');
    expect(await on.config()).toBe('204');
  });

  test('1.5 a login returns the role’s policies, sorted and in lower case, and the identity', async () => {
    const result = await tryLogin(server().client, on.path, 'app', on.app, 30_000);
    if (result.outcome === 'failed') throw result.error;
    expect([result.policies, result.leaseSeconds]).toEqual([['default', 'pol-a', 'pol-b'], 300]);
    const { service_account_uid: uid, ...metadata } = Object.fromEntries(result.metadata);
    expect(metadata).toEqual({
      role: 'app',
      service_account_name: 'app',
      service_account_namespace: 'team-a',
      service_account_secret_name: '',
    });
    const alias = await on.aliasOf(await on.authOf('app', on.app));
    expect([alias['name'], alias['metadata']]).toEqual([uid, { ...metadata, role: undefined, service_account_uid: uid }]);
  });

  test('1.5 errors name a wrong caller or binding', async () => {
    const { bed } = server();
    expect(await on.login('', on.app)).toBe('400 missing role');
    expect(await on.login('app', '')).toBe('400 missing jwt');
    expect(await on.login('APP', on.app)).toBe('200');
    expect(await on.login('app', await tokenOf(bed, 'team-a', 'other', AUDIENCE))).toBe(
      '403 service account name not authorized',
    );
    expect(await on.login('app', await tokenOf(bed, 'team-b', 'app', AUDIENCE))).toBe('403 namespace not authorized');
    const audience = '403 invalid audience (aud) claim: audience claim does not match any expected audience';
    expect(await on.login('app', await tokenOf(bed, 'team-a', 'app', { audience: 'other' }))).toBe(audience);
    expect(await on.login('app', forged(bed, on.app, { aud: undefined }))).toBe(audience);
    const expired = '403 invalid expiration time (exp) claim: token is expired';
    expect(await on.login('app', forged(bed, on.app, { exp: secondsFromNow(-90) }))).toBe(expired);
    // Server and API server both accept a token for another minute.
    expect(await on.login('app', forged(bed, on.app, { exp: secondsFromNow(-30) }))).toBe('200');
    expect(await on.login('app', forged(bed, on.app, { aud: ['x', 'vault'] }))).toBe('200');
  });

  test('1.5 each failure of the token review is "permission denied", and so is a missing mount', async () => {
    const { bed, client } = server();
    expect(await on.login('app', 'no-jwt')).toBe(DENIED);
    expect(await on.login('app', forged(bed, on.app, {}, foreignKey()))).toBe(DENIED);
    for (const status of [401, 403, 500]) {
      const restore = reviewing.proxy.inject({ fault: { kind: 'answer', status, body: { kind: 'Status', status: 'Failure' } } });
      expect(await on.login('app', on.app)).toBe(DENIED);
      restore();
    }
    const missing = await tryLogin(client, 'nowhere', 'app', on.app, 30_000);
    expect(missing).toMatchObject({ outcome: 'failed', error: { kind: 'PermissionDenied', errors: ['permission denied'] } });
    await on.config({ kubernetes_host: 'https://127.0.0.1:1' });
    expect(await on.login('app', on.app)).toBe(DENIED);
    await on.config();
  });

  test('1.3.5 names and namespaces are a cross product', async () => {
    await on.role('cross', {
      bound_service_account_names: ['app', 'other'],
      bound_service_account_namespaces: ['team-a', 'team-b'],
    });
    for (const namespace of ['team-a', 'team-b'])
      for (const name of ['app', 'other'])
        expect(await on.login('cross', await tokenOf(server().bed, namespace, name, AUDIENCE))).toBe('200');
  });

  test('1.3.6 globs match service accounts that are created later', async () => {
    await on.role('glob', { bound_service_account_names: ['a*'], bound_service_account_namespaces: ['team-*'] });
    expect(await on.login('glob', on.app)).toBe('200');
    expect(await on.login('glob', await tokenOf(server().bed, 'team-b', 'other', AUDIENCE))).toMatch(/^403/);
  });

  test('1.3.10 a renewal requires only the role; without it the renewal is a 500 and the token stays valid', async () => {
    const { bed, client, root } = server();
    await serviceAccount(bed, 'team-a', `gone-${product}`);
    await on.role('renewed', { bound_service_account_names: [`gone-${product}`] });
    const jwt = await tokenOf(bed, 'team-a', `gone-${product}`, AUDIENCE);
    const token = await on.tokenOf('renewed', jwt);
    await bed.request('DELETE', `/api/v1/namespaces/team-a/serviceaccounts/gone-${product}`);
    await on.role('renewed', { token_ttl: 120 });
    expect((await renewSelf(client, token)).leaseSeconds).toBe(120);
    await root.request({ method: 'DELETE', path: `auth/${on.path}/role/renewed` });
    await expect(renewSelf(client, token)).rejects.toMatchObject({
      status: 500,
      errors: [expect.stringContaining('role renewed does not exist during renewal')],
    });
    expect((await lookUpSelf(client, token)).leaseSeconds).toBeGreaterThan(0);
  });

  test('1.4 fields of tokens: alias by name, no root policy, CIDRs, batch, period, number of uses', async () => {
    await on.role('named', { alias_name_source: 'serviceaccount_name' });
    expect((await on.aliasOf(await on.authOf('named', on.app)))['name']).toBe('team-a/app');
    expect(await on.role('rooted', { token_policies: ['root'] })).toBe('204');
    expect(await on.login('rooted', on.app)).toBe('400 auth methods cannot create root tokens');
    await on.role('near', { token_bound_cidrs: ['10.0.0.0/8'] });
    expect(await on.login('near', on.app)).toBe(DENIED);
    await on.role('batch', { token_type: 'batch' });
    expect(await on.authOf('batch', on.app)).toMatchObject({ token_type: 'batch', renewable: false });
    await on.role('periodic', { token_period: 120 });
    expect(await on.authOf('periodic', on.app)).toMatchObject({ lease_duration: 120 });
    await on.role('bare', { token_no_default_policy: true, token_policies: ['p'] });
    expect(await on.authOf('bare', on.app)).toMatchObject({ policies: ['p'] });
    await on.role('used', { token_num_uses: 1 });
    const token = await on.tokenOf('used', on.app);
    await lookUpSelf(server().client, token);
    await expect(lookUpSelf(server().client, token)).rejects.toMatchObject({ kind: 'PermissionDenied' });
  });
});
