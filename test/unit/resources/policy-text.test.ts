// The text of a policy: accessors, the mark, privileged paths, and what cannot be read.
import { policyPaths } from '../../../src/resources/policy-paths.ts';
import { namespacePaths, isMarked, isPrivileged, policyText, withoutMark } from '../../../src/resources/policy-text.ts';
import { aclPolicy } from '../../support/objects.ts';

const ACCESSORS: Readonly<Record<string, string>> = { prod: 'auth_kubernetes_1', 'prod.eu': 'auth_kubernetes_2' };
const render = (policy: string, spec: object = {}) => policyText(aclPolicy(policy, spec), (name) => ACCESSORS[name]);

describe('the text of a policy', () => {
  it('gets the accessors, and a first line with its owner', () => {
    const policy = 'path "secret/{{identity.entity.aliases.${auth.prod.accessor}.name}}" {}\n# ${ auth.prod.eu.accessor }\n';
    expect(render(policy)).toEqual({
      ok: true,
      text: '# Managed by vault-auth-injector: VaultACLPolicy own-secrets, uid-own-secrets\npath "secret/{{identity.entity.aliases.auth_kubernetes_1.name}}" {}\n# auth_kubernetes_2\n',
      accessors: [
        { backend: 'prod', accessor: 'auth_kubernetes_1' },
        { backend: 'prod.eu', accessor: 'auth_kubernetes_2' },
      ],
      warnings: [expect.stringContaining('the alias name is')],
      namespacePaths: [{ namespace: 'secret', path: 'secret/{{identity.entity.aliases.auth_kubernetes_1.name}}' }],
    });
  });

  it('has no mark in JSON, which has no comments', () => {
    expect(render('{"path":{"secret/a":{"capabilities":["read"]}}}')).toMatchObject({
      ok: true,
      text: expect.stringMatching(/^\{/),
    });
  });

  it('recognises its mark, and is compared without it', () => {
    const rendered = render('path "a" {}');
    const text = rendered.ok ? rendered.text : '';
    expect(isMarked(aclPolicy('path "a" {}'), text)).toBe(true);
    expect(isMarked(aclPolicy('path "a" {}'), 'path "a" {}')).toBe(false);
    expect([withoutMark(text), withoutMark('path "a" {}')]).toEqual(['path "a" {}', 'path "a" {}']);
  });

  it.each([
    ['${auth.gone.accessor}', 'VaultAuthBackend gone has no mount accessor'],
    ['${auth.prod.path}', 'use ${auth.NAME.accessor}'],
    ['${AUTH.prod.accessor}', 'use ${auth.NAME.accessor}'],
    ['${}', 'use ${auth.NAME.accessor}'],
  ])('with %s is not written', (variable, message) =>
    expect(render(`path "secret/${variable}" {}`)).toEqual({
      ok: false,
      reason: 'TemplateUnresolved',
      message: expect.stringContaining(message),
    }),
  );

  it('cannot reach privileged paths unless spec.privileged is set', () => {
    expect(render('path "sys/auth" {}')).toMatchObject({
      ok: false,
      reason: 'PrivilegedPath',
      message: expect.stringContaining('"sys/auth"'),
    });
    expect(render('path "sys/auth" {}', { privileged: true })).toMatchObject({ ok: true });
    expect(render('path "unclosed')).toMatchObject({ ok: false, reason: 'InvalidPolicy' });
  });
});

describe('a path', () => {
  it.each([
    '*',
    's*',
    'sys',
    'sys/*',
    '/sys/x',
    'auth/token/create',
    'auth*',
    'iden*',
    'identity/x',
    '+',
    '+/x',
    '+/*',
    '{{identity.entity.name}}/x',
    's\\u0079s/x',
    '',
  ])('%s is privileged unless it reaches nothing', (path) => expect(isPrivileged(path)).toBe(path !== ''));
  it.each([
    'secret/data/*',
    'secret/data/sys/x',
    'system/x',
    'syslog',
    'authors/*',
    'kv/+/auth',
    'secret/{{identity.entity.name}}/x',
    'x*',
  ])('%s is not', (path) => expect(isPrivileged(path)).toBe(false));
});

test.each<[string, readonly string[]]>([
  ['secret/data/app', []],
  ['team/sys/policies', ['team']],
  ['/team/a/auth/token/create', ['team/a']],
  ['secret/data/auth/*', ['secret/data', 'secret/data/auth']],
  ['secret/*', ['secret']],
  ['team/+/x', ['team']],
  ['secret/data/{{identity.entity.name}}/*', ['secret/data']],
  ['secret/a*', ['secret']],
  ['secret/x*', []],
])('%s can reach what is privileged in %j, if that is a namespace', (path, namespaces) => {
  expect(namespacePaths([path], isPrivileged).map(({ namespace }) => namespace)).toEqual(namespaces);
  const text = policyText(aclPolicy(`path "${path}" {}`, { privileged: true }), () => undefined);
  expect(text.ok && text.namespacePaths).toEqual([]);
});

describe('paths of a policy', () => {
  it.each<[string, string, readonly string[]]>([
    ['blocks', 'path "a/*" { capabilities = ["read"] }\npath "b" { policy = "deny" }', ['a/*', 'b']],
    ['a quoted keyword', '"path" "a" {}', ['a']],
    ['an assignment', 'path = { "a" = {} , "b" = {} }', ['a', 'b']],
    ['JSON', '{"path": {"a": {"capabilities": ["read"]}, "b": {}}}', ['a', 'b']],
    ['JSON with a list', '{"path": [{"a": {}}, {"b": {}}]}', ['a', 'b']],
    ['comments', '# path "x" {}\n// path "y" {}\n/* path "z" {} */ path "a" {}', ['a']],
    ['braces in texts', 'path "a{b}" { allowed_parameters = { "x" = ["}"] } }', ['a{b}']],
    ['a name before', 'name = "dev"\npath "a" {}', ['a']],
    ['one line', 'path "a" {} path "b" {}', ['a', 'b']],
    ['path within a path', 'path "a" { allowed_parameters = { "path" = ["sys/x"] } }', ['a']],
    ['nothing', '', []],
  ])('%s', (_what, policy, paths) => expect(policyPaths(policy)).toEqual({ ok: true, paths }));

  it.each([
    'path "a" {',
    'path "a',
    '/* open',
    'path "a" { x = <<EOT\nEOT\n}',
    'path "a" ]',
    `a = ${'['.repeat(50)}`,
    'a {'.repeat(50),
    // Both servers read the number 1 there, and then a path.
    'name = 1path "sys/*" {}',
    'name = 0x1path "sys/*" {}',
    'name = \'path "sys/*" {}\'',
  ])('%s cannot be read', (policy) => expect(policyPaths(policy).ok).toBe(false));
});
