// Token reviews of the Kubernetes method: the reviewer, its rights, and the trusted CA.
import { generateKeyPairSync } from 'node:crypto';
import type { Bed } from '../bed/bed.ts';
import { tryLogin } from '../../src/vault/login.ts';
import { AUDIENCE, DENIED, type KubernetesStage, kubernetesStage, prepareReviews, type Reviewing } from './kubernetes-stage.ts';
import { bind, onEachServer, serviceAccount, tokenOf } from './servers.ts';
import { eventually } from '../support/eventually.ts';

let reviewing: Reviewing;
afterAll(() => reviewing?.proxy.stop());

const prepare = async (bed: Bed): Promise<void> => {
  reviewing = await prepareReviews(bed);
};

const publicKey = (): string =>
  generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' }).toString();

const audiencesAsked = (): unknown[] =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TokenReview, as both products send it
  reviewing.proxy.seen.map(({ body }) => (JSON.parse(body) as { spec: { audiences?: unknown } }).spec.audiences);

onEachServer(['kube-apiserver'], prepare, (product, server) => {
  const isVault = product === 'vault';
  let on: KubernetesStage;
  beforeAll(async () => {
    on = await kubernetesStage(server(), reviewing);
    await on.config();
    await on.role('app');
  });
  beforeEach(() => {
    reviewing.proxy.heal();
    reviewing.proxy.forget();
  });

  test('a hanging API server makes the login hang; the probe has its own timeout', async () => {
    reviewing.proxy.inject({ fault: { kind: 'hang' } });
    const began = performance.now();
    expect(await tryLogin(server().client, on.path, 'app', on.app, 500)).toMatchObject({
      outcome: 'failed',
      error: { kind: 'Timeout' },
    });
    expect(performance.now() - began).toBeLessThan(5000);
    reviewing.proxy.dropConnections();
  });

  test('1.2 pem_keys: a token of another key is rejected without a review', async () => {
    await on.config({ pem_keys: [publicKey()] });
    reviewing.proxy.forget();
    expect(await on.login('app', on.app)).toBe(DENIED);
    expect(reviewing.proxy.seen).toEqual([]);
    await on.config();
  });

  test('1.3.7 the reviewer is the stored token, otherwise the client’s own, which needs the API server’s audience and the right to review', async () => {
    const { bed } = server();
    await on.login('app', on.app);
    expect(reviewing.proxy.seen.at(-1)?.headers.authorization).toBe(`Bearer ${reviewing.reviewer}`);
    await on.config({ token_reviewer_jwt: '' });
    await on.role('own', { bound_service_account_names: ['self', 'app'], audience: '' });
    const own = await tokenOf(bed, 'team-a', 'self');
    expect(await on.login('own', own)).toBe('200');
    expect(reviewing.proxy.seen.at(-1)?.headers.authorization).toBe(`Bearer ${own}`);
    expect(await on.login('own', await tokenOf(bed, 'team-a', 'app'))).toBe(DENIED);
    expect(await on.login('own', await tokenOf(bed, 'team-a', 'self', AUDIENCE))).toBe(DENIED);
    await on.config();
  });

  test('1.6 without an audience in the role, the review uses the token’s own audiences', async () => {
    await on.role('free', { audience: '' });
    expect(await on.login('free', on.app)).toBe('200');
    expect(await on.login('app', on.app)).toBe('200');
    expect(audiencesAsked()).toEqual([['vault'], ['vault']]);
  });

  test('1.3.8 a stored reviewer token is never renewed: only its RBAC changes it; a wrong CA fails at the next connection', async () => {
    const { bed } = server();
    await serviceAccount(bed, 'vault', `late-${product}`);
    await on.config({ token_reviewer_jwt: await tokenOf(bed, 'vault', `late-${product}`) });
    expect(await on.login('app', on.app)).toBe(DENIED);
    await bind(bed, 'vault', `late-${product}`);
    await eventually(async () => expect(await on.login('app', on.app)).toBe('200'), { everyMs: 50 });
    await on.config({ kubernetes_ca_cert: bed.credentials.issueServing({ dnsNames: ['other'] }).certificate });
    expect(await on.login('app', on.app)).toBe('200');
    reviewing.proxy.dropConnections();
    expect(await on.login('app', on.app)).toBe(DENIED);
    await on.config();
  });

  test('1.3.9 the issuer is compared only when one is configured', async () => {
    await on.config({ disable_iss_validation: false });
    expect(await on.login('app', on.app)).toBe('200');
    await on.config({ disable_iss_validation: false, issuer: 'https://else' });
    expect(await on.login('app', on.app)).toBe('403 invalid issuer (iss) claim');
    await on.config({ disable_iss_validation: false, issuer: server().bed.url });
    expect(await on.login('app', on.app)).toBe('200');
    await on.config();
  });

  test('1.4 a namespace selector requires a reviewer with the right to read namespaces', async () => {
    await on.role('select', {
      bound_service_account_namespaces: [],
      bound_service_account_namespace_selector: '{"matchLabels":{"kubernetes.io/metadata.name":"team-a"}}',
    });
    const failed = '403 namespace not authorized err=';
    expect(await on.login('select', on.app)).toContain(`${failed}failed to get namespace (code 403`);
    await on.config({ token_reviewer_jwt: '' });
    expect(await on.login('select', on.app)).toContain(`${failed}namespace lookup failed: TokenReviewer JWT needs`);
    await on.config({ token_reviewer_jwt: await tokenOf(server().bed, 'vault', 'viewer') });
    expect(await on.login('select', on.app)).toBe('200');
    expect(await on.login('select', await tokenOf(server().bed, 'team-b', 'app', AUDIENCE))).toMatch(
      /^403 namespace not authorized/,
    );
    await on.config();
  });

  test('1.2 annotations become alias metadata only in Vault, and require a reviewer with the right to read service accounts', async () => {
    await on.config({ use_annotations_as_alias_metadata: true });
    if (isVault) expect(await on.login('app', on.app)).toMatch(/^500 .*failed to get service account \(code 403/);
    await on.config({
      use_annotations_as_alias_metadata: true,
      token_reviewer_jwt: await tokenOf(server().bed, 'vault', 'viewer'),
    });
    await on.role('note', { bound_service_account_names: ['noted', 'reserved'] });
    const noted = await on.authOf('note', await tokenOf(server().bed, 'team-a', 'noted', AUDIENCE));
    const metadata = (await on.aliasOf(noted))['metadata'];
    if (isVault) expect(metadata).toMatchObject({ env: 'prod' });
    else expect(metadata).not.toHaveProperty('env');
    const reserved = await on.login('note', await tokenOf(server().bed, 'team-a', 'reserved', AUDIENCE));
    expect(reserved).toMatch(isVault ? /^400 entity alias metadata keys for only internal use found/ : /^200$/);
    await on.config();
  });
});
