// Servers that cannot start report it in one line, and leave nothing open that would keep the process alive.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentInject, webhook } from '../../../src/cli/serve.ts';
import { issueCa, issueLeaf } from '../../../src/tls/issue.ts';

const DAY_MS = 86_400_000;
let directory: string;
let taken: Server;
let port: number;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'serve-'));
  const dates = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
  const authority = issueCa({ commonName: 'test', ...dates });
  const leaf = issueLeaf({
    ca: authority,
    commonName: 'test',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
    ...dates,
  });
  writeFileSync(join(directory, 'tls.crt'), leaf.certificate);
  writeFileSync(join(directory, 'tls.key'), leaf.key);
  taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  ({ port } = taken.address() as AddressInfo);
});
afterAll(() => {
  taken.close();
  rmSync(directory, { recursive: true, force: true });
});

const attempt = async (command: 'webhook' | 'agent-inject', ...words: string[]): Promise<{ code: number; output: string }> => {
  let output = '';
  const print = (text: string): void => void (output += text);
  const code = await (command === 'webhook' ? webhook : agentInject)(words, {
    stdout: print,
    stderr: print,
    stdin: () => Promise.resolve(''),
    colour: false,
    environment: {},
  });
  return { code, output };
};

const files = (): string[] => [`-tls-cert-file=${join(directory, 'tls.crt')}`, `-tls-key-file=${join(directory, 'tls.key')}`];

test('reports a port that is in use', async () => {
  const { code, output } = await attempt(
    'webhook',
    `-listen=127.0.0.1:${port}`,
    '-operations-listen=',
    '-log-level=error',
    ...files(),
  );
  expect(code).toBe(1);
  expect(output).toContain(`cannot listen on 127.0.0.1:${port}`);
});

test.each([
  ['webhook', 2, ['-no-such'], '-no-such: unknown flag'],
  ['agent-inject', 1, ['-no-such'], '-no-such: unknown flag'],
  ['webhook', 2, ['-log-lvel=info'], 'did you mean -log-level?'],
  ['webhook', 2, ['-run-as-user=root'], '-run-as-user: invalid value "root", expected a number from 0 to 2147483647'],
  ['webhook', 2, ['-listen='], '-listen must not be empty'],
  ['webhook', 2, ['-tls-cipher-suites=TLS_NONE'], 'unknown cipher suite TLS_NONE'],
  ['webhook', 2, ['word'], '"word" is not a flag'],
  ['webhook', 2, [], 'no serving certificate'],
  ['webhook', 2, ['-tls-cert-file=x'], 'must be set together'],
  ['webhook', 1, ['-tls-auto=x'], '-tls-auto: no API server configured'],
  ['webhook', 2, ['-allow=servce'], '"servce" is not a guarded annotation; did you mean service?'],
  ['webhook', 2, ['-vault-address=vault:8200'], 'invalid value "vault:8200", expected an address that begins with https://'],
  ['webhook', 2, ['-vault-cacert-bytes=zzz'], 'expected certificates as PEM or base64 of PEM'],
  ['webhook', 2, ['-log-format=xml'], 'invalid value "xml"'],
  ['webhook', 2, ['-cluster-state=/nowhere'], 'no such file or directory: /nowhere'],
  ['agent-inject', 1, [], 'no Vault address'],
] as const)('%s, exit code %i: %j', async (command, expected, words, sentence) => {
  const { code, output } = await attempt(command, '-log-level=error', ...words);
  expect({ code, output }).toEqual({ code: expected, output: expect.stringContaining(sentence) });
});
