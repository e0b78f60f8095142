// The command explain: the reason of every decision, and the layer of every value.
import { explain } from '../../../src/cli/explain.ts';
import { ADDRESS, runCommand, requestLines, temporaryFolder } from './run-command.ts';

const files = temporaryFolder();
afterAll(files.clear);

const CLUSTER = `apiVersion: v1
kind: Namespace
metadata:
  name: shop
  annotations:
    vault.hashicorp.com/auth-path: auth/shop
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: web
  namespace: shop
  annotations:
    vault.hashicorp.com/role: shop-web
`;

const POD = `apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
  annotations:
    vault.hashicorp.com/agent-inject: "true"
    vault.hashicorp.com/agent-inject-secret-db: kv/data/web
    vault.hashicorp.com/agent-inject-perms-db: "0440"
    vault.hashicorp.com/agent-inject-template-url: |
      https://{{ .Data }}
    vault.hashicorp.com/log-levl: debug
spec:
  serviceAccountName: web
  securityContext: {runAsUser: 1000}
  containers:
    - name: web
`;

test('explains an injected pod: login, token, secrets, layers, additions, warnings', async () => {
  files.write('cluster.yaml', CLUSTER);
  const { code, out, errors } = await runCommand(explain, ['-f', '-', '-cluster-state', files.path, ...ADDRESS], { stdin: POD });
  expect({ code, errors }).toEqual({ code: 0, errors: [] });
  expect(out).toBe(`Pod shop/web (standard input:1)
  injected: requested by an annotation of the pod
  login     role shop-web at auth/shop (method kubernetes) of https://vault.example:8200
  token     /var/run/secrets/kubernetes.io/serviceaccount/token
            of service account web, audience vault, 3600 s, in volume vault-auth-token
  secrets   /vault/secrets/db   kv/data/web, template map, mode 0440
            /vault/secrets/url  own template
  options   agent-image   hashicorp/vault:2.2.2       settings: -vault-image
            service       https://vault.example:8200  settings: -vault-address
            auth-path     auth/shop                   namespace: vault.hashicorp.com/auth-path
            role          shop-web                    serviceaccount: vault.hashicorp.com/role
            agent-inject  true                        pod: vault.hashicorp.com/agent-inject
  adds      init container vault-agent (hashicorp/vault:2.2.2), runs as a sidecar, user
              1000:1000, requests cpu 10m memory 32Mi, limits memory 128Mi
            to web: /vault/secrets
            volumes vault-secrets, vault-agent-run, vault-agent-config, vault-auth-token
  result    vault-agent, then web
  warnings  unknown annotation vault.hashicorp.com/log-levl has no effect [annotation-unknown,
              line 12]
              → did you mean vault.hashicorp.com/log-level?

`);
  for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
});

test('explains a denied pod with remedies and exits with 1', async () => {
  const text = `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n${requestLines(4, ['agent-pre-populate-only: ture'])}spec:\n  automountServiceAccountToken: false\n  containers: [{name: web}]\n`;
  const { code, out } = await runCommand(explain, [...ADDRESS, '-profile=compat'], { stdin: text });
  expect(code).toBe(1);
  expect(out).toContain('denied: requested by an annotation of the pod, but injection is impossible');
  expect(out).not.toContain('  token ');
  expect(out).toContain('[token-missing, line 1]');
  expect(out.replaceAll(/\s+/g, ' ')).toContain('[annotation-value, line 8] → set ');
});

/** A pod with more lines of metadata. */
const pod = (name: string, more: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n${more}spec:\n  containers: [{name: web}]\n`;

test('explains why pods are not injected', async () => {
  const text = [
    pod('a', ''),
    pod('b', '  labels: {vaultauth.dev/inject: disabled}\n'),
    pod('c', '  namespace: kube-system\n'),
  ].join('---\n');
  const { code, out } = await runCommand(explain, ADDRESS, { stdin: text });
  expect(code).toBe(0);
  expect(out.split('\n').filter((line) => line.startsWith('  '))).toEqual([
    '  not injected: neither the pod, its namespace nor the cluster default requests it',
    '  not injected: disabled by a label of the pod',
    '  not injected: its namespace is excluded',
  ]);
  const automatic = await runCommand(explain, [...ADDRESS, '-auto-inject', '-excluded-namespaces='], { stdin: pod('a', '') });
  expect(automatic.out.replaceAll(/\s+/g, ' ')).toContain(
    'not injected: all pods are injected by default, but injection is impossible, and the pod itself does not request it',
  );
  expect(automatic.out).toContain('no Vault role found');
});

test('prints JSON of the documented shape', async () => {
  const { code, out } = await runCommand(explain, ['-o', 'json', ...ADDRESS], {
    stdin: POD.replace('log-levl: debug', 'role: web'),
  });
  expect(code).toBe(0);
  const { version, pods } = JSON.parse(out) as { version: number; pods: Record<string, unknown>[] };
  expect(version).toBe(1);
  expect(pods).toHaveLength(1);
  expect(pods[0]).toMatchObject({
    file: 'standard input',
    line: 1,
    kind: 'Pod',
    namespace: 'shop',
    name: 'web',
    decision: 'injected',
    reason: 'pod-annotation',
    injectionType: 'sidecar_only',
    serviceAccount: 'web',
    login: {
      address: 'https://vault.example:8200',
      authType: 'kubernetes',
      mount: 'auth/kubernetes',
      role: 'web',
      namespace: '',
    },
    token: {
      volume: 'vault-auth-token',
      path: '/var/run/secrets/kubernetes.io/serviceaccount/token',
      from: 'injection',
      audience: 'vault',
      expirationSeconds: 3600,
    },
    volumes: ['vault-secrets', 'vault-agent-run', 'vault-agent-config', 'vault-auth-token'],
    warnings: [],
    problems: [],
  });
  expect(pods[0]?.['options']).toEqual(
    expect.arrayContaining([
      { name: 'profile', value: 'native', layer: 'settings', from: '-profile', default: true },
      { name: 'agent-pre-populate-only', value: false, layer: 'built-in', from: '', default: true },
      { name: 'role', value: 'web', layer: 'pod', from: 'vault.hashicorp.com/role', default: false },
    ]),
  );
  expect(pods[0]?.['secrets']).toContainEqual(
    expect.objectContaining({ name: 'db', layer: 'pod', from: 'vault.hashicorp.com/agent-inject-secret-db' }),
  );
  expect(pods[0]?.['result']).toEqual({ initContainers: ['vault-agent'], containers: ['web'] });
  expect(pods[0]?.['containers']).toContainEqual(
    expect.objectContaining({ name: 'vault-agent', added: true, sidecar: true, user: 1000, group: 1000 }),
  );
  expect(pods[0]?.['containers']).toContainEqual({
    name: 'web',
    list: 'containers',
    image: '',
    added: false,
    sidecar: false,
    mounts: [{ volume: 'vault-secrets', path: '/vault/secrets' }],
  });
});

test('explains which guarded annotations are allowed, and by which layer', async () => {
  files.write('cluster.yaml', CLUSTER.replace('auth-path: auth/shop', 'auth-path: auth/shop\n    vaultauth.dev/allow: service'));
  const annotations = ['agent-image: mine/agent:1', 'service: https://other.example', 'tls-skip-verify: "true"'];
  const text = `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\n  annotations:\n${requestLines(4, annotations)}spec:\n  containers: [{name: web}]\n`;
  const words = ['-cluster-state', files.path, '-allow=tls-skip-verify', ...ADDRESS];
  const { code, out } = await runCommand(explain, words, { stdin: text });
  expect(code).toBe(1);
  expect(out).toContain(`  guarded   agent-image: not allowed (pod: vault.hashicorp.com/agent-image)
            service: allowed by the namespace (pod: vault.hashicorp.com/service)
            tls-skip-verify: allowed by -allow (pod: vault.hashicorp.com/tls-skip-verify)
`);
  expect(out).toContain('[annotation-guarded, line');
  const { pods } = JSON.parse((await runCommand(explain, [...words, '-o=json'], { stdin: text })).out) as {
    pods: Record<string, object>[];
  };
  expect(pods[0]?.['guarded']).toContainEqual({
    name: 'agent-image',
    annotation: 'vault.hashicorp.com/agent-image',
    layer: 'pod',
    allowedBy: 'none',
  });
});

test('explains mode token: the token that the app logs in with, and no agent', async () => {
  const text = POD.replace('role: shop', '').replace('log-levl: debug', 'role: web\n    vaultauth.dev/mode: token');
  const { code, out } = await runCommand(explain, ADDRESS, { stdin: text });
  expect(code).toBe(0);
  expect(out).toContain('/var/run/secrets/vaultauth.dev/serviceaccount/token');
  expect(out).toContain('volumes vault-auth-token');
  expect(out).not.toContain('vault-agent');
});

test('rejects a pod without a cluster, and wrong flags and words', async () => {
  for (const words of [
    ['pod', 'shop/web'],
    ['-vault-address', 'https://x', 'pod/web'],
  ])
    expect(await runCommand(explain, words)).toEqual({
      code: 2,
      out: '',
      errors: ['vault-auth-injector explain: no cluster found: set -kubeconfig or KUBECONFIG'],
    });
  for (const word of ['-kubeconfig=x', '--context=y'])
    expect((await runCommand(explain, [word, ...ADDRESS], { stdin: POD })).errors).toEqual([
      `vault-auth-injector explain: ${word}: only for a pod of a cluster, as "explain pod NAMESPACE/NAME"; for files use -cluster-state`,
    ]);
  for (const words of [['pod'], ['pod', 'a/b/c'], ['pod', 'a', 'b'], ['pods/'], ['po', '/a']])
    expect((await runCommand(explain, words)).errors).toEqual([
      expect.stringContaining('expected one pod, as "pod NAMESPACE/NAME"'),
    ]);
  expect((await runCommand(explain, ['-o', 'yaml'], { stdin: POD })).errors).toEqual([
    'vault-auth-injector explain: -o: "yaml" is not a format, expected text or json',
  ]);
  expect(await runCommand(explain, [], { stdin: '' })).toEqual({
    code: 0,
    out: '',
    errors: ['standard input: warning: no manifest in this file', 'no pod in the manifests'],
  });
});
