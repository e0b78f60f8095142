// Comparison with the answers of servers: every form that was observed on running ones.
import type { Json } from '../../../src/json/json.ts';
import { differences, type DocumentForm } from '../../../src/resources/canonical.ts';

type Row = readonly [form: DocumentForm, field: string, desired: Json, actual: Json | undefined];

const difference = ([form, field, desired, actual]: Row) =>
  differences({ [field]: desired }, actual === undefined ? {} : { [field]: actual }, form);

describe('is the same', () => {
  it.each<Row>([
    ['kubernetesRole', 'token_ttl', '1h30m', 5400],
    ['kubernetesRole', 'token_ttl', 0, undefined],
    ['kubernetesRole', 'token_ttl', '3600', 3600],
    ['kubernetesRole', 'token_policies', ['b', 'A'], ['a', 'B', 'b']],
    ['kubernetesRole', 'token_policies', [], null],
    ['kubernetesRole', 'token_policies', [], undefined],
    ['kubernetesRole', 'token_bound_cidrs', ['10.0.0.1/32', 'fd00::1/128', '10.0.0.0/8'], ['10.0.0.0/8', '10.0.0.1', 'fd00::1']],
    ['kubernetesRole', 'audience', '', undefined],
    ['kubernetesRole', 'bound_service_account_names', ['b', 'a'], ['a', 'b']],
    ['kubernetesRole', 'token_num_uses', 0, undefined],
    ['kubernetesRole', 'token_no_default_policy', false, undefined],
    ['jwtRole', 'expiration_leeway', -1, -1],
    ['jwtRole', 'bound_claims', { sub: ['a', 'b'] }, { sub: ['a', 'b'] }],
    ['jwtRole', 'claim_mappings', { a: 'b', c: 'd' }, { c: 'd', a: 'b' }],
    ['jwtRole', 'bound_claims', {}, null],
    ['kubernetesConfig', 'kubernetes_ca_cert', 'A\nB\n', '\nA\r\nB'],
    ['kubernetesConfig', 'pem_keys', ['K1\n', 'K2'], ['K2', 'K1']],
    ['kubernetesConfig', 'issuer', '', undefined],
    ['jwtConfig', 'default_role', 'Web', 'web'],
    ['jwtConfig', 'jwt_validation_pubkeys', [], null],
    ['jwtConfig', 'provider_config', {}, undefined],
    ['tune', 'listing_visibility', '', undefined],
    ['tune', 'default_lease_ttl', 0, 2764800],
    ['tune', 'max_lease_ttl', '1h', 3600],
  ])('%s %s: %j and %j', (...row) => expect(difference(row)).toEqual([]));
});

test('does not show a value that can hold the key of a service account', () => {
  const key = '{"private_key":"-----BEGIN PRIVATE KEY-----"}';
  const [found] = difference(['jwtConfig', 'provider_config', {}, { provider: 'gsuite', gsuite_service_account: key }]);
  expect(found).toMatchObject({ desired: '', actual: expect.stringContaining('not shown') });
});

describe('differs', () => {
  it.each<Row>([
    ['kubernetesRole', 'token_ttl', '1h', 3601],
    ['kubernetesRole', 'token_policies', ['a'], ['a', 'b']],
    ['kubernetesRole', 'token_bound_cidrs', ['10.0.0.1/31'], ['10.0.0.1']],
    ['kubernetesRole', 'audience', '', 'vault'],
    ['kubernetesRole', 'bound_service_account_namespaces', ['a'], ['*']],
    ['kubernetesRole', 'bound_service_account_namespace_selector', '', '{"matchLabels":{}}'],
    ['kubernetesRole', 'bound_service_account_names', ['web'], ['Web']],
    ['kubernetesRole', 'alias_name_source', 'serviceaccount_uid', 'serviceaccount_name'],
    ['kubernetesRole', 'token_strictly_bind_ip', true, undefined],
    ['jwtRole', 'bound_claims', { sub: ['a'] }, { sub: ['a', 'b'] }],
    ['jwtRole', 'bound_claims', { sub: ['a'] }, { sub: 'a' }],
    ['jwtRole', 'role_type', 'jwt', 'oidc'],
    ['kubernetesConfig', 'kubernetes_ca_cert', 'A', 'B'],
    ['kubernetesConfig', 'disable_iss_validation', true, false],
    ['kubernetesConfig', 'use_annotations_as_alias_metadata', true, undefined],
    ['tune', 'default_lease_ttl', 3600, 2764800],
  ])('%s %s: %j and %j', (...row) => {
    expect(difference(row)).toEqual([{ field: row[1], desired: expect.any(String), actual: expect.any(String) }]);
  });
});

const reviewer = (desired: string, actual: object): readonly object[] =>
  differences({ token_reviewer_jwt: desired }, { ...actual }, 'kubernetesConfig');

describe('what servers never show', () => {
  it('is compared by presence, never by value', () => {
    expect(reviewer('secret', { token_reviewer_jwt_set: true })).toEqual([]);
    expect(reviewer('', { token_reviewer_jwt_set: false })).toEqual([]);
    expect(reviewer('secret', {})).toEqual([]);
    expect(reviewer('secret', { token_reviewer_jwt_set: false })).toEqual([
      { field: 'token_reviewer_jwt', desired: 'set', actual: 'absent' },
    ]);
    expect(reviewer('', { token_reviewer_jwt_set: true })).toEqual([
      { field: 'token_reviewer_jwt', desired: 'absent', actual: 'set' },
    ]);
  });
});

it('cuts long values, because they go into a status', () => {
  const [found] = differences({ audience: 'a'.repeat(5000) }, {}, 'kubernetesRole');
  expect(found?.desired).toHaveLength(256);
});
