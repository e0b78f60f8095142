// What the admission modes make of a pod and its VaultAuthRole, and what they leave alone.
import { podOptions } from '../../../src/admission/admit.ts';
import { actionOf } from '../../../src/admission/roles/modes.ts';
import { roleProblems, type RoleProblem } from '../../../src/admission/roles/role-problems.ts';
import { ADMISSION_MODES } from '../../../src/resources/backend.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { admit, contextOf, podWith, type Surrounding } from '../fixture.ts';
import { bare, loginOf, loginWith, moded, WEB, type Roles } from '../linked-pod.ts';
import { backendSpec, type Declared, linked, OBSERVED_SEALED, READY, REFUSED, SEALED } from '../linked.ts';

/** What each mode makes of a situation: how a pod is decided about, and what it is told. */
type Row = readonly [what: string, code: string, pod: JsonObject, declared: Declared, enforce: 'refuse' | 'warn'];
const AUTO = { autoRoles: { mode: 'All', namespaceSelector: {} } };
const ROWS: readonly Row[] = [
  ['role object missing', 'vault-role-missing', bare({ role: 'nope' }), { roles: WEB }, 'refuse'],
  [
    'service account not in the binding',
    'vault-role-binding',
    bare({ role: 'web' }, { serviceAccountName: 'worker' }),
    { roles: WEB },
    'refuse',
  ],
  ['never programmed', 'vault-role-unprogrammed', bare(), { roles: { web: { status: REFUSED } } }, 'refuse'],
  ['not looked at yet', 'vault-role-unprogrammed', bare(), { roles: { web: {} } }, 'refuse'],
  ['not ready, was programmed before', 'vault-role-unready', bare(), { roles: { web: { status: SEALED } } }, 'warn'],
  ['observed, and Vault away', 'vault-role-unready', bare(), { roles: { web: { status: OBSERVED_SEALED } } }, 'warn'],
  ['role of autoRoles pending', 'vault-role-pending', bare(), { backends: moded('Warn', AUTO) }, 'warn'],
  ['audience conflict', 'vault-role-conflict', bare({ 'vaultauth.dev/token-audience': 'x' }), { roles: WEB }, 'refuse'],
  ['expiry conflict', 'vault-role-conflict', bare({ 'vaultauth.dev/token-expiration-seconds': '700' }), { roles: WEB }, 'refuse'],
  ['mount conflict', 'vault-role-conflict', bare({ role: 'web', 'auth-path': 'auth/x' }), { roles: WEB }, 'refuse'],
  [
    'a token for the API server',
    'vault-role-audience',
    bare({ role: 'web', 'vaultauth.dev/profile': 'compat' }),
    { roles: WEB },
    'warn',
  ],
  ['no endpoint', 'vault-object-missing', bare({ role: 'web' }), { roles: WEB, endpoints: {} }, 'refuse'],
];

const inMode = (declared: Declared, mode: string): Surrounding => {
  const backends = declared.backends ? moded(mode, AUTO) : moded(mode);
  return linked({ ...declared, backends });
};

describe.each(ROWS)('%s', (_, code, pod, declared, enforce) => {
  it('is nothing to mode Off', () => {
    const { outcome, codes } = admit(pod, inMode(declared, 'Off'));
    expect([outcome.decision, codes]).toEqual(['injected', []]);
  });

  it('is a warning to mode Warn, and counted', () => {
    const { outcome } = admit(pod, inMode(declared, 'Warn'));
    expect([outcome.decision, outcome.warnings.map((each) => each.code)]).toEqual(['injected', [code]]);
    expect(outcome.roleProblems).toEqual([{ code, effect: enforce === 'refuse' ? 'would-deny' : 'warned' }]);
  });

  it(`is ${enforce === 'refuse' ? 'a refusal' : 'a warning'} to mode Enforce`, () => {
    const { outcome, codes } = admit(pod, inMode(declared, 'Enforce'));
    expect([outcome.decision, codes]).toEqual([enforce === 'refuse' ? 'denied' : 'injected', [code]]);
    expect(outcome.roleProblems).toEqual([{ code, effect: enforce === 'refuse' ? 'denied' : 'warned' }]);
  });
});

it('has a verdict of every mode for every problem', () => {
  for (const code of Object.keys(roleProblems) as RoleProblem['code'][]) {
    const verdicts = ADMISSION_MODES.map((mode) => actionOf(code, mode));
    expect([verdicts[0], verdicts[1]]).toEqual(['ignore', 'warn']);
    expect(['warn', 'deny']).toContain(verdicts[2]);
  }
});

describe('modes', () => {
  it('are made stricter by a namespace, never milder', () => {
    const pod = bare({ role: 'nope' });
    const decide = (mode: string, label: string): string =>
      admit(pod, linked({ backends: moded(mode), namespaceLabels: { 'vaultauth.dev/admission-mode': label } })).outcome.decision;
    expect([decide('Warn', 'Enforce'), decide('Enforce', 'Off'), decide('Warn', 'nonsense')]).toEqual([
      'denied',
      'denied',
      'injected',
    ]);
  });

  it('never refuse a pod that did not ask', () => {
    const silent = { ...bare(), metadata: { name: 'web', namespace: 'shop' } };
    const surrounding = linked({
      backends: moded('Enforce'),
      roles: { web: { status: REFUSED } },
      namespaceLabels: { 'vaultauth.dev/inject': 'enabled' },
    });
    const { outcome, codes } = admit(silent, surrounding);
    expect([outcome.decision, codes]).toEqual(['skipped', ['vault-role-unprogrammed', 'vault-role-unprogrammed']]);
  });

  it('let annotations win with Off, and the object with Warn', () => {
    const pod = bare({ 'vaultauth.dev/token-audience': 'x', role: 'web' });
    expect(loginWith(pod, { roles: WEB, backends: moded('Off') })).toMatchObject({ audience: 'x', role: 'prod.shop.web' });
    expect(loginWith(pod, { roles: WEB })).toMatchObject({ audience: 'vault://prod/k8s/prod', role: 'prod.shop.web' });
  });

  it('judge annotations of namespaces too', () => {
    const { codes } = admit(bare(), linked({ roles: WEB, namespaceAnnotations: { 'vaultauth.dev/auth-path': 'auth/x' } }));
    expect(codes).toEqual(['vault-role-conflict']);
  });

  it('take an annotation that says the same for no conflict', () => {
    const { codes } = admit(
      bare({ 'auth-path': 'auth/k8s/prod/', 'auth-type': 'kubernetes', role: 'web' }),
      linked({ roles: WEB }),
    );
    expect(codes).toEqual([]);
  });
});

/** What becomes of a pod where nobody knows our objects. */
const today = (pod: JsonObject): JsonObject => admit(pod, { command: 'webhook' }).pod;

describe('pods that were there before our objects', () => {
  const OLD = podWith({ annotations: { role: 'legacy', 'auth-path': 'auth/old', 'agent-inject-secret-a': 'kv/a' } });
  const SHORT = podWith({ annotations: { role: 'legacy' } });

  it.each([
    ['no backend', {}],
    ['a backend that is nobody’s default', { main: backendSpec({ isDefault: false }) }],
    ['two default backends', { main: backendSpec(), other: backendSpec() }],
    ['a default backend that is not for this namespace', { main: backendSpec({ tenancy: {} }) }],
  ])('are as they were, without a word, with %s', (_, backends) => {
    for (const pod of [OLD, SHORT]) {
      const { pod: after, codes } = admit(pod, linked({ backends, roles: { web: { status: READY } } }));
      expect(codes).toEqual([]);
      expect(after).toEqual(today(pod));
    }
  });

  it('are as they were where a default backend is for their namespace, with a warning', () => {
    const { pod, codes } = admit(SHORT, linked({ roles: WEB }));
    expect(pod).toEqual(today(SHORT));
    expect(codes).toEqual(['vault-role-missing']);
  });

  it('are left alone by every mode when they log in elsewhere', () => {
    for (const mode of ADMISSION_MODES) {
      const { pod, codes } = admit(OLD, linked({ roles: WEB, backends: moded(mode) }));
      expect([codes, pod]).toEqual([[], today(OLD)]);
    }
  });

  it('are left alone when they log in by another method', () => {
    const pod = podWith({ annotations: { role: 'web', 'auth-type': 'aws' } });
    expect(admit(pod, linked({ roles: WEB, backends: moded('Enforce') })).pod).toEqual(today(pod));
  });

  it('are left alone by agent-inject, whatever there is', () => {
    const { pod, codes } = admit(SHORT, { ...linked({ roles: WEB, backends: moded('Enforce') }), command: 'agent-inject' });
    expect([codes, pod]).toEqual([[], admit(SHORT).pod]);
  });
});

describe('files', () => {
  it('say nothing about how a role stands in Vault', () => {
    const { pod, codes } = admit(bare(), linked({ roles: { web: {} }, isOffline: true, backends: moded('Enforce') }));
    expect([loginOf(pod).role, codes]).toEqual(['prod.shop.web', []]);
  });
});

describe('autoRoles', () => {
  it('give a pod the role that will be made', () => {
    expect(loginWith(bare(), { backends: moded('Warn', AUTO) }).role).toBe('prod.shop.web');
  });

  it.each([
    ['the annotation asks for it', { 'vaultauth.dev/vault-role': 'true' }, 'injected'],
    ['nothing asks for it', {}, 'denied'],
  ])(
    'make one of an annotated service account only where %s',
    (_, accountAnnotations: Readonly<Record<string, string>>, decision) => {
      const backends = moded('Warn', { autoRoles: { mode: 'Annotated', namespaceSelector: {} } });
      expect(admit(bare(), linked({ backends, accountAnnotations })).outcome.decision).toBe(decision);
    },
  );
});

it('a change of a role counts from the next pod on', () => {
  const pod = bare({ 'vaultauth.dev/log-level': 'debug' });
  const context = contextOf(linked({ roles: WEB }));
  const audienceWith = (roles: Roles): unknown =>
    podOptions(pod, 'shop', { ...context, roles: linked({ roles }).cluster?.roles }).linked?.parsed.options.tokenAudience;
  expect(audienceWith(WEB)).toBe('vault://prod/k8s/prod');
  expect(audienceWith({ web: { spec: { audience: 'new' }, status: READY } })).toBe('new');
  expect(podOptions(pod, 'shop', context).own.options.tokenAudience).toBe('vault');
});
