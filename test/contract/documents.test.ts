// Desired and stored state are equal by our own comparison, for any role and configuration; and stay within the tenant's bounds.
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '../../src/json/json.ts';
import { differences } from '../../src/resources/canonical.ts';
import { jwtConfig, kubernetesConfig, tuneDocument } from '../../src/resources/config-document.ts';
import { roleDocument } from '../../src/resources/role-document.ts';
import { evaluateTenancy } from '../../src/resources/tenancy.ts';
import { readConfig, writeConfig, readTune, writeTune } from '../../src/vault/mounts.ts';
import { readRole, writeRole } from '../../src/vault/roles.ts';
import { POLICIES, situation } from '../properties/roles.ts';
import { jwtBackend, kubernetesBackend } from '../support/objects.ts';
import { type ContractServer, onEachServer, type ProductName } from './servers.ts';
import fc from 'fast-check';

const PRODUCT = { openbao: 'OpenBao', vault: 'Vault' } as const satisfies Readonly<Record<ProductName, string>>;
const KEY = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' }).toString();
const OTHER_KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString();

let ca = '';
let issuer: Server;
const issuerURL = (): string => `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
beforeAll(async () => {
  issuer = createServer((request, response) => {
    const body = request.url?.endsWith('openid-configuration')
      ? { issuer: issuerURL(), jwks_uri: `${issuerURL()}/keys` }
      : { keys: [] };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => {
    issuer.listen(0, '127.0.0.1', resolve);
  });
});
afterAll(() => {
  issuer.closeAllConnections();
  issuer.close();
});

onEachServer(
  [],
  (bed) => {
    ({ ca } = bed);
    return Promise.resolve();
  },
  (product, server) => {
    const configured = async (document: JsonObject, form: 'kubernetesConfig' | 'jwtConfig'): Promise<void> => {
      const { root, mount } = server();
      const path = await mount(form === 'jwtConfig' ? 'jwt' : 'kubernetes');
      await writeConfig(root, path, document);
      expect(differences(document, (await readConfig(root, path)) ?? {}, form)).toEqual([]);
    };

    it('stores any role of the schema without drift, bound to its namespace, with allowed policies only', async () => {
      const { root, mount } = server();
      const paths = { kubernetes: await mount('kubernetes'), jwt: await mount('jwt') };
      await fc.assert(
        fc.asyncProperty(situation, async ({ backend, role, namespaceLabels }) => {
          const verdict = evaluateTenancy({
            backend,
            role,
            namespaceLabels,
            policyName: (name) => ((POLICIES as readonly string[]).includes(name) ? name : undefined),
            olderRoles: 0,
            nameHolder: undefined,
            product: PRODUCT[product],
          });
          const document = roleDocument({
            backend,
            role,
            product: PRODUCT[product],
            effectivePolicies: verdict.effectivePolicies,
          });
          const path = paths[backend.spec.type];
          // The same name each time: no field of one role may stay in the next.
          await writeRole(root, path, 'prod.team.web', document);
          const got = (await readRole(root, path, 'prod.team.web')) ?? {};
          expect(differences(document, got, backend.spec.type === 'jwt' ? 'jwtRole' : 'kubernetesRole')).toEqual([]);
          expect(got['token_policies'] ?? []).toEqual(verdict.effectivePolicies);
          if (backend.spec.type === 'jwt')
            expect(
              (got['bound_claims'] as { sub: readonly string[] }).sub.filter(
                (sub) => !sub.startsWith('system:serviceaccount:team:'),
              ),
            ).toEqual([]);
          else expect(got['bound_service_account_namespaces']).toEqual(['team']);
        }),
        { numRuns: 300 },
      );
    }, 300_000);

    it.each([
      ['ClientJWT', { reviewer: { mode: 'ClientJWT' } }, {}],
      ['Rotated', { reviewer: { mode: 'Rotated' } }, { reviewerToken: 'a.b.c' }],
      ['keys', { reviewer: { mode: 'ClientJWT' }, verifyKeys: { source: 'Synced' } }, { pemKeys: [OTHER_KEY, KEY] }],
      ['issuer', { reviewer: { mode: 'ClientJWT' }, issuer: 'https://issuer' }, {}],
      ['Local, with an authority that is given', { ca: { source: 'Given', configMapRef: { name: 'ca' } } }, {}],
    ])('stores a kubernetes configuration without drift: %s', (_what, kubernetes, more) =>
      configured(
        kubernetesConfig({ backend: kubernetesBackend({}, kubernetes), product: PRODUCT[product], ca, pemKeys: [], ...more }),
        'kubernetesConfig',
      ),
    );

    it.each([
      ['Push', () => ({})],
      ['Discovery', () => ({ keys: { source: 'Discovery' } })],
      ['JWKS', () => ({ keys: { source: 'JWKS', url: `${issuerURL()}/keys` } })],
    ])('stores a jwt configuration without drift: %s', (_what, jwt) =>
      configured(jwtConfig({ backend: jwtBackend({}, jwt()), keys: [KEY, OTHER_KEY], issuer: issuerURL() }), 'jwtConfig'),
    );

    const reviewedBy = (mode: string): JsonObject =>
      kubernetesConfig({
        backend: kubernetesBackend({}, { reviewer: { mode } }),
        product: PRODUCT[product],
        ca,
        reviewerToken: 'a.b.c',
        pemKeys: [],
      });

    it('removes the token reviewer with the next mode', async () => {
      const { root, mount } = server();
      const path = await mount('kubernetes');
      await writeConfig(root, path, reviewedBy('Rotated'));
      const got = (await readConfig(root, path)) ?? {};
      expect(differences(reviewedBy('ClientJWT'), got, 'kubernetesConfig')).toEqual([
        { field: 'token_reviewer_jwt', desired: 'absent', actual: 'set' },
      ]);
      await writeConfig(root, path, reviewedBy('ClientJWT'));
      expect(differences(reviewedBy('ClientJWT'), (await readConfig(root, path)) ?? {}, 'kubernetesConfig')).toEqual([]);
    });

    it.each([
      ['times', { tune: { defaultLeaseTTL: '1h', maxLeaseTTL: '2h' } }],
      ['times of the server', { tune: { defaultLeaseTTL: '0s', maxLeaseTTL: '0s' } }],
      ['words', { description: 'ours', tune: { listingVisibility: 'unauth', tokenType: 'default-batch' } }],
      ['hidden', { description: '', tune: { listingVisibility: 'hidden', tokenType: 'default-service' } }],
      ['tokens of one type', { tune: { tokenType: 'service' } }],
    ])('stores the tuning without drift: %s', async (_what, spec) => {
      const { root, mount }: ContractServer = server();
      const path = await mount('kubernetes');
      const document = tuneDocument(kubernetesBackend({ mount: spec }));
      await writeTune(root, path, document);
      expect(differences(document, (await readTune(root, path)) ?? {}, 'tune')).toEqual([]);
    });
  },
);
