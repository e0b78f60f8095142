// Input that cannot be read, and wrong command lines: one line per problem, exit code 2, nothing printed.
import { inject } from '../../../src/cli/inject.ts';
import { ADDRESS, runCommand, requestLines, temporaryFolder } from './run-command.ts';

const files = temporaryFolder();
afterAll(files.clear);

const POD = `apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n${requestLines(4)}spec:\n  containers:\n    - name: web\n`;

describe('inject', () => {
  const bad: readonly (readonly [string, string | Buffer, RegExp])[] = [
    ['key.yaml', 'a: 1\na: 2\n', /key\.yaml:2:1: duplicate key a/],
    ['flow.json', '{"kind": "Pod", "list": [{"b": 1, "b": 2}]}', /flow\.json:1:35: duplicate key b/],
    ['tab.yaml', 'a:\n\tb: 1\n', /tab\.yaml:2:1: Tabs are not allowed/],
    ['open.yaml', 'a: [1\nb: 2\n', /open\.yaml:2:\d: /],
    ['scalar.yaml', '---\nhello\n', /scalar\.yaml:2: expected a Kubernetes object, found a scalar/],
    ['list.yaml', '- a\n', /list\.yaml:1: expected a Kubernetes object, found a list/],
    ['latin.yaml', Buffer.from('a: \u{e9}\n', 'latin1'), /latin\.yaml: is not UTF-8/],
    ['utf16.yaml', Buffer.from('\u{feff}a: 1\n', 'utf16le'), /utf16\.yaml: is not UTF-8/],
    ['deep.yaml', '['.repeat(20_000), /deep\.yaml:1:502: nested deeper than 500 levels/],
    ['blocks.yaml', '- '.repeat(5_000), /blocks\.yaml:1:\d+: nested deeper than 500 levels/],
    ['alias.yaml', 'a: *b\n', /alias\.yaml:1:1: Unresolved alias/],
    [
      'bomb.yaml',
      `a: &a [${'x,'.repeat(20)}]\nb: &b [${'*a,'.repeat(20)}]\nc: [${'*b,'.repeat(20)}]\n`,
      /bomb\.yaml:1:1: Excessive alias count/,
    ],
  ];
  test.each(bad)('rejects %s', async (name, content, line) => {
    const { code, out, errors } = await runCommand(inject, ['-f', files.write(name, content)]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(errors).toEqual([expect.stringMatching(line)]);
  });

  test('rejects missing files, a command line without a file, and unknown flags', async () => {
    expect((await runCommand(inject, ['-f', 'away.yaml', '-f', 'gone'])).errors).toEqual([
      'vault-auth-injector inject: away.yaml: no such file or directory',
      'vault-auth-injector inject: gone: no such file or directory',
    ]);
    expect(await runCommand(inject, [], { stdinIsTerminal: true })).toEqual({
      code: 2,
      out: '',
      errors: ['vault-auth-injector inject: no input: set -f FILE, or -f - for standard input'],
    });
    expect((await runCommand(inject, ['-vault-adress', 'x'])).errors).toEqual([
      'vault-auth-injector inject: -vault-adress: unknown flag; did you mean -vault-address?',
    ]);
    expect((await runCommand(inject, ['-diff=maybe'], { stdin: POD })).code).toBe(2);
  });

  test('drops a byte-order mark and keeps CRLF line ends', async () => {
    const text = POD.replaceAll('\n', '\r\n');
    const { code, out } = await runCommand(inject, ['-f', files.write('bom.yaml', `\u{feff}${text}`), ...ADDRESS]);
    expect(code).toBe(0);
    expect(out.startsWith('apiVersion')).toBe(true);
    expect(out.replaceAll('\r\n', '')).not.toContain('\n');
  });

  test('reads a map of 100,000 keys in seconds', async () => {
    const data = Array.from({ length: 100_000 }, (_, index) => `  key${index}: value\n`).join('');
    const text = `apiVersion: v1\nkind: ConfigMap\ndata:\n${data}---\n${POD}`;
    const { code, out } = await runCommand(inject, ['-f', files.write('many.yaml', text), ...ADDRESS]);
    expect(code).toBe(0);
    expect(out.startsWith(text.slice(0, text.indexOf('---')))).toBe(true);
  });
});
