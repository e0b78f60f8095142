// deploy/manifests on a real API server: accepted, selecting the right pods, with rights that suffice and are no more.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bed, startBed } from '../bed/bed.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { freePorts } from '../bed/ports.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import { openConfiguration } from '../bed/webhook.ts';
import { at, objectsIn, only } from '../unit/deploy/documents.ts';
import { eventually } from '../support/eventually.ts';

const NAME = 'vault-auth-injector';
const CONFIGURATION = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${NAME}`;
const INJECT = 'vaultauth.dev/inject';
const ASK = 'vault.hashicorp.com/agent-inject';

type Texts = Readonly<Record<string, string>>;
interface Row {
  readonly labels?: Texts;
  readonly annotations?: Texts;
  readonly namespace?: string;
  /** The entry that is called. */
  readonly entry: 'label' | 'annotation' | undefined;
}

const ROWS: readonly Row[] = [
  { entry: undefined },
  { labels: { [INJECT]: 'enabled' }, entry: 'label' },
  { labels: { [INJECT]: 'enabled' }, annotations: { [ASK]: 'true' }, entry: 'label' },
  { labels: { [INJECT]: 'enabled' }, annotations: { [ASK]: 'false' }, entry: 'label' },
  { labels: { [INJECT]: 'disabled' }, annotations: { [ASK]: 'true' }, entry: undefined },
  { labels: { [INJECT]: 'perhaps' }, entry: undefined },
  { labels: { [INJECT]: 'perhaps' }, annotations: { [ASK]: 'true' }, entry: 'annotation' },
  ...['true', '1', 'T', 'ture', 'yes', 'fAlSe'].map((value): Row => ({ annotations: { [ASK]: value }, entry: 'annotation' })),
  ...['false', 'False', 'FALSE', 'f', 'F', '0', ''].map((value): Row => ({ annotations: { [ASK]: value }, entry: undefined })),
  { annotations: { 'openbao.org/agent-inject': 'true' }, entry: 'annotation' },
  { annotations: { 'vaultauth.dev/agent-inject': 'true' }, entry: 'annotation' },
  { annotations: { [ASK]: 'false', 'openbao.org/agent-inject': 'true' }, entry: 'annotation' },
  { annotations: { 'example.com/agent-inject': 'true' }, entry: undefined },
  { annotations: { [ASK]: 'true' }, namespace: 'kube-public', entry: undefined },
  { annotations: { [ASK]: 'true' }, namespace: 'stopped', entry: undefined },
  { labels: { [INJECT]: 'enabled' }, namespace: 'stopped', entry: undefined },
];

describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  let outcome: 'passed' | 'failed' = 'failed';
  const manifests = join(repositoryDirectory(), 'deploy', 'manifests');

  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-controller-manager'] });
    await bed.kubectl(['apply', '-k', join(repositoryDirectory(), 'deploy', 'namespace')]);
    await bed.kubectl(['apply', '-k', manifests]);
    await bed.createNamespace({ name: 'team' });
    await bed.createNamespace({ name: 'stopped', labels: { 'vaultauth.dev/admission': 'disabled' } });
    // No replica has been ready, so nothing is rejected: the entries have no rules yet.
    for (let round = 0; round < 5; round += 1) {
      expect(await called(bed, { annotations: { [ASK]: 'true' }, entry: undefined })).toBeUndefined();
      await sleep(200);
    }
    await openConfiguration(bed, NAME);
    // All entries are one object, which the API server takes up a moment later.
    await eventually(
      'the entries take effect',
      async () => (await called(bed, { annotations: { [ASK]: 'true' }, entry: 'annotation' })) === 'annotation',
    );
  }, 600_000);
  afterAll(() => bed?.stop(outcome));

  it('changes nothing in a second apply', async () => {
    const generations = (): Promise<string> =>
      bed.kubectl(['get', '-k', manifests, '-o', 'jsonpath={.items[*].metadata.generation}']);
    const before = await generations();
    await bed.kubectl(['apply', '-k', manifests]);
    expect(await generations()).toBe(before);
  });

  it('runs both replicas in a namespace with Pod Security restricted', async () => {
    let pods: readonly unknown[] = [];
    await eventually('there are two', async () => {
      pods = (await bed.request<{ items: unknown[] }>('GET', `/api/v1/namespaces/${NAME}/pods`)).items;
      return pods.length >= 2;
    });
    expect(pods).toHaveLength(2);
  });

  it('registers entries that match the pods that ask, and no others', async () => {
    const results = await Promise.all(ROWS.map(async (row) => ({ ...row, entry: await called(bed, row) })));
    expect(results).toEqual(ROWS);
  });

  it('grants the rights to publish the CA', async () => {
    const accounts = `/api/v1/namespaces/${NAME}/serviceaccounts/${NAME}/token`;
    const { status } = await bed.request<{ status: { token: string } }>('POST', accounts, { spec: { expirationSeconds: 3600 } });
    const kubeconfig = join(bed.directory, 'installed.json');
    writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(bed, status.token)), { mode: 0o600 });
    const container = at(only(objectsIn('manifests/deployment.yaml'), 'Deployment'), 'spec', 'template', 'spec', 'containers', 0);
    const args = at(container, 'args') as readonly string[];
    const variables = at(container, 'env') as readonly { readonly name: string; readonly value?: string }[];
    const [port = 0, operations = 0] = await freePorts(2);
    const addresses = [`-listen=127.0.0.1:${port}`, `-operations-listen=127.0.0.1:${operations}`];
    const program = join(repositoryDirectory(), 'dist', 'vault-auth-injector.js');
    const server = bed.start({
      name: 'installed',
      command: process.execPath,
      arguments: [program, ...args, ...addresses, `-kubeconfig=${kubeconfig}`],
      environment: {
        ...Object.fromEntries(variables.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
        NAMESPACE: NAME,
      },
    });
    await eventually(async () => {
      const answer = await fetch(`http://127.0.0.1:${operations}/readyz`);
      expect(answer.ok ? '200' : await answer.text()).toBe('200');
    });
    expect(readFileSync(server.logFile, 'utf8')).not.toMatch(/"level":(?:40|50)|"level":"(?:warn|error)"/);
    const { webhooks } = await bed.request<{ webhooks: { clientConfig: { caBundle?: string } }[] }>('GET', CONFIGURATION);
    expect(
      webhooks.map(({ clientConfig }) =>
        Buffer.from(clientConfig.caBundle ?? '', 'base64')
          .toString()
          .slice(0, 27),
      ),
    ).toEqual(webhooks.map(() => '-----BEGIN CERTIFICATE-----'));
    await server.stop('SIGKILL');
    expect(await bed.kubectl(['apply', '-k', manifests])).toContain(
      'mutatingwebhookconfiguration.admissionregistration.k8s.io/vault-auth-injector unchanged',
    );
    expect((await bed.request<{ webhooks: unknown }>('GET', CONFIGURATION)).webhooks).toEqual(webhooks);
  });

  it('grants no further rights', async () => {
    const can = async (...words: readonly string[]): Promise<boolean> => {
      const user = `--as=system:serviceaccount:${NAME}:${NAME}`;
      return bed.kubectl(['auth', 'can-i', ...words, user]).then(
        (answer) => answer.trim() === 'yes',
        () => false,
      );
    };
    expect(await can('get', 'secrets/vault-auth-injector-ca', '-n', NAME)).toBe(true);
    expect(await can('watch', 'serviceaccounts', '--all-namespaces')).toBe(true);
    for (const words of [
      ['get', 'secrets/other', '-n', NAME],
      ['list', 'secrets', '-n', NAME],
      ['get', 'secrets/vault-auth-injector-ca', '-n', 'team'],
      ['patch', 'mutatingwebhookconfigurations/other'],
      ['delete', `mutatingwebhookconfigurations/${NAME}`],
      ['get', 'pods', '-n', 'team'],
      ['create', 'pods', '-n', NAME],
      ['create', 'serviceaccounts/token', '-n', 'team'],
      ['update', 'namespaces/team'],
    ])
      expect([words, await can(...words)]).toEqual([words, false]);
    outcome = 'passed';
  });
});

/** The entry that a pod is refused by: no webhook is served, so each selected pod is refused in its entry's name. */
const called = async (bed: Bed, { labels = {}, annotations = {}, namespace = 'team' }: Row): Promise<string | undefined> => {
  const pod = { metadata: { name: 'web', labels, annotations }, spec: { containers: [{ name: 'web', image: 'nginx' }] } };
  const { status, text } = await bed.exchange('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
  return status === 201 ? undefined : (/failed calling webhook \\"(\w+)\.vaultauth\.dev\\"/.exec(text)?.[1] ?? text);
};

const kubeconfigOf = (bed: Bed, token: string): object => ({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': NAME,
  clusters: [{ name: NAME, cluster: { server: bed.url, 'certificate-authority-data': Buffer.from(bed.ca).toString('base64') } }],
  users: [{ name: NAME, user: { token } }],
  contexts: [{ name: NAME, context: { cluster: NAME, user: NAME } }],
});
