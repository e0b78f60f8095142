// No replica of the webhook runs, and injection is on for the whole cluster: what must start starts, what must not does not.
import { join } from 'node:path';
import { type Bed, startBed } from '../bed/bed.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import type { ApiAnswer } from '../bed/request.ts';
import { openConfiguration } from '../bed/webhook.ts';
import { podsPath, webPod } from './pods.ts';
import { eventually } from '../support/eventually.ts';

const ASK = { 'vault.hashicorp.com/agent-inject': 'true' };
const NAME = 'vault-auth-injector';
describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  let outcome: 'passed' | 'failed' = 'failed';

  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-controller-manager'] });
    const deploy = join(repositoryDirectory(), 'deploy');
    const variants = join(deploy, 'variants');
    await bed.kubectl(['apply', '-k', join(deploy, 'namespace')]);
    await bed.kubectl(['apply', '-k', join(variants, 'cluster-wide')]);
    await openConfiguration(bed, NAME);
    // The strictest of the policies as well.
    await bed.kubectl(['apply', '-k', join(variants, 'verify-cluster-wide')]);
    const deny = JSON.stringify({ spec: { validationActions: ['Deny'] } });
    await bed.kubectl(['patch', 'validatingadmissionpolicybinding', `${NAME}-verify`, '--type=merge', '-p', deny]);
    await bed.createNamespace({ name: 'team' });
    await bed.createNamespace({ name: 'labelled', labels: { 'vaultauth.dev/inject': 'enabled' } });
    await eventually('the configuration takes effect', async () => (await statusOf('team', ASK)) === 500);
  }, 600_000);
  afterAll(() => bed?.stop(outcome));

  const statusOf = async (namespace: string, annotations: Readonly<Record<string, string>>): Promise<number> =>
    (await bed.exchange('POST', podsPath(namespace, '?dryRun=All'), webPod('web', annotations))).status;

  it.each([
    ['kube-system', {}],
    ['kube-system', ASK],
    ['team', {}],
    ['labelled', { 'vaultauth.dev/inject': 'disabled' }],
  ])('starts a pod in %s with %p', async (namespace, annotations) => {
    expect(await statusOf(namespace, annotations)).toBe(201);
  });

  it("starts the webhook's own replicas", async () => {
    let pods: readonly unknown[] = [];
    await eventually('there are two', async () => {
      pods = (await bed.request<{ items: readonly unknown[] }>('GET', podsPath(NAME))).items;
      return pods.length >= 2;
    });
    expect(pods).toHaveLength(2);
  });

  it.each([
    ['team', ASK, 'annotation'],
    ['labelled', {}, 'namespace'],
  ])('rejects a pod in %s with %p, in a message that names the webhook', async (namespace, annotations, entry) => {
    const { status, text } = await bed.exchange('POST', podsPath(namespace, '?dryRun=All'), webPod('web', annotations));
    expect(status).toBe(500);
    expect(text).toContain(`failed calling webhook \\"${entry}.vaultauth.dev\\"`);
  });

  it('rejects by the policy a pod that asks while no webhook is registered', async () => {
    await bed.kubectl(['delete', 'mutatingwebhookconfiguration', NAME]);
    const create = (namespace: string, annotations: Readonly<Record<string, string>>): Promise<ApiAnswer> =>
      bed.exchange('POST', podsPath(namespace, '?dryRun=All'), webPod('web', annotations));
    // Deletion and each of the policies take effect a moment later.
    await eventually('the policy refuses', async () => (await create('team', ASK)).status === 403);
    for (const namespace of ['labelled', 'team'])
      await eventually('the policy warns', async () => (await create(namespace, {})).warnings.length > 0);
    const asking = await create('team', ASK);
    expect([asking.status, asking.text]).toEqual([403, expect.stringContaining('although its annotations request injection')]);
    for (const [namespace, because] of [
      ['labelled', 'its namespace labelled has the label'],
      ['team', 'injection is enabled for the whole cluster'],
    ] as const) {
      const silent = await create(namespace, {});
      expect([silent.status, silent.warnings]).toEqual([201, [expect.stringContaining(because)]]);
    }
    expect(await create('kube-system', ASK)).toMatchObject({ status: 201, warnings: [] });
    outcome = 'passed';
  });
});
