// What is written for a role, literally; names; tokens within limits.
import { defaultAudience } from '../../../src/resources/backend.ts';
import { roleNameDenial, probeRoleName, vaultRoleName } from '../../../src/resources/role-name.ts';
import { roleDocument } from '../../../src/resources/role-document.ts';
import { limitedToken } from '../../../src/resources/role-token.ts';
import { jwtBackend, kubernetesBackend, webRole } from '../../support/objects.ts';

const document = (backend: ReturnType<typeof kubernetesBackend>, role = webRole(), product: 'Vault' | 'OpenBao' = 'Vault') =>
  roleDocument({ backend, role, product, effectivePolicies: ['own-secrets'] });
const limits = (members: object): object => ({ tenancy: { namespaceSelector: {}, limits: members } });

describe('the document of a role', () => {
  it('of type kubernetes has every parameter, including zeros', () => {
    expect(document(kubernetesBackend())).toEqual({
      bound_service_account_names: ['web'],
      bound_service_account_namespaces: ['team'],
      bound_service_account_namespace_selector: '',
      audience: 'vault://prod/k8s/prod',
      alias_name_source: 'serviceaccount_uid',
      token_ttl: 3600,
      token_max_ttl: 86400,
      token_explicit_max_ttl: 0,
      token_period: 0,
      token_policies: ['own-secrets'],
      token_bound_cidrs: [],
      token_num_uses: 0,
      token_no_default_policy: false,
      token_type: 'default',
    });
  });

  it('of type jwt binds exact subjects and maps the same metadata', () => {
    expect(
      document(jwtBackend(), webRole({ serviceAccounts: ['web', 'worker'], aliasNameSource: 'ServiceAccountName' })),
    ).toEqual({
      role_type: 'jwt',
      bound_audiences: ['vault://prod/jwt/prod'],
      bound_subject: '',
      bound_claims_type: 'string',
      bound_claims: { sub: ['system:serviceaccount:team:web', 'system:serviceaccount:team:worker'] },
      user_claim: 'sub',
      user_claim_json_pointer: false,
      groups_claim: '',
      claim_mappings: {
        '/kubernetes.io/namespace': 'service_account_namespace',
        '/kubernetes.io/serviceaccount/name': 'service_account_name',
        '/kubernetes.io/serviceaccount/uid': 'service_account_uid',
      },
      expiration_leeway: -1,
      not_before_leeway: 0,
      clock_skew_leeway: 0,
      token_ttl: 3600,
      token_max_ttl: 86400,
      token_explicit_max_ttl: 0,
      token_period: 0,
      token_policies: ['own-secrets'],
      token_bound_cidrs: [],
      token_num_uses: 0,
      token_no_default_policy: false,
      token_type: 'default',
    });
    expect(document(jwtBackend())).toMatchObject({
      user_claim: '/kubernetes.io/serviceaccount/uid',
      user_claim_json_pointer: true,
    });
  });

  it('sends token_strictly_bind_ip only to OpenBao', () => {
    const role = webRole({ token: { strictlyBindIP: true } });
    expect(document(kubernetesBackend(), role, 'OpenBao')).toHaveProperty('token_strictly_bind_ip', true);
    expect(document(kubernetesBackend(), role)).not.toHaveProperty('token_strictly_bind_ip');
  });

  it.each([
    ['from the backend', kubernetesBackend({ defaults: { audience: 'vault' } }), webRole(), 'vault'],
    ['from the role', kubernetesBackend({ defaults: { audience: 'vault' } }), webRole({ audience: 'own' }), 'own'],
    ["the API server's where the client reviews", kubernetesBackend({}, { reviewer: { mode: 'ClientJWT' } }), webRole(), ''],
  ])('has the audience %s', (_what, backend, role, audience) =>
    expect(document(backend, role)).toHaveProperty('audience', audience),
  );

  it('has a default audience with cluster name and path', () => {
    expect(defaultAudience(kubernetesBackend())).toBe('vault://prod/k8s/prod');
  });
});

describe('names in Vault', () => {
  const plain = kubernetesBackend({ tenancy: { roleNaming: 'Plain' } });
  it.each([
    ['qualified', kubernetesBackend(), webRole(), 'prod.team.web', undefined],
    ['qualified, with dots', kubernetesBackend(), webRole({}, 'web.v1'), 'prod.team.web.v1', undefined],
    [
      'qualified, with another vaultRoleName',
      kubernetesBackend(),
      webRole({ vaultRoleName: 'other' }),
      'prod.team.web',
      'remove spec.vaultRoleName',
    ],
    [
      'qualified, with the same vaultRoleName',
      kubernetesBackend(),
      webRole({ vaultRoleName: 'prod.team.web' }),
      'prod.team.web',
      undefined,
    ],
    ['observed', kubernetesBackend(), webRole({ vaultRoleName: 'other', managementPolicy: 'Observe' }), 'other', undefined],
    [
      'observed, without vaultRoleName',
      kubernetesBackend(),
      webRole({ managementPolicy: 'Observe' }),
      'prod.team.web',
      undefined,
    ],
    ['plain', plain, webRole(), 'web', undefined],
    ['plain, with vaultRoleName', plain, webRole({ vaultRoleName: 'other' }), 'other', undefined],
    [
      'plain, with the name of the probe',
      plain,
      webRole({ vaultRoleName: 'prod.probe' }),
      'prod.probe',
      'are reserved for the controller',
    ],
    ['plain, named like the probe', plain, webRole({}, 'prod.probe'), 'prod.probe', 'are reserved for the controller'],
  ])('%s', (_what, backend, role, name, refusal) => {
    expect(vaultRoleName(backend, role)).toBe(name);
    expect(roleNameDenial(backend, role) ?? '').toContain(refusal ?? '');
    expect(roleNameDenial(backend, role) === undefined).toBe(refusal === undefined);
  });

  it('reserves a name for the probe', () => expect(probeRoleName(kubernetesBackend())).toBe('prod.probe'));
});

describe('tokens within limits', () => {
  it.each<[string, object, object, object, readonly string[]]>([
    ['defaults', {}, {}, { ttl: 3600, maxTTL: 86400, period: 0 }, []],
    ['a TTL within the limit', {}, { ttl: '2h' }, { ttl: 7200 }, []],
    [
      'a TTL beyond the limit',
      {},
      { ttl: '25h', maxTTL: '25h' },
      { ttl: 86400, maxTTL: 86400 },
      ['token.maxTTL is 25h', 'token.ttl is 25h'],
    ],
    ['a maxTTL below the default TTL', {}, { maxTTL: '30m' }, { ttl: 1800, maxTTL: 1800 }, []],
    ['maxTTL 0s with a limit', {}, { maxTTL: '0s' }, { maxTTL: 86400 }, []],
    ['no limit', limits({ maxTTL: '0s' }), { maxTTL: '0s', ttl: '99h' }, { ttl: 356400, maxTTL: 0 }, []],
    ['a TTL beyond the default maxTTL', limits({ maxTTL: '72h' }), { ttl: '48h' }, { ttl: 86400 }, ["backend's defaults"]],
    ['a default beyond the limit', { defaults: { token: { maxTTL: '48h' } } }, {}, { maxTTL: 86400 }, []],
    [
      'an explicitMaxTTL beyond the limit',
      {},
      { explicitMaxTTL: '48h' },
      { explicitMaxTTL: 86400 },
      ['token.explicitMaxTTL is 48h'],
    ],
    ['a period without maxPeriod', {}, { period: '1h' }, { period: 0 }, ['token.period is 1h']],
    ['a period within', limits({ maxPeriod: '2h' }), { period: '1h' }, { period: 3600 }, []],
    ['a period beyond', limits({ maxPeriod: '2h' }), { period: '3h' }, { period: 7200 }, ['maxPeriod of the backend is 2h']],
    [
      'a type that is not allowed',
      limits({ tokenTypes: ['service'] }),
      { type: 'batch' },
      { type: 'service' },
      ['token.type is batch'],
    ],
    ['a default type that is not allowed', limits({ tokenTypes: ['service'] }), {}, { type: 'service' }, []],
    [
      'a period with default type batch',
      { defaults: { token: { type: 'batch' } }, ...limits({ maxPeriod: '9h' }) },
      { period: '1h' },
      { type: 'batch', period: 0 },
      ['batch tokens have none'],
    ],
    [
      'type batch with default numUses',
      { defaults: { token: { numUses: 3 } } },
      { type: 'batch' },
      { type: 'batch', numUses: 0 },
      [],
    ],
    [
      'boundCIDRs with default strictlyBindIP',
      { defaults: { token: { strictlyBindIP: true } } },
      { boundCIDRs: ['10.0.0.0/8'] },
      { strictlyBindIP: false, boundCIDRs: ['10.0.0.0/8'] },
      [],
    ],
    [
      'strictlyBindIP with default boundCIDRs',
      { defaults: { token: { boundCIDRs: ['10.0.0.0/8'] } } },
      { strictlyBindIP: true },
      { strictlyBindIP: true, boundCIDRs: [] },
      [],
    ],
  ])('%s', (_what, spec, token, expected, complaints) => {
    const { token: found, exceeded } = limitedToken(kubernetesBackend(spec), webRole({ token }));
    expect(found).toMatchObject(expected);
    expect(exceeded).toEqual(complaints.map((text) => expect.stringContaining(text)));
  });
});
