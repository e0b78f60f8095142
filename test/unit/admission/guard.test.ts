// Guarded annotations: a denied and an allowed case of each, and attempts to bypass the guard.
import { GUARDED_NAMES } from '../../../src/admission/guard.ts';
import { PREFIXES, kebab } from '../../../src/annotations/names.ts';
import type { Row } from '../../../src/annotations/row.ts';
import { table, type OptionKey } from '../../../src/annotations/table.ts';
import type { CachedCluster } from '../../../src/cluster/admission-context.ts';
import { admit, podWith } from '../../support/pods.ts';

const VALUES: Readonly<Record<string, string>> = {
  service: 'https://evil.example:8200',
  'proxy-address': 'http://evil.example:3128',
  'agent-binary': '/bin/sh',
  'agent-image': 'evil/agent:1',
  'tls-skip-verify': 'true',
  'agent-configmap': 'mine',
  'agent-json-patch': '[{"op":"replace","path":"/image","value":"evil"}]',
  'agent-init-json-patch': '[{"op":"replace","path":"/image","value":"evil"}]',
  'agent-config-patch': '[{"op":"add","path":"/disable_mlock","value":true}]',
  'agent-set-security-context': 'false',
  'agent-run-as-user': '0',
  'agent-run-as-group': '0',
};

const namespaceWith = (annotations: Readonly<Record<string, string>>): CachedCluster => ({
  namespace: () => ({ labels: new Map(), annotations: new Map(Object.entries(annotations)) }),
  serviceAccount: () => undefined,
});

test('every guarded row, and every name that can be allowed, has a case here', () => {
  const guarded = (Object.keys(table) as OptionKey[]).filter((key) => (table[key] as Row<unknown>).guarded).map(kebab);
  expect(Object.keys(VALUES)).toEqual(expect.arrayContaining(guarded));
  expect(Object.keys(VALUES).sort()).toEqual([...GUARDED_NAMES].sort());
});

describe.each(Object.entries(VALUES))('%s', (name, value) => {
  const own = name === 'agent-config-patch' ? `vaultauth.dev/${name}` : name;
  const pod = podWith({ annotations: { [own]: value } });

  test('is denied to a pod, and the problem names what would allow it', () => {
    const { outcome } = admit(pod, { command: 'webhook' });
    expect(outcome.decision).toBe('denied');
    expect(outcome.problems).toContainEqual(
      expect.objectContaining({ code: 'annotation-guarded', name, allow: 'vaultauth.dev/allow' }),
    );
  });

  test('is allowed by the namespace, by the operator, and in agent-inject', () => {
    const cluster = namespaceWith({ 'vaultauth.dev/allow': `other, ${name}` });
    expect(admit(pod, { command: 'webhook', cluster }).codes).not.toContain('annotation-guarded');
    expect(admit(pod, { command: 'webhook', flags: [`-allow=${name}`] }).codes).not.toContain('annotation-guarded');
    expect(admit(pod, { command: 'agent-inject' }).codes).not.toContain('annotation-guarded');
  });

  test('is denied to a service account, and free on a namespace', () => {
    const full = own.includes('/') ? own : `vault.hashicorp.com/${own}`;
    const metadata = { labels: new Map(), annotations: new Map([[full, value]]) };
    const byAccount: CachedCluster = { namespace: () => undefined, serviceAccount: () => metadata };
    expect(admit(podWith(), { command: 'webhook', cluster: byAccount }).codes).toContain('annotation-guarded');
    expect(admit(podWith(), { command: 'webhook', cluster: namespaceWith({ [full]: value }) }).codes).not.toContain(
      'annotation-guarded',
    );
  });
});

test.each(PREFIXES)('the prefix %s does not bypass the guard', (prefix) => {
  const pod = podWith({ annotations: { [`${prefix}service`]: 'https://evil.example:8200' } });
  expect(admit(pod, { command: 'webhook' }).codes).toContain('annotation-guarded');
});

test.each(['compat', 'native'])('the profile %s does not bypass the guard', (profile) => {
  const pod = podWith({ annotations: { 'vaultauth.dev/profile': profile, 'agent-image': 'evil/agent:1' } });
  expect(admit(pod, { command: 'webhook' }).codes).toContain('annotation-guarded');
});

test('a pod cannot allow itself', () => {
  const pod = podWith({ annotations: { 'vaultauth.dev/allow': '*', service: 'https://evil.example:8200' } });
  expect(admit(pod, { command: 'webhook' }).codes).toEqual(['annotation-guarded', 'annotation-layer']);
});

test('repeating the operator’s value needs no permission', () => {
  const pod = podWith({
    annotations: { service: 'https://vault.example:8200', 'tls-skip-verify': 'false', 'agent-json-patch': '[]' },
  });
  expect(admit(pod, { command: 'webhook' }).codes).toEqual([]);
});

const set = (path: string, value: unknown) => [{ op: 'add', path, value }];

describe('a patch of the agent configuration', () => {
  const PATCH = 'vaultauth.dev/agent-config-patch';
  const problemsWith = (patch: unknown, allow: string): readonly string[] => {
    const pod = podWith({ annotations: { 'vaultauth.dev/profile': 'native', [PATCH]: JSON.stringify(patch) } });
    const { outcome } = admit(pod, { command: 'webhook', cluster: namespaceWith({ 'vaultauth.dev/allow': allow }) });
    return outcome.problems.map((problem) => (problem.code === 'annotation-guarded' ? problem.name : problem.code));
  };
  test.each<[string, unknown, readonly string[]]>([
    ['the address', set('/vault/address', 'https://evil'), ['service']],
    ['the address by another case', set('/VAULT', { address: 'https://evil' }), ['service']],
    ['an address in another case', set('/vault/Address', 'https://evil'), ['service']],
    ['a second block', set('/vault', [{ address: 'https://vault.example:8200' }, { address: 'https://evil' }]), ['service']],
    ['a labelled block', set('/vault', { label: { address: 'https://evil' } }), ['service']],
    ['nothing but removes the block, so that the environment counts', [{ op: 'remove', path: '/vault' }], ['service']],
    ['a moved block', [{ op: 'move', from: '/vault', path: '/Vault' }], []],
    ['the CA', set('/vault/ca_cert', '/vault/secrets/ca'), ['service']],
    ['verification', set('/vault/tls_skip_verify', true), ['tls-skip-verify']],
    ['verification in words and another case', set('/vault/TLS_Skip_Verify', '1'), ['tls-skip-verify']],
    ['both', [...set('/vault/address', 'x'), ...set('/vault/tls_skip_verify', true)], ['service', 'tls-skip-verify']],
    ['the number of retries', set('/vault/retry/num_retries', 7), []],
    ['something else', set('/disable_mlock', true), []],
  ])('that changes %s needs the permission for the option', (_, patch, names) => {
    expect(problemsWith(patch, 'agent-config-patch')).toEqual(names);
    expect(problemsWith(patch, `agent-config-patch,${names.join()}`)).toEqual([]);
    expect(problemsWith(patch, '*')).toEqual([]);
    expect(problemsWith(patch, names.join())).toEqual(['agent-config-patch']);
  });

  test('on the namespace needs no permission', () => {
    const cluster = namespaceWith({ [PATCH]: JSON.stringify(set('/vault/address', 'https://other:8200')) });
    const { outcome } = admit(podWith({ annotations: { 'vaultauth.dev/profile': 'native' } }), { command: 'webhook', cluster });
    expect(outcome.problems).toEqual([]);
  });
});

const codesOf = (annotations: Readonly<Record<string, string>>, spec = {}): readonly string[] =>
  admit(podWith({ annotations: { 'vaultauth.dev/profile': 'native', ...annotations }, spec }), { command: 'webhook' }).codes;

const mount = (mountPath: string) => ({
  containers: [{ name: 'web', volumeMounts: [{ name: 'data', mountPath }] }],
  volumes: [{ name: 'data', emptyDir: {} }],
});

describe('the configuration of the agent', () => {
  test.each<[string, Readonly<Record<string, string>>]>([
    ['the directory of all secrets', { 'secret-volume-path': '/vault/agent' }],
    ['the directory of one', { 'agent-inject-secret-a': 'kv/a', 'secret-volume-path-a': '/vault/agent/' }],
    ['a file', { 'agent-inject-secret-a': 'kv/a', 'secret-volume-path': '/vault', 'agent-inject-file-a': 'agent/agent.json' }],
    ['secrets in the directory of the log', { 'secret-volume-path': '/run//vault-agent/x' }],
    ['a link to it', { 'secret-volume-path': '/var/run/vault-agent' }],
    ['secrets in the directory of the token', { 'secret-volume-path': '/var/run/secrets/kubernetes.io/serviceaccount' }],
    ['a listed secret', { 'vaultauth.dev/secrets': '[{name: agent.json, path: kv/a, volumePath: /x/../vault/agent}]' }],
  ])('does not share a directory with %s', (_, annotations) => {
    expect(codesOf(annotations)).toContain('directory-conflict');
  });

  test('is not hidden by a volume mount of a container', () => {
    const annotations = { 'agent-copy-volume-mounts': 'web' };
    expect(codesOf(annotations, mount('/vault/agent/agent.json'))).toEqual(['directory-conflict']);
    expect(codesOf(annotations, mount('/vault/agents'))).toEqual([]);
  });

  test('is not taken from the annotations of the pod', () => {
    const evil = '{"vault":{"address":"https://evil.example:8200"}}';
    const brought = {
      'vaultauth.dev/agent-config': evil,
      'vaultauth.dev/agent-init-config': evil,
      'agent-inject-status': 'injected',
    };
    for (const flags of [[], ['-native-sidecars=false']]) {
      const pod = podWith({ annotations: { 'vaultauth.dev/profile': 'native', ...brought } });
      const { outcome } = admit(pod, { command: 'webhook', flags });
      expect(outcome.decision).toBe('injected');
      expect(JSON.stringify(outcome.patch)).not.toContain('evil.example');
      expect(JSON.stringify(outcome.patch)).toContain('/metadata/annotations/vaultauth.dev~1agent-config');
    }
  });
});

test.each(['0', '00', '+0', '-0', '-00'])('user %p is root in any notation', (user) => {
  expect(admit(podWith({ annotations: { 'agent-run-as-user': user } }), { command: 'webhook' }).outcome.decision).toBe('denied');
});
