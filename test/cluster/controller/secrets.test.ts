// No credential in status, Events, logs and metrics, also if servers repeat requests in their errors.
import { readFileSync } from 'node:fs';
import { type JsonObject, isObject, objectAt, textOf } from '../../../src/json/json.ts';
import { applyYAML, CONTROLLER_ACCOUNT, CONTROLLER_NAMESPACE } from '../../bed/controller.ts';
import type { SeenRequest } from '../../bed/fault-proxy.ts';
import { PRODUCTS, type ProductName } from '../seeds/stage.ts';
import { accessorOf, backendSpec, dataAt, type FaultStage, openFaultStage, policySpec } from './fault-stage.ts';
import { eventually } from '../../support/eventually.ts';

let stage: FaultStage;
let outcome: 'passed' | 'failed' = 'failed';
beforeAll(async () => {
  stage = await openFaultStage({ products: PRODUCTS, flags: ['-resync-factor=0.02', '-log-level=trace'] });
}, 600_000);
afterAll(() => stage?.stop(outcome));

const base64 = (text: string): string => Buffer.from(text).toString('base64url');
/** Looks like a service account token. */
const jwt = (canary: string): string =>
  `${base64('{"alg":"RS256","typ":"JWT"}')}.${base64(JSON.stringify({ iss: 'x', sub: canary, exp: 4_102_444_800 }))}.${base64(`${canary}-signature`)}`;

const canaries = (product: ProductName) => ({
  token: `canary-of-a-token-${product}`,
  secretID: `canary-of-a-secret-id-${product}`,
  wrongSecretID: `canary-of-a-wrong-secret-id-${product}`,
  reviewer: jwt(`canary-of-a-reviewer-${product}`),
});

const ADMIN = 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }';
const prepare = async (product: ProductName): Promise<void> => {
  const { vault } = stage.server(product);
  const { token, secretID, wrongSecretID, reviewer } = canaries(product);
  const ask = async (path: string, body: object): Promise<void> => {
    expect([path, (await vault.ask('POST', path, body)).status < 300]).toEqual([path, true]);
  };
  await ask('sys/policies/acl/admin', { policy: ADMIN });
  await ask('auth/token/create', { id: token, policies: ['root'], ttl: '1h' });
  await ask('sys/auth/approle', { type: 'approle' });
  await ask('auth/approle/role/controller', { token_policies: 'admin', role_id: 'controller' });
  await ask('auth/approle/role/controller/custom-secret-id', { secret_id: secretID });
  await applyYAML(
    stage.bed,
    Object.entries({ token, 'secret-id': secretID, 'wrong-secret-id': wrongSecretID, reviewer })
      .map(([name, value]) => secretYAML(`canary-${name}-${product}`, value))
      .join('---'),
  );
};
const secretYAML = (name: string, value: string): string => `
apiVersion: v1
kind: Secret
metadata: { name: ${name}, namespace: ${CONTROLLER_NAMESPACE} }
stringData: { token: "${value}", secretId: "${value}" }
`;

const endpoint = (product: ProductName, name: string, auth: JsonObject): Promise<void> =>
  stage.declare('VaultEndpoint', `${name}-${product}`, {
    address: stage.server(product).proxy.address,
    allowPlainHTTP: true,
    auth,
    limits: { requestsPerSecond: 200, burst: 200, maxInFlight: 8, timeoutSeconds: 3 },
  });
const appRole = (product: ProductName, secret: string): JsonObject => ({
  appRole: { mount: 'approle', roleId: 'controller', secretIdRef: { name: `canary-${secret}-${product}`, key: 'secretId' } },
});

const MODES = {
  rotated: { mode: 'Rotated' },
  stored: { mode: 'LongLivedSecret' },
  given: { mode: 'SecretRef', secretRef: {} },
} as const;
const declareAll = async (product: ProductName): Promise<void> => {
  await endpoint(product, 'token', { token: { secretRef: { name: `canary-token-${product}` } } });
  await endpoint(product, 'approle', appRole(product, 'secret-id'));
  await endpoint(product, 'wrong', appRole(product, 'wrong-secret-id'));
  for (const [name, reviewer] of Object.entries(MODES))
    await stage.declare(
      'VaultAuthBackend',
      `${name}-${product}`,
      backendSpec(stage, name === 'stored' ? `approle-${product}` : `token-${product}`, name, {
        probe: { enabled: true, intervalSeconds: 10 },
        rbac: { manageAuthDelegator: true },
        kubernetes: {
          host: stage.bed.url,
          reviewer: { ...reviewer, ...(name === 'given' ? { secretRef: { name: `canary-reviewer-${product}` } } : {}) },
        },
      }),
    );
  await stage.declare('VaultACLPolicy', `own-${product}`, policySpec(`token-${product}`, `rotated-${product}`));
  await stage.declare('VaultAuthRole', `own-${product}`, {
    backendRef: { name: `rotated-${product}` },
    serviceAccounts: ['default'],
  });
};

/** Every credential that was sent or created. */
const secretsOf = (seen: readonly SeenRequest[]): readonly string[] => {
  const all = new Set<string>();
  for (const { headers, body } of seen) {
    const token = headers['x-vault-token'];
    if (typeof token === 'string') all.add(token);
    const sent: unknown = body === '' ? {} : JSON.parse(body);
    for (const field of ['jwt', 'token_reviewer_jwt', 'secret_id']) {
      const value = isObject(sent) ? sent[field] : undefined;
      if (typeof value === 'string' && value !== '') all.add(value);
    }
  }
  // Claims and signature of a JWT are as secret as the whole.
  return [...all].flatMap((secret) => [
    secret,
    ...secret
      .split('.')
      .slice(1)
      .filter((part) => part.length >= 12),
  ]);
};
const reported = async (): Promise<string> =>
  [
    readFileSync(stage.controller().server.logFile, 'utf8'),
    await (await fetch(`${stage.controller().operations}/metrics`)).text(),
    await stage.bed.kubectl(['get', 'vaultauth,events.v1.events.k8s.io', '-A', '-o', 'json', '--show-managed-fields']),
  ].join('\n');
const count = async (word: string): Promise<number> => (await reported()).split(word).length - 1;

it('shows no credential, whatever servers answer', async () => {
  for (const product of PRODUCTS) {
    await prepare(product);
    await declareAll(product);
  }
  for (const product of PRODUCTS) {
    await stage.until('VaultEndpoint', `wrong-${product}`, 'Authenticated=LoginDenied');
    await stage.until('VaultAuthBackend', `rotated-${product}`, 'Ready=True');
    await stage.until('VaultAuthBackend', `stored-${product}`, 'Ready=True');
    await stage.until('VaultAuthBackend', `given-${product}`, 'ReviewerHealthy=False');
    await stage.until('VaultAuthRole', `own-${product}`, 'Ready=True');
    // The controller logs in with its own service account too, at a mount that it manages.
    const { vault } = stage.server(product);
    expect(await accessorOf(vault, 'rotated')).toBeDefined();
    await vault.ask('POST', 'auth/rotated/role/controller', {
      bound_service_account_names: CONTROLLER_ACCOUNT,
      bound_service_account_namespaces: CONTROLLER_NAMESPACE,
      token_policies: 'admin',
    });
    await endpoint(product, 'kubernetes', { kubernetes: { mount: 'rotated', role: 'controller' } });
    await stage.until('VaultEndpoint', `kubernetes-${product}`, 'Ready=True');
  }
  for (const product of PRODUCTS) {
    const { proxy } = stage.server(product);
    const { token, wrongSecretID, reviewer } = canaries(product);
    // Servers repeat the request in errors and warnings.
    const answer = (status: number, body: JsonObject, when: (request: SeenRequest) => boolean): void =>
      void proxy.inject({ fault: { kind: 'answer', status, body }, when });
    answer(
      400,
      { errors: [`error-of-a-server: {"secret_id":"${wrongSecretID}"} as ${reviewer}`] },
      ({ path, body }) => path.endsWith('approle/login') && body.includes(wrongSecretID),
    );
    answer(
      400,
      { errors: [`error-of-a-server: ${reviewer} from ${token}`, reviewer.split('.').slice(1).join(' ')] },
      ({ path, method, body }) => method === 'POST' && path.endsWith('given/config') && body.includes(reviewer),
    );
    answer(
      500,
      { errors: [`error-of-a-server: ${token}`] },
      ({ path, headers }) => /role\/test\.(?!probe)/.test(path) && headers['x-vault-token'] === token,
    );
  }
  for (const product of PRODUCTS) {
    const { proxy, vault } = stage.server(product);
    // Drift, so that there is a write.
    const config = await dataAt(vault, 'auth/given/config');
    await vault.ask('POST', 'auth/given/config', { ...config, kubernetes_host: 'https://other.invalid' });
    await vault.ask('DELETE', `auth/rotated/role/test.${stage.namespace}.own-${product}`);
    for (const [kind, name] of [
      ['vaultauthbackend', `given-${product}`],
      ['vaultauthrole', `own-${product}`],
      ['vaultendpoint', `wrong-${product}`],
    ] as const)
      await stage.bed.kubectl(['label', kind, name, 'look=again', ...(kind === 'vaultauthrole' ? ['-n', stage.namespace] : [])]);
    await stage.until('VaultAuthRole', `own-${product}`, 'Programmed=VaultUnavailable');
    await stage.until('VaultAuthBackend', `given-${product}`, 'Configured=WriteFailed');
    await eventually('the wrong login is answered', async () =>
      JSON.stringify(await stage.read('VaultEndpoint', `wrong-${product}`)).includes('error-of-a-server'),
    );
    // And in the warnings of a write.
    proxy.heal();
    const { reviewer } = canaries(product);
    proxy.inject({
      fault: { kind: 'answer', status: 200, body: { warnings: [`warning-of-a-server ${reviewer}`] } },
      when: ({ path, method }) => method === 'POST' && path.endsWith('given/config'),
    });
    await stage.bed.kubectl(['label', 'vaultauthbackend', `given-${product}`, 'look-more=yes']);
    await eventually('the warning is reported', async () =>
      JSON.stringify(await stage.read('VaultAuthBackend', `given-${product}`)).includes('warning-of-a-server'),
    );
    proxy.heal();
  }
  // The errors were reported: otherwise this test proves nothing.
  await eventually('the errors were reported', async () => (await count('error-of-a-server')) >= 6);
  const everything = await reported();
  const secrets = new Set(
    PRODUCTS.flatMap((product) => [...Object.values(canaries(product)), ...secretsOf(stage.server(product).proxy.seen)]),
  );
  for (const product of PRODUCTS) {
    const stored = await stage.bed.request<JsonObject>(
      'GET',
      `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/secrets/vault-reviewer-stored-${product}-token`,
    );
    secrets.add(Buffer.from(textOf(objectAt(stored, 'data'), 'token') ?? '', 'base64').toString());
  }
  // Root, the given token, logins by AppRole and by service account; secret IDs; reviewers of all modes; logins of the probes.
  expect(secrets.size).toBeGreaterThanOrEqual(20);
  for (const secret of secrets) expect([secret, secret.length > 8, everything.includes(secret)]).toEqual([secret, true, false]);
  for (const shape of [/eyJ[\w-]{8,}/, /\bhv[sbr]\.[\w-]{8,}/, /\bs\.[A-Za-z0-9]{20,}/])
    expect(shape.exec(everything)?.[0]).toBeUndefined();
  outcome = 'passed';
}, 600_000);
