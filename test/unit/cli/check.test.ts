// The command check without a cluster: flags, output, exit codes, and the manifest of the plugin.
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parse } from 'yaml';
import { checks, fail, type Line, ok, skip, warn } from '../../../src/check/catalogue.ts';
import { jsonReport, lineText, summaryText } from '../../../src/check/report.ts';
import { checkCommand } from '../../../src/cli/check.ts';
import { runCommand, temporaryFolder } from './run-command.ts';

const folder = temporaryFolder();
const servers: Server[] = [];
afterAll(() => {
  folder.clear();
  for (const server of servers) server.close();
});

const kubeconfig = (address: string): string =>
  folder.write(
    'kubeconfig.json',
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: address, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: { token: 'secret-token' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );

/** A server that answers every request with this status, as a proxy before an API server would. */
const answering = async (status: number): Promise<string> => {
  const server = createServer((_, response) => response.writeHead(status).end('{}'));
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

it.each([
  [['nonsense'], /unexpected "nonsense", expected install or login/],
  [['login'], /expected one service account, as "login NAMESPACE\/NAME", found ""/],
  [['login', 'web'], /found "web"/],
  [['login', 'a/b/c'], /found "a\/b\/c"/],
  [['install', 'more'], /unexpected "more"/],
  [['-role=web'], /-role: only with login/],
  [['-o', 'yaml'], /-o: "yaml" is not a format/],
  [['login', 'a/b', '-address=vault'], /-address: vault is not a URL/],
  [['login', 'a/b', '-ca-cert=/absent'], /-ca-cert: .*ENOENT/],
  [['-unknown'], /-unknown: unknown flag/],
])('rejects %j', async (words, message) => {
  const { code, out, errors } = await runCommand(checkCommand, words);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(errors[0]).toMatch(message);
});

it('prints its help', async () => {
  const { code, out } = await runCommand(checkCommand, ['-help']);
  expect(code).toBe(0);
  expect(out).toContain('check login NAMESPACE/SERVICE-ACCOUNT');
});

it('reports a missing cluster, rejected credentials and a missing right as the only line, without the token', async () => {
  const none = await runCommand(checkCommand, [], { environment: {} });
  expect(none).toMatchObject({ code: 1, errors: [] });
  expect(none.out).toMatch(/^fail {2}api-server .*no cluster found: set -kubeconfig or KUBECONFIG\n +remedy: set -kubeconfig/);
  for (const [status, remedy] of [
    [401, 'renew the credentials'],
    [403, 'use credentials that have this right'],
  ] as const) {
    const { code, out } = await runCommand(checkCommand, ['-o=json', `-kubeconfig=${kubeconfig(await answering(status))}`]);
    expect(code).toBe(1);
    expect(out).not.toContain('secret-token');
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      healthy: false,
      checks: [{ area: 'cluster', check: 'api-server', status: 'fail', remedy: expect.stringContaining(remedy) }],
    });
  }
});

const standardError = async (stderrIsTerminal: boolean): Promise<string> => {
  let errors = '';
  await checkCommand([], {
    stdout: () => undefined,
    stderr: (text) => void (errors += text),
    stdin: async () => '',
    stderrIsTerminal,
    colour: false,
    environment: {},
  });
  return errors;
};

it('shows progress only where standard error is a terminal', async () => {
  expect(await standardError(false)).toBe('');
  expect(await standardError(true)).toMatch(/connecting …[^]*\[K$/);
});

describe('the report', () => {
  const lines: readonly Line[] = [
    ok('version', 'Kubernetes v1.36.0'),
    warn('replicas', 'one', 'scale'),
    fail('ready', 'none', 'start one'),
    skip('reachable', 'not tried'),
  ];

  it('aligns lines, and puts remedies below them', () => {
    const text = lines.map((line) => lineText(line, (word) => word)).join('');
    expect(text.split('\n')).toEqual([
      'ok    version            Kubernetes v1.36.0',
      'warn  replicas           one',
      '                         remedy: scale',
      'fail  ready              none',
      '                         remedy: start one',
      'skip  reachable          not tried',
      '',
    ]);
    expect(summaryText(lines, 1234)).toBe('1 ok, 1 warning, 1 failed, 1 skipped in 1.2 s\n');
  });

  it('has a stable shape as JSON', () => {
    expect(JSON.parse(jsonReport(lines.slice(0, 2), 10.4))).toEqual({
      version: 1,
      healthy: true,
      milliseconds: 10,
      checks: [
        { area: 'cluster', check: 'version', status: 'ok', message: 'Kubernetes v1.36.0' },
        { area: 'webhook', check: 'replicas', status: 'warn', message: 'one', remedy: 'scale' },
      ],
    });
  });

  it('has a sentence for each check', () => {
    for (const { sentence } of Object.values(checks)) expect(sentence).toMatch(/^[A-Z].*\.$/);
  });
});

it('has a krew manifest whose files are those of the package', () => {
  const manifest = parse(readFileSync('deploy/krew/vault-auth-injector.yaml', 'utf8')) as {
    readonly metadata: { readonly name: string };
    readonly spec: {
      readonly platforms: readonly { readonly files: readonly { readonly from: string }[]; readonly bin: string }[];
    };
  };
  const { name, files, bin } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    readonly name: string;
    readonly files: readonly string[];
    readonly bin: Readonly<Record<string, string>>;
  };
  expect(manifest.metadata.name).toBe(name);
  const [platform] = manifest.spec.platforms;
  for (const { from } of platform?.files ?? []) {
    expect(from).toMatch(/^package\//);
    expect(files).toContain(from.slice('package/'.length));
  }
  expect(`dist/${platform?.bin}`).toBe(bin[`kubectl-${name.replaceAll('-', '_')}`]);
  expect(existsSync('LICENSE')).toBe(true);
});
