// Kinds of text and paths: what Kubernetes, Vault and its agent accept, and what is read as something else (F7, F12, F13).
import {
  absolutePath,
  fileMode,
  fileName,
  filePath,
  mountDirectory,
  mountPath,
  secretPath,
  urlPath,
} from '../../../src/annotations/path-kinds.ts';
import {
  agentLogFormat,
  agentLogLevel,
  authMethod,
  autoAuthToken,
  containerList,
  containerName,
  containerNames,
  delimiter,
  hostList,
  imageName,
  namespaceList,
  namespaceName,
  objectName,
  optional,
  parameter,
  proxyAddress,
  roleName,
  serverName,
  template,
  text,
  vaultAddress,
  vaultNamespace,
  volumeName,
} from '../../../src/annotations/text-kinds.ts';
import { INVALID, readText, type ValueKind } from '../../../src/annotations/value-kinds.ts';

const TEXTS: readonly (readonly [ValueKind<string>, valid: readonly string[], invalid: readonly string[]])[] = [
  [text, ['', 'any text', '"quotes" `x` $(X)'], ['two\nlines', 'a\u0000b', 'a\u2028b', 'a\tb']],
  [
    parameter,
    ['', '/run/token', '{\n "type": "service_account"\n}', '[\n "+vault.agent"\n]', '{{ x }}'],
    ['/run\n/token', '{\n', '[a\n]', '"a\n"'],
  ],
  [containerName, ['web', 'web-1', '1'], ['', 'web_1', 'Web', '-web', 'web,worker', 'a'.repeat(64)]],
  [volumeName, ['vault-token'], ['', 'vault.token', 'Vault']],
  [namespaceName, ['default'], ['', 'a.b', 'A']],
  [objectName, ['vault-tls', 'vault.tls'], ['', 'vault tls', 'ns/vault-tls', 'Vault', 'a..b', 'a-.b', 'a'.repeat(254)]],
  [roleName, ['web', 'web_1.prod', 'W'], ['', 'team/web', 'auth/kubernetes/role/web', 'web-', 'we b', 'wéb', 'web\nx']],
  [vaultNamespace, ['', 'team-a', 'A/b/', '/team-a', 'root'], ['team a', 'team\na', 'a\u0000']],
  [authMethod, ['kubernetes', 'jwt', 'token_file', 'pcf'], ['', 'Kubernetes', 'k8s', 'oidc', 'userpass', 'auth/kubernetes']],
  [
    imageName,
    [
      'vault',
      'hashicorp/vault:2.0.4',
      'registry.example:5000/a/b_c/vault-x:v1.0_x@sha256:' + 'a'.repeat(64),
      'LOCALHOST:5000/vault',
      '[::1]:5000/vault',
    ],
    ['', 'https://registry.example/vault', 'hashicorp/Vault', 'hashicorp/vault:', 'vault:a b', 'vault@sha256:1', 'a'.repeat(600)],
  ],
  [
    vaultAddress,
    [
      'https://vault.example:8200',
      'HTTP://vault:8200/',
      'https://vault.example/prefix',
      'https://[::1]:8200',
      'https://vault_1:8200',
      'unix:///run/vault.sock',
    ],
    [
      '',
      'vault.vault.svc:8200',
      'vault',
      '//vault:8200',
      'htps://vault:8200',
      'tcp://vault:8200',
      'https://',
      'https:///vault',
      'https://vault:99999',
      'https://vault:http',
      'https://vault example',
      'https://vault\n.example',
      'https://vault?x=1',
      'https://vault#x',
      'https:\\\\vault',
      'https:/vault:8200',
    ],
  ],
  [
    proxyAddress,
    ['http://proxy.example:3128', 'proxy:3128', 'proxy', 'socks5://proxy:1080', 'http://user:word@proxy:3128', 'http://proxy/'],
    ['', 'ftp://proxy', 'http://', 'proxy:99999', 'pro xy:3128', 'http://proxy/path?x'],
  ],
  [
    serverName,
    ['vault.example', 'vault', '*.example', '10.0.0.1', 'fd00::1', 'vault_1.example', 'vault.example.'],
    ['', 'https://vault.example', 'vault.example:8200', 'vault example', 'vault.example/x'],
  ],
  [agentLogLevel, ['', 'info', 'TRACE', 'warning', 'err'], ['verbose', 'fatal', '3', 'in fo']],
  [agentLogFormat, ['', 'json', 'Standard'], ['text', 'logfmt']],
  [autoAuthToken, ['true', 'FALSE', 'force', '1'], ['yes', 'always', 'on']],
  [delimiter, ['[[', '<%'], ['', '[ [', '[\n']],
  [
    absolutePath,
    ['/vault/tls/ca.crt', '/a:b', '/a b/ü', '/a/../b'],
    ['', 'ca.crt', './ca', '~/ca', '/a\nb', `/${'a'.repeat(256)}`],
  ],
  [mountDirectory, ['/vault/secrets', '/a/', '/'], ['', 'vault/secrets', '/a:b', 'C:\\vault', '/a\nb']],
  [filePath, ['', 'x', '/x', './a b'], ['a\nb', 'a\u0000']],
  [
    fileName,
    ['db.env', 'sub dir/it\'s $(HOME) `x` "q".txt', '/a/b', '../a', '..a', 'a..'],
    ['', '.', '..', 'a/', 'a/..', 'a\nb', 'é'.repeat(128)],
  ],
  [
    fileMode,
    ['0640', '640', '416', '0', '7777', '000640'],
    ['', 'rw-r-----', '0888', '10000', 'u=rw', '0x1a0', '-640', '6 40', '0o640'],
  ],
  [urlPath, ['/', '/metrics'], ['', 'metrics', '/a b', '/a?b', '/a#b', 'http://x/metrics']],
  [
    mountPath,
    ['auth/kubernetes', 'auth/team/kubernetes', 'team-a/auth/kubernetes', 'auth/login', 'auth/k8s:prod'],
    ['', 'auth', 'auth/', 'kubernetes', 'auth/a b', 'auth/../sys', 'auth/a?b', 'auth/a\nb'],
  ],
  [
    secretPath,
    [
      '',
      'kv/data/with space/ünïcode',
      'pki/issue/web" "common_name=web" "uri_sans=spiffe://cluster/ns',
      'pki/issue/web"\n\t"common_name=web"\n\t"ttl=1h',
      '/kv/data/a',
      'v1/data/a',
    ],
    ['kv/data/a\nkv/data/b', 'pki/issue/web" "common_name=web\n.example', 'https://vault.example:8200/v1/kv/data/a', 'kv/\u0000'],
  ],
];

describe.each(TEXTS.map(([kind, valid, invalid]) => [kind.name, kind, valid, invalid] as const))(
  '%s',
  (_, kind, valid, invalid) => {
    it.each(valid)('accepts %j as it is', (raw) => expect(kind.read(raw)).toBe(raw));
    it.each(invalid)('rejects %j', (raw) => expect(kind.read(raw)).toBe(INVALID));
    it('describes itself', () => expect(kind.expected).toMatch(/^\S.*[^.]$/));
  },
);

const LISTS: readonly (readonly [ValueKind<readonly string[]>, valid: readonly string[], invalid: readonly string[]])[] = [
  [containerList, ['', 'web', 'web, worker,'], ['Web', 'web;worker', 'web worker']],
  [containerNames, ['web'], ['', ',', 'Web']],
  [namespaceList, ['', 'kube-system,shop'], ['kube_system', '*']],
  [hostList, ['', 'injector.vault.svc,10.0.0.1', '*.vault.svc'], ['injector vault', 'https://injector', 'injector:443']],
];

describe.each(LISTS.map(([kind, valid, invalid]) => [kind.name, kind, valid, invalid] as const))(
  '%s',
  (_, kind, valid, invalid) => {
    it.each(valid)('accepts %j', (raw) => expect(kind.read(raw)).not.toBe(INVALID));
    it.each(invalid)('rejects %j', (raw) => expect(kind.read(raw)).toBe(INVALID));
  },
);

it('reads the empty text of an optional kind as none', () => {
  expect(optional(roleName).read('')).toBe('');
  expect(optional(roleName).read('/')).toBe(INVALID);
});

it.each(['ca.crt', './vault/ca.crt', 'vault/../ca.crt', '~/ca.crt', 'C:/ca.crt', '$HOME/ca.crt', 'https://vault/ca.crt'])(
  'does not read %j as a path below the root',
  (raw) => expect(readText(absolutePath, raw).value).toBe(INVALID),
);

it('keeps the white space of a template', () => {
  expect(readText(template, ' {{ x }}\n').value).toBe(' {{ x }}\n');
});

/** A text, what it is read as, and whether the pod author gets a warning. */
const MEANT: readonly (readonly [ValueKind<string>, raw: string, value: string, warns: boolean])[] = [
  [mountPath, 'kubernetes-prod', 'auth/kubernetes-prod', true],
  [mountPath, 'clusters/prod', 'auth/clusters/prod', true],
  [mountPath, '/v1/auth/kubernetes/', 'auth/kubernetes', true],
  [mountPath, 'v1/auth/kubernetes', 'auth/kubernetes', true],
  [mountPath, 'v1/kubernetes', 'auth/kubernetes', true],
  [mountPath, 'auth/kubernetes/login', 'auth/kubernetes', true],
  [mountPath, '/v1/team-a/auth/kubernetes/login', 'team-a/auth/kubernetes', true],
  [mountPath, 'Auth/kubernetes', 'auth/kubernetes', true],
  [mountPath, '/auth/kubernetes/', 'auth/kubernetes', false],
  [mountPath, 'auth//kubernetes', 'auth/kubernetes', false],
  [mountPath, 'auth/login', 'auth/login', false],
  [mountPath, 'auth/v1', 'auth/v1', false],
  [mountPath, 'auth/kubernetes\n', 'auth/kubernetes', false],
  [vaultAddress, 'https://vault.example:8200/v1', 'https://vault.example:8200', true],
  [vaultAddress, 'https://vault.example/prefix/v1/', 'https://vault.example/prefix', true],
  [vaultAddress, 'https://v1', 'https://v1', false],
  [vaultAddress, 'https://vault.example/av1', 'https://vault.example/av1', false],
  [secretPath, '/v1/kv/data/app', 'kv/data/app', true],
  [secretPath, 'v1/kv/data/app', 'v1/kv/data/app', false],
  [secretPath, '/kv/data/app', '/kv/data/app', false],
  [absolutePath, 'vault/tls/ca.crt', '/vault/tls/ca.crt', true],
  [mountDirectory, 'etc/secrets', '/etc/secrets', true],
  [fileMode, '0o640', '0640', true],
  [fileMode, '0O400', '0400', true],
];

it.each(MEANT.map(([kind, ...rest]) => [kind.name, ...rest, kind] as const))(
  'reads the %s %j as %j',
  (_, raw, value, warns, kind) => {
    expect(readText(kind, raw)).toEqual({ raw: raw.trim(), value, meant: warns ? value : undefined });
  },
);

it.each(['https://vault.example:8200/v1/auth/kubernetes', '/', 'auth', 'v1/auth', 'auth/../kubernetes'])(
  'does not guess the mount path that %j means',
  (raw) => expect(readText(mountPath, raw)).toMatchObject({ value: INVALID, meant: undefined }),
);
