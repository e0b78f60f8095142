// What the manifests of a mount express, and the notes on what they do not.
import type { JsonObject } from '../../../src/json/json.ts';
import { objectNameOf } from '../../../src/resources/export-role.ts';
import { exported, JWT_MOUNT, JWT_ROLE, ROLE } from './found.ts';

it('exports a mount with one role', () => {
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
          allowRetain: true,
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
  expect(notes).toEqual([expect.stringMatching(/^configuration: a reviewer token is stored/)]);
});

describe('a role that cannot be expressed', () => {
  it.each<[string, JsonObject, string]>([
    ['a glob of names', { bound_service_account_names: ['app-*'] }, 'by the pattern "app-*"'],
    ['every namespace', { bound_service_account_namespaces: ['*'] }, 'by the pattern "*"'],
    ['a selector', { bound_service_account_namespace_selector: '{"matchLabels":{}}' }, 'by a selector'],
    ['an invalid name', { bound_service_account_names: ['Web'] }, 'not a valid name in Kubernetes'],
    ['no service account', { bound_service_account_names: [] }, 'binds no service account'],
    [
      'too many service accounts',
      { bound_service_account_names: Array.from({ length: 17 }, (_, index) => `a${index}`) },
      '17 service accounts',
    ],
    ['an audience that the schema rejects', { audience: 'with space' }, 'spec.audience must match'],
    ['a limit of uses that the schema rejects', { token_num_uses: 1e9 }, 'spec.token.numUses must be'],
  ])('%s', (_what, fields, reason) => {
    const { manifests, notes } = exported({ web: { ...ROLE, ...fields } });
    expect(manifests).toHaveLength(1);
    expect(notes).toContainEqual(expect.stringContaining('!role web: '));
    expect(notes.join('\n')).toContain(reason);
  });

  it.each<[string, JsonObject, string]>([
    ['role_type oidc', { role_type: 'oidc' }, 'role_type oidc'],
    ['another claim', { bound_claims: { team: 'x' } }, 'binds the claim "team"'],
    [
      'a glob of subjects',
      { bound_claims_type: 'glob', bound_claims: { sub: ['system:serviceaccount:team:*'] } },
      'not the exact name of a service account',
    ],
    ['a subject that is not a service account', { bound_subject: 'alice', bound_claims: {} }, 'binds the subject "alice"'],
    ['no subject', { bound_claims: {} }, 'every token of the issuer'],
    ['two kinds of subject', { bound_subject: 'system:serviceaccount:team:web' }, 'both bound_subject'],
    ['two audiences', { bound_audiences: ['a', 'b'] }, 'accepts 2 audiences'],
    ['another user claim', { user_claim: 'email' }, 'the claim "email"'],
  ])('of type jwt: %s', (_what, fields, reason) => {
    const { manifests, notes } = exported({ web: { ...JWT_ROLE, ...fields } }, JWT_MOUNT);
    expect(manifests).toHaveLength(1);
    expect(notes.find((note) => note.startsWith('!role web: '))).toContain(reason);
  });
});

describe('a role that is exported with a note', () => {
  it.each<[string, JsonObject, string]>([
    ['several namespaces', { bound_service_account_namespaces: ['a', 'b'] }, 'binds 2 namespaces'],
    ['deprecated fields', { policies: ['a'], ttl: 60, num_uses: 0 }, 'deprecated fields (policies, ttl)'],
    ['root and an invalid name', { token_policies: ['root', 'a,b', 'c'] }, 'cannot reference: "root", "a,b"'],
    ['too many policies', { token_policies: Array.from({ length: 40 }, (_, index) => `p${index}`) }, 'has 40 policies'],
    ['no audience', { audience: undefined }, 'has no audience'],
    ['alias metadata', { alias_metadata: { a: 'b' } }, 'alias_metadata'],
  ])('%s', (_what, fields, reason) => {
    const { roles, notes } = exported({ web: { ...ROLE, ...fields } });
    expect(roles.length).toBeGreaterThan(0);
    expect(notes.find((note) => note.startsWith('role web: '))).toContain(reason);
  });

  it('exports a jwt role as one object for each namespace', () => {
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

  it('numbers roles whose object names collide', () => {
    const { manifests, notes } = exported({ a_b: ROLE, 'a-b': ROLE });
    expect(
      manifests.slice(1).map(({ metadata, spec }) => [(metadata as JsonObject)['name'], (spec as JsonObject)['vaultRoleName']]),
    ).toEqual([
      ['a-b', 'a-b'],
      ['a-b-2', 'a_b'],
    ]);
    expect(notes).toContainEqual(expect.stringContaining('role a_b: is named a-b-2 here'));
    expect(['_a', 'A..b', 'a.-b.', '___'].map(objectNameOf)).toEqual(['a', 'a.b', 'a.b', 'role']);
  });
});

it('raises the limits to those of the roles, and uses one rule for many namespaces', () => {
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
