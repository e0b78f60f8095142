// Mode token: a token and variables for apps that log in by themselves, without an agent.
import { objectAt, objectsOf, type JsonObject } from '../../../src/json/json.ts';
import {
  admit,
  containerOf,
  mountsOf,
  podWith,
  TOKEN_MOUNT,
  variableOf,
  volumeNames,
  type PodParts,
} from '../../support/pods.ts';

const inject = (parts: PodParts = {}) =>
  admit(podWith({ ...parts, annotations: { 'vaultauth.dev/mode': 'token', ...parts.annotations } }), { command: 'webhook' });
const MOUNT = 'vault-auth-token:/var/run/secrets/vaultauth.dev/serviceaccount:ro';

test('adds the token and the login variables to every container', () => {
  const { pod, outcome } = inject({ annotations: { namespace: 'team' }, spec: { initContainers: [{ name: 'migrate' }] } });
  expect(outcome).toMatchObject({ decision: 'injected', warnings: [] });
  for (const name of ['web', 'migrate']) {
    const container = containerOf(pod, name);
    expect(mountsOf(container)).toContain(MOUNT);
    expect(objectsOf(container['env'])).toEqual([
      { name: 'VAULT_ADDR', value: 'https://vault.example:8200' },
      { name: 'VAULT_NAMESPACE', value: 'team' },
      { name: 'VAULT_AUTH_MOUNT', value: 'auth/kubernetes' },
      { name: 'VAULT_ROLE', value: 'demo' },
      { name: 'VAULT_TOKEN_PATH', value: '/var/run/secrets/vaultauth.dev/serviceaccount/token' },
    ]);
  }
  expect(volumeNames(pod)).toContain('vault-auth-token');
  expect(objectsOf(objectAt(pod, 'spec')?.['containers'])).toHaveLength(1);
});

test('keeps variables of the app, with a warning where they differ from the login', () => {
  const env: JsonObject[] = [
    { name: 'VAULT_ADDR', value: 'https://mine' },
    { name: 'VAULT_ROLE', value: 'demo' },
    { name: 'VAULT_AUTH_MOUNT', valueFrom: { configMapKeyRef: { name: 'vault', key: 'mount' } } },
  ];
  const { pod, outcome } = inject({ spec: { containers: [{ name: 'web', volumeMounts: [TOKEN_MOUNT], env }] } });
  expect(variableOf(containerOf(pod, 'web'), 'VAULT_ADDR')).toBe('https://mine');
  const common = { code: 'login-overridden', container: 'web' };
  expect(outcome.warnings).toEqual([
    { ...common, name: 'VAULT_ADDR', value: 'https://mine', expected: 'https://vault.example:8200' },
    { ...common, name: 'VAULT_AUTH_MOUNT', value: undefined, expected: 'auth/kubernetes' },
  ]);
});

test('adds nothing in a second injection, and needs no agent image', () => {
  const { pod } = inject();
  expect(admit(pod, { command: 'webhook' }).outcome.patch).toEqual([]);
  expect(
    admit(podWith({ annotations: { 'vaultauth.dev/mode': 'token' } }), { command: 'webhook', flags: ['-vault-image='] }).codes,
  ).toEqual([]);
});

test('denies a pod without a role or with a conflicting volume', () => {
  expect(inject({ annotations: { role: '' } }).codes).toEqual(['role-missing']);
  const spec: JsonObject = { volumes: [{ name: 'vault-auth-token', emptyDir: {} }] };
  expect(inject({ spec }).codes).toEqual(['volume-conflict']);
});
