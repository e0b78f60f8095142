// agent-inject in the place of vault-k8s: the environment, arguments, probes, configuration and rights of the vault-helm chart,
// with one replica and with three. Only the way to the API server differs: a kubeconfig in place of the pod's own files.
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bed, startBed } from '../bed/bed.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { freePorts } from '../bed/ports.ts';
import { untilReady, type Server } from '../bed/server.ts';
import { podWith } from '../support/pods.ts';
import { chartConfiguration, chartEnvironment } from './chart.ts';
import { grantChartRights } from './chart-rights.ts';
import { eventually } from '../support/eventually.ts';

const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

interface Replica {
  readonly server: Server;
  readonly port: number;
}

interface Installation {
  readonly namespace: string;
  readonly configuration: string;
  readonly replicas: readonly Replica[];
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

let bed: Bed;
beforeAll(async () => {
  bed = await startBed({ parts: ['kube-apiserver'] });
}, 600_000);
afterAll(() => bed?.stop());

const kubeconfigOf = (token: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: bed.url, 'certificate-authority-data': Buffer.from(bed.ca).toString('base64') } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });

const install = async (count: number): Promise<Installation> => {
  const namespace = await bed.createNamespace();
  const configuration = `vault-agent-injector-cfg-${namespace}`;
  await bed.request('POST', CONFIGURATIONS, chartConfiguration(configuration, namespace));
  const kubeconfig = join(bed.directory, `${namespace}.conf`);
  writeFileSync(kubeconfig, kubeconfigOf(await grantChartRights(bed, { namespace, name: configuration })), { mode: 0o600 });
  const ports = await freePorts(count);
  const replicas = ports.map((port, index) => ({
    port,
    server: bed.start({
      name: `${namespace}-${index}`,
      command: process.execPath,
      // The chart's own arguments; the second is a slip of its authors that has to do no harm.
      arguments: [join(repositoryDirectory(), 'dist', 'vault-auth-injector.js'), 'agent-inject', '2>&1'],
      environment: {
        ...chartEnvironment(port, namespace, configuration, `vault-agent-injector-${index}`),
        AGENT_INJECT_KUBECONFIG: kubeconfig,
      },
    }),
  }));
  // The chart's readiness probe: HTTPS by address, any certificate.
  await Promise.all(
    replicas.map(({ server, port }) =>
      untilReady(server, 90, async () => (await ask(port, 'GET', '/health/ready')).status === 204),
    ),
  );
  return { namespace, configuration, replicas };
};

interface Trust {
  readonly ca: string;
  readonly servername: string;
  readonly agent?: Agent;
}

const ask = (port: number, method: string, path: string, body = '', trust?: Trust): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        timeout: 10_000,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        ...(trust ? { agent: false, ...trust } : { agent: false, rejectUnauthorized: false, servername: '' }),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', reject);
    sent.end(body);
  });

const review = JSON.stringify({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'u',
    namespace: 'shop',
    operation: 'CREATE',
    object: podWith({ annotations: { 'agent-inject-secret-a': 'kv/a' } }),
  },
});

/** What the API server would trust, and the name that it would expect. */
const publishedTrust = async ({ configuration, namespace }: Installation): Promise<Trust> => {
  const live = await bed.request<{ webhooks: { clientConfig: { caBundle?: string } }[] }>(
    'GET',
    `${CONFIGURATIONS}/${configuration}`,
  );
  const ca = Buffer.from(live.webhooks[0]?.clientConfig.caBundle ?? '', 'base64').toString('utf8');
  return { ca, servername: `vault-agent-injector-svc.${namespace}.svc` };
};

describe.each([1, 3])('with %i replicas', (count) => {
  let installation: Installation;
  let trust: Trust;
  beforeAll(async () => {
    installation = await install(count);
    trust = await publishedTrust(installation);
  }, 300_000);

  test('publishes one CA, and every replica serves the name of the Service under it', async () => {
    expect(trust.ca.match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
    for (const { port } of installation.replicas) {
      const { status, body } = await ask(port, 'POST', '/mutate?timeout=30s', review, trust);
      expect(status).toBe(200);
      expect(JSON.parse(body)).toMatchObject({ response: { uid: 'u', allowed: true, patchType: 'JSONPatch' } });
    }
  });

  test('exposes metrics with the names and labels of vault-k8s', async () => {
    const [first] = installation.replicas;
    const { body } = await ask(first?.port ?? 0, 'GET', '/metrics');
    for (const name of [
      'request_queue_length',
      'request_processing_duration_ms_bucket{le="7500"',
      'failed_injections_by_namespace_total',
    ])
      expect(body).toContain(`vault_agent_injector_${name}`);
    expect(body).toContain(
      'vault_agent_injector_injections_by_namespace_total{namespace="shop",injection_type="init_and_sidecar"} 1',
    );
  });

  test('loses no review on SIGTERM (Q18)', async () => {
    const [first] = installation.replicas;
    if (!first) throw new Error('no replica');
    const agent = new Agent({ keepAlive: true, maxSockets: 8, ca: trust.ca, servername: trust.servername });
    const lost: string[] = [];
    let answered = 0;
    let last = Number.POSITIVE_INFINITY;
    const client = async (): Promise<void> => {
      while (Date.now() < last) {
        await ask(first.port, 'POST', '/mutate', review, { ...trust, agent }).then(
          ({ status }) => (status === 200 ? (answered += 1) : lost.push(String(status))),
          (error: NodeJS.ErrnoException) => lost.push(error.code ?? error.message),
        );
        await sleep(10);
      }
    };
    const clients = Array.from({ length: 4 }, client);
    await sleep(300);
    // The endpoint is out of everyone's view within seconds; until then reviews keep coming, over old connections and new ones.
    last = Date.now() + ENDPOINTS_LAG_MS;
    process.kill(first.server.pid, 'SIGTERM');
    await Promise.all(clients);
    agent.destroy();
    expect(lost).toEqual([]);
    expect(answered).toBeGreaterThan(100);
    expect(await ended(first.server)).toBe(0);
  }, 300_000);
});

/** Less than the 10 s for which the server keeps serving at the least. */
const ENDPOINTS_LAG_MS = 9000;

const ended = async (server: Server): Promise<number | null> => {
  await eventually(() => !server.running());
  return server.exitCode();
};

test('a replica without an API server retries, and its probe fails meanwhile (Q19)', async () => {
  const [port = 0, nowhere = 0] = await freePorts(2);
  const kubeconfig = join(bed.directory, 'nowhere.conf');
  writeFileSync(kubeconfig, kubeconfigOf('none').replace(bed.url, `https://127.0.0.1:${nowhere}`), { mode: 0o600 });
  const server = bed.start({
    name: 'alone',
    command: process.execPath,
    arguments: [join(repositoryDirectory(), 'dist', 'vault-auth-injector.js'), 'agent-inject'],
    environment: { ...chartEnvironment(port, 'default', 'absent', 'alone'), AGENT_INJECT_KUBECONFIG: kubeconfig },
  });
  const probe = (): Promise<string> =>
    ask(port, 'GET', '/health/ready').then(
      ({ status }) => String(status),
      (error: Error) => error.message,
    );
  // Without a certificate there is no handshake to answer in.
  await eventually('it listens', async () => !(await probe()).includes('ECONNREFUSED'));
  await sleep(2000);
  expect(server.running()).toBe(true);
  expect(await probe()).toMatch(/handshake|socket|ECONNRESET/);
  await server.stop('SIGTERM');
});
