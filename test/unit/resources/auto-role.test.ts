// Which service accounts get an automatic role, and its manifest.
import { autoRoleLabel, autoRoleOf } from '../../../src/resources/auto-role.ts';
import { readResource } from '../../../src/resources/read-resource.ts';
import { kubernetesBackend } from '../../support/objects.ts';

const REQUESTED = { 'vaultauth.dev/vault-role': 'true' };
const LABELS = { team: 'payments' };

const autoRole = (
  autoRoles: object,
  annotations: Readonly<Record<string, string>> = {},
  name = 'web',
  tenancy: object = { namespaceSelector: {} },
) =>
  autoRoleOf({
    backend: kubernetesBackend({ tenancy, autoRoles: { namespaceSelector: {}, ...autoRoles } }),
    namespace: { name: 'team', labels: LABELS },
    serviceAccount: { name, uid: 'uid-of-account', annotations },
  });

describe('an automatic role', () => {
  it.each<[string, boolean, object, Readonly<Record<string, string>>, string]>([
    ['Disabled', false, {}, REQUESTED, 'web'],
    ['Annotated, with annotation', true, { mode: 'Annotated' }, REQUESTED, 'web'],
    ['Annotated, without', false, { mode: 'Annotated' }, {}, 'web'],
    ['Annotated, otherwise', false, { mode: 'Annotated' }, { 'vaultauth.dev/vault-role': 'yes' }, 'web'],
    ['All', true, { mode: 'All' }, {}, 'web'],
    ['All, default', false, { mode: 'All' }, {}, 'default'],
    ['All, default with annotation', true, { mode: 'All' }, REQUESTED, 'default'],
    ['All, default included', true, { mode: 'All', includeDefault: true }, {}, 'default'],
    ['All, in other namespaces', false, { mode: 'All', namespaceSelector: { matchLabels: { team: 'x' } } }, {}, 'web'],
    ['All, in none', false, { mode: 'All', namespaceSelector: undefined }, {}, 'web'],
  ])('%s: %s', (_what, has, autoRoles, annotations, name) =>
    expect(autoRole(autoRoles, annotations, name) !== undefined).toBe(has),
  );

  it('is undefined if the namespace may have no roles', () => {
    expect(autoRole({ mode: 'All' }, {}, 'web', {})).toBeUndefined();
  });

  it('has the policies of template and annotation, and is owned by the service account', () => {
    const template = { policies: ['own-secrets'], tokenExpirationSeconds: 1200, token: { ttl: '10m' } };
    const found = autoRole(
      { mode: 'All', template },
      { 'vaultauth.dev/vault-policies': ' a, external:kv/read ,own-secrets,, root, B*' },
    );
    expect(found?.ignored).toEqual(['root', 'B*']);
    expect(found?.manifest).toEqual({
      apiVersion: 'vaultauth.dev/v1alpha1',
      kind: 'VaultAuthRole',
      metadata: {
        name: 'web',
        namespace: 'team',
        labels: { 'vaultauth.dev/auto-role-of': 'prod' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'ServiceAccount', name: 'web', uid: 'uid-of-account' }],
      },
      spec: {
        backendRef: { name: 'prod' },
        serviceAccounts: ['web'],
        policies: ['own-secrets', 'a', 'external:kv/read'],
        tokenExpirationSeconds: 1200,
        token: { ttl: '10m' },
      },
    });
    expect(readResource('VaultAuthRole', found?.manifest ?? {})).toMatchObject({ ok: true });
  });

  it('requests at most as many policies as a role can have', () => {
    const many = Array.from({ length: 40 }, (_, index) => `p${index}`).join(',');
    const found = autoRole({ mode: 'All' }, { 'vaultauth.dev/vault-policies': many });
    expect(found?.ignored).toHaveLength(8);
    expect(readResource('VaultAuthRole', found?.manifest ?? {})).toMatchObject({ ok: true });
  });

  it('has a valid label value for every backend name', () => {
    expect(autoRoleLabel(`${'a'.repeat(62)}.b`)).toBe('a'.repeat(62));
  });
});
