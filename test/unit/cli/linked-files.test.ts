// VaultAuthRoles and their backends in a -cluster-state directory, as inject and explain use them.
import { explain } from '../../../src/cli/explain.ts';
import { inject } from '../../../src/cli/inject.ts';
import { ADDRESS, runCommand, temporaryFolder } from './run-command.ts';

const files = temporaryFolder();
afterAll(files.clear);

const OBJECTS = `apiVersion: vaultauth.dev/v1alpha1
kind: VaultEndpoint
metadata: { name: main }
spec:
  address: https://bao.example:8200
  auth: { kubernetes: { role: controller } }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthBackend
metadata: { name: main }
spec:
  endpointRef: { name: main }
  type: kubernetes
  path: k8s/prod
  clusterName: prod
  isDefault: true
  kubernetes: {}
  tenancy: { namespaceSelector: {} }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthRole
metadata: { name: web, namespace: shop }
spec: { tokenExpirationSeconds: 1200 }
`;

const pod = (annotations = ''): string => `apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
  annotations:
    vault.hashicorp.com/agent-inject: "true"
${annotations}spec:
  serviceAccountName: web
  containers:
    - name: web
`;

const WORDS = ['-f', '-', '-cluster-state', files.path, ...ADDRESS];
beforeAll(() => files.write('objects.yaml', OBJECTS));

test('explain names the object that sets each value', async () => {
  const { code, out, errors } = await runCommand(explain, WORDS, { stdin: pod() });
  expect([code, errors]).toEqual([0, []]);
  const lines = out.split('\n').map((line) => line.trim().replaceAll(/ {2,}/g, ' '));
  expect(out).toContain('role prod.shop.web at auth/k8s/prod (method kubernetes) of https://bao.example:8200');
  expect(lines).toContain('role prod.shop.web VaultAuthRole shop/web');
  expect(lines).toContain('token-expiration-seconds 1200 VaultAuthRole shop/web');
  expect(lines).toContain('auth-path auth/k8s/prod VaultAuthBackend main');
  expect(out).toMatch(/service +https:\/\/bao.example:8200 +VaultEndpoint main/);
  expect(out).not.toContain('warnings');
});

test('explain reports a conflict at the line of the annotation', async () => {
  const stdin = pod('    vaultauth.dev/token-audience: other\n');
  const { code, out } = await runCommand(explain, [...WORDS, '-o', 'json'], { stdin });
  const { pods } = JSON.parse(out) as { pods: readonly { warnings: readonly object[]; token: object }[] };
  expect(code).toBe(0);
  expect(pods[0]?.warnings).toEqual([expect.objectContaining({ code: 'vault-role-conflict', line: 8 })]);
  expect(pods[0]?.token).toMatchObject({ audience: 'vault://prod/k8s/prod', expirationSeconds: 1200 });
});

test('inject uses role and audience of the objects', async () => {
  const { code, out } = await runCommand(inject, WORDS, { stdin: pod() });
  expect(code).toBe(0);
  expect(out).toContain('prod.shop.web');
  expect(out).toContain('audience: vault://prod/k8s/prod');
});

test('explain reports an invalid object with its line', async () => {
  const broken = temporaryFolder();
  try {
    broken.write('role.yaml', OBJECTS.replace('tokenExpirationSeconds: 1200', 'tokenExpirationSeconds: 12, audiance: x'));
    const { code, errors } = await runCommand(explain, ['-f', '-', '-cluster-state', broken.path, ...ADDRESS], { stdin: pod() });
    expect(code).toBe(2);
    expect(errors.join('\n')).toMatch(/role\.yaml:19: VaultAuthRole web: unknown field "spec\.audiance"/);
    expect(errors.join('\n')).toMatch(/VaultAuthRole web: spec\.tokenExpirationSeconds/);
  } finally {
    broken.clear();
  }
});
