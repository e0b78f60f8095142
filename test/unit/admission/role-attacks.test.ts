// Roles and annotations that tenants could write to reach other backends, and objects that no schema admits.
import { type JsonObject, objectAt, objectsOf, textOf } from '../../../src/json/json.ts';
import { admit } from '../../support/pods.ts';
import { bare, loginOf, moded, WEB } from '../../support/linked-pods.ts';
import { backendSpec, linked, READY, NOT_ADMITTED } from '../../support/linked-cluster.ts';

/** Does not admit the namespace, has a milder mode, and another server. */
const LAX = backendSpec({
  endpointRef: { name: 'other' },
  path: 'lax',
  isDefault: false,
  admission: { mode: 'Disabled' },
  tenancy: {},
});
const ENDPOINTS = { main: { address: 'https://bao.example:8200' }, other: { address: 'https://other.example:1' } };

it('a role whose backend does not admit the namespace gets neither its address nor its mode', () => {
  const roles = { web: { spec: { backendRef: { name: 'lax' } }, status: NOT_ADMITTED } };
  const pod = bare({ role: 'web' });
  const asked = (mode: string) => admit(pod, linked({ roles, endpoints: ENDPOINTS, backends: { ...moded(mode), lax: LAX } }));
  const warned = asked('Warn');
  expect(warned.codes).toEqual(['vault-role-unprogrammed']);
  expect(loginOf(warned.pod).address).not.toBe('https://other.example:1');
  expect(asked('Enforce').outcome.decision).toBe('denied');
});

it.each([
  ['an annotation', bare({ role: 'x', 'vaultauth.dev/backend': 'nope' }), {}],
  ['a role', bare({ role: 'w' }), { w: { spec: { backendRef: { name: 'gone' } }, status: READY } }],
])('%s that names a missing backend does not bypass Enforce', (_, pod, roles) => {
  expect(admit(pod, linked({ roles, backends: moded('Enforce') })).outcome.decision).toBe('denied');
});

it.each(['auth/k8s/prod', 'auth/k8s/prod/', '/auth/k8s/prod//'])('%s is the mount of the backend', (path) => {
  expect(admit(bare({ role: 'nope', 'auth-path': path }), linked({ roles: WEB, backends: moded('Enforce') })).codes).toContain(
    'vault-role-missing',
  );
});

it.each(['Disabled', 'Warn', 'Enforce'])(
  'a pod that names its role keeps its login until autoRoles has created it (%s)',
  (mode) => {
    const backends = moded(mode, { autoRoles: { mode: 'All', namespaceSelector: {} } });
    const pod = bare({ role: 'web' }, { serviceAccountName: 'web' });
    const { outcome, pod: injected } = admit(pod, linked({ backends }));
    expect([outcome.decision, outcome.warnings.map(({ code }) => code)]).toEqual([
      'injected',
      mode === 'Disabled' ? [] : ['vault-role-pending'],
    ]);
    expect(loginOf(injected)).toMatchObject({ role: 'web', mount: 'auth/kubernetes', address: 'https://vault.example:8200' });
  },
);

it('a compat pod with a jwt backend has the parameters of this auth method', () => {
  const backends = { main: backendSpec({ type: 'jwt', kubernetes: undefined, jwt: {} }) };
  const { pod } = admit(bare({ role: 'web', 'vaultauth.dev/profile': 'compat' }), linked({ roles: WEB, backends }));
  const [agent] = objectsOf(objectAt(pod, 'spec')?.['initContainers']);
  const config =
    textOf(
      objectsOf(agent?.['env']).find(({ name }) => name === 'VAULT_CONFIG'),
      'value',
    ) ?? '';
  const { auto_auth } = JSON.parse(Buffer.from(config, 'base64').toString()) as {
    auto_auth: { method: { type: string; config: JsonObject } };
  };
  expect(auto_auth.method).toMatchObject({
    type: 'jwt',
    config: { path: '/var/run/secrets/kubernetes.io/serviceaccount/token', remove_jwt_after_reading: false },
  });
  expect(auto_auth.method.config).not.toHaveProperty('token_path');
});

it.each([
  5,
  {},
  [null],
  [{ key: 'a', operator: 'Gt' }],
  [{ key: 'a', operator: 'constructor' }],
  [{ key: 'a', operator: 'In', values: 5 }],
])('a selector of an unknown form selects nothing: %j', (matchExpressions) => {
  const tenancy = { namespaceSelector: { matchExpressions } } as JsonObject;
  const { outcome } = admit(bare({ role: 'nope' }), linked({ backends: { main: backendSpec({ tenancy }) } }));
  expect([outcome.decision, outcome.warnings]).toEqual(['injected', []]);
});
