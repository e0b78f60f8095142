// Servers that cannot start say so in one line, and leave nothing behind that would keep the process alive.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '../../../src/cli/serve.ts';
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

const attempt = async (command: 'webhook' | 'agent-inject', ...words: string[]): Promise<{ code: number; said: string }> => {
  let said = '';
  const say = (text: string): void => void (said += text);
  const code = await serve(command, words, {
    stdout: say,
    stderr: say,
    stdin: () => Promise.resolve(''),
    colour: false,
    environment: {},
  });
  return { code, said };
};

const files = (): string[] => [`-tls-cert-file=${join(directory, 'tls.crt')}`, `-tls-key-file=${join(directory, 'tls.key')}`];

test('a port that is taken', async () => {
  const { code, said } = await attempt(
    'webhook',
    `-listen=127.0.0.1:${port}`,
    '-operations-listen=',
    '-log-level=error',
    ...files(),
  );
  expect(code).toBe(1);
  expect(said).toContain(`cannot listen on 127.0.0.1:${port}`);
});

test.each([
  ['webhook', 2, ['-no-such'], '-no-such: no such flag'],
  ['agent-inject', 1, ['-no-such'], '-no-such: no such flag'],
  ['webhook', 2, ['-log-lvel=info'], 'did you mean -log-level?'],
  ['webhook', 2, ['-run-as-user=root'], '-run-as-user: "root" cannot be read, expected a number from 0 to 2147483647'],
  ['webhook', 2, ['-listen='], '-listen must not be empty'],
  ['webhook', 2, ['-tls-cipher-suites=TLS_NONE'], 'unknown cipher suite TLS_NONE'],
  ['webhook', 2, ['word'], '"word" is no flag'],
  ['webhook', 2, [], 'no certificate to serve'],
  ['webhook', 2, ['-tls-cert-file=x'], 'belong together'],
  ['webhook', 2, ['-tls-auto=x'], 'set -tls-auto-hosts'],
  ['webhook', 2, ['-allow=servce'], '"servce" is no guarded annotation; did you mean service?'],
  ['webhook', 2, ['-vault-address=vault:8200'], '"vault:8200" is no address'],
  ['webhook', 2, ['-vault-cacert-bytes=zzz'], 'holds no certificate'],
  ['webhook', 2, ['-log-format=xml'], '"xml" cannot be read'],
  ['webhook', 2, ['-cluster-state=/nowhere'], 'there is no directory /nowhere'],
  ['agent-inject', 1, [], 'no Vault address'],
] as const)('%s, exit code %i: %j', async (command, expected, words, sentence) => {
  const { code, said } = await attempt(command, '-log-level=error', ...words);
  expect({ code, said }).toEqual({ code: expected, said: expect.stringContaining(sentence) });
});
