import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { issueCa, issueLeaf, type KeyPair } from '../../../src/tls/issue.ts';

const REQUIRE = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
const OPENSSL = 'openssl';
const DAY = 86_400_000;
const now = Date.now();
const dates = { notBefore: new Date(now - 300_000), notAfter: new Date(now + 7 * DAY) };
const demoCa = issueCa({
  commonName: 'demo CA',
  notBefore: new Date(now - 300_000),
  notAfter: new Date(now + 365 * DAY),
});
const leafOf = (ca: KeyPair): KeyPair =>
  issueLeaf({
    ca: ca,
    commonName: 'demo',
    organization: 'demo organisation',
    dnsNames: ['demo.vault.svc', 'localhost'],
    ipAddresses: ['127.0.0.1', '::1', 'fd00:10::a:b', '::ffff:10.1.2.3'],
    usages: ['server', 'client'],
    ...dates,
  });

test('issues a P-256 CA that may sign leaves only', () => {
  const certificate = new X509Certificate(demoCa.certificate);
  expect(certificate.ca).toBe(true);
  expect(certificate.subject).toBe('CN=demo CA');
  expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.checkIssued(certificate)).toBe(true);
});

test('issues a leaf with its names, dates, usages and issuer', () => {
  const [leaf, ca] = [new X509Certificate(leafOf(demoCa).certificate), new X509Certificate(demoCa.certificate)];
  expect(leaf.ca).toBe(false);
  expect(leaf.verify(ca.publicKey) && leaf.checkIssued(ca)).toBe(true);
  expect(leaf.subject).toBe('O=demo organisation\nCN=demo');
  expect(leaf.subjectAltName).toBe(
    'DNS:demo.vault.svc, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:FD00:10:0:0:0:0:A:B, IP Address:0:0:0:0:0:FFFF:A01:203',
  );
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  expect(new Date(leaf.validTo).getTime()).toBe(Math.floor(dates.notAfter.getTime() / 1000) * 1000);
  expect(leaf.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
});

test('writes dates from 2050 on as GeneralizedTime', () => {
  const late = issueCa({
    commonName: 'late',
    notBefore: new Date('2049-12-31T23:59:59Z'),
    notAfter: new Date('2051-01-02T03:04:05Z'),
  });
  expect(new X509Certificate(late.certificate).validFrom).toBe('Dec 31 23:59:59 2049 GMT');
  expect(new X509Certificate(late.certificate).validTo).toBe('Jan  2 03:04:05 2051 GMT');
});

test('rejects invalid requests with a reason', () => {
  const other = issueCa({ commonName: 'other CA', ...dates });
  expect(() => leafOf({ certificate: demoCa.certificate, key: other.key })).toThrow(/do not match \(CN=demo CA\)/);
  expect(() => issueCa({ commonName: 'x'.repeat(65), ...dates })).toThrow(/1 to 64 characters, not 65/);
  expect(() =>
    issueLeaf({ ca: demoCa, commonName: 'x', dnsNames: [], ipAddresses: ['10.0.0'], usages: ['server'], ...dates }),
  ).toThrow('not an IP address: 10.0.0');
});

test('does not break a TLS server that the same process creates later', () => {
  const program = `
    const { issueCa, issueLeaf } = await import(process.argv[1]);
    const dates = { notBefore: new Date(), notAfter: new Date(Date.now() + 60_000) };
    const ca = issueCa({ commonName: 'CA', ...dates });
    const { certificate: cert, key } = issueLeaf({ ca, commonName: 'x', dnsNames: ['x'], ipAddresses: [], usages: ['server'], ...dates });
    (await import('node:https')).createServer({ cert, key });
    console.log('made');`;
  const folder = mkdtempSync(join(tmpdir(), 'issue-'));
  try {
    const bundle = join(folder, 'issue.mjs');
    buildSync({
      entryPoints: ['src/tls/issue.ts'],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: bundle,
      banner: REQUIRE,
    });
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', program, bundle], { encoding: 'utf8' });
    expect(run.stderr + run.stdout).toBe('made\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('issues a chain that openssl accepts under its strictest rules, where openssl is installed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'issue-'));
  try {
    writeFileSync(join(folder, 'ca.crt'), demoCa.certificate);
    writeFileSync(join(folder, 'tls.crt'), leafOf(demoCa).certificate);
    const run = spawnSync(OPENSSL, ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'ca.crt', 'tls.crt'], {
      cwd: folder,
      encoding: 'utf8',
    });
    if (!(run.error && 'code' in run.error && run.error.code === 'ENOENT')) expect(run.stdout + run.stderr).toBe('tls.crt: OK\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('issues leaves with which client and server authenticate each other', async () => {
  const leaf = leafOf(demoCa);
  const identity = { cert: leaf.certificate, key: leaf.key };
  const server = createServer(
    { ...identity, ca: demoCa.certificate, requestCert: true, rejectUnauthorized: true },
    (_, response) => response.end('hello'),
  );
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const status = (ca: string, servername: string): Promise<number | string | undefined> =>
    new Promise((resolve) => {
      request({ host: '127.0.0.1', port, servername, ca, agent: false, ...identity }, (response) =>
        resolve(response.resume().statusCode),
      )
        .on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
        .end();
    });
  try {
    expect(await status(demoCa.certificate, 'demo.vault.svc')).toBe(200);
    expect(await status(demoCa.certificate, 'other.vault.svc')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await status(issueCa({ commonName: 'demo CA', ...dates }).certificate, 'demo.vault.svc')).toBe(
      'SELF_SIGNED_CERT_IN_CHAIN',
    );
  } finally {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
});
