// The policy of mode token on a real API server: what it gives is what the webhook gives, alone and together with it, and what it
// cannot do it leaves to the webhook. Kubernetes 1.36 is the first that has such policies.
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { type JsonObject, objectAt, objectsOf } from '../../src/json/json.ts';
import { TOKEN_VOLUME } from '../../src/pod/token.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { EXCLUDED } from '../generated/webhook-entries.ts';
import { type OtherWebhook, startOtherWebhook } from './other-webhook.ts';
import { containerOf, mountPathsOf, podsPath } from './pods.ts';
import { ACTORS, among, apply, applyPolicy, BY, carriesToken, resultOf, resultsOf, startActors } from './token-actors.ts';
import {
  anyPod,
  type Ask,
  ASKS,
  LARGEST,
  many,
  MODE,
  NO_ASKS,
  ODD_ASKS,
  ODD_SHAPES,
  podOf,
  SHAPES,
  TOO_LARGE,
  USUAL,
} from './token-pods.ts';
import { createNamespaces, outcomeOf, requestsIn, ROWS, withAnnotations } from './truth-table.ts';
import { eventually } from '../support/eventually.ts';

describe('on Kubernetes 1.36', () => {
  let bed: Bed;
  let other: OtherWebhook | undefined;
  let outcome: 'passed' | 'failed' = 'failed';

  beforeAll(async () => {
    bed = await startBed({ kubernetes: '1.36', parts: ['kube-apiserver'] });
    await startActors(bed);
    await applyPolicy(bed, 'true');
    await eventually(async () => {
      const { policy, webhook: byWebhook } = await resultsOf(bed, podOf(SHAPES['plain'] ?? {}, USUAL));
      return carriesToken(policy) && carriesToken(byWebhook);
    });
  }, 600_000);
  afterAll(async () => {
    other?.close();
    await bed?.stop(outcome);
  });

  /** Holds the four results of a pod against each other: the policy's is the webhook's, unless that refuses the pod. */
  const agree = async (spec: JsonObject, ask: Ask, namespace?: string): Promise<void> => {
    const { none, policy, webhook, both } = await resultsOf(bed, podOf(spec, ask), namespace);
    expect([ask, both]).toEqual([ask, webhook]);
    // A volume that the pod brings may not be the one that its annotations ask for; then the webhook refuses it, or skips a silent one.
    if (!carriesToken(none)) expect([ask, carriesToken(webhook)]).toEqual([ask, true]);
    expect([ask, policy]).toEqual([ask, webhook['status'] === 201 ? webhook : none]);
  };

  it.each(Object.entries(SHAPES))(
    `adds to a pod with %s what the webhook adds, however it asks (${ASKS.length} ways)`,
    async (_, spec) => {
      await Promise.all(ASKS.map((ask) => agree(spec, ask)));
    },
    300_000,
  );

  it.each(Object.entries(SHAPES))(
    "applies the namespace's values to a pod with %s",
    async (_, spec) => {
      const asks = [{ annotations: {} }, { annotations: { 'vaultauth.dev/role': 'own' } }, ...ASKS];
      await Promise.all(asks.map((ask) => agree(spec, ask, 'full')));
    },
    300_000,
  );

  it('leaves a pod that it cannot evaluate to the webhook', async () => {
    const plain = SHAPES['plain'] ?? {};
    const pods = [...ODD_ASKS.map((ask) => podOf(plain, ask)), ...Object.values(ODD_SHAPES).map((spec) => podOf(spec, USUAL))];
    for (const pod of pods) {
      const { none, policy, webhook, both } = await resultsOf(bed, pod);
      expect([pod, policy]).toEqual([pod, none]);
      expect([pod, webhook]).not.toEqual([pod, none]);
      expect([pod, both]).toEqual([pod, webhook]);
    }
    const { none, policy, webhook, both } = await resultsOf(bed, podOf(plain, USUAL), 'odd');
    expect([policy, both]).toEqual([none, webhook]);
    expect(webhook).not.toEqual(none);
  });

  it('patches the largest pods that it accepts, and rejects no larger ones', async () => {
    await agree(LARGEST, USUAL);
    await agree(LARGEST, { annotations: {} }, 'full');
    const annotations = Object.fromEntries(Array.from({ length: 12_000 }, (_, index) => [`example.com/${index}`, 'x']));
    const plain = SHAPES['plain'] ?? {};
    const pods = [
      ...Object.values(TOO_LARGE).map((spec) => podOf(spec, USUAL)),
      podOf(plain, { annotations: { ...USUAL.annotations, ...annotations } }),
      podOf(many(200, 80), { annotations }),
    ];
    for (const pod of pods) {
      const { none, policy } = await resultsOf(bed, pod);
      expect([none['status'], policy]).toEqual([201, none]);
    }
  }, 300_000);

  it('leaves a pod to the webhook whose role is on its service account, which no policy sees', async () => {
    for (const actor of ACTORS) {
      const metadata = { name: 'shop', annotations: { 'vaultauth.dev/role': 'shop' } };
      await bed.request('POST', `/api/v1/namespaces/plain-${actor}/serviceaccounts`, { metadata });
    }
    const annotations = { ...MODE, 'vaultauth.dev/inject': 'enabled' };
    const results = await resultsOf(bed, podOf({ ...SHAPES['plain'], serviceAccountName: 'shop' }, { annotations }));
    expect(results.policy).toEqual(results.none);
    expect(JSON.stringify(results.webhook)).toContain('"VAULT_ROLE","value":"shop"');
    expect(results.both).toEqual(results.webhook);
  });

  it('touches no pod that is not chosen', async () => {
    const plain = SHAPES['plain'] ?? {};
    const rows = [
      ...NO_ASKS.map((ask) => [ask, 'plain'] as const),
      [{ annotations: {} }, 'closed'],
      [{ annotations: {} }, 'stopped'],
      [USUAL, 'stopped'],
    ] as const;
    for (const [ask, namespace] of rows) {
      const { none, policy, webhook } = await resultsOf(bed, podOf(plain, ask), namespace);
      expect([ask, policy, webhook]).toEqual([ask, none, none]);
    }
  });

  it('agrees with the webhook or leaves the pod to it, for all annotations', async () => {
    const seed = Date.now();
    const sample = fc.sample(anyPod, { numRuns: 150, seed });
    const all = await Promise.all(sample.map(async (pod) => ({ pod, ...(await resultsOf(bed, pod)) })));
    for (const { pod, none, policy, webhook, both } of all) {
      expect([seed, pod, both]).toEqual([seed, pod, webhook]);
      if (!isDeepStrictEqual(policy, none)) expect([seed, pod, policy]).toEqual([seed, pod, webhook]);
    }
    expect(all.filter(({ none, policy }) => !isDeepStrictEqual(policy, none)).length).toBeGreaterThan(15);
  }, 300_000);

  it(`selects in ${ROWS.length} rows of the truth table the same pods as the webhook, except those that need a message`, async () => {
    await createNamespaces(bed, { [BY]: 'policy' });
    const flags = ['-vault-address=http://vault', '-auto-inject', `-excluded-namespaces=${EXCLUDED.join()}`];
    const left = ROWS.map((row) => withAnnotations(row, { ...MODE, 'vaultauth.dev/role': 'web' }));
    const wrong: unknown[] = [];
    let done = 0;
    const work = async (): Promise<void> => {
      for (let row = left.pop(); row; row = left.pop()) {
        const { status, text } = await bed.exchange('POST', podsPath(row.namespace, '?dryRun=All'), row.pod);
        const carries = status === 201 && text.includes(`"${TOKEN_VOLUME}"`);
        const { decision } = outcomeOf(row, flags);
        if (carries) done += 1;
        // Two requests in one pod are for the webhook, though it may be able to follow one.
        const wanted = decision === 'injected' && requestsIn(row) < 2;
        if (carries !== wanted) wrong.push({ ...row, status, carries, decision });
      }
    };
    await Promise.all(Array.from({ length: 6 }, work));
    expect(wrong).toEqual([]);
    expect(done).toBeGreaterThan(200);
  }, 300_000);

  it('selects pods that do not ask only with -auto-inject', async () => {
    const silent = podOf(SHAPES['plain'] ?? {}, { annotations: { ...MODE, 'vaultauth.dev/role': 'web' } });
    const { policy, webhook } = await resultsOf(bed, silent);
    expect([carriesToken(policy), policy]).toEqual([true, webhook]);
    await applyPolicy(bed, 'false');
    await eventually(async () => !carriesToken(await resultOf(bed, silent, 'policy')));
    expect(carriesToken(await resultOf(bed, podOf(SHAPES['plain'] ?? {}, USUAL), 'policy'))).toBe(true);
  });

  it('adds the same to a container that another webhook adds afterwards', async () => {
    other = await startOtherWebhook(bed);
    const caBundle = Buffer.from(other.authority).toString('base64');
    await apply(bed, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'other' },
      webhooks: [
        {
          name: 'other.example.com',
          clientConfig: { url: other.url, caBundle },
          rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
          namespaceSelector: { matchExpressions: [among('policy')] },
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
        },
      ],
    });
    const pod = podOf(SHAPES['plain'] ?? {}, USUAL);
    await eventually(async () => JSON.stringify(await resultOf(bed, pod, 'policy')).includes('"late"'));
    const result = await resultOf(bed, pod, 'policy');
    expect(mountPathsOf(result, 'late')).toEqual(mountPathsOf(result, 'web'));
    expect(containerOf(result, 'late')?.['env']).toEqual(containerOf(result, 'web')?.['env']);
    expect(objectsOf(objectAt(result, 'spec')?.['volumes']).filter(({ name }) => name === TOKEN_VOLUME)).toHaveLength(1);
    outcome = 'passed';
  });
});
