// What the webhook caches of our objects: defaults of the schemas, and objects of another version or without a form at all.
import fc from 'fast-check';
import type { Json, JsonObject } from '../../../src/json/json.ts';
import { defaultAudience } from '../../../src/resources/backend.ts';
import { cachedBackend, cachedEndpoint, cachedRole } from '../../../src/resources/webhook-view.ts';
import { kubernetesBackend, webRole } from '../../support/objects.ts';

const backendOf = (spec: Json): ReturnType<typeof cachedBackend> => cachedBackend({ metadata: { name: 'prod' }, spec });
const roleOf = (spec: Json, more: JsonObject = {}): ReturnType<typeof cachedRole> =>
  cachedRole({ metadata: { name: 'web', namespace: 'team' }, spec, ...more }, true);
const plain = (value: unknown): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject;

describe('a backend', () => {
  it('has the defaults of the schema where fields are missing', () => {
    const { spec } = kubernetesBackend();
    expect(backendOf({ path: spec.path, clusterName: spec.clusterName })).toMatchObject({
      type: 'kubernetes',
      endpoint: '',
      isDefault: false,
      audience: defaultAudience(kubernetesBackend()),
      tokenExpirationSeconds: spec.defaults.tokenExpirationSeconds,
      minTokenExpirationSeconds: spec.tenancy.limits.minTokenExpirationSeconds,
      roleNaming: spec.tenancy.roleNaming,
      admissionMode: spec.admission.mode,
      autoRoleRules: { tenancy: {}, autoRoles: { mode: 'Disabled', includeDefault: false } },
    });
  });

  it('is cached as the API server stores it', () => {
    const backend = kubernetesBackend({ admission: { mode: 'Enforce' }, defaults: { audience: 'vault' } });
    expect(cachedBackend(plain(backend))).toMatchObject({ audience: 'vault', admissionMode: 'Enforce', endpoint: 'main' });
  });

  it('has the default of a word that this version does not have', () => {
    expect(backendOf({ admission: { mode: 'Audit' }, tenancy: { roleNaming: 7 }, autoRoles: { mode: 'Some' } })).toMatchObject({
      admissionMode: 'Warn',
      roleNaming: 'Qualified',
      autoRoleRules: { autoRoles: { mode: 'Disabled' } },
    });
  });

  it.each<[string, Json]>([
    ['an unknown operator', { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] }],
    [
      'one valid and one unknown operator',
      {
        matchExpressions: [
          { key: 'a', operator: 'Exists' },
          { key: 'b', operator: 'Lt' },
        ],
      },
    ],
    ['labels that are not texts', { matchLabels: { team: 'a', tier: 1 } }],
    ['values that are not a list', { matchExpressions: [{ key: 'a', operator: 'NotIn', values: 'b' }] }],
    ['a field of a later version', { matchLabels: { team: 'a' }, matchFields: [] }],
    ['null for the expressions', { matchLabels: {}, matchExpressions: null }],
    ['a list', [{}]],
  ])('selects no namespace by a selector with %s', (_what, namespaceSelector) => {
    expect(backendOf({ tenancy: { namespaceSelector } }).autoRoleRules.tenancy).toEqual({});
  });
});

describe('a role', () => {
  it('has optional fields only where they have the right type', () => {
    expect(roleOf({ audience: 5, tokenExpirationSeconds: '900', vaultRoleName: ['a'], serviceAccounts: 'app' })).toMatchObject({
      audience: undefined,
      tokenExpirationSeconds: undefined,
      vaultRoleName: undefined,
      serviceAccounts: ['web'],
    });
    expect(roleOf({ serviceAccounts: ['app', 7, null], backendRef: {} })).toMatchObject({
      serviceAccounts: ['app'],
      backend: undefined,
    });
  });

  it.each<[string, JsonObject, string]>([
    ['without status', {}, 'new'],
    ['with a status that is not an object', { status: 'ok' }, 'new'],
    ['with conditions that are not a list', { status: { conditions: { type: 'Ready' } } }, 'new'],
    ['that was programmed', { status: { programmed: true, conditions: [null, 3, { type: 'Ready' }] } }, 'unready'],
    ['that the controller has rejected', { status: { conditions: [{ type: 'Ready', status: 'False' }] } }, 'unprogrammed'],
    [
      'whose last change is not reconciled',
      { metadata: { name: 'web', namespace: 'shop', generation: 3 }, status: { observedGeneration: 2, programmed: true } },
      'changed',
    ],
    ['that is ready', { status: { conditions: [{ type: 'Ready', status: 'True' }] } }, 'ready'],
  ])('%s', (_what, more, state) => {
    expect(roleOf({}, more)).toMatchObject({ state });
  });

  it('is gone while it is deleted', () => {
    expect(cachedRole({ metadata: { name: 'web', deletionTimestamp: '2026-01-01T00:00:00Z' } }, true)).toBeUndefined();
  });

  it('is cached as the API server stores it', () => {
    expect(cachedRole(plain(webRole({ audience: 'own' })), true)).toMatchObject({
      name: 'web',
      namespace: 'team',
      audience: 'own',
    });
  });
});

test('objects of any form are cached with the types of the schema', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (spec, status, metadata) => {
      const object = { spec, status, metadata } as JsonObject;
      const [backend, endpoint, role] = [cachedBackend(object), cachedEndpoint(object), cachedRole(object, true)];
      expect(['Disabled', 'Warn', 'Enforce']).toContain(backend.admissionMode);
      expect([typeof backend.path, typeof endpoint.address, typeof endpoint.vaultNamespace]).toEqual([
        'string',
        'string',
        'string',
      ]);
      expect(role?.serviceAccounts.every((name) => typeof name === 'string')).not.toBe(false);
    }),
  );
});
