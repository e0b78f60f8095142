// parseAnnotations: layers of annotations to options, problems and warnings.
import { readUntrustedYaml } from '../../../src/yaml/untrusted.ts';
import { baseline, parseAnnotations, type Parsed } from '../../../src/annotations/parse.ts';

const BASE = baseline({});

const parse = (
  pod: Readonly<Record<string, string>>,
  more: Readonly<Record<'namespace' | 'serviceaccount', Readonly<Record<string, string>>>> = {
    namespace: {},
    serviceaccount: {},
  },
  base = BASE,
): Parsed =>
  parseAnnotations(
    { namespace: entries(more.namespace), serviceaccount: entries(more.serviceaccount), pod: entries(pod) },
    base,
    readUntrustedYaml,
  );

const entries = (annotations: Readonly<Record<string, string>>): ReadonlyMap<string, string> =>
  new Map(Object.entries(annotations));

describe('layers', () => {
  const namespace = {
    'vault.hashicorp.com/role': 'from-namespace',
    'vault.hashicorp.com/log-level': 'warn',
    'vault.hashicorp.com/auth-path': 'auth/a',
  };
  const serviceaccount = { 'openbao.org/role': 'from-account', 'openbao.org/log-level': 'debug' };

  it('override one another in order, under any prefix', () => {
    const base = baseline({ role: 'from-settings', authPath: 'auth/settings', namespace: 'team-a' });
    const parsed = parse({ 'vaultauth.dev/role': 'from-pod' }, { namespace, serviceaccount }, base);
    expect(parsed.problems).toEqual([]);
    expect(parsed.options).toMatchObject({
      role: 'from-pod',
      logLevel: 'debug',
      authPath: 'auth/a',
      namespace: 'team-a',
      logFormat: 'standard',
    });
    expect(parsed.origins.get('role')).toEqual({ layer: 'pod', annotation: 'vaultauth.dev/role' });
    expect(parsed.origins.get('logLevel')).toEqual({ layer: 'serviceaccount', annotation: 'openbao.org/log-level' });
    expect(parsed.origins.get('authPath')).toEqual({ layer: 'namespace', annotation: 'vault.hashicorp.com/auth-path' });
    expect(parsed.origins.get('namespace')).toEqual({ layer: 'settings' });
    expect(parsed.origins.has('logFormat')).toBe(false);
  });

  it("keep the operator's value if an annotation is invalid", () => {
    const parsed = parse({ 'vault.hashicorp.com/agent-limits-cpu': '1 core' }, undefined, baseline({ agentLimitsCpu: '2' }));
    expect(parsed.options.agentLimitsCpu).toBe('2');
    expect(parsed.problems).toEqual([
      expect.objectContaining({ code: 'annotation-value', annotation: 'vault.hashicorp.com/agent-limits-cpu', value: '1 core' }),
    ]);
  });

  it('warn about annotations that only a pod can have', () => {
    const parsed = parse(
      {},
      { namespace: { 'vault.hashicorp.com/agent-inject': 'nonsense' }, serviceaccount: { 'openbao.org/agent-inject': 'true' } },
    );
    expect(parsed.options.agentInject).toBeUndefined();
    expect(parsed.problems).toEqual([]);
    expect(parsed.warnings).toEqual([
      { code: 'annotation-layer', annotation: 'vault.hashicorp.com/agent-inject', layer: 'namespace', only: 'pod' },
      { code: 'annotation-layer', annotation: 'openbao.org/agent-inject', layer: 'serviceaccount', only: 'pod' },
    ]);
  });

  it('do not change the options of other pods', () => {
    parse({ 'vault.hashicorp.com/role': 'x', 'vault.hashicorp.com/agent-inject-secret-a': 'b' });
    expect(BASE.options.role).toBe('');
    expect(parse({}).families.secret.size).toBe(0);
  });
});

describe('two prefixes on one object', () => {
  it('may have the same value', () => {
    const parsed = parse({ 'vault.hashicorp.com/role': 'web', 'openbao.org/role': 'web' });
    expect([parsed.options.role, parsed.problems, parsed.warnings]).toEqual(['web', [], []]);
  });

  it('contradict each other: a problem that names both', () => {
    expect(parse({ 'vault.hashicorp.com/role': 'web', 'openbao.org/role': 'app' }).problems).toEqual([
      { code: 'annotation-conflict', annotation: 'openbao.org/role', other: 'vault.hashicorp.com/role' },
    ]);
    expect(
      parse({ 'vault.hashicorp.com/agent-inject-secret-a': 'x', 'vaultauth.dev/agent-inject-secret-a': 'y' }).problems,
    ).toHaveLength(1);
  });

  it('may differ between objects', () => {
    const more = { namespace: { 'vault.hashicorp.com/role': 'a' }, serviceaccount: { 'openbao.org/role': 'b' } };
    expect(parse({ 'vaultauth.dev/role': 'c' }, more).problems).toEqual([]);
  });
});

describe('families', () => {
  it('are matched by the longest name', () => {
    const { families } = parse({
      'vault.hashicorp.com/agent-inject-template-web': 'inline',
      'vault.hashicorp.com/agent-inject-template-file-web': '/a.ctmpl',
      'vault.hashicorp.com/agent-inject-secret-Web.conf_1': 'kv/web',
      'vault.hashicorp.com/preserve-secret-case-web': 'true',
      'vault.hashicorp.com/secret-volume-path-web': '/etc/web',
    });
    expect([...families.template.keys()]).toEqual(['web']);
    expect(families.templateFile.get('web')).toEqual({
      value: '/a.ctmpl',
      annotation: 'vault.hashicorp.com/agent-inject-template-file-web',
    });
    expect([...families.secret.keys()]).toEqual(['Web.conf_1']);
    expect(families.preserveCase.get('web')?.value).toBe(true);
    expect(families.volumePath.get('web')?.value).toBe('/etc/web');
  });

  it('need a NAME', () => {
    const parsed = parse({ 'vault.hashicorp.com/agent-inject-secret-': 'x', 'vault.hashicorp.com/agent-inject-secret': 'x' });
    expect(parsed.families.secret.size).toBe(0);
    expect(parsed.warnings.map(({ code }) => code)).toEqual(['annotation-unknown', 'annotation-unknown']);
  });

  it('report invalid flags of a secret (Q36)', () => {
    expect(parse({ 'vault.hashicorp.com/preserve-secret-case-web': 'ja' }).problems).toEqual([
      expect.objectContaining({
        code: 'annotation-value',
        annotation: 'vault.hashicorp.com/preserve-secret-case-web',
        value: 'ja',
      }),
    ]);
  });
});

describe('empty values', () => {
  it('of connection annotations count as absent, with a warning (Q43)', () => {
    const parsed = parse({
      'vault.hashicorp.com/service': '',
      'vault.hashicorp.com/auth-path': '',
      'vault.hashicorp.com/agent-image': '',
    });
    expect(parsed.options).toMatchObject({ service: undefined, authPath: 'auth/kubernetes', agentImage: undefined });
    expect(parsed.problems).toEqual([]);
    expect(parsed.warnings.map(({ code }) => code)).toEqual(['annotation-empty', 'annotation-empty', 'annotation-empty']);
  });

  it('of user and group do not mean root (Q05)', () => {
    const parsed = parse({ 'vault.hashicorp.com/agent-run-as-user': '', 'vault.hashicorp.com/agent-run-as-group': '' });
    expect([parsed.options.agentRunAsUser, parsed.options.agentRunAsGroup, parsed.problems]).toEqual([100, 1000, []]);
  });

  it('of a quantity mean none', () =>
    expect(parse({ 'vault.hashicorp.com/agent-limits-cpu': '' }).options.agentLimitsCpu).toBe(''));
});

describe('problems and warnings', () => {
  it('suggest our own names with our own prefix', () => {
    expect(parse({ 'vault.hashicorp.com/skip-container': 'web' }).warnings).toEqual([
      {
        code: 'annotation-unknown',
        annotation: 'vault.hashicorp.com/skip-container',
        nearest: 'vaultauth.dev/skip-containers',
      },
    ]);
  });

  it('are all collected', () => {
    const parsed = parse({
      'vault.hashicorp.com/agent-pre-populate': 'ture',
      'vault.hashicorp.com/agent-limits-mem': '128 MB',
      'vault.hashicorp.com/agent-run-as-user': '-1',
      'vault.hashicorp.com/agent-revoke-grace': '5s',
      'vault.hashicorp.com/rol': 'web',
      'vault.hashicorp.com/ca-key': '/ca',
    });
    expect(parsed.problems.map((problem) => problem.code)).toEqual(Array.from({ length: 4 }, () => 'annotation-value'));
    expect(parsed.warnings).toEqual([
      { code: 'annotation-unknown', annotation: 'vault.hashicorp.com/rol', nearest: 'role' },
      expect.objectContaining({ code: 'annotation-deprecated', annotation: 'vault.hashicorp.com/ca-key' }),
    ]);
  });

  it('ignore annotations of other products', () => {
    const parsed = parse({
      'example.com/role': 'x',
      role: 'y',
      'vault.hashicorp.com.example/role': 'z',
      'Vault.hashicorp.com/role': 'w',
    });
    expect([parsed.problems, parsed.warnings, parsed.options.role]).toEqual([[], [], '']);
  });

  it('include names that JavaScript objects inherit', () => {
    const parsed = parse({
      'vault.hashicorp.com/__proto__': 'x',
      'vault.hashicorp.com/constructor': 'y',
      'vault.hashicorp.com/': 'z',
    });
    expect(parsed.warnings.map(({ code }) => code)).toEqual(['annotation-unknown', 'annotation-unknown', 'annotation-unknown']);
  });
});
