import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certs } from '../../../src/cli/certs.ts';

let folder: string;
let said: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'certs-')), 'out');
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

const run = (...words: readonly string[]): Promise<number> => {
  said = '';
  const say = (text: string): void => {
    said += text;
  };
  return certs(words, { stdout: say, stderr: say });
};
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const leaf = (): X509Certificate => new X509Certificate(read('tls.crt'));
const modeOf = (name: string): string => (statSync(join(folder, name)).mode & 0o777).toString(8);

test('writes all files, keys readable by the owner only, with the names of a Service, for flags with one dash or two', async () => {
  expect(
    await run(
      '-out',
      folder,
      '--service=vault-auth-injector',
      '-namespace',
      'vault',
      '--dns',
      'a.example.org,*.b.example.org',
      '--ip=10.0.0.1,fd00::1',
      '-days=30',
    ),
  ).toBe(0);
  expect(leaf().subjectAltName).toBe(
    [
      'DNS:vault-auth-injector, DNS:vault-auth-injector.vault, DNS:vault-auth-injector.vault.svc, DNS:vault-auth-injector.vault.svc.cluster.local',
      'DNS:a.example.org, DNS:*.b.example.org, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1',
    ].join(', '),
  );
  const ca = new X509Certificate(read('ca.crt'));
  expect(leaf().verify(ca.publicKey) && leaf().checkIssued(ca)).toBe(true);
  expect(Math.round((Date.parse(leaf().validTo) - Date.now()) / 86_400_000)).toBe(30);
  expect(Buffer.from(read('ca-bundle.txt'), 'base64').toString()).toBe(read('ca.crt'));
  expect(['ca.key', 'tls.key'].map(modeOf)).toEqual(['600', '600']);
  expect(said).toContain(`caBundle is in ${join(folder, 'ca-bundle.txt')}`);
});

test('uses the names of this machine without -service, -dns and -ip', async () => {
  expect(await run('-out', folder)).toBe(0);
  expect(leaf().subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
});

test('replaces nothing without -renew, which keeps the CA, or -force, which replaces all', async () => {
  await run('-out', folder);
  const [ca, first] = [read('ca.crt'), read('tls.crt')];
  expect(await run('-out', folder)).toBe(2);
  expect(said).toMatch(
    /^vault-auth-injector certs: ca\.crt, ca\.key, tls\.crt, tls\.key, ca-bundle\.txt already in .*: use -renew to keep the CA, or -force to replace all\n$/,
  );
  expect([read('ca.crt'), read('tls.crt')]).toEqual([ca, first]);
  expect(await run('-out', folder, '-renew')).toBe(0);
  expect(read('ca.crt')).toBe(ca);
  expect(read('tls.crt')).not.toBe(first);
  writeFileSync(join(folder, 'tls.key'), '', { mode: 0o644 });
  expect(await run('-out', folder, '-force')).toBe(0);
  expect(read('ca.crt')).not.toBe(ca);
  expect(modeOf('tls.key')).toBe('600');
});

test.each([
  [[], '-out is missing'],
  [['-out', 'FOLDER', '-days', '0'], '-days must be a whole number from 1 to 3650, not 0'],
  [['-out', 'FOLDER', '-days', 'x'], 'not x'],
  [['-out', 'FOLDER', '-ip', '10.0.0'], '"10.0.0" is not an IP address'],
  [['-out', 'FOLDER', '-dns', 'a b'], '"a b" is not a DNS name'],
  [['-out', 'FOLDER', '-service', 'a'], '-service and -namespace must be set together'],
  [['-out', 'FOLDER', '-servce=a'], '-servce: unknown flag'],
  [['-out', 'FOLDER', 'more'], 'unexpected "more"'],
  [['-out', 'FOLDER', '-renew'], '-renew needs ca.crt and ca.key of an earlier run'],
] as const)('rejects %j with one line, exit code 2, and no file', async (words, sentence) => {
  expect(await run(...words.map((word) => (word === 'FOLDER' ? folder : word)))).toBe(2);
  expect(said).toContain(sentence);
  expect(said).toMatch(/^vault-auth-injector certs: [^\n]*\n$/);
  expect(existsSync(folder)).toBe(false);
});

test('reports a directory that cannot be created in one line, at once', async () => {
  expect(await run('-out', '/proc/nope/deeper')).toBe(2);
  expect(said).toMatch(/^vault-auth-injector certs: [^\n]*\/proc[^\n]*\n$/);
});

test('lists every flag in the help', async () => {
  expect(await run('--help')).toBe(0);
  for (const flag of ['-out', '-service', '-namespace', '-dns', '-ip', '-days', '-renew', '-force'])
    expect(said).toContain(`  ${flag} `);
});
