import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileSource } from '../../../src/tls/files.ts';
import { issueCa, issueLeaf, type KeyPair } from '../../../src/tls/issue.ts';
import type { CertificateSource } from '../../../src/tls/source.ts';
import { eventually } from '../../support/eventually.ts';

const DAY = 86_400_000;
let folder: string;
let source: CertificateSource | undefined;
let lines: string[];
let clock: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'files-'));
  lines = [];
  clock = Date.now();
});
afterEach(async () => {
  await source?.close();
  source = undefined;
  rmSync(folder, { recursive: true });
});

const ca = issueCa({
  commonName: 'CA',
  notBefore: new Date(Date.now() - DAY),
  notAfter: new Date(Date.now() + 30 * DAY),
});
const pairOf = (commonName: string, notBefore = -DAY, notAfter = DAY): KeyPair =>
  issueLeaf({
    ca,
    commonName,
    dnsNames: [commonName],
    ipAddresses: [],
    usages: ['server'],
    notBefore: new Date(Date.now() + notBefore),
    notAfter: new Date(Date.now() + notAfter),
  });
const write = ({ certificate, key }: KeyPair, into = folder): void => {
  writeFileSync(join(into, 'tls.crt'), certificate);
  writeFileSync(join(into, 'tls.key'), key);
};
const log = {
  info: (_: object, message: string) => void lines.push(message),
  warn: (fields: object, message: string) => void lines.push(`${message}: ${'problem' in fields ? String(fields.problem) : ''}`),
};
const open = async (pollMs = 20): Promise<CertificateSource> => {
  source = await fileSource({
    certificateFile: join(folder, 'tls.crt'),
    keyFile: join(folder, 'tls.key'),
    log,
    now: () => clock,
    pollMs,
  });
  return source;
};
test('serves existing files at once', async () => {
  const pair = pairOf('one');
  write(pair);
  const opened = await open();
  expect(opened.current()).toMatchObject({ certificate: pair.certificate, key: pair.key });
  expect(opened.problem()).toBeUndefined();
});

test('serves files that are written later', async () => {
  const opened = await open();
  expect(opened.current()).toBeUndefined();
  expect(opened.problem()).toMatch(/cannot read the certificate: .*ENOENT.*tls\.(crt|key)/);
  const pair = pairOf('late');
  const heard: string[] = [];
  opened.onChange(({ certificate }) => heard.push(certificate));
  write(pair);
  await eventually(() => heard.length > 0);
  expect(heard).toEqual([pair.certificate]);
  expect(opened.problem()).toBeUndefined();
});

const version = (name: string, pair: KeyPair): void => {
  mkdirSync(join(folder, name));
  write(pair, join(folder, name));
  symlinkSync(name, join(folder, `tmp-${name}`));
  renameSync(join(folder, `tmp-${name}`), join(folder, '..data'));
};

test('notices the kubelet’s swap of the ..data link by the watch alone', async () => {
  const [first, second] = [pairOf('first'), pairOf('second')];
  version('v1', first);
  for (const name of ['tls.crt', 'tls.key']) symlinkSync(`..data/${name}`, join(folder, name));
  const opened = await open(3_600_000);
  expect(opened.current()?.certificate).toBe(first.certificate);
  version('v2', second);
  await eventually(() => opened.current()?.certificate === second.certificate);
});

test('keeps serving the valid pair when a new one is invalid, reports it once, and serves the repaired one', async () => {
  const [good, better] = [pairOf('good'), pairOf('better')];
  write(good);
  const opened = await open();
  const bad: readonly (readonly [string, () => void])[] = [
    ['the key does not match the certificate', () => writeFileSync(join(folder, 'tls.crt'), better.certificate)],
    ['the certificate is not a PEM certificate', () => writeFileSync(join(folder, 'tls.crt'), better.certificate.slice(0, 200))],
    ['the key is not a PEM private key', () => write({ ...better, key: '' })],
    ['the certificate expired at', () => write(pairOf('expired', -2 * DAY, -DAY))],
    ['the certificate is not valid before', () => write(pairOf('future', DAY, 2 * DAY))],
  ];
  for (const [problem, spoil] of bad) {
    spoil();
    await eventually(() => lines.at(-1)?.includes(problem) === true);
    expect(opened.current()?.certificate).toBe(good.certificate);
    expect(opened.problem()).toBeUndefined();
  }
  const count = lines.length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(lines).toHaveLength(count);
  expect(lines.join('')).not.toContain('PRIVATE');
  write(better);
  await eventually(() => opened.current()?.certificate === better.certificate);
});

test('reports a certificate that expires in service, and files that were deleted by then', async () => {
  write(pairOf('short'));
  const opened = await open();
  clock += DAY;
  expect(opened.problem()).toMatch(/tls\.crt expired at 20/);
  rmSync(join(folder, 'tls.key'));
  await eventually(() => opened.problem()?.includes('ENOENT') === true);
});
