// Metadata of namespaces and service accounts, followed on a real API server that comes and goes.
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeClient, kubeClient } from '../../src/kube/client.ts';
import { kubeconfigConnection } from '../../src/kube/kubeconfig.ts';
import { type MetadataInformer, startMetadataInformer } from '../../src/kube/metadata-informer.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import { eventually } from '../support/eventually.ts';

const ROLE = 'vaultauth.dev/role';
const account = (name: string, role: string): object => ({ metadata: { name, annotations: { [ROLE]: role } } });
const isOurs = (name: string): boolean => name.startsWith('vaultauth.dev/');
describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  let cluster: MetadataInformer;
  const problems: (string | undefined)[] = [];
  let client: KubeClient;
  let outcome: 'passed' | 'failed' = 'failed';

  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-apiserver'] });
    client = kubeClient({ connection: await kubeconfigConnection(bed.kubeconfig), userAgent: 'tester/1' });
    cluster = startMetadataInformer({
      client,
      isRelevant: isOurs,
      onProblem: (_, problem) => problems.push(problem),
      // Short, so that watches end and resume while the test runs.
      times: { streamSeconds: 2 },
    });
  }, 600_000);
  afterAll(async () => {
    await cluster?.close();
    client?.close();
    await bed?.stop(outcome);
  });

  const roleOf = (name: string): string | undefined => cluster.serviceAccount('team', name)?.annotations.get(ROLE);
  const accounts = '/api/v1/namespaces/team/serviceaccounts';

  it('lists what exists and observes changes', async () => {
    await eventually(() => cluster.synced());
    expect(cluster.namespace('default')).toBeDefined();
    await bed.createNamespace({ name: 'team', labels: { 'vaultauth.dev/inject': 'enabled', other: 'x' } });
    await bed.request('POST', accounts, account('web', 'one'));
    await eventually(() => roleOf('web') === 'one');
    expect(Object.fromEntries(cluster.namespace('team')?.labels ?? [])).toEqual({
      'kubernetes.io/metadata.name': 'team',
      other: 'x',
      'vaultauth.dev/inject': 'enabled',
    });
    await bed.request('PATCH', `${accounts}/web`, account('web', 'two'), 'application/merge-patch+json');
    await eventually(() => roleOf('web') === 'two');
    await bed.request('DELETE', `${accounts}/web`);
    await eventually(() => cluster.serviceAccount('team', 'web') === undefined);
    expect(problems).toEqual([]);
  });

  it('looks up an object before its watch event', async () => {
    await bed.request('POST', accounts, account('fresh', 'one'));
    await cluster.lookUp('team', 'fresh', 60_000);
    expect(roleOf('fresh')).toBe('one');
    await cluster.lookUp('team', 'absent', 60_000);
    expect(cluster.serviceAccount('team', 'absent')).toBeUndefined();
  });

  it('resumes watches that end', async () => {
    await sleep(4000);
    await bed.request('POST', accounts, account('later', 'one'));
    await eventually(() => roleOf('later') === 'one');
    expect(problems).toEqual([]);
  });

  it('serves from its cache while the API server is away, and resumes afterwards', async () => {
    const restarted = bed.restart('kube-apiserver');
    await eventually(() => problems.length > 0);
    expect(roleOf('later')).toBe('one');
    await restarted;
    await bed.request('POST', accounts, account('after', 'one'));
    await eventually(() => roleOf('after') === 'one');
    await eventually(() => problems.at(-1) === undefined);
    outcome = 'passed';
  }, 300_000);
});
