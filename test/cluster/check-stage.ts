// A whole installation for the command check: the objects of deploy/ on a real API server, webhook and controller as processes, and an
// OpenBao. No kubelet runs: the state of pods is written as the controllers of a cluster would.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type JsonObject, objectsOf } from '../../src/json/json.ts';
import { checkCommand } from '../../src/cli/check.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { applyYAML, installController, runController, untilCondition } from '../bed/controller.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { answersOk } from '../bed/parts.ts';
import { freePorts } from '../bed/ports.ts';
import { type Server, untilReady } from '../bed/server.ts';
import { eventually } from '../support/eventually.ts';
import { runCommand } from '../unit/cli/run-command.ts';
import { view, type VaultView } from './seeds/stage.ts';

export const NAME = 'vault-auth-injector';
export const CONFIGURATION = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${NAME}`;
export const DEPLOYMENTS = `/apis/apps/v1/namespaces/${NAME}/deployments`;
export const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${NAME}/leases/${NAME}-controller`;

export interface Stage {
  readonly bed: Bed;
  readonly vault: VaultView;
  /** The port of the webhook, which its Service has too. */
  readonly port: number;
  readonly startWebhook: () => Promise<void>;
  readonly stopWebhook: () => Promise<void>;
  /** The processes of the webhook: a stopped one (SIGSTOP) neither answers nor repairs. */
  readonly signalWebhook: (signal: 'SIGSTOP' | 'SIGCONT') => void;
  readonly startController: () => Promise<void>;
  readonly stopController: () => Promise<void>;
  readonly apply: (yaml: string) => Promise<unknown>;
  readonly patch: (path: string, patch: JsonObject | readonly JsonObject[]) => Promise<unknown>;
  readonly stop: (outcome: 'passed' | 'failed') => Promise<void>;
}

/** Runs kubectl with a folder or file of this repository. */
export function deployed(bed: Bed, ...words: readonly string[]): Promise<string> {
  return bed.kubectl(words.map((word) => (word.startsWith('deploy/') ? join(repositoryDirectory(), word) : word)));
}

/** A Vault that is unsealed with this key. */
export async function unsealKey(bed: Bed): Promise<string> {
  const log = await readFile(join(bed.directory, 'log', 'openbao.log'), 'utf8');
  return /Unseal Key: (\S+)/.exec(log)?.[1] ?? '';
}

export interface Checked {
  readonly check: string;
  readonly status: string;
  readonly message: string;
  readonly remedy?: string;
}

/** The lines of the command, and its exit code. In words {{ADDRESS}} stands for that of OpenBao. */
export async function check(bed: Bed, words: readonly string[] = []): Promise<{ code: number; lines: readonly Checked[] }> {
  const kubeconfig = words.some((word) => word.startsWith('-kubeconfig')) ? [] : [`-kubeconfig=${bed.kubeconfig}`];
  const given = words.map((word) => word.replace('{{ADDRESS}}', bed.openbao?.address ?? ''));
  const { code, out, errors } = await runCommand(checkCommand, [...given, ...kubeconfig, '-o', 'json']);
  if (errors.length > 0) throw new Error(errors.join('\n'));
  const { checks } = JSON.parse(out) as { readonly checks: readonly Checked[] };
  return { code, lines: checks };
}

/** The lines that are neither ok nor skipped, as `status check`. */
export function findings(lines: readonly Checked[]): readonly string[] {
  return lines
    .filter(({ status }) => status === 'warn' || status === 'fail')
    .map(({ status, check: name }) => `${status} ${name}`);
}

/** Waits until the command reports exactly these findings, and returns its lines. */
export async function untilFindings(
  bed: Bed,
  expected: readonly string[],
  words: readonly string[] = [],
): Promise<readonly Checked[]> {
  let last: readonly Checked[] = [];
  await eventually(
    `check ${words.join(' ')} reports ${expected.join(', ') || 'nothing'}`,
    async () => {
      last = (await check(bed, words)).lines;
      return JSON.stringify(findings(last)) === JSON.stringify(expected);
    },
    {
      seconds: 40,
      everyMs: 100,
      state: () =>
        JSON.stringify(
          last.filter(({ status }) => status !== 'ok'),
          undefined,
          1,
        ),
    },
  );
  return last;
}

/** Starts everything until the installation is healthy. */
export async function openStage(): Promise<Stage> {
  // Without routing by the aggregator the API server calls a Service of type ExternalName by its name: here localhost.
  const bed = await startBed({ parts: ['kube-apiserver', 'openbao'], apiServerFlags: ['--enable-aggregator-routing=false'] });
  try {
    const { openbao } = bed;
    if (!openbao) throw new Error('OpenBao did not start');
    const [port = 0, operationsPort = 0] = await freePorts(2);
    await installController(bed);
    await deployed(bed, 'apply', '-k', 'deploy/namespace');
    await deployed(bed, 'apply', '-k', 'deploy/controller');
    await applyManifests(bed, port);
    const patch: Stage['patch'] = (path, body) =>
      bed.request('PATCH', path, body, Array.isArray(body) ? 'application/json-patch+json' : 'application/merge-patch+json');
    await bed.request('POST', `/apis/discovery.k8s.io/v1/namespaces/${NAME}/endpointslices`, {
      metadata: { name: NAME, labels: { 'kubernetes.io/service-name': NAME } },
      addressType: 'IPv4',
      ports: [{ name: 'reviews', port }],
      endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true } }],
    });
    for (const name of [NAME, `${NAME}-controller`]) await markReady(bed, name, 2);
    let webhook: Server | undefined;
    let controller: Server | undefined;
    const startWebhook = async (): Promise<void> => {
      webhook = bed.start({
        name: 'webhook',
        command: process.execPath,
        arguments: [
          join(repositoryDirectory(), 'dist', 'vault-auth-injector.js'),
          'webhook',
          `-kubeconfig=${bed.kubeconfig}`,
          `-listen=127.0.0.1:${port}`,
          `-operations-listen=127.0.0.1:${operationsPort}`,
          `-tls-auto=${NAME}`,
          '-vault-address=http://vault.vault.svc:8200',
          '-drain-min=0s',
          '-drain-idle=0s',
        ],
        environment: { NAMESPACE: NAME },
      });
      await untilReady(webhook, 60, () => answersOk(`http://127.0.0.1:${operationsPort}/healthz`));
    };
    const startController = async (): Promise<void> => {
      ({ server: controller } = await runController(bed, { flags: ['-resync-factor=0.02'] }));
    };
    await startWebhook();
    await startController();
    const apply = (yaml: string): Promise<string> => applyYAML(bed, yaml);
    await apply(objectsYAML(bed.url, openbao));
    await untilCondition(bed, 'VaultAuthRole', { namespace: 'shop', name: 'web' }, 'Ready=True');
    // The webhook adds the rules of its entries once it has been ready for a while.
    await untilFindings(bed, []);
    return {
      bed,
      vault: view(openbao.address, openbao.rootToken),
      port,
      startWebhook,
      stopWebhook: async () => webhook?.stop('SIGKILL'),
      signalWebhook: (signal) => void process.kill(webhook?.pid ?? 0, signal),
      startController,
      stopController: async () => controller?.stop('SIGTERM'),
      apply,
      patch,
      stop: (outcome) => bed.stop(outcome),
    };
  } catch (error) {
    await bed.stop('failed');
    throw error;
  }
}

/** What an installation does, and lets its Service lead to the process. */
export async function applyManifests(bed: Bed, port: number): Promise<void> {
  // kubectl would merge its ports with those of the manifest.
  await bed.kubectl(['-n', NAME, 'delete', 'service', NAME, '--ignore-not-found']);
  await deployed(bed, 'apply', '-k', 'deploy/manifests');
  await servePort(bed, port);
  await registerPort(bed, port);
}

/** The Service as one that leads to a port of this machine. */
export async function servePort(bed: Bed, port: number): Promise<void> {
  const spec = { type: 'ExternalName', externalName: 'localhost', clusterIP: null, clusterIPs: null };
  const patch = { spec: { ...spec, ports: [{ name: 'reviews', port }] } };
  await bed.request('PATCH', `/api/v1/namespaces/${NAME}/services/${NAME}`, patch, 'application/merge-patch+json');
}

/** Lets every entry call this port. */
export async function registerPort(bed: Bed, port: number, path = '/mutate'): Promise<void> {
  const { webhooks } = await bed.request<JsonObject>('GET', CONFIGURATION);
  const operations = objectsOf(webhooks).flatMap((_, index) => [
    { op: 'add', path: `/webhooks/${index}/clientConfig/service/port`, value: port },
    { op: 'add', path: `/webhooks/${index}/clientConfig/service/path`, value: path },
  ]);
  await bed.request('PATCH', CONFIGURATION, operations, 'application/json-patch+json');
}

/** Writes the status that the controllers of a cluster would. */
export async function markReady(bed: Bed, name: string, ready: number): Promise<void> {
  await bed.request(
    'PATCH',
    `${DEPLOYMENTS}/${name}/status`,
    { status: { replicas: 2, readyReplicas: ready, availableReplicas: ready } },
    'application/merge-patch+json',
  );
}

/** Changes one field of every entry. */
export async function changeEntries(bed: Bed, pointer: string, value: JsonObject[string]): Promise<void> {
  const { webhooks } = await bed.request<JsonObject>('GET', CONFIGURATION);
  const operations = objectsOf(webhooks).map((_, index) => ({ op: 'add', path: `/webhooks/${index}${pointer}`, value }));
  await bed.request('PATCH', CONFIGURATION, operations, 'application/json-patch+json');
}

/** A kubeconfig for a service account, or with any token. */
export async function kubeconfigOf(bed: Bed, name: string, token: string, server = bed.url): Promise<string> {
  const file = join(bed.directory, `${name}.json`);
  const cluster = { server, 'certificate-authority-data': Buffer.from(bed.ca).toString('base64') };
  const config = {
    clusters: [{ name: 'bed', cluster }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: 'bed', user: name } }],
    'current-context': name,
  };
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

export function backendYAML(name: string, host: string, more = ''): string {
  return `
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthBackend
metadata: { name: ${name} }
spec:
  endpointRef: { name: main }
  type: kubernetes
  path: ${name}
  clusterName: test
  resyncSeconds: 60
  probe: { intervalSeconds: 10 }
  tenancy: { namespaceSelector: { matchLabels: { vault: "yes" } } }
  kubernetes: { host: "${host}", reviewer: { mode: Rotated } }
${more}`;
}

const objectsYAML = (host: string, { address, rootToken }: { readonly address: string; readonly rootToken: string }): string => `
apiVersion: v1
kind: Secret
metadata: { name: token, namespace: ${NAME} }
stringData: { token: "${rootToken}" }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { vault: "yes" } }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: web, namespace: shop }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultEndpoint
metadata: { name: main }
spec:
  address: ${address}
  allowPlainHTTP: true
  auth: { token: { secretRef: { name: token } } }
  limits: { requestsPerSecond: 200, burst: 200, maxInFlight: 8 }
---${backendYAML('main', host, '  isDefault: true\n  rbac: { manageAuthDelegator: true }\n')}---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthRole
metadata: { name: web, namespace: shop }
spec: {}
`;
