// The keeper with a fake clock; test/cluster/tls-auto.test.ts runs it on a real API server.
import { X509Certificate } from 'node:crypto';
import { selfManagedSource } from '../../../src/tls/keeper.ts';
import { caPolicy } from '../../../src/tls/lifetimes.ts';
import type { CertificateSource } from '../../../src/tls/source.ts';
import { bundlesIn, CONFIGURATION, memoryApi, type MemoryApi, SECRET } from './memory-api.ts';
import { eventually } from '../../support/eventually.ts';

const DAY = 86_400_000;
let api: MemoryApi;
let now: number;
let sources: CertificateSource[];
let lines: string[];
beforeEach(() => {
  api = memoryApi(3);
  now = Date.UTC(2030, 0, 1);
  sources = [];
  lines = [];
});
afterEach(async () => {
  await Promise.all(sources.map((source) => source.close()));
});

const log = {
  info: (_: object, text: string) => void lines.push(text),
  warn: (_: object, text: string) => void lines.push(text),
};
const keeper = (hosts = ['demo.vault.svc', '10.0.0.1']): CertificateSource => {
  const options = {
    client: api,
    configuration: 'demo',
    namespace: 'vault',
    secretName: 'ca',
    hosts,
    policy: caPolicy(365 * DAY, 7 * DAY),
  };
  const source = selfManagedSource({ ...options, log, now: () => now, everyMs: 5, graceMs: 0 });
  sources.push(source);
  return source;
};
const until = (condition: () => boolean): Promise<unknown> =>
  eventually(condition, {
    everyMs: 5,
    state: () => `${sources.map((source) => source.problem()).join()}\n${lines.join('\n')}`,
  });
const ready = (): Promise<unknown> => until(() => sources.every((source) => source.current() && source.problem() === undefined));
const endOf = (source: CertificateSource): number => source.current()?.notAfter.getTime() ?? 0;
const certificatesIn = (pem = ''): number => pem.match(/BEGIN CERTIFICATE/g)?.length ?? 0;

test('issues a leaf of seven days for names and addresses, and replaces it after two thirds of them', async () => {
  const source = keeper();
  await ready();
  const leaf = new X509Certificate(source.current()?.certificate ?? '');
  expect(leaf.subjectAltName).toBe('DNS:demo.vault.svc, IP Address:10.0.0.1');
  expect(endOf(source)).toBe(now + 7 * DAY);
  const heard: number[] = [];
  source.onChange(({ notAfter }) => heard.push(notAfter.getTime()));
  now += (7 * DAY * 2) / 3 - 600_000;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(heard).toEqual([]);
  now += 600_000;
  await until(() => heard.length > 0);
  expect(heard).toEqual([now + 7 * DAY]);
});

test('reports a leaf that expired while the machine slept, and replaces it at once', async () => {
  const source = keeper();
  await ready();
  now += 10 * DAY;
  expect(source.problem()).toMatch(/^the certificate expired at 2030-01-08T/);
  await ready();
  expect(endOf(source)).toBe(now + 7 * DAY);
});

test('renews the leaf from memory and stays ready while the API server is unavailable', async () => {
  const source = keeper();
  await ready();
  api.away = true;
  await until(() => lines.includes('cannot reconcile the serving certificate and its caBundle, retrying'));
  expect(source.problem()).toBeUndefined();
  now += 6 * DAY;
  await until(() => endOf(source) === now + 7 * DAY);
  expect(source.problem()).toBeUndefined();
  api.away = false;
  await until(() => lines.includes('serving certificate and caBundle reconciled again'));
});

test('waits for an API server that is unavailable at the start', async () => {
  api.away = true;
  const source = keeper();
  await until(() => source.problem() === 'there is no certificate yet; connection refused');
  expect(source.current()).toBeUndefined();
  api.away = false;
  await ready();
});

test('rotates with three replicas, none of which is ever unready', async () => {
  for (let replica = 0; replica < 3; replica += 1) keeper();
  await ready();
  const first = bundlesIn(api)[0];
  const sizes: number[] = [];
  for (let day = 0; day < 264; day += 6) {
    now += 6 * DAY;
    await until(() => sources.every((source) => endOf(source) > now + 2 * DAY));
    const size = Math.max(...bundlesIn(api).map(certificatesIn));
    if (sizes.at(-1) !== size) sizes.push(size);
    expect(sources.map((source) => source.problem())).toEqual([undefined, undefined, undefined]);
  }
  expect(sizes).toEqual([1, 2, 1]);
  expect(bundlesIn(api)[0]).not.toBe(first);
  expect(lines.filter((line) => line.includes('switched to the next CA'))).toHaveLength(1);
}, 300_000);

test('creates a new CA after a year of standstill', async () => {
  const source = keeper();
  await ready();
  const before = bundlesIn(api)[0];
  await source.close();
  now += 400 * DAY;
  sources = [];
  keeper();
  await ready();
  expect(certificatesIn(bundlesIn(api)[0])).toBe(1);
  expect(bundlesIn(api)[0]).not.toBe(before);
});

test('reports a configuration without entries, and one that is deleted', async () => {
  const source = keeper();
  await ready();
  const configuration = api.objects.get(CONFIGURATION);
  if (!configuration) throw new Error('it was there');
  api.objects.set(CONFIGURATION, { ...configuration, webhooks: [] });
  await until(() => source.problem() === 'the MutatingWebhookConfiguration demo has no webhooks');
  api.objects.delete(CONFIGURATION);
  await until(() => source.problem() === 'there is no MutatingWebhookConfiguration demo: install it, or correct -tls-auto');
});

test('logs no key and no certificate, and stores the bundle as plain PEM in the Secret', async () => {
  keeper();
  await ready();
  const data = api.objects.get(SECRET)?.data ?? {};
  expect(Buffer.from(data['bundle.crt'] ?? '', 'base64').toString()).toBe(bundlesIn(api)[0]);
  expect(lines.join()).not.toContain('-----');
});

const call = (name: string, namespace: string): void => {
  const { metadata } = api.objects.get(CONFIGURATION) ?? { metadata: { name: 'demo', resourceVersion: '1' } };
  const entry = { name: 'label', clientConfig: { service: { name, namespace, path: '/mutate' } } };
  const next = { metadata: { ...metadata, resourceVersion: `${metadata.resourceVersion}0` }, webhooks: [entry] };
  api.objects.set(CONFIGURATION, next);
};

test('issues the certificate for the Service of its namespace that the configuration calls, and again when that changes', async () => {
  call('injector', 'elsewhere');
  const source = keeper([]);
  await until(
    () => source.problem()?.startsWith('there is no certificate: no entry of the MutatingWebhookConfiguration demo') === true,
  );
  expect(source.current()).toBeUndefined();
  call('injector', 'vault');
  await ready();
  const names = (): string | undefined => new X509Certificate(source.current()?.certificate ?? '').subjectAltName;
  expect(names()).toBe('DNS:injector.vault.svc');
  call('renamed', 'vault');
  await until(() => names() === 'DNS:renamed.vault.svc');
});
