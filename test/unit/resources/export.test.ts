// What of a mount can be said in manifests, what is said beside them, and what not at all.
import type { JsonObject } from '../../../src/pod/manifest.ts';
import { exportMount } from '../../../src/resources/export.ts';
import type { FoundMount } from '../../../src/resources/export-backend.ts';
import { objectNameOf } from '../../../src/resources/export-roles.ts';

const CONFIG: JsonObject = {
  kubernetes_host: 'https://api:6443',
  kubernetes_ca_cert: '-----BEGIN CERTIFICATE-----',
  disable_iss_validation: true,
  disable_local_ca_jwt: true,
  issuer: '',
  pem_keys: [],
  token_reviewer_jwt_set: true,
};
const ROLE: JsonObject = {
  bound_service_account_names: ['web'],
  bound_service_account_namespaces: ['team'],
  audience: 'vault',
  alias_name_source: 'serviceaccount_uid',
  token_ttl: 3600,
  token_max_ttl: 7200,
  token_policies: ['a'],
};
const JWT_ROLE: JsonObject = {
  role_type: 'jwt',
  bound_claims: { sub: ['system:serviceaccount:team:web', 'system:serviceaccount:other:web'] },
  bound_claims_type: 'string',
  bound_audiences: ['vault'],
  user_claim: 'sub',
  claim_mappings: {
    '/kubernetes.io/namespace': 'service_account_namespace',
    '/kubernetes.io/serviceaccount/name': 'service_account_name',
    '/kubernetes.io/serviceaccount/uid': 'service_account_uid',
  },
};

const exported = (roles: Readonly<Record<string, JsonObject>>, mount: Partial<FoundMount> = {}) => {
  const { manifests, notes } = exportMount({
    mount: { path: 'k8s', type: 'kubernetes', description: '', config: CONFIG, ...mount },
    roles: Object.entries(roles).map(([name, document]) => ({ name, document })),
    endpoint: 'main',
    backend: 'prod',
    clusterName: 'prod',
  });
  const specs = manifests.map(({ spec }) => spec as JsonObject);
  return {
    manifests,
    spec: specs[0] ?? {},
    roles: specs.slice(1),
    notes: notes.map(({ subject, reason, expressed }) => `${expressed ? '' : '!'}${subject}: ${reason}`),
  };
};

it('a plain mount with a plain role', () => {
  const { manifests, notes } = exported({ web: ROLE });
  expect(manifests).toEqual([
    {
      apiVersion: 'vaultauth.dev/v1alpha1',
      kind: 'VaultAuthBackend',
      metadata: { name: 'prod' },
      spec: {
        endpointRef: { name: 'main' },
        type: 'kubernetes',
        path: 'k8s',
        clusterName: 'prod',
        managementPolicy: 'Observe',
        mount: { create: false },
        kubernetes: {
          host: 'https://api:6443',
          ca: { source: 'Given', inline: '-----BEGIN CERTIFICATE-----' },
          reviewer: { mode: 'Rotated' },
          issuer: 'Ignore',
        },
        tenancy: {
          namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['team'] }] },
          policyRules: [
            { policies: ['external:a'], namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'team' } } },
          ],
          limits: { maxTTL: '24h', maxRolesPerNamespace: 50 },
          roleNaming: 'Plain',
        },
      },
    },
    {
      apiVersion: 'vaultauth.dev/v1alpha1',
      kind: 'VaultAuthRole',
      metadata: { name: 'web', namespace: 'team' },
      spec: {
        managementPolicy: 'Observe',
        backendRef: { name: 'prod' },
        vaultRoleName: 'web',
        serviceAccounts: ['web'],
        policies: ['external:a'],
        audience: 'vault',
        aliasNameSource: 'ServiceAccountUID',
        token: { ttl: '1h', maxTTL: '2h', type: 'default' },
        deletionPolicy: 'Retain',
      },
    },
  ]);
  expect(notes).toEqual([expect.stringMatching(/^configuration: a reviewer's token is stored/)]);
});

describe('a role that cannot be expressed', () => {
  it.each<[string, JsonObject, string]>([
    ['a glob of names', { bound_service_account_names: ['app-*'] }, 'by the pattern "app-*"'],
    ['every namespace', { bound_service_account_namespaces: ['*'] }, 'by the pattern "*"'],
    ['a selector', { bound_service_account_namespace_selector: '{"matchLabels":{}}' }, 'by a selector'],
    ['a name that is none', { bound_service_account_names: ['Web'] }, 'no name in Kubernetes'],
    ['nobody', { bound_service_account_names: [] }, 'binds nobody'],
    ['too many', { bound_service_account_names: Array.from({ length: 17 }, (_, index) => `a${index}`) }, '17 service accounts'],
    ['an audience that cannot be said', { audience: 'with space' }, 'spec.audience must match'],
    ['uses beyond counting', { token_num_uses: 1e9 }, 'spec.token.numUses must be'],
  ])('%s', (_what, fields, reason) => {
    const { manifests, notes } = exported({ web: { ...ROLE, ...fields } });
    expect(manifests).toHaveLength(1);
    expect(notes).toContainEqual(expect.stringContaining('!role web: '));
    expect(notes.join('\n')).toContain(reason);
  });

  it.each<[string, JsonObject, string]>([
    ['people with browsers', { role_type: 'oidc' }, 'role_type oidc'],
    ['another claim', { bound_claims: { team: 'x' } }, 'binds the claim "team"'],
    [
      'a glob of subjects',
      { bound_claims_type: 'glob', bound_claims: { sub: ['system:serviceaccount:team:*'] } },
      'no service account by its name',
    ],
    ['a subject of others', { bound_subject: 'alice', bound_claims: {} }, 'binds the subject "alice"'],
    ['no subject', { bound_claims: {} }, 'every token of the issuer'],
    ['two kinds of subject', { bound_subject: 'system:serviceaccount:team:web' }, 'both bound_subject'],
    ['two audiences', { bound_audiences: ['a', 'b'] }, 'takes 2 audiences'],
    ['another name of identities', { user_claim: 'email' }, 'the claim "email"'],
  ])('of type jwt: %s', (_what, fields, reason) => {
    const { manifests, notes } = exported({ web: { ...JWT_ROLE, ...fields } }, JWT_MOUNT);
    expect(manifests).toHaveLength(1);
    expect(notes.find((note) => note.startsWith('!role web: '))).toContain(reason);
  });
});

const JWT_MOUNT: Partial<FoundMount> = {
  type: 'jwt',
  config: { jwks_url: 'https://api/openid/v1/jwks', jwks_ca_pem: '-----BEGIN CERTIFICATE-----', bound_issuer: 'https://issuer' },
};

describe('a role that is expressed with a word', () => {
  it.each<[string, JsonObject, string]>([
    ['several namespaces', { bound_service_account_namespaces: ['a', 'b'] }, 'binds 2 namespaces'],
    ['deprecated doubles', { policies: ['a'], ttl: 60, num_uses: 0 }, 'deprecated fields (policies, ttl)'],
    ['root and a list in one', { token_policies: ['root', 'a,b', 'c'] }, 'cannot name: "root", "a,b"'],
    ['too many policies', { token_policies: Array.from({ length: 40 }, (_, index) => `p${index}`) }, 'has 40 policies'],
    ['no audience', { audience: undefined }, 'has no audience'],
    ['metadata of aliases', { alias_metadata: { a: 'b' } }, 'alias_metadata'],
  ])('%s', (_what, fields, reason) => {
    const { roles, notes } = exported({ web: { ...ROLE, ...fields } });
    expect(roles.length).toBeGreaterThan(0);
    expect(notes.find((note) => note.startsWith('role web: '))).toContain(reason);
  });

  it('of type jwt: one object for each namespace, and other mappings', () => {
    const { roles, notes, spec } = exported({ web: { ...JWT_ROLE, claim_mappings: {}, groups_claim: 'g' } }, JWT_MOUNT);
    expect(roles.map(({ serviceAccounts, aliasNameSource }) => [serviceAccounts, aliasNameSource])).toEqual([
      [['web'], 'ServiceAccountName'],
      [['web'], 'ServiceAccountName'],
    ]);
    expect(spec).toMatchObject({
      type: 'jwt',
      jwt: { keys: { source: 'JWKS', ca: { inline: expect.any(String) } }, issuer: 'https://issuer' },
    });
    expect(notes.join('\n')).toMatch(/binds 2 namespaces[^]*groups_claim[^]*maps other claims/);
  });

  it('names that become one get numbers', () => {
    const { manifests, notes } = exported({ a_b: ROLE, 'a-b': ROLE });
    expect(
      manifests.slice(1).map(({ metadata, spec }) => [(metadata as JsonObject)['name'], (spec as JsonObject)['vaultRoleName']]),
    ).toEqual([
      ['a-b', 'a-b'],
      ['a-b-2', 'a_b'],
    ]);
    expect(notes).toContainEqual(expect.stringContaining('role a_b: is called a-b-2 here'));
    expect(['_a', 'A..b', 'a.-b.', '___'].map(objectNameOf)).toEqual(['a', 'a.b', 'a.b', 'role']);
  });
});

describe('a configuration', () => {
  it.each<[string, JsonObject, object, string]>([
    [
      'Local',
      { disable_local_ca_jwt: false, token_reviewer_jwt_set: false, kubernetes_ca_cert: '' },
      { reviewer: { mode: 'Local' }, ca: { source: 'FromCluster' } },
      '',
    ],
    ['ClientJWT', { token_reviewer_jwt_set: false }, { reviewer: { mode: 'ClientJWT' } }, ''],
    ['the authorities of the system', { kubernetes_ca_cert: '' }, { ca: { source: 'System' } }, ''],
    [
      'keys',
      { pem_keys: ['-----BEGIN PUBLIC KEY-----'] },
      { verifyKeys: { source: 'Given', pemKeys: ['-----BEGIN PUBLIC KEY-----'] } },
      '',
    ],
    ['an issuer', { disable_iss_validation: false, issuer: 'https://i' }, { issuer: 'https://i' }, ''],
    ['an issuer that nobody compares', { issuer: 'https://i' }, { issuer: 'Ignore' }, 'is set and not validated'],
    ['a comparison with nothing', { disable_iss_validation: false }, { issuer: 'Ignore' }, 'Vault compares nothing'],
    [
      'a stored token, and its own',
      { disable_local_ca_jwt: false },
      { reviewer: { mode: 'Rotated' } },
      'falls back to its own token',
    ],
    ['an old server', { token_reviewer_jwt_set: undefined }, { reviewer: { mode: 'ClientJWT' } }, 'does not tell whether'],
  ])('of type kubernetes: %s', (_what, fields, expected, note) => {
    const { spec, notes } = exported({}, { config: { ...CONFIG, ...fields } });
    expect(spec['kubernetes']).toMatchObject(expected);
    expect(notes.join('\n')).toContain(note);
  });

  it.each<[string, JsonObject, object]>([
    ['Push', { jwt_validation_pubkeys: ['K'], bound_issuer: 'https://i' }, { keys: { source: 'Push' }, issuer: 'https://i' }],
    [
      'Discovery',
      { oidc_discovery_url: 'https://i', bound_issuer: '' },
      { keys: { source: 'Discovery', url: 'https://i' }, issuer: 'Discover' },
    ],
    ['OpenBaoKubernetes', { provider_config: { provider: 'kubernetes' } }, { keys: { source: 'OpenBaoKubernetes' } }],
  ])('of type jwt: %s', (_what, config, expected) => {
    expect(exported({}, { type: 'oidc', config }).spec).toMatchObject({ type: 'jwt', jwt: expected });
  });

  it.each<[string, Partial<FoundMount>, string]>([
    ['another type', { type: 'userpass' }, 'is of type userpass'],
    ['nothing', { config: undefined }, 'was never configured'],
    ['several URLs', { type: 'jwt', config: { jwks_pairs: [{ jwks_url: 'a' }] } }, 'jwks_pairs'],
    ['browsers', { type: 'oidc', config: { oidc_client_id: 'a' } }, 'browsers'],
    ['a provider', { type: 'jwt', config: { provider_config: { provider: 'azure' } } }, '"azure"'],
  ])('with %s has no manifest', (_what, mount, reason) => {
    expect(exported({ web: ROLE }, mount)).toMatchObject({ manifests: [], notes: [expect.stringContaining(reason)] });
  });
});

it('limits are what the roles have, and many namespaces share one rule', () => {
  expect(exported({ a: { ...ROLE, token_period: 5400 }, b: { ...ROLE, token_max_ttl: 200_000 } }).spec['tenancy']).toMatchObject({
    limits: { maxTTL: '55h33m20s', maxPeriod: '1h30m' },
  });
  expect(exported({ a: { ...ROLE, token_max_ttl: 0 } }).spec['tenancy']).toMatchObject({ limits: { maxTTL: '0s' } });
  const many = { ...ROLE, bound_service_account_namespaces: Array.from({ length: 65 }, (_, index) => `n${index}`) };
  expect(exported({ many }).spec['tenancy']).toMatchObject({
    namespaceSelector: {},
    policyRules: [{ policies: ['external:a'], namespaceSelector: {} }],
  });
});
