// The RBAC of deploy/controller on a real API server: sufficient for everything that the controller does, and no more.
import { endpointManifest } from '../../support/endpoint-manifest.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bed, startBed } from '../../bed/bed.ts';
import {
  applyYAML,
  CONTROLLER_ACCOUNT,
  CONTROLLER_NAMESPACE,
  type ControllerProcess,
  installController,
  runController,
  untilCondition,
} from '../../bed/controller.ts';
import { repositoryDirectory } from '../../bed/environment.ts';
import { KUBERNETES_VERSIONS } from '../../bed/recipes.ts';
import { type VaultView, view } from '../seeds/stage.ts';
import { eventually } from '../../support/eventually.ts';

const USER = `--as=system:serviceaccount:${CONTROLLER_NAMESPACE}:${CONTROLLER_ACCOUNT}`;
const deploy = (folder: string): string => join(repositoryDirectory(), 'deploy', folder);

const OWN = `-n=${CONTROLLER_NAMESPACE}`;
const ALLOWED = [
  ['list', 'secrets', OWN],
  ['create', 'serviceaccounts/token', OWN],
  ['update', 'leases.coordination.k8s.io/vault-auth-injector-controller', OWN],
  ['patch', 'vaultauthroles.vaultauth.dev/status', '-n=team'],
  ['create', 'events.events.k8s.io', '-n=team'],
  ['get', '/openid/v1/jwks'],
];

/** A backend with a reviewer of its own, and a role. */
const backend = (host: string, name: string, mode: string, rest = ''): string => `
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthBackend
metadata: { name: ${name} }
spec:
  endpointRef: { name: main }
  type: kubernetes
  path: ${name}
  clusterName: test
  kubernetes:
    host: "${host}"
    reviewer: { mode: ${mode}, serviceAccountName: ${name}-reviewer }
    verifyKeys: { source: Synced }
    issuer: Discover
  tenancy:
    namespaceSelector: {}
    policyRules: [{ policies: [app], namespaceSelector: {} }]
${rest}
---
${backendRole(name, name)}`;

const backendRole = (name: string, of: string): string => `
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthRole
metadata: { name: ${name}, namespace: team }
spec:
  backendRef: { name: ${of} }
  serviceAccounts: [default]
  policies: [app]
`;

/** Bindings of the backend, and a role for each service account of the team. */
const MORE = `
  rbac: { manageAuthDelegator: true }
  autoRoles: { mode: All, namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: team } } }
`;

const policy = `
apiVersion: vaultauth.dev/v1alpha1
kind: VaultACLPolicy
metadata: { name: app }
spec:
  endpointRef: { name: main }
  deletionPolicy: Delete
  policy: 'path "secret/data/\${auth.rotated.accessor}/*" { capabilities = ["read"] }'
`;

const rolePath = (name: string): string => `/apis/vaultauth.dev/v1alpha1/namespaces/team/vaultauthroles/${name}`;
const role = (name: string) => ({ namespace: 'team', name });

describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  let vault: VaultView;
  let controller: ControllerProcess;
  let outcome: 'passed' | 'failed' = 'failed';

  const can = (...words: readonly string[]): Promise<boolean> =>
    bed.kubectl(['auth', 'can-i', ...words, USER]).then(
      (answer) => answer.trim() === 'yes',
      () => false,
    );

  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-controller-manager', 'openbao'] });
    vault = view(bed.openbao?.address ?? '', bed.openbao?.rootToken ?? '');
    await installController(bed);
    await bed.kubectl(['apply', '-k', deploy('namespace')]);
    await bed.kubectl(['apply', '-k', deploy('controller')]);
    await bed.createNamespace({ name: 'team' });
    const { status } = await bed.request<{ status: { token: string } }>(
      'POST',
      `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/serviceaccounts/${CONTROLLER_ACCOUNT}/token`,
      { spec: { expirationSeconds: 3600 } },
    );
    // RBAC takes effect shortly after; the controller starts working then.
    for (const words of ALLOWED) await eventually(`it may ${words.join(' ')}`, () => can(...words));
    const kubeconfig = join(bed.directory, 'installed.json');
    writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(bed, status.token)), { mode: 0o600 });
    controller = await runController(bed, { kubeconfig, flags: ['-log-level=debug', '-resync-factor=0.1'] });
  }, 600_000);
  afterAll(() => bed?.stop(outcome));

  const roles = async (mount: string): Promise<unknown> => (await vault.ask('LIST', `auth/${mount}/role`)).json['data'];

  it('runs both replicas in a restricted namespace', async () => {
    let pods: readonly unknown[] = [];
    await eventually('there are two', async () => {
      pods = (await bed.request<{ items: unknown[] }>('GET', `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/pods`)).items;
      return pods.length >= 2;
    });
    expect(pods).toHaveLength(2);
  });

  it('suffices for endpoint, backend, policy and role, from creation to deletion', async () => {
    await applyYAML(bed, endpointManifest(vault.address, vault.rootToken, 'vault-token'));
    await untilCondition(bed, 'VaultEndpoint', { name: 'main' }, 'Ready=True');
    await bed.kubectl([
      'create',
      'clusterrolebinding',
      'rotated',
      '--clusterrole=system:auth-delegator',
      `--serviceaccount=${CONTROLLER_NAMESPACE}:rotated-reviewer`,
    ]);
    await applyYAML(bed, `${backend(bed.url, 'rotated', 'Rotated')}---${policy}`);
    await untilCondition(bed, 'VaultAuthBackend', { name: 'rotated' }, 'Ready=True', 60);
    await untilCondition(bed, 'VaultACLPolicy', { name: 'app' }, 'Ready=True');
    await untilCondition(bed, 'VaultAuthRole', role('rotated'), 'Ready=True');
    expect(await roles('rotated')).toEqual({ keys: ['test.probe', 'test.team.rotated'] });

    await bed.kubectl(['delete', 'vaultauthrole', '-n', 'team', 'rotated', '--timeout=100s']);
    expect(await roles('rotated')).toEqual({ keys: ['test.probe'] });
    await bed.kubectl(['delete', 'vaultaclpolicy', 'app', '--timeout=100s']);
    expect((await vault.ask('GET', 'sys/policies/acl/app')).status).toBe(404);
    expect(refusals()).toEqual([]);
  }, 300_000);

  it('grants nothing else', async () => {
    const refused = [
      ['get', 'secrets', '-n=team'],
      ['list', 'secrets', '-A'],
      ['get', 'configmaps', '-n=team'],
      ['create', 'serviceaccounts/token', '-n=team'],
      ['create', 'serviceaccounts', '-n=team'],
      ['update', 'leases.coordination.k8s.io/another', OWN],
      ['get', 'pods', '-n=team'],
      ['create', 'pods', OWN],
      ['delete', 'vaultauthbackends.vaultauth.dev'],
      ['create', 'vaultendpoints.vaultauth.dev'],
      ['update', 'vaultauthroles.vaultauth.dev', '-n=team'],
      ['get', 'clusterrolebindings'],
      ['create', 'clusterrolebindings'],
      ['create', 'rolebindings', OWN],
      ['bind', 'clusterroles'],
      ['impersonate', 'users'],
      ['create', 'tokenreviews.authentication.k8s.io'],
      ['get', '/metrics'],
    ];
    for (const words of ALLOWED) expect([words, await can(...words)]).toEqual([words, true]);
    for (const words of refused) expect([words, await can(...words)]).toEqual([words, false]);
  }, 300_000);

  it('manages the bindings of reviewers with the variant, and can bind nothing else', async () => {
    await bed.kubectl(['apply', '-k', deploy('variants/auth-delegator')]);
    await eventually('the right has come', () => can('create', 'clusterrolebindings'));
    await applyYAML(bed, `${backend(bed.url, 'longlived', 'LongLivedSecret', MORE)}---${policy}`);
    await untilCondition(bed, 'VaultAuthBackend', { name: 'longlived' }, 'Ready=True', 60);
    await untilCondition(bed, 'VaultAuthRole', role('longlived'), 'Ready=True');
    await bed.kubectl(['create', 'serviceaccount', '-n', 'team', 'auto']);
    await eventually('a role is made for it', async () => (await bed.exchange('GET', rolePath('auto'))).status === 200);
    await untilCondition(bed, 'VaultAuthRole', role('auto'), 'Ready=True');
    await bed.kubectl([
      'patch',
      'vaultauthbackend',
      'longlived',
      '--type=merge',
      '-p',
      '{"spec":{"autoRoles":{"mode":"Disabled"}}}',
    ]);
    await eventually('it is taken back', async () => (await bed.exchange('GET', rolePath('auto'))).status === 404);
    expect(refusals()).toEqual([]);
    const administrator = ['create', 'clusterrolebinding', 'mine', '--clusterrole=cluster-admin', '--user=me', USER];
    await expect(bed.kubectl(administrator)).rejects.toThrow(/attempting to grant RBAC permissions not currently held/);
  }, 300_000);

  it('survives a restart of the API server', async () => {
    await bed.restart('kube-apiserver');
    await applyYAML(bed, backendRole('after', 'longlived'));
    await untilCondition(bed, 'VaultAuthRole', role('after'), 'Ready=True', 60);
    expect(await roles('longlived')).toMatchObject({ keys: expect.arrayContaining(['test.team.after']) as unknown });
    expect(controller.server.running()).toBe(true);
    outcome = 'passed';
  }, 300_000);

  /** Log lines about requests that the API server denied. */
  const refusals = (): readonly string[] =>
    readFileSync(controller.server.logFile, 'utf8')
      .split('\n')
      .filter((line) => /forbidden|cannot (?:get|list|watch|create|patch|update|delete) resource/i.test(line));
});

const kubeconfigOf = (bed: Bed, token: string): object => ({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'installed',
  clusters: [
    {
      name: 'installed',
      cluster: { server: bed.url, 'certificate-authority-data': Buffer.from(bed.ca).toString('base64') },
    },
  ],
  users: [{ name: 'installed', user: { token } }],
  contexts: [{ name: 'installed', context: { cluster: 'installed', user: 'installed' } }],
});
