// What each admission mode makes of the problems between a pod and its VaultAuthRole.
import { podOptions } from '../../../src/admission/admit.ts';
import { actionOf } from '../../../src/admission/roles/modes.ts';
import { roleProblems, type RoleProblem } from '../../../src/admission/roles/role-problems.ts';
import { ADMISSION_MODES } from '../../../src/resources/backend.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { typed, admit, contextOf, podWith, type Surrounding } from '../../support/pods.ts';
import { bare, loginOf, loginWith, moded, WEB, type Roles } from '../../support/linked-pods.ts';
import {
  backendSpec,
  CHANGED,
  type Declared,
  linked,
  OBSERVED_SEALED,
  READY,
  NOT_ADMITTED,
  SEALED,
} from '../../support/linked-cluster.ts';

/** A problem between a pod and its role, and what mode Enforce makes of it. */
type Row = readonly [what: string, code: string, pod: JsonObject, declared: Declared, enforce: 'deny' | 'warn'];
const AUTO = { autoRoles: { mode: 'All', namespaceSelector: {} } };
const ROWS: readonly Row[] = [
  ['role object missing', 'vault-role-missing', bare({ role: 'nope' }), { roles: WEB }, 'deny'],
  [
    'service account not in the binding',
    'vault-role-binding',
    bare({ role: 'web' }, { serviceAccountName: 'worker' }),
    { roles: WEB },
    'deny',
  ],
  ['never programmed', 'vault-role-unprogrammed', bare(), { roles: { web: { status: NOT_ADMITTED } } }, 'deny'],
  ['not reconciled yet', 'vault-role-pending', bare(), { roles: { web: {} } }, 'warn'],
  ['changed, not reconciled yet', 'vault-role-pending', bare(), { roles: { web: { status: CHANGED } } }, 'warn'],
  ['not ready, was programmed before', 'vault-role-unready', bare(), { roles: { web: { status: SEALED } } }, 'warn'],
  ['observed, Vault unreachable', 'vault-role-unready', bare(), { roles: { web: { status: OBSERVED_SEALED } } }, 'warn'],
  ['role of autoRoles pending', 'vault-role-pending', bare(), { backends: moded('Warn', AUTO) }, 'warn'],
  ['audience conflict', 'vault-role-conflict', bare({ 'vaultauth.dev/token-audience': 'x' }), { roles: WEB }, 'deny'],
  ['expiry conflict', 'vault-role-conflict', bare({ 'vaultauth.dev/token-expiration-seconds': '700' }), { roles: WEB }, 'deny'],
  ['mount conflict', 'vault-role-conflict', bare({ role: 'web', 'auth-path': 'auth/x' }), { roles: WEB }, 'deny'],
  [
    'a token for the API server',
    'vault-role-audience',
    bare({ role: 'web', 'vaultauth.dev/profile': 'compat' }),
    { roles: WEB },
    'deny',
  ],
  ['no endpoint', 'vault-object-missing', bare({ role: 'web' }), { roles: WEB, endpoints: {} }, 'deny'],
];

const inMode = (declared: Declared, mode: string): Surrounding => {
  const backends = declared.backends ? moded(mode, AUTO) : moded(mode);
  return linked({ ...declared, backends });
};

describe.each(ROWS)('%s', (_, code, pod, declared, enforce) => {
  it('is ignored by mode Disabled', () => {
    const { outcome, codes } = admit(pod, inMode(declared, 'Disabled'));
    expect([outcome.decision, codes]).toEqual(['injected', []]);
  });

  it('is a warning in mode Warn', () => {
    const { outcome } = admit(pod, inMode(declared, 'Warn'));
    expect([outcome.decision, outcome.warnings.map((each) => each.code)]).toEqual(['injected', [code]]);
    expect(outcome.roleProblems).toEqual([{ code, effect: enforce === 'deny' ? 'would-deny' : 'warned' }]);
  });

  it(`${enforce === 'deny' ? 'denies the pod' : 'is a warning'} in mode Enforce`, () => {
    const { outcome, codes } = admit(pod, inMode(declared, 'Enforce'));
    expect([outcome.decision, codes]).toEqual([enforce === 'deny' ? 'denied' : 'injected', [code]]);
    expect(outcome.roleProblems).toEqual([{ code, effect: enforce === 'deny' ? 'denied' : 'warned' }]);
  });
});

it('ignores every problem in mode Disabled and warns in mode Warn', () => {
  for (const code of Object.keys(roleProblems) as RoleProblem['code'][]) {
    const actions = ADMISSION_MODES.map((mode) => actionOf(code, mode));
    expect([actions[0], actions[1]]).toEqual(['ignore', 'warn']);
    expect(['warn', 'deny']).toContain(actions[2]);
  }
});

describe('a mode', () => {
  it('is made stricter by the label of a namespace, never milder', () => {
    const pod = bare({ role: 'nope' });
    const decide = (mode: string, label: string): string =>
      admit(pod, linked({ backends: moded(mode), namespaceLabels: { 'vaultauth.dev/admission-mode': label } })).outcome.decision;
    expect([decide('Warn', 'Enforce'), decide('Enforce', 'Disabled'), decide('Warn', 'nonsense')]).toEqual([
      'denied',
      'denied',
      'injected',
    ]);
  });

  it('never denies a pod that did not request injection', () => {
    const silent = { ...bare(), metadata: { name: 'web', namespace: 'shop' } };
    const surrounding = linked({
      backends: moded('Enforce'),
      roles: { web: { status: NOT_ADMITTED } },
      namespaceLabels: { 'vaultauth.dev/inject': 'enabled' },
    });
    const { outcome, codes } = admit(silent, surrounding);
    expect([outcome.decision, codes]).toEqual(['skipped', ['vault-role-unprogrammed', 'vault-role-unprogrammed']]);
  });

  it('gives precedence to annotations in mode Disabled, and to the object in Warn', () => {
    const pod = bare({ 'vaultauth.dev/token-audience': 'x', role: 'web' });
    expect(loginWith(pod, { roles: WEB, backends: moded('Disabled') })).toMatchObject({ audience: 'x', role: 'prod.shop.web' });
    expect(loginWith(pod, { roles: WEB })).toMatchObject({ audience: 'vault://prod/k8s/prod', role: 'prod.shop.web' });
  });

  it('applies to annotations of namespaces too', () => {
    const { codes } = admit(bare(), linked({ roles: WEB, namespaceAnnotations: { 'vaultauth.dev/auth-path': 'auth/x' } }));
    expect(codes).toEqual(['vault-role-conflict']);
  });

  it('sees no conflict in an annotation with the value of the object', () => {
    const { codes } = admit(
      bare({ 'auth-path': 'auth/k8s/prod/', 'auth-type': 'kubernetes', role: 'web' }),
      linked({ roles: WEB }),
    );
    expect(codes).toEqual([]);
  });
});

/** The pod as it is injected without any objects. */
const withoutObjects = (pod: JsonObject): JsonObject => admit(pod, { command: 'webhook' }).pod;

describe('a pod that is older than the objects', () => {
  const OLD = podWith({ annotations: { role: 'legacy', 'auth-path': 'auth/old', 'agent-inject-secret-a': 'kv/a' } });
  const SHORT = podWith({ annotations: { role: 'legacy' } });

  it.each([
    ['no backend', {}],
    ['a backend that is not the default', { main: backendSpec({ isDefault: false }) }],
    ['two default backends', { main: backendSpec(), other: backendSpec() }],
    ['a default backend that is not for this namespace', { main: backendSpec({ tenancy: {} }) }],
  ])('is injected as before, without warnings, with %s', (_, backends) => {
    for (const pod of [OLD, SHORT]) {
      const { pod: after, codes } = admit(pod, linked({ backends, roles: { web: { status: READY } } }));
      expect(codes).toEqual([]);
      expect(after).toEqual(withoutObjects(pod));
    }
  });

  it('is injected as before, with a warning, if the default backend admits its namespace', () => {
    const { pod, codes } = admit(SHORT, linked({ roles: WEB }));
    expect(pod).toEqual(withoutObjects(SHORT));
    expect(codes).toEqual(['vault-role-missing']);
  });

  it('is injected as before in every mode if it logs in at another mount', () => {
    for (const mode of ADMISSION_MODES) {
      const { pod, codes } = admit(OLD, linked({ roles: WEB, backends: moded(mode) }));
      expect([codes, pod]).toEqual([[], withoutObjects(OLD)]);
    }
  });

  it('is injected as before if it uses another auth method', () => {
    const pod = podWith({ annotations: { role: 'web', 'auth-type': 'aws' } });
    expect(admit(pod, linked({ roles: WEB, backends: moded('Enforce') })).pod).toEqual(withoutObjects(pod));
  });

  it('is injected as before by agent-inject, whatever objects exist', () => {
    const { pod, codes } = admit(SHORT, { ...linked({ roles: WEB, backends: moded('Enforce') }), command: 'agent-inject' });
    expect([codes, pod]).toEqual([[], admit(SHORT).pod]);
  });
});

describe('a role from a file', () => {
  it('has an unknown state, which denies no pod', () => {
    const { pod, codes } = admit(bare(), linked({ roles: { web: {} }, isOffline: true, backends: moded('Enforce') }));
    expect([loginOf(pod).role, codes]).toEqual(['prod.shop.web', []]);
  });
});

describe('autoRoles', () => {
  it('give a pod the role that the controller will create', () => {
    expect(loginWith(bare(), { backends: moded('Warn', AUTO) }).role).toBe('prod.shop.web');
  });

  it.each([
    ['the annotation requests it', { 'vaultauth.dev/vault-role': 'true' }, 'injected'],
    ['nothing requests it', {}, 'denied'],
  ])('in mode Annotated create a role only if %s', (_, accountAnnotations: Readonly<Record<string, string>>, decision) => {
    const backends = moded('Warn', { autoRoles: { mode: 'Annotated', namespaceSelector: {} } });
    expect(admit(bare(), linked({ backends, accountAnnotations })).outcome.decision).toBe(decision);
  });
});

it('applies a change of a role to the next pod', () => {
  const pod = typed(bare({ 'vaultauth.dev/log-level': 'debug' }));
  const context = contextOf(linked({ roles: WEB }));
  const audienceWith = (roles: Roles): unknown =>
    podOptions(pod, 'shop', { ...context, links: linked({ roles }).cluster?.links }).linked?.parsed.options.tokenAudience;
  expect(audienceWith(WEB)).toBe('vault://prod/k8s/prod');
  expect(audienceWith({ web: { spec: { audience: 'new' }, status: READY } })).toBe('new');
  expect(podOptions(pod, 'shop', context).own.options.tokenAudience).toBe('vault');
});
