// Directories of secrets and copied mounts that would blind the agent (F16).
import { admit, podWith, TOKEN_MOUNT } from '../../support/pods.ts';

const CODES = new Set(['directory-hides', 'directory-read-only', 'file-is-directory']);
const codes = (problems: readonly { readonly code: string }[]) =>
  problems.map(({ code }) => code).filter((code) => CODES.has(code));

const codesOf = (annotations: Readonly<Record<string, string>>, address = 'https://vault.example:8200', profile = 'native') => {
  const { outcome } = admit(
    podWith({
      annotations: { 'vaultauth.dev/profile': profile, 'agent-inject-secret-db': 'kv/db', ...annotations },
      spec: { containers: [{ name: 'web', volumeMounts: [TOKEN_MOUNT, { name: 'tools', mountPath: '/usr/local/bin' }] }] },
    }),
    { command: profile === 'native' ? 'webhook' : 'agent-inject', flags: [`-vault-address=${address}`] },
  );
  return { problems: codes(outcome.problems), warnings: codes(outcome.warnings) };
};

test.each([
  '/',
  '/bin',
  '/usr',
  '/usr/bin/',
  '/usr//local/bin',
  '/etc',
  '/lib',
  '/proc/x',
  '/sys',
  '/dev',
  '/etc/ssl',
  '/etc/ssl/certs',
  '/etc/pki',
])('denies secrets at %s', (path) => {
  expect(codesOf({ 'secret-volume-path': path })).toEqual({ problems: ['directory-hides'], warnings: [] });
  expect(codesOf({ 'secret-volume-path-db': path }).problems).toEqual(['directory-hides']);
});

test.each([
  '/vault/secrets',
  '/vault',
  '/home/vault',
  '/etc/app',
  '/etc/ssl/certs/app',
  '/usr/local/share/app',
  '/opt',
  '/dev/shm',
  '/app/config',
])('has secrets at %s', (path) => {
  expect(codesOf({ 'secret-volume-path': path })).toEqual({ problems: [], warnings: [] });
});

test.each(['/tmp', '/var/tmp/', '/run', '/var/run', '/home'])('warns about read-only secrets at %s', (path) => {
  expect(codesOf({ 'secret-volume-path': path })).toEqual({ problems: [], warnings: ['directory-read-only'] });
  expect(codesOf({ 'secret-volume-path': path, 'vaultauth.dev/secrets-read-only': 'false' }).warnings).toEqual([]);
});

test('warns where the agent needs no CA certificates of its image', () => {
  const path = { 'secret-volume-path': '/etc/ssl/certs' };
  const warned = { problems: [], warnings: ['directory-hides'] };
  expect(codesOf(path, 'http://vault:8200')).toEqual(warned);
  expect(codesOf({ ...path, 'ca-cert': '/vault/tls/ca.crt', 'tls-secret': 'tls' })).toEqual(warned);
});

test('warns in profile compat, as vault-k8s injects the pod', () => {
  expect(codesOf({ 'secret-volume-path': '/bin' }, undefined, 'compat')).toEqual({ problems: [], warnings: ['directory-hides'] });
  expect(codesOf({ 'secret-volume-path': '/tmp' }, undefined, 'compat').warnings).toEqual([]);
});

test('denies copied mounts that hide programs', () => {
  expect(codesOf({ 'agent-copy-volume-mounts': 'web' }).problems).toEqual(['directory-hides']);
});

test('denies a file in the place of a directory, and no other', () => {
  const secret = { 'agent-inject-secret-a': 'kv/a' };
  expect(codesOf({ ...secret, 'agent-inject-file-a': 'db/x' }).problems).toEqual(['file-is-directory']);
  expect(codesOf({ ...secret, 'secret-volume-path-a': '/vault/secrets/db' }).problems).toEqual(['file-is-directory']);
  expect(codesOf({ ...secret, 'secret-volume-path-a': '/vault/secrets/d' }).problems).toEqual([]);
  expect(codesOf({ ...secret, 'agent-inject-file-a': 'dbx/x' }).problems).toEqual([]);
});
