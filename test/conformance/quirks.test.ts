// The register of quirks: where we differ from vault-k8s on purpose, each under its id.
import { denialOf, warningsOf } from '../../src/admission/problems.ts';
import { objectAt, type JsonObject } from '../../src/json/json.ts';
import {
  admit,
  configOf,
  containerOf,
  mountsOf,
  podWith,
  TOKEN_MOUNT,
  TOKEN_VOLUME,
  variableOf,
  volumeNames,
} from '../support/pods.ts';

const statusMessage = (pod: JsonObject, surrounding = {}): string => denialOf(admit(pod, surrounding).outcome.problems);

describe('fixed', () => {
  test('Q01 shareProcessNamespace is set without an init agent too', () => {
    const { pod } = admit(podWith({ annotations: { 'agent-share-process-namespace': 'true', 'agent-pre-populate': 'false' } }));
    expect(objectAt(pod, 'spec')?.['shareProcessNamespace']).toBe(true);
  });

  test("Q02 the operator's lease renewal threshold reaches the pod", () => {
    const { pod } = admit(podWith(), { environment: { AGENT_INJECT_TEMPLATE_LEASE_RENEWAL_THRESHOLD: '0.8' } });
    expect(configOf(pod, 'vault-agent').template_config['lease_renewal_threshold']).toBe(0.8);
  });

  test('Q03 a pod without volumes gets every volume', () => {
    const { pod } = admit(
      podWith({ annotations: { 'agent-configmap': 'c', 'tls-secret': 't', 'agent-extra-secret': 'e' }, spec: { volumes: null } }),
    );
    expect(volumeNames(pod)).toEqual([
      'home-init',
      'home-sidecar',
      'vault-secrets',
      'vault-config',
      'extra-secrets',
      'vault-tls-secrets',
    ]);
  });

  test('Q04 a renamed init agent that goes first gets its mounts once', () => {
    const rename = JSON.stringify([{ op: 'replace', path: '/name', value: 'other' }]);
    const { pod } = admit(
      podWith({
        annotations: { 'agent-init-json-patch': rename, 'agent-init-first': 'true' },
        spec: { initContainers: [{ name: 'migrate' }] },
      }),
    );
    const mounts = mountsOf(containerOf(pod, 'other'));
    expect(mounts.filter((mount) => mount === 'vault-secrets:/vault/secrets')).toHaveLength(1);
    expect(mountsOf(containerOf(pod, 'migrate'))).toEqual(['vault-secrets:/vault/secrets']);
  });

  test.each(['agent-run-as-user', 'agent-run-as-group'])('Q05 an empty %s is not root', (name) => {
    const { pod } = admit(podWith({ annotations: { [name]: '' } }));
    expect(objectAt(containerOf(pod, 'vault-agent'), 'securityContext')).toMatchObject({
      runAsUser: 100,
      runAsGroup: 1000,
      runAsNonRoot: true,
    });
  });

  test('Q06 ca-path replaces ca-key, which still works, with a warning', () => {
    expect(configOf(admit(podWith({ annotations: { 'ca-path': '/cas' } })).pod, 'vault-agent').vault['ca_path']).toBe('/cas');
    const old = admit(podWith({ annotations: { 'ca-key': '/vault/tls/cas', 'tls-secret': 'vault-tls' } }));
    expect(configOf(old.pod, 'vault-agent').vault['ca_path']).toBe('/vault/tls/cas');
    expect(old.codes).toEqual(['annotation-deprecated']);
  });

  test('Q07 templates and extra volumes are in the order of their names', () => {
    const annotations = {
      'agent-inject-secret-b': 'kv/b',
      'agent-inject-secret-a': 'kv/a',
      'secret-volume-path-a': '/zz',
      'secret-volume-path-b': '/aa',
    };
    const { pod } = admit(podWith({ annotations }));
    expect(configOf(pod, 'vault-agent').template?.map(({ destination }) => destination)).toEqual(['/zz/a', '/aa/b']);
    expect(mountsOf(containerOf(pod, 'web')).slice(2)).toEqual(['vault-secrets-custom-0:/aa', 'vault-secrets-custom-1:/zz']);
  });

  test('Q08 two secrets of one file, and a template with two readings, are refused', () => {
    expect(statusMessage(podWith({ annotations: { 'agent-inject-secret-foo': 'a', 'agent-inject-secret-FOO': 'b' } }))).toContain(
      '[secret-collision]',
    );
    expect(
      statusMessage(podWith({ annotations: { 'agent-inject-secret-file-x': 'a', 'agent-inject-template-file-x': 'b' } })),
    ).toContain('"file-x"');
  });

  test('Q09 a telemetry value of the wrong type is refused instead of dropping all telemetry', () => {
    expect(
      statusMessage(
        podWith({ annotations: { 'agent-telemetry-circonus-check-id': '123', 'agent-telemetry-statsd-address': 'h:1' } }),
      ),
    ).toContain('telemetry-value');
  });

  test('Q10 a token for AWS is never used as the token for Vault', () => {
    const aws = { name: 'aws-iam-token', readOnly: true, mountPath: '/var/run/secrets/eks.amazonaws.com/serviceaccount' };
    const both = admit(podWith({ spec: { containers: [{ name: 'web', volumeMounts: [aws, TOKEN_MOUNT] }] } }));
    expect(configOf(both.pod, 'vault-agent').auto_auth.method.config['token_path']).toBe(`${TOKEN_MOUNT.mountPath}/token`);
    expect(admit(podWith({ spec: { containers: [{ name: 'web', volumeMounts: [aws] }] } })).codes).toEqual(['token-missing']);
  });

  test('Q11 the revoke hook has every connection option of the agent', () => {
    const annotations = {
      'agent-revoke-on-shutdown': 'true',
      namespace: "team-a'b",
      'tls-skip-verify': 'true',
      'tls-server-name': 'n',
      'ca-path': '/cas',
    };
    const hook = JSON.stringify(containerOf(admit(podWith({ annotations })).pod, 'vault-agent')['lifecycle']);
    for (const flag of ["-namespace='team-a'\\\\''b'", '-tls-skip-verify', '-tls-server-name=n', '-ca-path=/cas', '-self'])
      expect(hook).toContain(flag);
  });

  test('Q12 the Vault namespace applies with a ConfigMap too', () => {
    const { pod } = admit(podWith({ annotations: { 'agent-configmap': 'c', namespace: 'ns1' } }));
    expect(variableOf(containerOf(pod, 'vault-agent'), 'VAULT_NAMESPACE')).toBe('ns1');
  });

  test.each<[string, JsonObject]>([
    ['container-conflict', { containers: [{ name: 'web', volumeMounts: [TOKEN_MOUNT] }, { name: 'vault-agent' }] }],
    ['container-conflict', { initContainers: [{ name: 'vault-agent-init' }] }],
    ['volume-conflict', { volumes: [{ name: TOKEN_VOLUME }, { name: 'vault-secrets', emptyDir: {} }] }],
    [
      'mount-conflict',
      { containers: [{ name: 'web', volumeMounts: [TOKEN_MOUNT, { name: 'mine', mountPath: '/vault/secrets' }] }] },
    ],
  ])('Q13 a collision is refused: %s', (code, spec) => {
    expect(admit(podWith({ spec })).codes).toEqual([code]);
  });

  test('Q14 container names are trimmed, and unknown ones cause a warning', () => {
    const containers = [{ name: 'web', volumeMounts: [TOKEN_MOUNT] }, { name: 'proxy' }, { name: 'other' }];
    const { pod, codes } = admit(
      podWith({ annotations: { 'agent-inject-containers': 'web, proxy,absent' }, spec: { containers } }),
    );
    expect(mountsOf(containerOf(pod, 'proxy'))).toEqual(['vault-secrets:/vault/secrets']);
    expect(mountsOf(containerOf(pod, 'other'))).toEqual([]);
    expect(codes).toEqual(['container-unknown']);
  });

  test('Q17 a pod of a system namespace is left alone, or refused if the operator chose so', () => {
    expect(admit(podWith(), { namespace: 'kube-system' }).outcome).toMatchObject({
      decision: 'skipped',
      reason: 'excluded-namespace',
    });
    expect(statusMessage(podWith(), { namespace: 'kube-system', flags: ['-system-namespaces=deny'] })).toContain(
      'error with request namespace',
    );
  });

  test('Q25 a misspelt annotation causes a warning with the nearest name', () => {
    const { outcome } = admit(podWith({ annotations: { 'agent-inject-secrt-db': 'kv/db' } }));
    expect(warningsOf(outcome.warnings)).toEqual([
      expect.stringContaining('did you mean vault.hashicorp.com/agent-inject-secret-db?'),
    ]);
  });

  test('Q28 switching off both agents is refused', () => {
    expect(
      statusMessage(podWith({ annotations: { 'agent-pre-populate': 'false', 'agent-pre-populate-only': 'true' } })),
    ).toContain('containers-exclusive');
  });

  test('Q29 a file outside the directory of the secrets is refused', () => {
    const annotations = { 'agent-inject-secret-a': 'kv/a', 'agent-inject-file-a': '../../etc/passwd' };
    expect(admit(podWith({ annotations })).codes).toEqual(['secret-escapes']);
  });

  test('Q30 a directory with another spelling does not become a second volume', () => {
    const annotations = { 'agent-inject-secret-a': 'kv/a', 'secret-volume-path-a': '/vault/secrets/' };
    expect(volumeNames(admit(podWith({ annotations })).pod)).not.toContain('vault-secrets-custom-0');
  });

  test('Q31 init-first keeps unknown fields of other init containers', () => {
    const initContainers = [{ name: 'migrate', futureField: { a: [1] } }];
    const { pod } = admit(podWith({ annotations: { 'agent-init-first': 'true' }, spec: { initContainers } }));
    expect(objectAt(pod, 'spec')?.['initContainers']).toMatchObject([
      { name: 'vault-agent-init' },
      { name: 'migrate', futureField: { a: [1] } },
    ]);
  });

  test('Q32 a request for another injection replaces the agents instead of doubling them', () => {
    const first = admit(podWith()).pod;
    const again = structuredClone(first) as { metadata: { annotations: Record<string, string> } };
    again.metadata.annotations['vault.hashicorp.com/agent-inject-status'] = 'update';
    again.metadata.annotations['vault.hashicorp.com/role'] = 'other';
    const second = admit(again).pod;
    expect(volumeNames(second)).toEqual(volumeNames(first));
    expect(configOf(second, 'vault-agent').auto_auth.method.config['role']).toBe('other');
    expect(objectAt(objectAt(second, 'metadata'), 'annotations')).toMatchObject({
      'vault.hashicorp.com/agent-inject-status': 'injected',
    });
  });

  test("Q33 a pod's own shareProcessNamespace stays, with a warning", () => {
    const { pod, codes } = admit(
      podWith({ annotations: { 'agent-share-process-namespace': 'false' }, spec: { shareProcessNamespace: true } }),
    );
    expect(objectAt(pod, 'spec')?.['shareProcessNamespace']).toBe(true);
    expect(codes).toEqual(['process-namespace-kept']);
  });

  test.each(['preserve-secret-case', 'preserve-secret-case-foo'])('Q36 an unreadable %s is refused', (name) => {
    expect(statusMessage(podWith({ annotations: { 'agent-inject-secret-foo': 'a', [name]: 'maybe' } }))).toContain(name);
  });

  test('Q39 agent-request-namespace has no effect, not even when it is empty', () => {
    expect(admit(podWith({ annotations: { 'agent-request-namespace': '' } })).outcome.decision).toBe('injected');
  });

  test('Q41 the one telemetry switch that is on by default can be turned off', () => {
    const { pod } = admit(podWith({ annotations: { 'agent-telemetry-filter-default': 'false' } }));
    expect(configOf(pod, 'vault-agent').telemetry).toEqual({ filter_default: false });
  });

  test.each(['agent-run-as-user', 'agent-run-as-group'])('Q42 a negative %s is refused', (name) => {
    expect(statusMessage(podWith({ annotations: { [name]: '-1' } }))).toContain(name);
  });

  test.each(['service', 'auth-path', 'agent-image', 'agent-request-namespace'])(
    'Q43 an empty %s counts as absent, with a warning',
    (name) => {
      const { outcome, codes } = admit(podWith({ annotations: { [name]: '' } }));
      expect(outcome.decision).toBe('injected');
      expect(codes).toEqual(['annotation-empty']);
    },
  );

  test('Q48 a copied mount keeps what works in the agent, and loses what does not', () => {
    const mounts = [
      { name: 'logs', mountPath: '/logs', subPathExpr: '$(ME)' },
      { name: 'host', mountPath: '/host', mountPropagation: 'Bidirectional' },
      { name: 'vault-secrets', mountPath: '/conf/db', subPath: 'db' },
    ];
    const env = [{ name: 'ME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }];
    const containers = [{ name: 'web', env, volumeMounts: [TOKEN_MOUNT, ...mounts] }];
    const { pod, codes } = admit(podWith({ annotations: { 'agent-copy-volume-mounts': 'web' }, spec: { containers } }));
    for (const name of ['vault-agent-init', 'vault-agent']) {
      const agent = containerOf(pod, name);
      expect(agent['volumeMounts']).toContainEqual({ name: 'logs', mountPath: '/logs', subPathExpr: '$(POD_NAME)' });
      expect(agent['env']).toContainEqual({ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } });
      expect(agent['volumeMounts']).toContainEqual({ name: 'host', mountPath: '/host' });
      expect(mountsOf(agent)).not.toContain('vault-secrets:/conf/db');
    }
    expect(codes).toEqual(['mount-not-copied', 'mount-not-copied']);
  });

  test('Q49 files that a container cannot read, and an agent that waits for a mesh, cause warnings', () => {
    const annotations = { 'agent-inject-secret-db': 'kv/db', 'agent-inject-perms-db': '0400' };
    const app = { name: 'web', volumeMounts: [TOKEN_MOUNT], securityContext: { runAsUser: 1000 } };
    const initContainers = [{ name: 'istio-init' }];
    const containers = [app, { name: 'istio-proxy' }];
    expect(admit(podWith({ annotations, spec: { initContainers, containers } })).codes).toEqual([
      'file-unreadable',
      'agent-without-network',
    ]);
  });

  test('Q44 the range of an OpenShift namespace decides the user of the agents', () => {
    const annotations = new Map([
      ['openshift.io/sa.scc.uid-range', '1000650000/10000'],
      ['openshift.io/sa.scc.supplemental-groups', '1000660000/10000'],
    ]);
    const cluster = { namespace: () => ({ labels: new Map<string, string>(), annotations }), serviceAccount: () => undefined };
    const { pod, codes } = admit(podWith(), { cluster });
    expect(codes).toEqual([]);
    expect(objectAt(containerOf(pod, 'vault-agent'), 'securityContext')).toMatchObject({
      runAsUser: 1000650000,
      runAsGroup: 1000660000,
    });
    const same = admit(podWith({ annotations: { 'agent-run-as-same-user': 'true' } }), { cluster });
    expect(same.codes).toEqual([]);
  });

  test('Q45 method jwt without the path of the token is injected as recorded, with a warning (F17, vault 11064)', () => {
    const annotations = { 'auth-type': 'jwt', 'auth-path': 'auth/jwt-cluster-a' };
    const { outcome, codes } = admit(podWith({ annotations }));
    expect(codes).toEqual(['jwt-path-missing']);
    expect(warningsOf(outcome.warnings)[0]).toContain(`set it to ${TOKEN_MOUNT.mountPath}/token, and`);
    expect(
      admit(podWith({ annotations: { ...annotations, 'auth-config-path': `${TOKEN_MOUNT.mountPath}/token` } })).codes,
    ).toEqual([]);
    expect(admit(podWith({ annotations: { ...annotations, 'agent-configmap': 'c' } })).codes).toEqual([]);
    expect(admit(podWith({ annotations: { ...annotations, 'vaultauth.dev/profile': 'native' } })).codes).toEqual([]);
  });

  // In base64 the configuration has four bytes for three, and the kernel takes 131,071 for `VAULT_CONFIG=…`.
  test.each<[number, boolean]>([
    [97_000, false],
    [99_000, true],
  ])('Q46 a template of %d bytes is denied before the kernel refuses its variable: %p (F18, vault-k8s 660)', (size, isDenied) => {
    const { outcome, codes } = admit(podWith({ annotations: { 'agent-inject-template-a': 'x'.repeat(size) } }));
    expect(outcome.decision).toBe(isDenied ? 'denied' : 'injected');
    expect(codes).toEqual(isDenied ? ['config-too-large'] : []);
  });

  test('Q46 a CA of more than 128 KiB is denied in both profiles', () => {
    for (const profile of ['compat', 'native']) {
      const pod = podWith({ annotations: { 'vaultauth.dev/profile': profile } });
      expect(admit(pod, { flags: [`-vault-cacert-bytes=-----BEGIN CERTIFICATE-----${'C'.repeat(140_001)}`] }).codes).toEqual([
        'variable-too-large',
      ]);
    }
  });

  test.each([
    ['service', 'vault.vault.svc:8200'],
    ['role', 'team/web'],
    ['client-timeout', '5 minutes'],
    ['agent-inject-perms-a', 'rw-r-----'],
    ['agent-inject-secret-a', 'kv/a\nkv/b'],
    ['agent-limits-mem', '-64Mi'],
  ])('Q50 a %s that nothing can read is denied: %j (F13)', (name, value) => {
    const { outcome } = admit(podWith({ annotations: { 'agent-inject-secret-a': 'kv/a', [name]: value } }));
    expect(outcome.decision).toBe('denied');
    expect(outcome.problems).toEqual([expect.objectContaining({ code: 'annotation-value', value })]);
  });

  test.each(['kubernetes', '/v1/auth/kubernetes', 'auth/kubernetes/login', '/v1/kubernetes/login/'])(
    'Q51 the auth-path %s is read as auth/kubernetes, with a warning (F12, vault-k8s 75)',
    (path) => {
      const { pod, codes } = admit(podWith({ annotations: { 'auth-path': path } }));
      expect(codes).toEqual(['annotation-corrected']);
      expect(configOf(pod, 'vault-agent').auto_auth.method).toMatchObject({ mount_path: 'auth/kubernetes' });
    },
  );

  test('Q52 white space around a value does not count, except in templates and commands (F7, vault 8873)', () => {
    const text = { 'agent-inject-template-a': ' a\n' };
    const plain = {
      role: 'web',
      'auth-path': 'auth/kubernetes',
      'agent-inject-perms-a': '0444',
      'agent-run-as-user': '7',
      ...text,
    };
    const padded = Object.fromEntries(
      Object.entries(plain).map(([name, value]) => [name, name in text ? value : ` ${value}\r\n`]),
    );
    const [one, other] = [plain, padded].map((annotations) => admit(podWith({ annotations })));
    expect(one?.codes).toEqual([]);
    expect(other?.outcome.patch).toEqual(one?.outcome.patch);
    expect(configOf(other?.pod ?? {}, 'vault-agent').template?.[0]?.contents).toBe(' a\n');
  });

  test.each(['auth-type', 'secret-volume-path', 'agent-cache-listener-port', 'agent-revoke-grace', 'secret-volume-path-a'])(
    'Q43 an empty %s counts as absent, with a warning (F27)',
    (name) => {
      const common = { 'agent-inject-secret-a': 'kv/a', 'agent-cache-enable': 'true', 'agent-revoke-on-shutdown': 'true' };
      const empty = admit(podWith({ annotations: { ...common, [name]: '' } }));
      expect(empty.codes).toEqual(['annotation-empty']);
      expect(empty.outcome.patch).toEqual(admit(podWith({ annotations: common })).outcome.patch);
    },
  );

  test('an empty agent-cache-use-auto-auth-token leaves the member out, as in vault-k8s (F27)', () => {
    const annotations = { 'agent-cache-enable': 'true', 'agent-cache-use-auto-auth-token': ' ' };
    const config = configOf(admit(podWith({ annotations })).pod, 'vault-agent') as unknown as JsonObject;
    expect(config['cache']).toEqual({ persist: expect.anything() });
  });
});
