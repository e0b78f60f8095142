// An installation in another namespace by kustomize alone, and a replica that reports each way in which its registration is wrong.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isObject, type JsonObject } from '../../src/json/json.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { freePorts } from '../bed/ports.ts';
import type { Server } from '../bed/server.ts';
import { registerWebhook, startWebhook, untilInjecting } from '../bed/webhook.ts';
import { eventually } from '../support/eventually.ts';
import { at, only } from '../unit/deploy/documents.ts';
import { ASKING, createPod, namesIn, podsPath, webPod } from './pods.ts';

const NAME = 'vault-auth-injector';
const NAMESPACE = 'security';
const POD = `${NAME}-0`;
const CONFIGURATION = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${NAME}`;
const SERVICE = `/api/v1/namespaces/${NAMESPACE}/services/${NAME}`;
const SLICES = `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`;

let bed: Bed;
let port: number;
let operations: number;
let replica: Server;
let outcome: 'passed' | 'failed' = 'failed';

/** Renders an overlay that only sets the namespace. */
const overlay = async (): Promise<readonly JsonObject[]> => {
  const directory = join(bed.directory, 'overlay');
  mkdirSync(directory);
  const resources = [relative(directory, join(repositoryDirectory(), 'deploy', 'manifests'))];
  const kustomization = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', namespace: NAMESPACE, resources };
  writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization));
  const rendered = await bed.kubectl(['kustomize', directory]);
  await bed.kubectl(['apply', '-k', directory]);
  return parseAllDocuments(rendered)
    .map((document): unknown => document.toJS())
    .filter(isObject);
};

const kubeconfigFor = async (): Promise<string> => {
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${NAME}/token`;
  const { status } = await bed.request<{ status: { token: string } }>('POST', path, { spec: { expirationSeconds: 3600 } });
  const file = join(bed.directory, 'replica.json');
  const cluster = { server: bed.url, 'certificate-authority-data': Buffer.from(bed.ca).toString('base64') };
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': NAME,
    clusters: [{ name: NAME, cluster }],
    users: [{ name: NAME, user: { token: status.token } }],
    contexts: [{ name: NAME, context: { cluster: NAME, user: NAME } }],
  };
  writeFileSync(file, JSON.stringify(kubeconfig), { mode: 0o600 });
  return file;
};

/** A replica with the variables of the Deployment, as the kubelet would set them. */
const start = async (deployment: JsonObject): Promise<Server> => {
  const container = at(deployment, 'spec', 'template', 'spec', 'containers', 0);
  const variables = at(container, 'env') as readonly { readonly name: string; readonly value?: string }[];
  return bed.start({
    name: 'replica',
    command: process.execPath,
    arguments: [
      join(repositoryDirectory(), 'dist', `${NAME}.js`),
      ...(at(container, 'args') as readonly string[]),
      `-listen=127.0.0.1:${port}`,
      `-operations-listen=127.0.0.1:${operations}`,
      `-kubeconfig=${await kubeconfigFor()}`,
      '-register-after=0s',
    ],
    environment: {
      ...Object.fromEntries(variables.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
      NAMESPACE,
      POD_NAME: POD,
      VAULT_AUTH_INJECTOR_DRAIN_MN: '1s',
    },
  });
};

const readiness = async (): Promise<string> => {
  const answer = await fetch(`http://127.0.0.1:${operations}/readyz`).catch(() => undefined);
  return answer ? `${answer.status} ${await answer.text()}` : 'no answer';
};
const untilReported = async (...texts: readonly string[]): Promise<void> => {
  let state = '';
  await eventually(
    `the replica reports ${texts.join(', ')}`,
    async () => {
      state = await readiness();
      return texts.every((text) => state.includes(text));
    },
    { state: () => state },
  );
};

/** Changes clientConfig.service of every entry. */
const call = (field: string, value: unknown): Promise<unknown> =>
  bed.request(
    'PATCH',
    CONFIGURATION,
    [0, 1].map((index) => ({ op: 'add', path: `/webhooks/${index}/clientConfig/service/${field}`, value })),
    'application/json-patch+json',
  );

beforeAll(async () => {
  // Without routing by the aggregator the API server calls a Service of type ExternalName by its name: here localhost.
  bed = await startBed({ parts: ['kube-apiserver'], apiServerFlags: ['--enable-aggregator-routing=false'] });
  [port = 0, operations = 0] = await freePorts(2);
  await bed.createNamespace({ name: NAMESPACE });
  replica = await start(only(await overlay(), 'Deployment'));
}, 600_000);
afterAll(() => bed?.stop(outcome));

test('reports the Service that does not lead to it, the port, the path and the namespace, and adds no rules until all are right', async () => {
  await untilReported(`443 of the Service ${NAMESPACE}/${NAME}, whose selector does not match this replica`);
  await bed.request('POST', SLICES, {
    metadata: { name: NAME, labels: { 'kubernetes.io/service-name': NAME } },
    addressType: 'IPv4',
    ports: [{ name: 'reviews', port: 1 }],
    endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: false }, targetRef: { kind: 'Pod', name: POD } }],
  });
  await untilReported(`which leads to port 1 of this replica, and it listens on ${port}`);
  await call('port', 8443);
  await untilReported(`calls port 8443 of the Service ${NAMESPACE}/${NAME}, which has 443`);
  await call('name', 'other');
  await untilReported(`calls the Service ${NAMESPACE}/other, which does not exist`);
  await call('namespace', 'default');
  await untilReported('calls the Service default/other, and this replica runs in the namespace security');
  await call('namespace', NAMESPACE);
  await call('name', NAME);
  const spec = {
    type: 'ExternalName',
    externalName: 'localhost',
    clusterIP: null,
    clusterIPs: null,
    ports: [{ name: 'reviews', port }],
  };
  await bed.request('PATCH', SERVICE, { spec: { ...spec, selector: null } }, 'application/merge-patch+json');
  await call('port', port);
  await call('path', '/inject');
  await untilReported('calls the path /inject, and this replica serves /mutate');
  const { webhooks } = await bed.request<{ webhooks: readonly { rules?: unknown }[] }>('GET', CONFIGURATION);
  expect(webhooks.map(({ rules }) => rules)).toEqual([undefined, undefined]);
  await call('path', '/mutate');
  await untilReported('200');
}, 300_000);

test('injects pods elsewhere, and none of its own namespace, although the selectors name another one', async () => {
  const team = await bed.createNamespace({ name: 'team' });
  await untilInjecting(bed, team);
  const pod = { metadata: { name: 'web', annotations: ASKING }, spec: { containers: [{ name: 'web', image: 'nginx' }] } };
  const { status, text } = await bed.exchange('POST', podsPath(NAMESPACE, '?dryRun=All'), pod);
  expect([status, text.includes('vault-agent')]).toEqual([201, false]);
}, 300_000);

test('stays ready while one entry leads here, warns of the other one, and is not ready once the configuration is gone', async () => {
  await bed.request(
    'PATCH',
    CONFIGURATION,
    [{ op: 'add', path: '/webhooks/0/clientConfig/service/path', value: '/inject' }],
    'application/json-patch+json',
  );
  await eventually('it is logged', () =>
    readFileSync(replica.logFile, 'utf8').includes('label.vaultauth.dev calls the path /inject'),
  );
  expect(await readiness()).toMatch(/^200/);
  await bed.request('DELETE', CONFIGURATION);
  await untilReported(`there is no MutatingWebhookConfiguration ${NAME}: install it, or correct -tls-auto`);
}, 300_000);

/** As the chart of openbao-helm registers: updates are sent, too. */
const withUpdates = async (name: string): Promise<void> => {
  const path = CONFIGURATION.replace(NAME, name);
  const rule = {
    apiGroups: [''],
    apiVersions: ['v1'],
    operations: ['CREATE', 'UPDATE'],
    resources: ['pods'],
    scope: 'Namespaced',
  };
  const patch = [0, 1].map((index) => ({ op: 'replace', path: `/webhooks/${index}/rules`, value: [rule] }));
  await bed.request('PATCH', path, patch, 'application/json-patch+json');
};

test.each(['webhook', 'agent-inject'] as const)(
  '%s admits each update of a pod unpatched, as openbao-helm sends them',
  async (command) => {
    const { url, authority } = await startWebhook(bed, { name: command, command });
    const team = await bed.createNamespace();
    await registerWebhook(bed, { name: command, url, authority, namespace: team });
    await withUpdates(command);
    await untilInjecting(bed, team);
    const injected = await createPod(bed, team, webPod('injected', ASKING));
    expect([...namesIn(injected, 'containers'), ...namesIn(injected, 'initContainers')].join()).toContain('vault-agent');
    // It asks only after it exists, or asks for something invalid: neither may make the pod unchangeable.
    await createPod(bed, team, webPod('late', {}));
    const update = (name: string, metadata: object): Promise<JsonObject> =>
      bed.request('PATCH', podsPath(team, `/${name}`), { metadata }, 'application/merge-patch+json');
    const calls = async (): Promise<number> => {
      const line = new RegExp(`^apiserver_admission_webhook_request_total\\{.*operation="UPDATE".*\\} (\\d+)$`, 'gm');
      return [...(await bed.metrics()).matchAll(line)].reduce((sum, [, count]) => sum + Number(count), 0);
    };
    const before = await calls();
    const labelled = await update('injected', { labels: { tier: 'web' } });
    expect(labelled['spec']).toEqual(injected['spec']);
    expect((await update('late', { annotations: ASKING }))['spec']).not.toHaveProperty('initContainers');
    expect(
      (await update('late', { annotations: { ...ASKING, 'vault.hashicorp.com/agent-run-as-user': 'root' } }))['metadata'],
    ).toHaveProperty(['annotations', 'vault.hashicorp.com/agent-run-as-user'], 'root');
    expect(await calls()).toBeGreaterThan(before);
  },
  300_000,
);

test('logs its settings with their origin, and a misspelt variable with the nearest name', () => {
  const log = readFileSync(replica.logFile, 'utf8');
  expect(log).toContain(
    '"VAULT_AUTH_INJECTOR_DRAIN_MN is not a setting of webhook; did you mean VAULT_AUTH_INJECTOR_DRAIN_MIN?"',
  );
  const settings = /^\{.*"msg":"settings in effect"\}$/m.exec(log)?.[0] ?? '{}';
  expect(JSON.parse(settings)).toMatchObject({
    flags: { 'register-after': '0s' },
    environment: { VAULT_AUTH_INJECTOR_TLS_AUTO: NAME },
    defaults: { 'drain-min': '10s' },
    excludedNamespaces: ['kube-system', 'kube-public', 'kube-node-lease', NAMESPACE],
  });
  outcome = 'passed';
});
