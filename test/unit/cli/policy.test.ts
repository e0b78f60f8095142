// The command policy: the policy for manifests or flags, the role that grants it, and invalid calls.
import { join } from 'node:path';
import { policy } from '../../../src/cli/policy.ts';
import { runCommand, temporaryFolder } from './run-command.ts';

const EXAMPLES = join(import.meta.dirname, '..', '..', '..', 'deploy', 'examples', 'resources');
const files = temporaryFolder();
afterAll(files.clear);

/** Paths of a policy with their capabilities. */
const rights = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...text.matchAll(/^path "([^"]+)" \{\n {2}capabilities = \[([^\]]*)\]\n\}$/gm)].map(([, path = '', words = '']) => [
      path,
      words.replaceAll('"', ''),
    ]),
  );
const OWN = {
  'auth/token/lookup-self': 'read',
  'auth/token/renew-self': 'update',
  'sys/capabilities-self': 'update',
  'sys/auth': 'read',
};
const mount = (path: string): object => ({
  [`auth/${path}/config`]: 'create, read, update',
  [`sys/mounts/auth/${path}/tune`]: 'read, update',
  [`auth/${path}/role`]: 'list',
  [`auth/${path}/role/*`]: 'read',
  [`auth/${path}/role/prod.*`]: 'create, read, update, delete',
});
const backend = (spec: string): string =>
  `apiVersion: vaultauth.dev/v1alpha1\nkind: VaultAuthBackend\nmetadata: {name: b}\nspec: {endpointRef: {name: main}, type: jwt, jwt: {}, path: p, clusterName: c${spec}}\n`;

it('prints the least privileges for the examples', async () => {
  const { code, out, errors } = await runCommand(policy, ['-f', EXAMPLES]);
  expect([code, errors]).toEqual([0, []]);
  expect(rights(out)).toEqual({
    ...OWN,
    ...mount('k8s/prod'),
    ...mount('jwt/prod'),
    'sys/auth/k8s/prod': 'create, update, sudo',
    'sys/auth/jwt/prod': 'create, update, sudo',
    'sys/policies/acl/own-secrets': 'create, read, update',
  });
  expect(out).toContain('# A token with this policy can grant any policy');
});

it('prints a policy for a backend from flags', async () => {
  const { code, out } = await runCommand(policy, ['-path', 'k8s/prod', '-cluster', 'prod', '-policies', 'team-*, other']);
  expect(code).toBe(0);
  expect(rights(out)).toEqual({
    ...OWN,
    ...mount('k8s/prod'),
    'sys/policies/acl/team-*': 'create, read, update, delete',
    'sys/policies/acl/other': 'create, read, update, delete',
  });
});

it('prints read on metadata for rollouts, and never on values', async () => {
  const flags = ['-path', 'p', '-cluster', 'c', '-metadata'];
  const { out } = await runCommand(policy, [...flags, 'kv/metadata/shop/*, team/kv/metadata/web']);
  expect(rights(out)).toMatchObject({ 'kv/metadata/shop/*': 'read', 'team/kv/metadata/web': 'read' });
  for (const path of [
    'kv/data/shop',
    'kv/data/metadata/web',
    '*',
    'kv/*',
    'metadata/x',
    'kv/+/x',
    'kv/metadata/*/x',
    '+/metadata/x',
  ]) {
    const { code, errors } = await runCommand(policy, [...flags, path]);
    expect([path, code, errors]).toEqual([path, 2, [expect.stringContaining('is not a path of metadata')]]);
  }
});

it('prints read capabilities only for -observe-only', async () => {
  const { out } = await runCommand(policy, ['-f', EXAMPLES, '-observe-only']);
  const { 'auth/token/renew-self': renew, 'sys/capabilities-self': capabilities, ...others } = rights(out);
  expect([renew, capabilities]).toEqual(['update', 'update']);
  expect(new Set(Object.values(others))).toEqual(new Set(['read', 'list']));
  const observed = files.write('observed.yaml', backend(', managementPolicy: Observe'));
  expect(Object.values(rights((await runCommand(policy, ['-f', observed])).out)).join()).not.toContain('sudo');
});

it('covers plain names, an existing mount, and a mount that may be disabled', async () => {
  const plain = files.write(
    'plain.yaml',
    backend(', mount: {create: false}, deletionPolicy: Delete, tenancy: {roleNaming: Plain}'),
  );
  const { out } = await runCommand(policy, ['-f', plain]);
  expect(rights(out)).toMatchObject({ 'auth/p/role/*': 'create, read, update, delete', 'sys/auth/p': 'delete, sudo' });
  expect(out).toContain('the policy allows writing every role of those mounts');
});

const jwt = (audience: string): string =>
  `apiVersion: vaultauth.dev/v1alpha1\nkind: VaultEndpoint\nmetadata: {name: main}\nspec: {address: "https://v", auth: {jwt: {role: r, serviceAccountName: own${audience}}}}\n`;

it('prints the role that grants the policy', async () => {
  const { code, out } = await runCommand(policy, ['-f', EXAMPLES, '-role', '-namespace', 'vault-auth']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual({
    bound_service_account_names: ['vault-auth-injector-controller'],
    bound_service_account_namespaces: ['vault-auth'],
    audience: 'vault',
    token_policies: ['vault-auth-injector'],
    token_ttl: 3600,
    token_max_ttl: 86400,
    token_type: 'service',
  });
  const byJWT = await runCommand(policy, ['-f', files.write('jwt.yaml', jwt(', audience: vault')), '-role']);
  expect(JSON.parse(byJWT.out)).toMatchObject({
    role_type: 'jwt',
    bound_audiences: ['vault'],
    bound_claims: { sub: ['system:serviceaccount:vault-auth-injector:own'] },
  });
  expect(await runCommand(policy, ['-f', files.write('none.yaml', jwt('')), '-role'])).toMatchObject({
    code: 2,
    errors: [expect.stringContaining('requires auth.jwt.audience')],
  });
});

it.each<[string, readonly string[], string]>([
  ['nothing', [], 'set either -f, or -path and -cluster'],
  ['both', ['-f', EXAMPLES, '-path', 'a'], 'set either -f'],
  ['no cluster', ['-path', 'a'], '-cluster is missing: set the name of this cluster'],
  ['a path with auth/', ['-path', '/auth', '-cluster', 'c'], '-path must match'],
  ['a policy that is a list', ['-path', 'a', '-cluster', 'c', '-policies', '*'], '"*" is not a policy name'],
  ['a file that is not there', ['-f', '/nowhere'], 'no such file or directory'],
  ['an endpoint that is not there', ['-f', EXAMPLES, '-endpoint', 'other'], 'no object references "other"; expected one of main'],
  ['no endpoint for the role', ['-path', 'a', '-cluster', 'c', '-role'], '-role requires -f with the VaultEndpoint'],
  ['an unknown flag', ['-file', 'a'], '-file: unknown flag'],
  ['a word', ['a'], 'unexpected "a"'],
])('rejects %s', async (_what, words, problem) => {
  const { code, out, errors } = await runCommand(policy, words);
  expect([code, out]).toEqual([2, '']);
  expect(errors.join('\n')).toContain(problem);
});

it('reports invalid manifests with file and line', async () => {
  const file = files.write('wrong.yaml', `kind: Pod\n---\n${backend(', pathh: a')}`);
  expect(await runCommand(policy, ['-f', file])).toMatchObject({
    code: 2,
    errors: [expect.stringMatching(/wrong\.yaml:\d+: VaultAuthBackend b: unknown field "spec\.pathh"/)],
  });
});

it('requires -endpoint when there are several', async () => {
  const file = files.write(
    'two.yaml',
    `${backend('')}---\n${backend('').replace('main', 'second').replace('path: p', 'path: q')}`,
  );
  expect(await runCommand(policy, ['-f', file])).toMatchObject({
    code: 2,
    errors: [expect.stringContaining('choose one with -endpoint: main, second')],
  });
  expect(rights((await runCommand(policy, ['-f', file, '-endpoint', 'second'])).out)).toHaveProperty(['auth/q/config']);
});

it('prints its usage', async () => {
  expect(await runCommand(policy, ['-help'])).toMatchObject({ code: 0, out: expect.stringContaining('-observe-only') });
});
