// A cluster for tests of the keeper: per test a configuration, a namespace, and exactly the rights that the vault-helm chart gives.
import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeClient, kubeClient } from '../../src/kube/client.ts';
import { selfManagedSource, type SelfManagedOptions } from '../../src/tls/keeper.ts';
import { caPolicy } from '../../src/tls/lifetimes.ts';
import type { CertificateSource } from '../../src/tls/source.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { grantChartRights, untilChartRights } from './chart-rights.ts';
import { eventually } from '../support/eventually.ts';

export const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
export const HOSTS = ['vault-agent-injector-svc', 'vault-agent-injector-svc.vault', 'vault-agent-injector-svc.vault.svc'];
export const ANONYMOUS = {
  ca: undefined,
  certificate: undefined,
  key: undefined,
  authorization: undefined,
  serverName: undefined,
  verify: true,
};

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

/** What belongs to the test that runs now. */
export const cluster = {
  get bed(): Bed {
    if (!bed) throw new Error('call useCluster() in the test file');
    return bed;
  },
  namespace: '',
  configuration: '',
  /** How many tests there were: part of the names of objects without a namespace. */
  count: 0,
  /** What the keepers have logged. */
  lines: [] as string[],
};

let bed: Bed | undefined;
let token = '';
const opened: (() => Promise<void> | void)[] = [];

/** Starts the servers for a test file, and prepares and clears up each of its tests. */
export function useCluster(): void {
  beforeAll(async () => {
    bed = await startBed({ parts: ['kube-apiserver'] });
  }, 600_000);
  afterAll(() => bed?.stop());
  beforeEach(async () => {
    cluster.count += 1;
    cluster.lines = [];
    cluster.configuration = `vault-agent-injector-cfg-${cluster.count}`;
    cluster.namespace = await cluster.bed.createNamespace();
    token = await grantChartRights(cluster.bed, { namespace: cluster.namespace, name: `vault-agent-injector-${cluster.count}` });
  });
  afterEach(async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  });
}

/** Runs when the test is over, the latest first. */
export function afterwards(close: () => Promise<void> | void): void {
  void opened.push(close);
}

/** A client with the rights of the chart's service account. */
export function connect(): KubeClient {
  const { bed, namespace } = cluster;
  const credentials = { ...ANONYMOUS, ca: bed.ca, authorization: `Bearer ${token}` };
  const client = kubeClient({
    connection: { server: bed.url, namespace, credentials: () => Promise.resolve(credentials) },
    userAgent: 'tester',
  });
  afterwards(() => client.close());
  return client;
}

export function entry(name: string): object {
  return {
    name,
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    failurePolicy: 'Ignore',
    clientConfig: { service: { name: 'vault-agent-injector-svc', namespace: cluster.namespace, path: '/mutate' } },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }],
  };
}
export function manifest(...names: readonly string[]): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: cluster.configuration },
    webhooks: names.map(entry),
  };
}
export function install(...names: readonly string[]): Promise<unknown> {
  return cluster.bed.request('POST', CONFIGURATIONS, manifest(...names));
}
export function live(): Promise<Configuration> {
  return cluster.bed.request('GET', `${CONFIGURATIONS}/${cluster.configuration}`);
}
export async function bundles(): Promise<readonly string[]> {
  return (await live()).webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? '');
}
export function secretPath(name = 'ca'): string {
  return `/api/v1/namespaces/${cluster.namespace}/secrets/${name}`;
}
export function secret(): Promise<Secret> {
  return cluster.bed.request('GET', secretPath());
}
export function decoded(text: string | undefined): string {
  return Buffer.from(text ?? '', 'base64').toString();
}
export function certificatesIn(pem: string): readonly string[] {
  return pem.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----\n/g) ?? [];
}

export function keeper(more: Partial<SelfManagedOptions> = {}): CertificateSource {
  const log = {
    info: (_: object, text: string) => void cluster.lines.push(text),
    warn: (fields: object, text: string) => void cluster.lines.push(`${text} ${JSON.stringify(fields)}`),
  };
  const source = selfManagedSource({
    client: connect(),
    configuration: cluster.configuration,
    namespace: cluster.namespace,
    secretName: 'ca',
    hosts: HOSTS,
    policy: caPolicy(365 * 86_400_000, 7 * 86_400_000),
    log,
    everyMs: 3_600_000,
    graceMs: 0,
    ...more,
  });
  afterwards(() => source.close());
  return source;
}
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  await eventually(what, condition, { state: () => cluster.lines.join('\n') });
}
/** Takes away what binds the service account to its ClusterRole, or to its Role, and waits until that holds. */
export async function revoke(binding: 'clusterrolebindings' | 'rolebindings'): Promise<void> {
  const { bed, namespace, count } = cluster;
  const scope = binding === 'rolebindings' ? `namespaces/${namespace}/` : '';
  await bed.request('DELETE', `/apis/rbac.authorization.k8s.io/v1/${scope}${binding}/vault-agent-injector-${count}`);
  await untilChartRights(bed, namespace, { clusterRole: binding !== 'clusterrolebindings', role: binding !== 'rolebindings' });
}
/** Waits until something stays as it is for a time; writes that go on for ever never let it. */
export async function atRest(milliseconds: number, look: () => Promise<unknown>): Promise<void> {
  let before = JSON.stringify(await look());
  await until(`nothing is written for ${milliseconds} ms`, async () => {
    await sleep(milliseconds);
    const now = JSON.stringify(await look());
    const isSame = now === before;
    before = now;
    return isSame;
  });
}
export function ready(...sources: readonly CertificateSource[]): Promise<void> {
  return until('all are ready', () => sources.every((source) => source.problem() === undefined));
}
export function isSignedBy(source: CertificateSource, caCertificate: string): boolean {
  const [leaf, ca] = [new X509Certificate(source.current()?.certificate ?? ''), new X509Certificate(caCertificate)];
  return leaf.checkIssued(ca) && leaf.verify(ca.publicKey);
}
