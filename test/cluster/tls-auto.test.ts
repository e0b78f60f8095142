// Self-managed TLS against a real API server, with exactly the rights that the vault-helm chart gives its injector.
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeClient, kubeClient } from '../../src/kube/client.ts';
import { readWebhookConfiguration, untilChanged } from '../../src/kube/webhook-configuration.ts';
import { OWNER_LABEL } from '../../src/tls/authority-secret.ts';
import { USUAL_POLICY } from '../../src/tls/authority-state.ts';
import { keepCertificate, type KeeperOptions } from '../../src/tls/keeper.ts';
import { issueAuthority } from '../../src/tls/issue.ts';
import { publishedFileSource } from '../../src/tls/published-files.ts';
import type { CertificateSource } from '../../src/tls/source.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { grantChartRights } from './chart-rights.ts';

const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const ANYBODY = {
  ca: undefined,
  certificate: undefined,
  key: undefined,
  authorization: undefined,
  serverName: undefined,
  verify: true,
};
const HOSTS = ['vault-agent-injector-svc', 'vault-agent-injector-svc.vault', 'vault-agent-injector-svc.vault.svc'];

interface Configuration {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly managedFields: readonly { readonly manager: string; readonly fieldsV1: object }[];
  };
  readonly webhooks: readonly {
    readonly name: string;
    readonly clientConfig: { readonly caBundle?: string };
  }[];
}
interface Secret {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
  readonly type: string;
  readonly data: Readonly<Record<string, string>>;
}

let bed: Bed;
let namespace: string;
let configuration: string;
let connect: () => KubeClient;
const opened: (() => Promise<void> | void)[] = [];
let lines: string[];
let count = 0;

beforeAll(async () => {
  bed = await startBed({ parts: ['kube-apiserver'] });
}, 600_000);
afterAll(() => bed?.stop());

beforeEach(async () => {
  count += 1;
  lines = [];
  configuration = `vault-agent-injector-cfg-${count}`;
  namespace = await bed.createNamespace();
  const token = await grantChartRights(bed, { namespace, name: `vault-agent-injector-${count}` });
  const credentials = { ...ANYBODY, ca: bed.ca, authorization: `Bearer ${token}` };
  connect = () => {
    const client = kubeClient({
      connection: { server: bed.url, namespace, credentials: () => Promise.resolve(credentials) },
      userAgent: 'tester',
    });
    opened.push(() => client.close());
    return client;
  };
});
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

const entry = (name: string): object => ({
  name,
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  failurePolicy: 'Ignore',
  clientConfig: { service: { name: 'vault-agent-injector-svc', namespace, path: '/mutate' } },
  rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }],
});
const manifest = (...names: readonly string[]): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  metadata: { name: configuration },
  webhooks: names.map(entry),
});
const install = (...names: readonly string[]): Promise<unknown> => bed.request('POST', CONFIGURATIONS, manifest(...names));
const live = (): Promise<Configuration> => bed.request('GET', `${CONFIGURATIONS}/${configuration}`);
const bundles = async (): Promise<readonly string[]> =>
  (await live()).webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? '');
const secretPath = (name = 'ca'): string => `/api/v1/namespaces/${namespace}/secrets/${name}`;
const secret = (): Promise<Secret> => bed.request('GET', secretPath());
const decoded = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString();
const certificatesIn = (pem: string): readonly string[] => pem.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----\n/g) ?? [];

const keeper = (more: Partial<KeeperOptions> = {}): CertificateSource => {
  const log = {
    info: (_: object, text: string) => void lines.push(text),
    warn: (fields: object, text: string) => void lines.push(`${text} ${JSON.stringify(fields)}`),
  };
  const source = keepCertificate({
    client: connect(),
    configuration,
    namespace,
    secretName: 'ca',
    hosts: HOSTS,
    log,
    everyMs: 3_600_000,
    graceMs: 0,
    ...more,
  });
  opened.push(() => source.close());
  return source;
};
const until = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = Date.now() + 20_000; !(await condition()); await sleep(20))
    if (Date.now() > end) throw new Error(`not within 20 s: ${what}\n${lines.join('\n')}`);
};
const ready = (...sources: readonly CertificateSource[]): Promise<void> =>
  until('all are ready', () => sources.every((source) => source.problem() === undefined));
const isSignedBy = (source: CertificateSource, authority: string): boolean => {
  const [leaf, ca] = [new X509Certificate(source.current()?.certificate ?? ''), new X509Certificate(authority)];
  return leaf.checkIssued(ca) && leaf.verify(ca.publicKey);
};

test('one replica: a Secret with one authority, a leaf for the Service, and every entry trusts it', async () => {
  await install('label.vaultauth.dev', 'annotation.vaultauth.dev', 'vault.hashicorp.com');
  const source = keeper();
  await ready(source);
  const { type, data } = await secret();
  const authority = decoded(data['ca.crt']);
  expect(type).toBe('Opaque');
  expect(Object.keys(data).toSorted()).toEqual(['bundle.crt', 'ca.crt', 'ca.key', 'state.json']);
  expect((await bundles()).map(decoded)).toEqual([authority, authority, authority]);
  expect(isSignedBy(source, authority)).toBe(true);
  expect(new X509Certificate(source.current()?.certificate ?? '').subjectAltName).toBe(
    HOSTS.map((host) => `DNS:${host}`).join(', '),
  );
  // Nothing is written while all is well.
  const before = [(await secret()).metadata.resourceVersion, (await live()).metadata.resourceVersion];
  await sleep(500);
  expect([(await secret()).metadata.resourceVersion, (await live()).metadata.resourceVersion]).toEqual(before);
});

test('the API server calls a webhook over the certificate', async () => {
  const reviewed: string[] = [];
  const source = keeper({ hosts: ['127.0.0.1'] });
  await until('a certificate', () => source.current() !== undefined);
  const { certificate: cert = '', key = '' } = source.current() ?? {};
  const server = createServer({ cert, key }, (request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => reviewed.push(text));
    request.on('end', () => {
      const uid = /"uid":"([^"]+)"/.exec(reviewed.join(''))?.[1];
      response.end(
        JSON.stringify({
          apiVersion: 'admission.k8s.io/v1',
          kind: 'AdmissionReview',
          response: { uid, allowed: false, status: { message: 'seen over TLS' } },
        }),
      );
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  opened.push(() => new Promise((closed) => (server.closeAllConnections(), server.close(() => closed()))));
  const address = server.address();
  const url = `https://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/mutate`;
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  await bed.request('POST', CONFIGURATIONS, {
    ...manifest(),
    webhooks: [{ ...entry('a.vaultauth.dev'), failurePolicy: 'Fail', namespaceSelector, clientConfig: { url } }],
  });
  await ready(source);
  const pod = { metadata: { generateName: 'web-' }, spec: { containers: [{ name: 'web', image: 'nginx' }] } };
  // The API server hears of the configuration, and of the bundle, a moment later.
  await until('a denial by the webhook', async () => {
    const { text } = await bed.exchange('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
    return text.includes('denied the request: seen over TLS');
  });
});

test('ten replicas at once: exactly one authority', async () => {
  await install('a.vaultauth.dev', 'b.vaultauth.dev');
  const sources = Array.from({ length: 10 }, () => keeper());
  await ready(...sources);
  const authority = decoded((await secret()).data['ca.crt']);
  expect((await bundles()).map(decoded)).toEqual([authority, authority]);
  expect(sources.every((source) => isSignedBy(source, authority))).toBe(true);
  expect(new Set(sources.map((source) => source.current()?.key)).size).toBe(10);
  expect(lines.filter((line) => line === 'made a certificate authority')).toHaveLength(1);
  expect(lines.filter((line) => line.startsWith('cannot'))).toEqual([]);
});

/** As a tool of the chart's side applies: Helm 4, Flux, Argo CD. */
const apply = (object: object): Promise<unknown> =>
  bed.request(
    'PATCH',
    `${CONFIGURATIONS}/${configuration}?fieldManager=chart&force=true`,
    object,
    'application/apply-patch+yaml',
  );

test('a chart that is applied again keeps the bundle, may remove an entry, and a cleared or foreign bundle is repaired', async () => {
  await apply(manifest('a.vaultauth.dev', 'b.vaultauth.dev'));
  const source = keeper();
  await ready(source);
  const good = await bundles();
  await apply(manifest('a.vaultauth.dev', 'b.vaultauth.dev'));
  expect(await bundles()).toEqual(good);
  for (const value of [
    '',
    Buffer.from('garbage').toString('base64'),
    Buffer.from(new X509Certificate(bed.ca).toString()).toString('base64'),
  ]) {
    const patch = [{ op: 'add', path: '/webhooks/1/clientConfig/caBundle', value }];
    const answer = await bed.exchange('PATCH', `${CONFIGURATIONS}/${configuration}`, patch, 'application/json-patch+json');
    if (answer.status === 200) await until('it is repaired', async () => (await bundles()).join() === good.join());
  }
  expect(lines.filter((line) => line.startsWith('cannot'))).toEqual([]);
  await apply(manifest('a.vaultauth.dev'));
  expect(await bundles()).toEqual(good.slice(0, 1));
  await apply(manifest('a.vaultauth.dev', 'c.vaultauth.dev'));
  await until('the new entry has it too', async () => (await bundles()).join() === good.join());
  const { metadata } = await live();
  const ours = metadata.managedFields
    .filter(({ manager }) => manager.startsWith('vault-auth'))
    .map(({ fieldsV1 }) => JSON.stringify(fieldsV1).match(/f:\w+/g));
  expect(ours).toEqual([['f:webhooks', 'f:clientConfig', 'f:caBundle', 'f:clientConfig', 'f:caBundle']]);
});

test('no configuration yet: a certificate, but not ready until the configuration is there and trusts it', async () => {
  const source = keeper();
  await until('a certificate', () => source.current() !== undefined);
  expect(source.problem()).toContain(`there is no MutatingWebhookConfiguration ${configuration}`);
  await install('a.vaultauth.dev');
  await ready(source);
});

test('a Secret of somebody else is left as it is, and told', async () => {
  await install('a.vaultauth.dev');
  await bed.request('POST', `/api/v1/namespaces/${namespace}/secrets`, {
    metadata: { name: 'ca' },
    stringData: { 'ca.crt': 'theirs' },
  });
  const before = await secret();
  const source = keeper();
  await until('it is told', () => source.problem()?.includes(`the Secret ${namespace}/ca is not ours`) === true);
  expect(source.current()).toBeUndefined();
  expect(await secret()).toEqual(before);
  // The administrator removes it: all goes on by itself.
  await bed.request('DELETE', secretPath());
  await ready(source);
});

test('a damaged Secret of ours is replaced at the start, and restored from memory later', async () => {
  await install('a.vaultauth.dev');
  const labels = { [OWNER_LABEL.name]: OWNER_LABEL.value };
  await bed.request('POST', `/api/v1/namespaces/${namespace}/secrets`, {
    metadata: { name: 'ca', labels },
    stringData: { 'ca.crt': 'garbage' },
  });
  const source = keeper();
  await ready(source);
  const first = decoded((await secret()).data['ca.crt']);
  expect(isSignedBy(source, first)).toBe(true);
  const spoilt = { data: { 'ca.key': Buffer.from('garbage').toString('base64') } };
  await bed.request('PATCH', secretPath(), spoilt, 'application/merge-patch+json');
  await until('it is restored', async () => decoded((await secret()).data['ca.key']).startsWith('-----BEGIN'));
  expect(decoded((await secret()).data['ca.crt'])).toBe(first);
});

test('deleting the Secret rotates the authority without a moment of distrust', async () => {
  await install('a.vaultauth.dev', 'b.vaultauth.dev');
  const policy = { ...USUAL_POLICY, settleMs: 1000, leafLifeMs: 5000 };
  const sources = [1, 2, 3].map(() => keeper({ policy, everyMs: 500 }));
  await ready(...sources);
  const old = decoded((await secret()).data['ca.crt']);
  await bed.request('DELETE', secretPath());
  const bundleSizes = new Set<number>();
  await until('the new authority signs alone', async () => {
    const published = certificatesIn(decoded((await bundles())[0]));
    bundleSizes.add(published.length);
    expect(sources.every((source) => published.some((authority) => isSignedBy(source, authority)))).toBe(true);
    expect(sources.map((source) => source.problem())).toEqual([undefined, undefined, undefined]);
    return published.length === 1 && published[0] !== old;
  });
  expect([...bundleSizes].toSorted((a, b) => a - b)).toEqual([1, 2]);
  expect(lines.filter((line) => line.includes('the next certificate authority signs'))).toHaveLength(1);
});

test('a change of the configuration is heard of at once', async () => {
  await install('a.vaultauth.dev');
  const client = connect();
  const read = await readWebhookConfiguration(client, configuration);
  const started = Date.now();
  let heard = false;
  const listen = async (): Promise<void> => {
    await untilChanged(client, { name: configuration, resourceVersion: read?.resourceVersion }, 60, AbortSignal.timeout(60_000));
    heard = true;
  };
  const waiting = listen();
  await sleep(300);
  expect(heard).toBe(false);
  await bed.request(
    'PATCH',
    `${CONFIGURATIONS}/${configuration}`,
    { metadata: { labels: { a: 'b' } } },
    'application/merge-patch+json',
  );
  await waiting;
  expect(Date.now() - started).toBeLessThan(30_000);
  await untilChanged(client, { name: 'absent', resourceVersion: undefined }, 1, AbortSignal.timeout(60_000));
});

describe('without the right to Secrets, as the chart has it for one replica', () => {
  beforeEach(() =>
    bed.request(
      'DELETE',
      `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings/vault-agent-injector-${count}`,
    ),
  );

  test('the authority is in memory, and all replicas of a rollout stay trusted', async () => {
    await install('a.vaultauth.dev', 'b.vaultauth.dev');
    const sources = [1, 2, 3].map(() => keeper({ everyMs: 500 }));
    await ready(...sources);
    await until('three authorities everywhere', async () =>
      (await bundles()).every((bundle) => certificatesIn(decoded(bundle)).length === 3),
    );
    expect(sources.map((source) => source.problem())).toEqual([undefined, undefined, undefined]);
    expect(lines.filter((line) => line.startsWith('no right to the Secret'))).toHaveLength(3);
    // They have come to rest: nobody undoes what another does.
    const before = (await live()).metadata.resourceVersion;
    await sleep(1500);
    expect((await live()).metadata.resourceVersion).toBe(before);
    // The Role is granted: all converge to one Secret, and nobody is distrusted meanwhile.
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: `vault-agent-injector-${count}` };
    const subjects = [{ kind: 'ServiceAccount', name: 'vault-agent-injector', namespace }];
    await bed.request('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, {
      metadata: { name: 'later' },
      roleRef,
      subjects,
    });
    await until('one signs for all', async () => {
      expect(sources.map((source) => source.problem())).toEqual([undefined, undefined, undefined]);
      const answer = await bed.exchange('GET', secretPath());
      if (answer.status !== 200) return false;
      const authority = decoded((await secret()).data['ca.crt']);
      return sources.every((source) => isSignedBy(source, authority));
    });
  });
});

test('what was trusted before our start stays trusted for a while, so that an upgrade loses no review', async () => {
  await install('vault.hashicorp.com');
  const path = `${CONFIGURATIONS}/${configuration}`;
  const add = [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: Buffer.from(bed.ca).toString('base64') }];
  await bed.request('PATCH', path, add, 'application/json-patch+json');
  let now = Date.now();
  const source = keeper({ graceMs: 60_000, now: () => now });
  await ready(source);
  expect(certificatesIn(decoded((await bundles())[0])).length).toBe(2);
  now += 60_000;
  await until('it is dropped', async () => certificatesIn(decoded((await bundles())[0])).length === 1);
  expect(source.problem()).toBeUndefined();
});

test('an authority from a file is published as it is, and again when the file changes', async () => {
  await install('a.vaultauth.dev', 'b.vaultauth.dev');
  const file = join(bed.directory, 'authority.crt');
  writeFileSync(file, bed.ca);
  const log = { info: () => undefined, warn: () => undefined };
  const files: CertificateSource = {
    current: () => undefined,
    onChange: () => undefined,
    problem: () => undefined,
    close: () => Promise.resolve(),
  };
  const source = publishedFileSource({ files, authorityFile: file, client: connect(), configuration, log, everyMs: 50 });
  opened.push(() => source.close());
  expect(source.problem()).toContain('has not been published yet');
  await ready(source);
  expect((await bundles()).map(decoded)).toEqual([bed.ca, bed.ca]);
  writeFileSync(file, 'no certificate');
  await until('it is told', () => source.problem()?.includes('has no certificate in PEM') === true);
  const dates = { notBefore: new Date(), notAfter: new Date(Date.now() + 3_600_000) };
  const other = issueAuthority({ commonName: 'other', ...dates }).certificate;
  writeFileSync(file, other);
  await ready(source);
  expect((await bundles()).map(decoded)).toEqual([other, other]);
}, 60_000);

test('an API server that is away: nothing is served at the start, and what is served stays later', async () => {
  await install('a.vaultauth.dev');
  const early = keeper();
  await ready(early);
  const served = early.current();
  const away = kubeClient({
    connection: {
      server: 'https://127.0.0.1:1',
      namespace,
      credentials: () => Promise.resolve(ANYBODY),
    },
    userAgent: 'tester',
  });
  opened.push(() => away.close());
  const late = keeper({ client: away });
  await until('it is told', () => late.problem()?.includes('ECONNREFUSED') === true);
  expect(late.current()).toBeUndefined();
  await bed.restart('kube-apiserver');
  expect(early.current()).toBe(served);
  expect(early.problem()).toBeUndefined();
}, 60_000);

test('without its rights, readiness says so in the API server’s words', async () => {
  await install('a.vaultauth.dev');
  await bed.request('DELETE', `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/vault-agent-injector-${count}`);
  const source = keeper();
  await until('it is told', () =>
    /not been read yet; GET .*mutatingwebhookconfigurations.*cannot get resource/.test(source.problem() ?? ''),
  );
});
