// Whether the configuration leads to a replica: each way in which it does not is a sentence with its remedy.
import type { ServiceEndpoint } from '../../../src/kube/service-endpoints.ts';
import type { WebhookEntry } from '../../../src/kube/webhook-configuration.ts';
import { issueCa, issueLeaf } from '../../../src/tls/issue.ts';
import {
  entryProblem,
  hostsOf,
  type OwnRegistration,
  type Replica,
  watchOwnRegistration,
} from '../../../src/tls/own-registration.ts';
import { eventually } from '../../support/eventually.ts';
import { CONFIGURATION, memoryApi, type MemoryApi } from './memory-api.ts';

const dates = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
const ca = issueCa({ commonName: 'ca', ...dates });
const leafFor = (...dnsNames: readonly string[]): string =>
  issueLeaf({ ca, commonName: 'leaf', dnsNames, ipAddresses: [], usages: ['server'], ...dates }).certificate;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const SERVICE = { namespace: 'vault', name: 'injector', path: '/mutate', port: 443 };
const entry = (more: Partial<WebhookEntry> = {}): WebhookEntry => ({
  name: 'label',
  service: SERVICE,
  url: undefined,
  caBundle: base64(ca.certificate),
  hasRules: true,
  ...more,
});
const endpoint = (more: Partial<ServiceEndpoint> = {}): ServiceEndpoint => ({
  ports: [443],
  hasSelector: true,
  targets: new Map([[443, 8080]]),
  ...more,
});
const replica = (more: Partial<Replica> = {}): Replica => ({
  namespace: 'vault',
  port: 8080,
  certificate: leafFor('injector.vault.svc'),
  services: new Map([['injector', endpoint()]]),
  ...more,
});
const behind = (more: Partial<ServiceEndpoint>): Replica => replica({ services: new Map([['injector', endpoint(more)]]) });

it.each<[string, WebhookEntry, Replica]>([
  ['everything fits', entry(), replica()],
  ['the Service cannot be read', entry(), replica({ services: new Map([['injector', 'unknown']]) })],
  ['the Service has no selector', entry(), behind({ hasSelector: false, targets: undefined })],
  ['nothing is served yet', entry(), replica({ certificate: undefined })],
  ['the entry has a URL', entry({ service: undefined, url: 'https://10.0.0.1:9443/mutate' }), replica()],
])('finds nothing when %s', (_, given, own) => {
  expect(entryProblem(given, own)).toBeUndefined();
});

it.each<[string, WebhookEntry, Replica]>([
  [
    'label calls the Service default/injector, and this replica runs in the namespace vault: correct clientConfig.service.namespace',
    entry({ service: { ...SERVICE, namespace: 'default' } }),
    replica(),
  ],
  [
    'label calls the Service vault/injector, which does not exist: install it, or correct clientConfig.service.name',
    entry(),
    replica({ services: new Map([['injector', undefined]]) }),
  ],
  [
    'label calls port 8443 of the Service vault/injector, which has 443: correct clientConfig.service.port',
    entry({ service: { ...SERVICE, port: 8443 } }),
    replica(),
  ],
  [
    'label calls port 443 of the Service vault/injector, whose selector does not match this replica: correct the selector of the Service',
    entry(),
    behind({ targets: undefined }),
  ],
  [
    'label calls port 443 of the Service vault/injector, which leads to port 8081 of this replica, and it listens on 8080: correct targetPort or -listen',
    entry(),
    behind({ targets: new Map([[443, 8081]]) }),
  ],
  [
    'label calls the path /, and this replica serves /mutate and /validate: correct clientConfig',
    entry({ service: { ...SERVICE, path: '/' } }),
    replica(),
  ],
  [
    'label calls the path /inject, and this replica serves /mutate and /validate: correct clientConfig',
    entry({ service: undefined, url: 'https://127.0.0.1:9443/inject' }),
    replica(),
  ],
  [
    'label calls injector.vault.svc, and the certificate of this replica is not valid for that name: DNS:other.vault.svc',
    entry(),
    replica({ certificate: leafFor('other.vault.svc') }),
  ],
  ['label has no caBundle: API servers do not trust the certificate of this replica', entry({ caBundle: '' }), replica()],
  [
    'the caBundle of label does not contain the CA of the certificate of this replica',
    entry({ caBundle: base64(issueCa({ commonName: 'ca', ...dates }).certificate) }),
    replica(),
  ],
])('reports: %s', (sentence, given, own) => {
  expect(entryProblem(given, own)).toBe(sentence);
});

it('takes the names of the certificate from entries that call its namespace, and from URLs', () => {
  const entries = [
    entry(),
    entry({ service: { ...SERVICE, namespace: 'other' } }),
    entry({ service: undefined, url: 'https://[::1]:9443/mutate' }),
    entry({ service: undefined, url: 'https://injector.example/mutate' }),
  ];
  expect(hostsOf({ name: 'demo', resourceVersion: '1', entries }, 'vault')).toEqual([
    'injector.vault.svc',
    '::1',
    'injector.example',
  ]);
});

describe('the watch', () => {
  let api: MemoryApi;
  let registration: OwnRegistration;
  let lines: string[];
  const log = {
    info: (_: object, text: string) => void lines.push(text),
    warn: (_: object, text: string) => void lines.push(text),
  };
  const write = (...namespaces: readonly string[]): void => {
    const webhooks = namespaces.map((namespace, index) => ({
      name: `entry-${index}`,
      clientConfig: { service: { ...SERVICE, namespace }, caBundle: base64(ca.certificate) },
    }));
    api.objects.set(CONFIGURATION, { metadata: { name: 'demo', resourceVersion: String(Math.random()) }, webhooks });
  };
  beforeEach(() => {
    api = memoryApi(0);
    lines = [];
  });
  afterEach(() => registration.close());
  const start = (): void => {
    registration = watchOwnRegistration({
      client: api,
      configuration: 'demo',
      namespace: 'vault',
      podName: '',
      port: 8080,
      certificate: () => leafFor('injector.vault.svc'),
      log,
      everyMs: 10,
    });
  };

  it('requires at first that all entries lead to the replica, and later that one does', async () => {
    write('vault', 'elsewhere');
    start();
    expect(registration.problem()).toBe('the MutatingWebhookConfiguration demo has not been read yet');
    await eventually(() => registration.problem()?.startsWith('entry-1 calls the Service elsewhere/injector') === true);
    write('vault', 'vault');
    await eventually(() => registration.problem() === undefined);
    write('vault', 'elsewhere');
    await eventually(() => lines.length === 3);
    expect(registration.problem()).toBeUndefined();
    write('elsewhere', 'elsewhere');
    await eventually(() => registration.problem()?.includes('entry-0') === true);
    api.objects.delete(CONFIGURATION);
    await eventually(
      () => registration.problem() === 'there is no MutatingWebhookConfiguration demo: install it, or correct -tls-auto',
    );
    write('vault');
    await eventually(() => registration.problem() === undefined);
    expect(lines.filter((line) => line === 'the webhook configuration leads to this replica')).toHaveLength(2);
  });

  it('keeps the last result while the API server is unavailable', async () => {
    write('vault');
    start();
    await eventually(() => registration.problem() === undefined);
    api.away = true;
    await eventually(() => lines.includes('cannot read the webhook configuration, retrying'));
    expect(registration.problem()).toBeUndefined();
  });
});
