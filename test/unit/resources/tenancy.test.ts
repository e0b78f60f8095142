// Who may have which role with which policies.
import { type LabelSelector, selectorMatches } from '../../../src/resources/label-selector.ts';
import { evaluateTenancy, isRetained, type TenancyInput } from '../../../src/resources/tenancy.ts';
import { kubernetesBackend, webRole } from '../../support/objects.ts';

const LABELS = { team: 'payments', tier: 'gold' };
const everywhere = (members: object = {}): object => ({ tenancy: { namespaceSelector: {}, ...members } });
const rule = (policies: readonly string[], namespaceSelector: object = {}, serviceAccountPattern?: string): object => ({
  policies,
  namespaceSelector,
  ...(serviceAccountPattern === undefined ? {} : { serviceAccountPattern }),
});
const POLICIES: Readonly<Record<string, string>> = { a: 'a', b: 'b-in-vault', base: 'base' };

const judge = (spec: object, role: object = {}, others: Partial<TenancyInput> = {}) => {
  const { condition, admitted, effectivePolicies } = evaluateTenancy({
    backend: kubernetesBackend(spec),
    role: webRole(role),
    namespaceLabels: LABELS,
    policyName: (name) => POLICIES[name],
    olderRoles: 0,
    nameHolder: undefined,
    product: 'Vault',
    ...others,
  });
  return [condition.reason, admitted, effectivePolicies, condition.message] as const;
};

describe('a role', () => {
  it.each<[string, object, object, string, boolean, readonly string[]]>([
    ['without requests', everywhere(), {}, 'Accepted', true, []],
    ['of a namespace that is not selected', { tenancy: {} }, {}, 'NamespaceNotAllowed', false, []],
    [
      'of a namespace that is not selected',
      { tenancy: { namespaceSelector: { matchLabels: { team: 'x' } } } },
      {},
      'NamespaceNotAllowed',
      false,
      [],
    ],
    ['with default policies', everywhere({ defaultPolicies: ['base', 'external:kv'] }), {}, 'Accepted', true, ['base', 'kv']],
    [
      'with what a rule allows',
      everywhere({ policyRules: [rule(['a', 'b'])] }),
      { policies: ['b', 'a'] },
      'Accepted',
      true,
      ['b-in-vault', 'a'],
    ],
    [
      'with what no rule allows',
      everywhere({ policyRules: [rule(['a'])] }),
      { policies: ['a', 'b'] },
      'PolicyNotAllowed',
      true,
      ['a'],
    ],
    [
      'with what others are allowed',
      everywhere({ policyRules: [rule(['a'], { matchLabels: { team: 'x' } })] }),
      { policies: ['a'] },
      'PolicyNotAllowed',
      true,
      [],
    ],
    [
      'with an external policy that is allowed',
      everywhere({ policyRules: [rule(['external:kv'])] }),
      { policies: ['external:kv'] },
      'Accepted',
      true,
      ['kv'],
    ],
    [
      'with a policy by its name in Vault',
      everywhere({ policyRules: [rule(['b'])] }),
      { policies: ['external:b-in-vault'] },
      'PolicyNotAllowed',
      true,
      [],
    ],
    [
      'with a default policy that it also requests',
      everywhere({ defaultPolicies: ['a'], policyRules: [rule(['a'])] }),
      { policies: ['a'] },
      'Accepted',
      true,
      ['a'],
    ],
    [
      'with a policy that is not there',
      everywhere({ policyRules: [rule(['gone', 'a'])] }),
      { policies: ['gone', 'a'] },
      'PolicyNotFound',
      true,
      ['a'],
    ],
    [
      'of a service account that the rule means',
      everywhere({ policyRules: [rule(['a'], {}, 'w*b')] }),
      { policies: ['a'] },
      'Accepted',
      true,
      ['a'],
    ],
    [
      'of two, of which the rule means one',
      everywhere({ policyRules: [rule(['a'], {}, 'web')] }),
      { serviceAccounts: ['web', 'x'], policies: ['a'] },
      'PolicyNotAllowed',
      true,
      [],
    ],
    ['that requests more than a limit', everywhere(), { token: { period: '1h' } }, 'LimitExceeded', true, []],
    [
      'with a projected token that is too short',
      {
        defaults: { tokenExpirationSeconds: 900 },
        tenancy: { namespaceSelector: {}, limits: { minTokenExpirationSeconds: 800 } },
      },
      { tokenExpirationSeconds: 700 },
      'LimitExceeded',
      true,
      [],
    ],
    ['with a vaultRoleName that is not allowed', everywhere(), { vaultRoleName: 'other' }, 'NameNotAllowed', false, []],
    [
      'with a feature that the product does not support',
      everywhere(),
      { token: { strictlyBindIP: true } },
      'UnsupportedByProduct',
      true,
      [],
    ],
    ['with deletionPolicy Retain that is not allowed', everywhere(), { deletionPolicy: 'Retain' }, 'RetainNotAllowed', true, []],
    [
      'with deletionPolicy Retain that is allowed',
      everywhere({ allowRetain: true }),
      { deletionPolicy: 'Retain' },
      'Accepted',
      true,
      [],
    ],
    ['that is observed', everywhere(), { deletionPolicy: 'Retain', managementPolicy: 'Observe' }, 'Accepted', true, []],
  ])('%s', (_what, spec, role, reason, admitted, policies) => {
    expect(judge(spec, role).slice(0, 3)).toEqual([reason, admitted, policies]);
  });

  it('with an audience is denied in reviewer mode ClientJWT', () => {
    const backend = kubernetesBackend({}, { reviewer: { mode: 'ClientJWT' } });
    expect(judge({}, { audience: 'vault' }, { backend }).slice(0, 2)).toEqual(['AudienceNotSupported', false]);
  });

  it('beyond the quota, or with a conflicting name, is not admitted', () => {
    expect(judge(everywhere({ limits: { maxRolesPerNamespace: 2 } }), {}, { olderRoles: 1 }).slice(0, 2)).toEqual([
      'Accepted',
      true,
    ]);
    expect(judge(everywhere({ limits: { maxRolesPerNamespace: 2 } }), {}, { olderRoles: 2 }).slice(0, 2)).toEqual([
      'QuotaExceeded',
      false,
    ]);
    const taken = judge(everywhere(), {}, { nameHolder: 'VaultAuthRole other/web' });
    expect(taken.slice(0, 2)).toEqual(['NameTaken', false]);
    expect(taken[3]).toContain('VaultAuthRole other/web already has this role name');
  });

  it('reports that existing tokens keep their policies', () => {
    expect(judge(everywhere(), { policies: ['a'] })[3]).toContain('existing tokens keep their policies until they expire');
  });
});

test.each<[string, object, boolean, boolean]>([
  ['Delete, managed', { deletionPolicy: 'Delete' }, false, false],
  ['Retain', { deletionPolicy: 'Retain' }, false, true],
  ['Observe', { deletionPolicy: 'Delete', managementPolicy: 'Observe' }, false, true],
])('with %s a role is retained only if the backend allows it', (_what, spec, unless, allowed) => {
  const role = webRole(spec);
  expect(isRetained(role, kubernetesBackend())).toBe(unless);
  expect(isRetained(role, kubernetesBackend(everywhere({ allowRetain: true })))).toBe(allowed);
  // Only an operator can delete a backend.
  expect(isRetained(role, undefined)).toBe(allowed);
});

describe('service account patterns', () => {
  it.each([
    ['*', 'anything', true],
    ['web', 'web', true],
    ['web', 'web2', false],
    ['web*', 'web', true],
    ['*-app', 'my-app', true],
    ['a*b*c', 'axbyc', true],
    ['a*b*c', 'ac', false],
    ['ab*ba', 'aba', false],
    ['a*a*a', 'aa', false],
    ['w.b', 'wxb', false],
  ])('%s and %s: %s', (pattern, name, matches) => {
    const [reason] = judge(everywhere({ policyRules: [rule(['a'], {}, pattern)] }), { serviceAccounts: [name], policies: ['a'] });
    expect(reason === 'Accepted').toBe(matches);
  });
});

describe('a selector', () => {
  it.each<[string, LabelSelector | undefined, boolean]>([
    ['that is undefined', undefined, false],
    ['that is empty', {}, true],
    ['by a label', { matchLabels: { team: 'payments' } }, true],
    ['by two labels, one of which differs', { matchLabels: { team: 'payments', tier: 'x' } }, false],
    ['by the name of an inherited property', { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, false],
    ['In', { matchExpressions: [{ key: 'tier', operator: 'In', values: ['silver', 'gold'] }] }, true],
    ['In, absent', { matchExpressions: [{ key: 'x', operator: 'In', values: ['y'] }] }, false],
    ['NotIn', { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['gold'] }] }, false],
    ['NotIn, absent', { matchExpressions: [{ key: 'x', operator: 'NotIn', values: ['gold'] }] }, true],
    ['Exists', { matchExpressions: [{ key: 'tier', operator: 'Exists' }] }, true],
    ['DoesNotExist', { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] }, false],
    ['DoesNotExist, absent', { matchExpressions: [{ key: 'x', operator: 'DoesNotExist' }] }, true],
  ])('%s', (_what, selector, matches) => expect(selectorMatches(selector, LABELS)).toBe(matches));
});
