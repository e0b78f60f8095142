// Keys and issuers: a login with each source, and a rotation of the API server's signing key without a failed login.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { kidOf } from '../../../src/controller/backend/desired-config.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { CONTROLLER_NAMESPACE } from '../../bed/controller.ts';
import { jwtRoleOf, roleOf } from './backend-support.ts';
import { eventually } from '../../support/eventually.ts';
import { useStage, PRODUCTS, type Stage } from './backend-stage.ts';

let stage: Stage;
const check = useStage({}, (opened) => {
  stage = opened;
});

const jwt = (keys: JsonObject, more: JsonObject = {}): JsonObject => ({ type: 'jwt', jwt: { keys }, ...more });
const kubernetes = (more: JsonObject, reviewer: JsonObject = { mode: 'Rotated' }): JsonObject => ({
  type: 'kubernetes',
  kubernetes: { host: stage.bed.url, reviewer, ...more },
  rbac: { manageAuthDelegator: true },
});
const messageOf = async (name: string, type: string): Promise<string> =>
  (await stage.status(name)).conditions?.find((condition) => condition.type === type)?.message ?? '';

describe.each(PRODUCTS)('%s', (product) => {
  const own = (name: string): string => `${name}-${product}`;
  const configOf = async (path: string): Promise<JsonObject> =>
    (await stage.server(product).root.request({ method: 'GET', path: `auth/${path}/config` })).data ?? {};
  const logsIn = async (path: string): Promise<void> => {
    const audience = `vault://prod/${path}`;
    await stage.role(product, path, jwtRoleOf('app', audience));
    expect(await stage.login(product, path, await stage.token('app', audience))).toMatchObject({ outcome: 'succeeded' });
  };

  check('logs in with Push, without a connection from Vault to the cluster', async () => {
    const name = await stage.declare(product, own('push'), jwt({}));
    const { issuer, keys } = await stage.until(name, 'Ready=True');
    expect(issuer).toBe(stage.bed.url);
    expect(keys?.kids).toHaveLength(1);
    const published: { keys: { kid: string }[] } = JSON.parse(await stage.bed.kubectl(['get', '--raw', '/openid/v1/jwks']));
    expect(keys?.kids).toEqual(published.keys.map(({ kid }) => kid));
    await logsIn(name);
  });

  check('logs in with Discovery once it may be read without a login', async () => {
    const name = await stage.declare(product, own('discovery'), jwt({ source: 'Discovery', ca: { inline: stage.bed.ca } }));
    await stage.until(name, 'KeysFresh=DiscoveryRejected');
    expect(await messageOf(name, 'KeysFresh')).toContain('system:service-account-issuer-discovery');
    await stage.bed.exchange('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'discovery-for-all' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:service-account-issuer-discovery' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:unauthenticated' }],
    });
    await stage.until(name, 'Ready=True');
    await logsIn(name);
    await stage.bed.request('DELETE', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/discovery-for-all');
  });

  check('logs in with JWKS from a URL that Vault may read', async () => {
    await stage.bed.exchange('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'jwks-for-all' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:service-account-issuer-discovery' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:unauthenticated' }],
    });
    const keys = { source: 'JWKS', url: `${stage.bed.url}/openid/v1/jwks`, ca: { inline: stage.bed.ca } };
    const name = await stage.declare(product, own('jwks'), jwt(keys));
    await stage.until(name, 'Ready=True');
    await logsIn(name);
    await stage.bed.request('DELETE', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/jwks-for-all');
  });

  check('reports OpenBaoKubernetes as unsupported by servers without it', async () => {
    const name = await stage.declare(product, own('own-account'), jwt({ source: 'OpenBaoKubernetes' }));
    const { conditions } = await stage.until(name, 'Configured=UnsupportedByProduct');
    expect(conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'False', reason: 'UnsupportedByProduct' });
  });

  check('reports a wrong issuer after the probe', async () => {
    const name = await stage.declare(product, own('issuer'), { type: 'jwt', jwt: { issuer: 'https://other.example.org' } });
    await stage.until(name, 'KeysFresh=IssuerChanged');
    await stage.change(name, { jwt: { issuer: 'Discover' } });
    await stage.until(name, 'Ready=True');
  });

  check(
    'logs in with verified signatures, the issuer, and CA certificates from each source',
    async () => {
      const name = await stage.declare(
        product,
        own('checked'),
        kubernetes({ verifyKeys: { source: 'Synced' }, issuer: 'Discover' }),
      );
      await stage.until(name, 'Ready=True');
      const config = await configOf(name);
      expect(config).toMatchObject({ issuer: stage.bed.url, disable_iss_validation: false });
      expect(config['pem_keys']).toHaveLength(1);
      await stage.bed.request('POST', `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/configmaps`, {
        metadata: { name: own('ca') },
        data: { 'ca.crt': stage.bed.ca },
      });
      await stage.change(name, { kubernetes: { ca: { source: 'Given', configMapRef: { name: own('ca') } } } });
      await stage.until(name, 'Ready=True');
      await stage.change(name, { kubernetes: { ca: { configMapRef: { name: 'nowhere' } } } });
      await stage.until(name, 'Configured=CAMissing');
      const broken = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----';
      await stage.change(name, { kubernetes: { ca: { configMapRef: null, inline: broken } } });
      await stage.until(name, 'Configured=InvalidCA');
      expect((await configOf(name))['kubernetes_ca_cert']).toBe(stage.bed.ca);
      await stage.change(name, { kubernetes: { ca: { source: 'System', inline: null } } });
      // Vault then uses the CA certificates of its system. That they are wrong here shows only on a new connection.
      await stage.until(name, product === 'openbao' ? 'Configured=UnsupportedByProduct' : 'Configured=InSync');
      expect((await configOf(name))['kubernetes_ca_cert']).toBe(product === 'openbao' ? stage.bed.ca : '');
      await stage.change(name, { kubernetes: { ca: { source: 'FromCluster' } } });
      await stage.until(name, 'Ready=True', 60);
    },
    300_000,
  );

  check('grants Vault the right to read annotations as metadata, and reports them as unsupported by OpenBao', async () => {
    const name = await stage.declare(product, own('annotated'), {
      ...kubernetes({}),
      aliasMetadata: { fromAnnotations: true },
    });
    await stage.until(name, product === 'vault' ? 'Ready=True' : 'Configured=UnsupportedByProduct');
    await stage.until(name, 'ReviewerHealthy=ProbeSucceeded');
    const audience = `vault://prod/${name}`;
    await stage.role(product, name, roleOf('app', audience));
    expect(await stage.login(product, name, await stage.token('app', audience))).toMatchObject({ outcome: 'succeeded' });
    const config = await configOf(name);
    expect(config['use_annotations_as_alias_metadata']).toBe(product === 'vault' ? true : undefined);
  });
});

check(
  'follows a rotation of the signing key with Push and Synced, without a failed login',
  async () => {
    const names = await Promise.all(
      PRODUCTS.flatMap((product) => [
        stage.declare(product, `turning-push-${product}`, jwt({})),
        stage.declare(product, `turning-synced-${product}`, kubernetes({ verifyKeys: { source: 'Synced' } })),
      ]),
    );
    for (const name of names) {
      await stage.until(name, 'Ready=True');
      const product = name.split('-').at(-1) ?? '';
      const audience = `vault://prod/${name}`;
      await stage.role(product, name, name.includes('push') ? jwtRoleOf('app', audience) : roleOf('app', audience));
    }
    const old = new Map(
      await Promise.all(names.map(async (name) => [name, await stage.token('app', `vault://prod/${name}`)] as const)),
    );
    const failed: string[] = [];
    const logsIn = async (name: string, token: string | undefined, when: string): Promise<void> => {
      const login = await stage.login(name.split('-').at(-1) ?? '', name, token ?? '');
      if (login.outcome === 'failed') failed.push(`${when}: ${name}: ${login.error.message}`);
    };
    const all = async (when: string): Promise<void> => {
      for (const name of names) {
        await logsIn(name, old.get(name), `${when}, old token`);
        await logsIn(name, await stage.token('app', `vault://prod/${name}`), `${when}, new token`);
      }
    };
    const kidsAre = (count: number): Promise<void> =>
      eventually(
        async () => {
          for (const name of names) expect((await stage.status(name)).keys?.kids).toHaveLength(count);
        },
        { seconds: 120 },
      );
    await all('before');

    // As in the Kubernetes documentation: the new key is published, then signs, then the old one is removed.
    const { serviceAccountKeyFile, serviceAccountPublicKeyFile } = stage.bed.credentials;
    const next = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const before = readFileSync(serviceAccountPublicKeyFile, 'utf8');
    writeFileSync(serviceAccountPublicKeyFile, `${before}\n${next.publicKey}`);
    await stage.bed.restart('kube-apiserver');
    await kidsAre(2);
    await all('both published');

    writeFileSync(serviceAccountKeyFile, next.privateKey);
    await stage.bed.restart('kube-apiserver');
    await all('the new one signs');
    // Reviewer tokens are signed with the old key: they are replaced before it is removed.
    const kid = kidOf(next.publicKey);
    await eventually(
      async () => {
        for (const name of names.filter((name) => name.includes('synced')))
          expect((await stage.status(name)).reviewer?.keyID).toBe(kid);
      },
      { seconds: 120 },
    );

    writeFileSync(serviceAccountPublicKeyFile, next.publicKey);
    await stage.bed.restart('kube-apiserver');
    await eventually(async () => expect(JSON.stringify(await stage.status(names[0] ?? ''))).toContain('KeyRotationPending'));
    for (const name of names) await logsIn(name, await stage.token('app', `vault://prod/${name}`), 'the old one is gone');
    await kidsAre(1);
    await sleep(1000);
    for (const name of names) {
      await logsIn(name, await stage.token('app', `vault://prod/${name}`), 'at the end');
      await stage.until(name, 'Ready=True', 60);
    }
    expect(failed).toEqual([]);
  },
  600_000,
);
