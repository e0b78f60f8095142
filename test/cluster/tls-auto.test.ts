// Self-managed TLS on a real API server, with the rights of the vault-helm chart: creation, and changes by others.
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { issueCa } from '../../src/tls/issue.ts';
import { publishedFileSource } from '../../src/tls/publication.ts';
import type { CertificateSource } from '../../src/tls/source.ts';
import {
  CONFIGURATIONS,
  HOSTS,
  cluster,
  useCluster,
  afterwards,
  connect,
  entry,
  manifest,
  install,
  live,
  bundles,
  secretPath,
  secret,
  decoded,
  keeper,
  until,
  ready,
  revoke,
  atRest,
  isSignedBy,
} from './ca-stage.ts';

useCluster();

test('one replica stores one CA, issues a certificate for the Service, and publishes the CA on every entry (Q35)', async () => {
  await install('label.vaultauth.dev', 'annotation.vaultauth.dev', 'vault.hashicorp.com');
  const source = keeper();
  await ready(source);
  const { type, data } = await secret();
  const ca = decoded(data['ca.crt']);
  expect(type).toBe('Opaque');
  expect(Object.keys(data).toSorted()).toEqual(['bundle.crt', 'ca.crt', 'ca.key', 'state.json']);
  expect((await bundles()).map(decoded)).toEqual([ca, ca, ca]);
  expect(isSignedBy(source, ca)).toBe(true);
  expect(new X509Certificate(source.current()?.certificate ?? '').subjectAltName).toBe(
    // Those of the flag, and the one by which the configuration calls.
    [...HOSTS, `vault-agent-injector-svc.${cluster.namespace}.svc`].map((host) => `DNS:${host}`).join(', '),
  );
  // Nothing is written while all is well.
  await atRest(500, async () => [(await secret()).metadata.resourceVersion, (await live()).metadata.resourceVersion]);
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
  afterwards(() => new Promise((closed) => (server.closeAllConnections(), server.close(() => closed()))));
  const address = server.address();
  const url = `https://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/mutate`;
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': cluster.namespace } };
  await cluster.bed.request('POST', CONFIGURATIONS, {
    ...manifest(),
    webhooks: [{ ...entry('a.vaultauth.dev'), failurePolicy: 'Fail', namespaceSelector, clientConfig: { url } }],
  });
  await ready(source);
  const pod = { metadata: { generateName: 'web-' }, spec: { containers: [{ name: 'web', image: 'nginx' }] } };
  // The API server hears of the configuration, and of the bundle, a moment later.
  await until('a denial by the webhook', async () => {
    const { text } = await cluster.bed.exchange('POST', `/api/v1/namespaces/${cluster.namespace}/pods?dryRun=All`, pod);
    return text.includes('denied the request: seen over TLS');
  });
});

test('ten replicas that start at once create exactly one CA', async () => {
  await install('a.vaultauth.dev', 'b.vaultauth.dev');
  const sources = Array.from({ length: 10 }, () => keeper());
  await ready(...sources);
  const ca = decoded((await secret()).data['ca.crt']);
  expect((await bundles()).map(decoded)).toEqual([ca, ca]);
  expect(sources.every((source) => isSignedBy(source, ca))).toBe(true);
  expect(new Set(sources.map((source) => source.current()?.key)).size).toBe(10);
  expect(cluster.lines.filter((line) => line === 'created the CA')).toHaveLength(1);
  expect(cluster.lines.filter((line) => line.startsWith('cannot'))).toEqual([]);
});

/** As a tool of the chart's side applies: Helm 4, Flux, Argo CD. */
const apply = (object: object): Promise<unknown> =>
  cluster.bed.request(
    'PATCH',
    `${CONFIGURATIONS}/${cluster.configuration}?fieldManager=chart&force=true`,
    object,
    'application/apply-patch+yaml',
  );

test('a repeated helm apply keeps the bundle, may remove an entry, and a cleared or foreign bundle is repaired', async () => {
  await apply(manifest('a.vaultauth.dev', 'b.vaultauth.dev'));
  const source = keeper();
  await ready(source);
  const good = await bundles();
  await apply(manifest('a.vaultauth.dev', 'b.vaultauth.dev'));
  expect(await bundles()).toEqual(good);
  for (const value of [
    '',
    Buffer.from('garbage').toString('base64'),
    Buffer.from(new X509Certificate(cluster.bed.ca).toString()).toString('base64'),
  ]) {
    const patch = [{ op: 'add', path: '/webhooks/1/clientConfig/caBundle', value }];
    const answer = await cluster.bed.exchange(
      'PATCH',
      `${CONFIGURATIONS}/${cluster.configuration}`,
      patch,
      'application/json-patch+json',
    );
    if (answer.status === 200) await until('it is repaired', async () => (await bundles()).join() === good.join());
  }
  expect(cluster.lines.filter((line) => line.startsWith('cannot'))).toEqual([]);
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

test('without a webhook configuration it has a certificate, and is ready only once the configuration trusts it', async () => {
  const source = keeper();
  await until('a certificate', () => source.current() !== undefined);
  expect(source.problem()).toContain(`there is no MutatingWebhookConfiguration ${cluster.configuration}`);
  await install('a.vaultauth.dev');
  await ready(source);
});

test('a Secret that belongs to another owner is left unchanged and reported', async () => {
  await install('a.vaultauth.dev');
  await cluster.bed.request('POST', `/api/v1/namespaces/${cluster.namespace}/secrets`, {
    metadata: { name: 'ca' },
    stringData: { 'ca.crt': 'theirs' },
  });
  const before = await secret();
  const source = keeper();
  await until('it is reported', () => source.problem()?.includes(`the Secret ${cluster.namespace}/ca lacks the label`) === true);
  expect(source.current()).toBeUndefined();
  expect(await secret()).toEqual(before);
  // The administrator removes it: the replica recovers without a restart.
  await cluster.bed.request('DELETE', secretPath());
  await ready(source);
});

test('a CA from a file is published as it is, and again when the file changes', async () => {
  await install('a.vaultauth.dev', 'b.vaultauth.dev');
  const file = join(cluster.bed.directory, 'other-ca.crt');
  writeFileSync(file, cluster.bed.ca);
  const log = { info: () => undefined, warn: () => undefined };
  const files: CertificateSource = {
    current: () => undefined,
    onChange: () => undefined,
    problem: () => undefined,
    close: () => Promise.resolve(),
  };
  const source = publishedFileSource({
    files,
    caFile: file,
    client: connect(),
    configuration: cluster.configuration,
    log,
    everyMs: 50,
  });
  afterwards(() => source.close());
  expect(source.problem()).toContain('has not been published yet');
  await ready(source);
  expect((await bundles()).map(decoded)).toEqual([cluster.bed.ca, cluster.bed.ca]);
  writeFileSync(file, 'no certificate');
  await until('it is reported', () => source.problem()?.includes('has no certificate in PEM') === true);
  const dates = { notBefore: new Date(), notAfter: new Date(Date.now() + 3_600_000) };
  const other = issueCa({ commonName: 'other', ...dates }).certificate;
  writeFileSync(file, other);
  await ready(source);
  expect((await bundles()).map(decoded)).toEqual([other, other]);
}, 300_000);

test('without its rights, readiness reports the API server’s message', async () => {
  await install('a.vaultauth.dev');
  await revoke('clusterrolebindings');
  const source = keeper();
  await until('it is reported', () =>
    /not been read yet; GET .*mutatingwebhookconfigurations.*cannot get resource/.test(source.problem() ?? ''),
  );
});
