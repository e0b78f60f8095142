// Objects from files: defaults as the API server fills them in, and problems by field.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { JsonObject } from '../../../src/json/json.ts';
import { structural } from '../../../src/resources/crd.ts';
import { collectionPath, objectPath } from '../../../src/resources/kinds.ts';
import { kindOf, readResource } from '../../../src/resources/read-resource.ts';
import { optional, struct, text } from '../../../src/resources/schema.ts';

const EXAMPLES = join(import.meta.dirname, '..', '..', '..', 'deploy', 'examples', 'resources');
const example = (file: string): JsonObject => parse(readFileSync(join(EXAMPLES, file), 'utf8')) as JsonObject;

it('reads the examples', () => {
  for (const file of [
    'endpoint.yaml',
    'backend-kubernetes.yaml',
    'backend-jwt.yaml',
    'policy.yaml',
    'role.yaml',
    'role-observed.yaml',
  ]) {
    const object = example(file);
    const kind = kindOf(object);
    expect([file, kind && readResource(kind, object)]).toEqual([file, expect.objectContaining({ ok: true })]);
  }
});

it('fills in defaults below objects that exist, and only there', () => {
  const reading = readResource('VaultEndpoint', example('endpoint.yaml'));
  expect(reading).toMatchObject({
    resource: {
      metadata: { name: 'main', uid: '', labels: {} },
      spec: {
        tls: { ca: { configMapRef: { name: 'vault-ca', key: 'ca.crt' } } },
        auth: { kubernetes: { mount: 'kubernetes', expirationSeconds: 600 } },
        limits: { requestsPerSecond: 10 },
      },
    },
  });
  expect(reading).not.toHaveProperty('resource.spec.auth.jwt');
});

it('puts a role without namespace into the namespace default', () => {
  expect(readResource('VaultAuthRole', { metadata: { name: 'web' } })).toMatchObject({
    ok: true,
    resource: { metadata: { namespace: 'default' }, spec: { managementPolicy: 'Manage', deletionPolicy: 'Delete' } },
  });
});

it('names the field of every problem', () => {
  expect(
    readResource('VaultAuthRole', {
      metadata: {},
      spec: { serviceAccounts: ['*'], tokenExpirationSeconds: 1, namespaces: ['other'], token: { tll: '1h' } },
    }),
  ).toEqual({
    ok: false,
    problems: [
      'metadata.name is missing',
      expect.stringContaining('spec.serviceAccounts.0 must match pattern'),
      'spec.tokenExpirationSeconds must be >= 600',
      'unknown field "spec.namespaces"',
      'unknown field "spec.token.tll"',
    ],
  });
  expect(readResource('VaultEndpoint', { metadata: { name: 'a' }, spec: 'none' }).ok).toBe(false);
  expect(readResource('VaultEndpoint', { metadata: { name: 'a' } })).toMatchObject({
    ok: false,
    problems: [expect.stringContaining('address')],
  });
});

it('ignores objects of other kinds and versions', () => {
  expect(kindOf({ apiVersion: 'v1', kind: 'Pod' })).toBeUndefined();
  expect(kindOf({ apiVersion: 'vaultauth.dev/v1', kind: 'VaultAuthRole' })).toBeUndefined();
  expect(kindOf({ apiVersion: 'vaultauth.dev/v1alpha1', kind: 'constructor' })).toBeUndefined();
});

it('builds the API paths of kinds and objects', () => {
  expect(collectionPath('VaultAuthRole')).toBe('/apis/vaultauth.dev/v1alpha1/vaultauthroles');
  expect(collectionPath('VaultAuthBackend', 'team')).toBe('/apis/vaultauth.dev/v1alpha1/vaultauthbackends');
  expect(objectPath('VaultAuthRole', { namespace: 'team', name: 'web' })).toBe(
    '/apis/vaultauth.dev/v1alpha1/namespaces/team/vaultauthroles/web',
  );
});

it('rejects a keyword that a structural schema must not have', () => {
  const schema = struct({ a: optional(text('A.', { max: 1 })) }, 'S.');
  expect(structural(schema)).toEqual({
    type: 'object',
    description: 'S.',
    properties: { a: { type: 'string', description: 'A.', maxLength: 1 } },
  });
  expect(() => structural({ ...schema, anyOf: [] })).toThrow('cannot have anyOf');
});
