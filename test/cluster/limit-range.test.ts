// LimitRanges on a real API server: with its agent no pod is refused that would start without it, whatever the bounds are.
import fc from 'fast-check';
import type { JsonObject } from '../../src/json/json.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import type { ApiAnswer } from '../bed/request.ts';
import { startWebhook } from '../bed/webhook.ts';
import { untilLimitsCached } from './limit-range-cache.ts';
import { ASKING, podsPath, webPod } from './pods.ts';
import { registerVariant } from './deploy-variant.ts';

const amounts = (most: number): fc.Arbitrary<JsonObject> =>
  fc.record(
    {
      cpu: fc.integer({ min: 1, max: most }).map((number) => `${number * 2}m`),
      memory: fc.integer({ min: 1, max: most }).map((number) => `${number}Mi`),
      'ephemeral-storage': fc.integer({ min: 1, max: most }).map((number) => `${number}Mi`),
    },
    { requiredKeys: [] },
  );
const ratio = fc.constantFrom('1', '1.5', '2', '4');
const ranges = fc.array(
  fc.record(
    {
      type: fc.constantFrom('Container', 'Pod'),
      min: amounts(20),
      max: amounts(150),
      maxLimitRequestRatio: fc.record({ cpu: ratio, memory: ratio }, { requiredKeys: [] }),
    },
    { requiredKeys: ['type'] },
  ),
  { minLength: 1, maxLength: 2 },
);

const resources = { requests: { cpu: '60m', memory: '60Mi' }, limits: { cpu: '80m', memory: '80Mi' } };
const SPECS: Readonly<Record<string, JsonObject>> = {
  bare: {},
  bounded: { containers: [{ name: 'web', image: 'nginx', resources }] },
  sidecar: {
    initContainers: [
      { name: 'mesh', image: 'mesh', restartPolicy: 'Always', resources },
      { name: 'migrate', image: 'migrate', resources },
    ],
    containers: [{ name: 'web', image: 'nginx', resources }],
  },
};
/** Many that the API server accepts; the others cannot exist. */
const NAMESPACES = 100;
const SEED = 4;

describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  let outcome: 'passed' | 'failed' = 'failed';

  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-apiserver'] });
    await registerVariant(bed, 'namespaces', await startWebhook(bed, { flags: [`-kubeconfig=${bed.kubeconfig}`] }));
  }, 600_000);
  afterAll(() => bed?.stop(outcome));

  const labels = { 'vaultauth.dev/inject': 'enabled' };
  const annotations = { 'vaultauth.dev/role': 'web', 'vault.hashicorp.com/agent-inject-secret-a': 'kv/a' };
  const limited = async (limits: readonly JsonObject[]): Promise<string | undefined> => {
    const namespace = await bed.createNamespace({ labels, annotations });
    const object = { metadata: { name: 'bounds' }, spec: { limits } };
    const { status } = await bed.exchange('POST', `/api/v1/namespaces/${namespace}/limitranges`, object);
    return status === 201 ? namespace : undefined;
  };
  const tried = (namespace: string, wish: Readonly<Record<string, string>>, spec: JsonObject = {}): Promise<ApiAnswer> =>
    bed.exchange('POST', podsPath(namespace, '?dryRun=All'), webPod('web', wish, spec));

  it('refuses a pod that asks if its LimitRange leaves too little for an agent, and starts the others without one', async () => {
    const namespace = (await limited([{ type: 'Container', max: { memory: '16Mi' } }])) ?? '';
    await untilLimitsCached(bed);
    const asking = await tried(namespace, ASKING);
    expect(asking.status).toBe(403);
    expect(asking.text).toMatch(/LimitRange \\+"bounds\\+" sets max\.memory 16Mi for each Container, and the agent needs 20Mi/);
    const silent = await tried(namespace, {});
    expect([silent.status, silent.text.includes('vault-agent')]).toEqual([201, false]);
    expect(silent.warnings).toEqual([expect.stringContaining('[limit-range]')]);
  });

  it('rejects no pod because of its agent, whatever its LimitRange', async () => {
    const samples = fc.sample(ranges, { numRuns: NAMESPACES, seed: SEED });
    const namespaces = (await Promise.all(samples.map(limited))).filter((name) => name !== undefined);
    await untilLimitsCached(bed);
    const counts = { started: 0, injected: 0, left: 0 };
    for (const namespace of namespaces)
      for (const [what, spec] of Object.entries(SPECS)) {
        const plain = await tried(namespace, { 'vault.hashicorp.com/agent-inject': 'false' }, spec);
        if (plain.status !== 201) continue;
        counts.started += 1;
        const [silent, asking] = [await tried(namespace, {}, spec), await tried(namespace, ASKING, spec)];
        const isInjected = silent.text.includes('"vault-agent"');
        if (isInjected) counts.injected += 1;
        else counts.left += 1;
        expect({ what, status: silent.status, text: silent.status === 201 ? '' : silent.text }).toEqual({
          what,
          status: 201,
          text: '',
        });
        expect(asking.status).toBe(isInjected ? 201 : 403);
        if (!isInjected) expect(asking.text).toContain('[limit-range]');
      }
    expect(counts.injected).toBeGreaterThan(30);
    expect(counts.left).toBeGreaterThan(0);
    outcome = 'passed';
  }, 300_000);
});
