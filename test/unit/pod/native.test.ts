// Profile native: one native sidecar with its own token, as tested on a real node.
import { objectAt, objectsOf, textOf, type Json, type JsonObject } from '../../../src/json/json.ts';
import type { Command } from '../../../src/settings/table.ts';
import {
  admit,
  configOf as compatConfigOf,
  containerOf,
  mountsOf,
  podWith,
  TOKEN_MOUNT,
  variableOf,
  volumeNames,
  type PodParts,
} from '../../support/pods.ts';

const native = (parts: PodParts = {}): PodParts => ({
  ...parts,
  annotations: { 'vaultauth.dev/profile': 'native', 'agent-inject-secret-db': 'kv/db', ...parts.annotations },
});
const inject = (parts: PodParts = {}) => admit(podWith(native(parts)), { command: 'webhook' });

interface Config {
  readonly auto_auth: {
    readonly method: readonly {
      readonly type: string;
      readonly max_backoff: string;
      readonly exit_on_err?: boolean;
      readonly config: Readonly<Record<string, Json>>;
    }[];
  };
  readonly template: readonly { readonly destination: string; readonly contents: string }[];
  readonly vault: { readonly retry: { readonly num_retries: number } };
  readonly template_config: { readonly exit_on_retry_failure: boolean };
  readonly exit_after_auth?: boolean;
}

const configOf = (pod: JsonObject): Config =>
  JSON.parse(textOf(objectAt(objectAt(pod, 'metadata'), 'annotations'), 'vaultauth.dev/agent-config') ?? '') as Config;
const web = (more: JsonObject = {}): JsonObject => ({ name: 'web', volumeMounts: [TOKEN_MOUNT], ...more });
const contextOf = (pod: JsonObject): JsonObject | undefined => objectAt(containerOf(pod, 'vault-agent'), 'securityContext');

test('adds one agent before all init containers, started without a shell', () => {
  const { pod } = inject({ spec: { initContainers: [{ name: 'migrate' }] } });
  const [agent, migrate] = objectsOf(objectAt(pod, 'spec')?.['initContainers']);
  expect(agent).toMatchObject({
    name: 'vault-agent',
    restartPolicy: 'Always',
    command: ['vault', 'agent', '-config=/vault/agent/agent.json'],
  });
  expect(migrate && mountsOf(migrate)).toEqual(['vault-secrets:/vault/secrets:ro']);
  expect(objectsOf(objectAt(pod, 'spec')?.['containers'])).toHaveLength(1);
});

test("mounts the agent's own token at the default path", () => {
  const { pod } = inject({
    annotations: { 'vaultauth.dev/token-audience': 'https://vault', 'vaultauth.dev/token-expiration-seconds': '600' },
  });
  expect(mountsOf(containerOf(pod, 'vault-agent'))).toEqual([
    'vault-secrets:/vault/secrets',
    'vault-agent-run:/run/vault-agent',
    'vault-agent-run:/home/vault',
    'vault-agent-config:/vault/agent:ro',
    'vault-auth-token:/var/run/secrets/kubernetes.io/serviceaccount:ro',
    'vault-auth-token:/run/secrets/kubernetes.io/serviceaccount:ro',
  ]);
  expect(tokenSources(pod)[0]).toEqual({
    serviceAccountToken: { path: 'token', audience: 'https://vault', expirationSeconds: 600 },
  });
});

const tokenSources = (pod: JsonObject): readonly JsonObject[] => {
  const volume = objectsOf(objectAt(pod, 'spec')?.['volumes']).find((one) => one['name'] === 'vault-auth-token');
  return objectsOf(objectAt(volume, 'projected')?.['sources']);
};

const CLUSTER_CA = { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } };
const SERVICE_CA = {
  configMap: { name: 'openshift-service-ca.crt', items: [{ key: 'service-ca.crt', path: 'service-ca.crt' }] },
};
/** A pod whose own service account directory has these sources. */
const withSources = (...sources: JsonObject[]): PodParts => ({
  spec: { volumes: [{ name: TOKEN_MOUNT.name, projected: { sources } }] },
});

describe("beside the agent's token (F2)", () => {
  test('are the CA and the namespace, also if the pod mounts no token', () => {
    const { pod } = inject({ spec: { automountServiceAccountToken: false, volumes: null, containers: [{ name: 'web' }] } });
    expect(tokenSources(pod).slice(1)).toEqual([
      { configMap: { ...CLUSTER_CA.configMap, optional: true } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
    ]);
  });

  test("are the other files of the app's directory, but no other token and nothing that replaces the agent's", () => {
    const hostile = { secret: { name: 'forged', items: [{ key: 'a', path: 'token' }] } };
    const { pod } = inject(
      withSources(
        { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
        { serviceAccountToken: { path: 'other', audience: 'sts.example' } },
        CLUSTER_CA,
        SERVICE_CA,
        hostile,
        { configMap: { name: 'all-keys' } },
        { clusterTrustBundle: { name: 'corp', path: 'corp.pem' } },
      ),
    );
    expect(tokenSources(pod).slice(3)).toEqual([SERVICE_CA, { clusterTrustBundle: { name: 'corp', path: 'corp.pem' } }]);
  });

  test('is the CA of OpenShift if the pod names it and is injected offline, where no directory has it yet', () => {
    const annotations = { 'ca-cert': '/run/secrets/kubernetes.io/serviceaccount/service-ca.crt' };
    const { pod } = inject({ annotations });
    expect(tokenSources(pod).slice(3)).toEqual([{ configMap: { ...SERVICE_CA.configMap, optional: true } }]);
    // The API server adds the file before the webhook reviews the manifest.
    const spec = objectAt(pod, 'spec') ?? {};
    const volumes = objectsOf(spec['volumes']).map((volume) =>
      volume['name'] === TOKEN_MOUNT.name ? { name: TOKEN_MOUNT.name, projected: { sources: [CLUSTER_CA, SERVICE_CA] } } : volume,
    );
    const again = admit({ ...pod, spec: { ...spec, volumes } }, { command: 'webhook' });
    expect([again.outcome.problems, again.outcome.patch]).toEqual([[], []]);
  });
});

test('gives the agent the address and names of its pod (F1), and no other container', () => {
  const { pod } = inject();
  const fields = objectsOf(containerOf(pod, 'vault-agent')['env']).map(
    ({ name, valueFrom }) => [name, objectAt(valueFrom as JsonObject | undefined, 'fieldRef')?.['fieldPath']] as const,
  );
  expect(Object.fromEntries(fields.filter(([, path]) => path !== undefined))).toEqual({
    NAMESPACE: 'metadata.namespace',
    HOST_IP: 'status.hostIP',
    POD_IP: 'status.podIP',
    POD_NAME: 'metadata.name',
    NODE_NAME: 'spec.nodeName',
  });
  expect(containerOf(pod, 'web')['env']).toBeUndefined();
});

test('gives an agent that logs in by the method aws what EKS gave the app, as profile compat does', () => {
  const eks = { name: 'aws-iam-token', mountPath: '/var/run/secrets/eks.amazonaws.com/serviceaccount', readOnly: true };
  const env = [
    { name: 'AWS_ROLE_ARN', value: 'arn:aws:iam::1:role/web' },
    { name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: `${eks.mountPath}/token` },
  ];
  const containers = [{ name: 'web', volumeMounts: [TOKEN_MOUNT, eks], env }];
  const annotations = { 'auth-type': 'aws', 'auth-config-region': 'eu-west-1' };
  const agent = containerOf(inject({ annotations, spec: { containers } }).pod, 'vault-agent');
  expect(mountsOf(agent)).toContain(`${eks.name}:${eks.mountPath}:ro`);
  expect(variableOf(agent, 'AWS_ROLE_ARN')).toBe('arn:aws:iam::1:role/web');
  expect(variableOf(agent, 'AWS_REGION')).toBe('eu-west-1');
});

test('injects a pod that mounts no service account token', () => {
  const { pod, outcome } = inject({
    spec: { automountServiceAccountToken: false, volumes: null, containers: [{ name: 'web' }] },
  });
  expect(outcome.problems).toEqual([]);
  expect(volumeNames(pod)).toEqual(['vault-secrets', 'vault-agent-run', 'vault-agent-config', 'vault-auth-token']);
});

test('configures endless retries for the sidecar, and the method as a list', () => {
  const config = configOf(inject().pod);
  expect(config.auto_auth.method).toEqual([
    {
      type: 'kubernetes',
      mount_path: 'auth/kubernetes',
      max_backoff: '2s',
      config: { token_path: '/var/run/secrets/kubernetes.io/serviceaccount/token', role: 'demo' },
    },
  ]);
  expect(config.template_config.exit_on_retry_failure).toBe(false);
  expect(config.vault.retry.num_retries).toBe(1_000_000);
  expect(config).not.toHaveProperty('exit_after_auth');
});

const waits = (annotations: Readonly<Record<string, string>>) => configOf(inject({ annotations }).pod).auto_auth.method[0];

test('sets no maximum back-off beside a minimum from an annotation', () => {
  expect(waits({ 'auth-min-backoff': '5s' })).toMatchObject({ min_backoff: '5s' });
  expect(waits({ 'auth-min-backoff': '5s' })).not.toHaveProperty('max_backoff');
  expect(waits({ 'auth-max-backoff': '30s' })).toMatchObject({ max_backoff: '30s' });
});

test('configures an init container that exits, on success and on failure', () => {
  const { pod } = inject({ annotations: { 'agent-pre-populate-only': 'true' } });
  expect(containerOf(pod, 'vault-agent')).not.toHaveProperty('restartPolicy');
  expect(containerOf(pod, 'vault-agent')).not.toHaveProperty('startupProbe');
  expect(configOf(pod)).toMatchObject({
    exit_after_auth: true,
    template_config: { exit_on_retry_failure: true },
    auto_auth: { method: [{ exit_on_err: true }] },
    vault: { retry: { num_retries: 3 } },
  });
});

test('keeps the token file with method jwt', () => {
  const [method] = configOf(inject({ annotations: { 'auth-type': 'jwt' } }).pod).auto_auth.method;
  expect(method?.config).toEqual({
    path: '/var/run/secrets/kubernetes.io/serviceaccount/token',
    remove_jwt_after_reading: false,
    role: 'demo',
  });
});

test('passes the files to the startup probe as arguments, without expansion', () => {
  const { pod } = inject({ annotations: { 'agent-inject-file-db': 'a$(X)`id`' } });
  const command = objectAt(objectAt(containerOf(pod, 'vault-agent'), 'startupProbe'), 'exec')?.['command'];
  expect(command).toEqual(['sh', '-c', expect.stringContaining('ls "$@"'), 'sh', '/vault/secrets/a$$(X)`id`']);
});

test('runs ls as startup probe in images without a shell', () => {
  const { pod } = inject({ annotations: { 'vaultauth.dev/startup-probe': 'ls', 'agent-inject-file-db': 'a$(X)' } });
  const command = objectAt(objectAt(containerOf(pod, 'vault-agent'), 'startupProbe'), 'exec')?.['command'];
  expect(command).toEqual(['ls', '/vault/secrets/a$$(X)']);
});

test.each<[string, JsonObject, JsonObject, number, number, string[]]>([
  ['one user of all', {}, { securityContext: { runAsUser: 1000, runAsGroup: 2000 } }, 1000, 2000, []],
  ["the pod's user", { securityContext: { runAsUser: 1000 } }, {}, 1000, 1000, []],
  ['no user at all', {}, {}, 100, 1000, []],
  ['root is not inherited', {}, { securityContext: { runAsUser: 0 } }, 100, 1000, ['token-loosened']],
])('runs the agent as the right user: %s', (_, spec, container, user, group, codes) => {
  const { pod, codes: found } = inject({ spec: { ...spec, containers: [web(container)] } });
  expect(contextOf(pod)).toMatchObject({
    runAsUser: user,
    runAsGroup: group,
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
    capabilities: { drop: ['ALL'] },
  });
  expect(found).toEqual(codes);
});

test('runs the agent as the user of the first app container if users differ', () => {
  const containers = [web({ securityContext: { runAsUser: 1000 } }), { name: 'other', securityContext: { runAsUser: 2000 } }];
  expect(contextOf(inject({ spec: { containers } }).pod)).toMatchObject({ runAsUser: 1000 });
});

test('sets a CPU limit and pull policy Always if every app container has them', () => {
  const limited = web({ resources: { limits: { cpu: '1' } }, imagePullPolicy: 'Always' });
  expect(containerOf(inject({ spec: { containers: [limited] } }).pod, 'vault-agent')).toMatchObject({
    imagePullPolicy: 'Always',
    resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { cpu: '500m', memory: '128Mi' } },
  });
  expect(containerOf(inject({ spec: { containers: [limited, { name: 'other' }] } }).pod, 'vault-agent')).toMatchObject({
    imagePullPolicy: 'IfNotPresent',
    resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
  });
});

test('selects containers by name', () => {
  const annotations = {
    'vaultauth.dev/skip-containers': 'proxy',
    'vaultauth.dev/init-containers': 'migrate',
    'vaultauth.dev/secrets-read-only': 'false',
  };
  const { pod } = inject({
    annotations,
    spec: { containers: [web(), { name: 'proxy' }], initContainers: [{ name: 'migrate' }, { name: 'warm' }] },
  });
  expect(mountsOf(containerOf(pod, 'web'))).toContain('vault-secrets:/vault/secrets');
  expect(mountsOf(containerOf(pod, 'migrate'))).toEqual(['vault-secrets:/vault/secrets']);
  for (const name of ['proxy', 'warm']) expect(mountsOf(containerOf(pod, name))).toEqual([]);
});

test('uses the program and variables of OpenBao', () => {
  const { pod } = inject({ annotations: { 'vaultauth.dev/flavour': 'openbao', namespace: 'team' } });
  expect(containerOf(pod, 'vault-agent')['command']).toEqual(['bao', 'agent', '-config=/vault/agent/agent.json']);
  expect(variableOf(containerOf(pod, 'vault-agent'), 'BAO_NAMESPACE')).toBe('team');
});

test.each([
  ['the text of a template', 'native', { 'agent-inject-template-x': '[[ ]]' }, '[['],
  ['the default template of vault-k8s in profile compat', 'compat', {}, '[['],
  ['no default template', 'native', {}, '{{'],
  ['no format', 'compat', { 'vaultauth.dev/format-x': 'yaml' }, '{{'],
])('reads the delimiters of annotations in %s: profile %s', (_, profile, more, left_delimiter) => {
  const delimiters = { 'agent-template-left-delim-x': '[[', 'agent-template-right-delim-x': ']]' };
  const annotations = { 'vaultauth.dev/profile': profile, 'agent-inject-secret-x': 'kv/x', ...delimiters, ...more };
  const { pod } = admit(podWith({ annotations }), { command: 'webhook', flags: ['-vault-address=https://vault.example:8200'] });
  const { template } = profile === 'native' ? configOf(pod) : compatConfigOf(pod, 'vault-agent-init');
  expect(template).toEqual([expect.objectContaining({ left_delimiter, right_delimiter: left_delimiter === '[[' ? ']]' : '}}' })]);
});

test('ignores our own annotations under the prefix of another product', () => {
  const { codes, pod } = admit(podWith({ annotations: { profile: 'compat' } }), { command: 'webhook' });
  expect(codes).toEqual(['annotation-unknown']);
  expect(volumeNames(pod)).toContain('vault-auth-token');
});

test('replaces a configuration that the pod already has', () => {
  const { pod } = inject({ annotations: { 'vaultauth.dev/agent-config': '{"vault":{"address":"https://evil"}}' } });
  expect(configOf(pod)).toMatchObject({ vault: { address: 'https://vault.example:8200' } });
});

test('adds only mounts to a container that was added after the injection', () => {
  const first = inject().pod;
  const later = structuredClone(first) as unknown as { spec: { containers: JsonObject[] } };
  later.spec.containers.push({ name: 'mesh', image: 'mesh' });
  const { pod, outcome } = admit(later, { command: 'webhook' });
  expect(outcome.patch).toHaveLength(1);
  expect(mountsOf(containerOf(pod, 'mesh'))).toEqual(['vault-secrets:/vault/secrets:ro']);
});

test('adds no startup probe without pre-populate', () => {
  const { pod } = inject({ annotations: { 'agent-pre-populate': 'false' } });
  expect(containerOf(pod, 'vault-agent')).toMatchObject({ restartPolicy: 'Always' });
  expect(containerOf(pod, 'vault-agent')).not.toHaveProperty('startupProbe');
});

const agentOf = (command: Command) => containerOf(admit(podWith(), { command }).pod, 'vault-agent');

test('is the default of webhook, inject and explain, but not of agent-inject', () => {
  for (const command of ['webhook', 'inject', 'explain'] as const)
    expect(agentOf(command)).toHaveProperty('restartPolicy', 'Always');
  expect(agentOf('agent-inject')).not.toHaveProperty('restartPolicy');
});

test.each([
  ['agent-configmap', 'c'],
  ['agent-cache-enable', 'true'],
  ['agent-service-account-token-volume-name', 'token'],
  ['agent-revoke-on-shutdown', 'true'],
])('denies %s, which has no effect', (name, value) => {
  const codes = (text: string) =>
    admit(podWith(native({ annotations: { [name]: text } })), { command: 'webhook', flags: ['-allow=*'] }).codes;
  expect(codes(value)).toEqual(['profile-unsupported']);
  expect(codes(value === 'true' ? 'false' : '')).not.toContain('profile-unsupported');
});

const exits = (annotations: Readonly<Record<string, string>>, flavour = 'openbao'): boolean =>
  configOf(
    inject({ annotations: { 'vaultauth.dev/flavour': flavour, 'agent-inject-secret-db': 'kv/data/db', ...annotations } }).pod,
  ).template_config.exit_on_retry_failure;

describe('the sidecar of OpenBao', () => {
  test.each([
    { 'agent-inject-template-db': '{{ with pkiCert "pki/issue/web" "common_name=web" }}{{ .Cert }}{{ end }}' },
    { 'agent-inject-template-db': '{{ with secret "database/creds/web" }}{{ .Data.password }}{{ end }}' },
    { 'agent-inject-template-db': '{{ with secret "kv/data/db" "version=1" }}{{ .Data }}{{ end }}' },
    { 'agent-inject-template-file-a': '/vault/custom/a' },
    { 'agent-inject-secret-a': 'database/creds/web' },
  ])('exits if a failed template may have issued something: %j (F3)', (annotations) => {
    expect(exits(annotations)).toBe(true);
    // Vault's agent doubles its pause by itself, and keeps the pod ready.
    expect(exits(annotations, 'vault')).toBe(false);
  });

  test.each([
    {},
    { 'agent-inject-template-db': '{{ with secret "kv/data/db" }}{{ .Data.data.password }}{{ end }}' },
    {
      'agent-inject-template-db':
        '{{ with secret (printf "kv/data/%s/db" (env "NAMESPACE")) }}{{ .Data.data.password }}{{ end }}',
    },
  ])('keeps running if templates only read KV version 2: %j', (annotations) => {
    expect(exits(annotations)).toBe(false);
  });
});
