// Agents within LimitRanges: the result keeps the API server's rules, or the pod gets a problem.
import fc from 'fast-check';
import { quantityOf, nanosOf } from '../../../src/annotations/quantity.ts';
import type { CachedCluster } from '../../../src/cluster/admission-context.ts';
import { limitRangeOf, podTotal } from '../../../src/pod/limit-range.ts';
import { isObject, objectAt, objectsOf, textOf, type JsonObject } from '../../../src/json/json.ts';
import { typed, admit, containerOf, podWith, TOKEN_MOUNT, type Result } from '../../support/pods.ts';

type Limits = readonly JsonObject[];

const limitRange = (limits: Limits, name = 'bounds'): JsonObject => ({
  apiVersion: 'v1',
  kind: 'LimitRange',
  metadata: { name, namespace: 'shop' },
  spec: { limits },
});
const clusterWith = (limits: Limits, labels: Readonly<Record<string, string>> = {}): CachedCluster => ({
  namespace: () => ({ labels: new Map(Object.entries(labels)), annotations: new Map([['vaultauth.dev/role', 'web']]) }),
  serviceAccount: () => undefined,
  limitRanges: () => [limitRangeOf(limitRange(limits))].filter((one) => one !== undefined),
});
const web = (resources: JsonObject = {}): JsonObject => ({ name: 'web', volumeMounts: [TOKEN_MOUNT], resources });

interface Case {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: JsonObject;
}
const admitted = (limits: Limits, { annotations = {}, spec = {} }: Case = {}): Result =>
  admit(podWith({ annotations: { 'vaultauth.dev/profile': 'native', ...annotations }, spec: { containers: [web()], ...spec } }), {
    command: 'webhook',
    cluster: clusterWith(limits),
  });
test('an agent whose own program is its startup probe needs more memory and CPU', () => {
  const annotations = { 'agent-inject-secret-a': 'kv/a', 'vaultauth.dev/startup-probe': 'binary' };
  for (const max of [{ memory: '39Mi' }, { cpu: '19m' }])
    expect(admitted([{ type: 'Container', max }], { annotations }).codes).toEqual(['limit-range']);
  const { pod } = admitted([{ type: 'Container', max: { memory: '40Mi', cpu: '20m' } }], { annotations });
  expect(containerOf(pod, 'vault-agent')['resources']).toMatchObject({ limits: { memory: '40Mi', cpu: '20m' } });
});
const resourcesOf = (result: Result): unknown => containerOf(result.pod, 'vault-agent')['resources'];

test.each<[string, Limits, unknown]>([
  [
    'what says nothing to containers',
    [{ type: 'PersistentVolumeClaim', max: { storage: '1Gi' } }],
    { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
  ],
  [
    'a maximum of memory',
    [{ type: 'Container', max: { memory: '64Mi' } }],
    { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '64Mi' } },
  ],
  [
    'a maximum below the request',
    [{ type: 'Container', max: { memory: '24Mi' } }],
    { requests: { cpu: '10m', memory: '24Mi' }, limits: { memory: '24Mi' } },
  ],
  [
    'a maximum of CPU, so that there must be a limit',
    [{ type: 'Container', max: { cpu: '200m' } }],
    { requests: { cpu: '10m', memory: '32Mi' }, limits: { cpu: '200m', memory: '128Mi' } },
  ],
  [
    'minima',
    [{ type: 'Container', min: { cpu: '50m', memory: '256Mi' } }],
    { requests: { cpu: '50m', memory: '256Mi' }, limits: { memory: '256Mi' } },
  ],
  [
    'a ratio',
    [{ type: 'Container', maxLimitRequestRatio: { memory: '2', cpu: '4' } }],
    { requests: { cpu: '125m', memory: '64Mi' }, limits: { cpu: '500m', memory: '128Mi' } },
  ],
  [
    'bounds of the disk',
    [{ type: 'Container', min: { 'ephemeral-storage': '2Mi' }, max: { 'ephemeral-storage': '10Mi' } }],
    {
      requests: { cpu: '10m', memory: '32Mi', 'ephemeral-storage': '2Mi' },
      limits: { memory: '128Mi', 'ephemeral-storage': '10Mi' },
    },
  ],
  [
    'two items',
    [
      { type: 'Container', max: { memory: '96Mi' } },
      { type: 'Container', max: { memory: '80M' } },
    ],
    { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '78125Ki' } },
  ],
])('keeps %s', (_, limits, resources) => {
  const result = admitted(limits);
  expect(result.codes).toEqual([]);
  expect(resourcesOf(result)).toEqual(resources);
});

test('counts the other containers of the pod', () => {
  const containers = [web({ requests: { memory: '100Mi' }, limits: { memory: '200Mi' } })];
  const limits = [{ type: 'Pod', max: { memory: '256Mi' } }];
  expect(resourcesOf(admitted(limits, { spec: { containers } }))).toMatchObject({ limits: { memory: '56Mi' } });
  const full = admitted([{ type: 'Pod', max: { memory: '210Mi' } }], { spec: { containers } });
  expect(full.outcome.problems).toEqual([
    {
      code: 'limit-range',
      limitRange: 'bounds',
      of: 'Pod',
      rule: 'max.memory',
      bound: '210Mi',
      amount: 'need',
      value: '20Mi',
      annotation: undefined,
    },
  ]);
  // An init container runs alone, and the sum of a pod with its own spec.resources is not computed.
  const once = { annotations: { 'agent-pre-populate-only': 'true' }, spec: { containers } };
  expect(resourcesOf(admitted(limits, once))).toMatchObject({ limits: { memory: '128Mi' } });
  expect(resourcesOf(admitted(limits, { spec: { containers, resources: { limits: { memory: '256Mi' } } } }))).toMatchObject({
    limits: { memory: '128Mi' },
  });
});

test('keeps the amounts of annotations, or denies the pod and names the LimitRange', () => {
  const limits = [{ type: 'Container', max: { memory: '128Mi' }, maxLimitRequestRatio: { cpu: '2' } }];
  const annotations = { 'agent-requests-mem': '100Mi', 'agent-requests-cpu': '100m' };
  expect(resourcesOf(admitted(limits, { annotations }))).toEqual({
    requests: { cpu: '100m', memory: '100Mi' },
    limits: { cpu: '200m', memory: '128Mi' },
  });
  const { outcome } = admitted(limits, {
    annotations: { 'agent-limits-mem': '129Mi', 'agent-requests-cpu': '1', 'agent-limits-cpu': '3' },
  });
  expect(outcome.decision).toBe('denied');
  expect(
    outcome.problems.map(
      (problem) => problem.code === 'limit-range' && [problem.rule, problem.bound, problem.value, problem.annotation],
    ),
  ).toEqual([
    ['maxLimitRequestRatio.cpu', '2', '3', 'vault.hashicorp.com/agent-limits-cpu'],
    ['max.memory', '128Mi', '129Mi', 'vault.hashicorp.com/agent-limits-mem'],
  ]);
  expect(resourcesOf(admitted(limits, { annotations: { 'agent-limits-mem': '' } }))).toMatchObject({
    limits: { memory: '128Mi' },
  });
});

test('warns about a pod that did not request injection, and leaves it unchanged', () => {
  const silent = { metadata: { name: 'web' }, spec: { containers: [web()] } };
  const cluster = clusterWith([{ type: 'Container', max: { memory: '16Mi' } }], { 'vaultauth.dev/inject': 'enabled' });
  const { outcome } = admit(silent, { command: 'webhook', cluster });
  expect(outcome).toMatchObject({ decision: 'skipped', reason: 'namespace-label', patch: [] });
  expect(outcome.warnings).toContainEqual(expect.objectContaining({ code: 'limit-range', limitRange: 'bounds', value: '20Mi' }));
});

test('does not count an agent that the pod already has', () => {
  const limits = [{ type: 'Pod', max: { memory: '256Mi' } }];
  const first = admitted(limits, { spec: { containers: [web({ limits: { memory: '100Mi' } })] } });
  const second = admit(first.pod, { command: 'webhook', cluster: clusterWith(limits) });
  expect([second.outcome.decision, second.outcome.patch, second.codes]).toEqual(['injected', [], []]);
});

const MEBI = 1024n ** 2n * 1_000_000_000n;
const memory = fc.integer({ min: 1, max: 400 }).map((mebi) => quantityOf(BigInt(mebi) * MEBI, 'binary'));
const cpu = fc.integer({ min: 1, max: 1200 }).map((milli) => `${milli}m`);
const ratio = fc.constantFrom('1', '1.5', '2', '3', '10');
/** Wider than the amounts: otherwise most pods would be outside of the bounds. */
const between = (least: number, most: number): fc.Arbitrary<JsonObject> =>
  fc.record(
    {
      cpu: fc.integer({ min: least, max: most }).map((number) => `${number * 3}m`),
      memory: fc.integer({ min: least, max: most }).map((number) => `${number}Mi`),
    },
    { requiredKeys: [] },
  );
const item = fc.record(
  {
    type: fc.constantFrom('Container', 'Pod'),
    min: between(1, 40),
    max: between(80, 600),
    maxLimitRequestRatio: fc.record({ cpu: ratio, memory: ratio }, { requiredKeys: [] }),
  },
  { requiredKeys: ['type'] },
);
/** A request and a limit that is not smaller, or neither. */
const both = (kind: fc.Arbitrary<string>): fc.Arbitrary<readonly [string, string]> =>
  fc.tuple(kind, kind).map(([one, other]) => ((nanosOf(one) ?? 0n) < (nanosOf(other) ?? 0n) ? [one, other] : [other, one]));
const containerResources = fc.tuple(both(cpu), both(memory)).map(([c, m]) => ({
  requests: { cpu: c[0], memory: m[0] },
  limits: { cpu: c[1], memory: m[1] },
}));

const pick = (list: JsonObject | undefined, resource: string): bigint | undefined => {
  const text = textOf(list, resource);
  return text === undefined ? undefined : nanosOf(text);
};

/** Violations as the API server's LimitRanger reports them (plugin/pkg/admission/limitranger). */
const breaches = (pod: JsonObject, limits: Limits): string[] => {
  const spec = objectAt(pod, 'spec');
  const containers = [...objectsOf(spec?.['containers']), ...objectsOf(spec?.['initContainers'])];
  const each = (type: string | undefined, resource: 'cpu' | 'memory'): (readonly [bigint | undefined, bigint | undefined])[] =>
    type === 'Pod'
      ? [[podTotal(typed(pod), 'requests', () => true)[resource], podTotal(typed(pod), 'limits', () => true)[resource]]]
      : containers.map((one) => {
          const resources = objectAt(one, 'resources');
          return [pick(objectAt(resources, 'requests'), resource), pick(objectAt(resources, 'limits'), resource)];
        });
  return limits.flatMap((limit) =>
    (['cpu', 'memory'] as const).flatMap((resource) =>
      each(textOf(limit, 'type'), resource).flatMap(([request = 0n, most = 0n]) => {
        const [min, max, times] = ['min', 'max', 'maxLimitRequestRatio'].map((rule) => pick(objectAt(limit, rule), resource));
        const found: string[] = [];
        if (min !== undefined && (request < min || (most !== 0n && most < min))) found.push(`min ${resource}`);
        if (max !== undefined && (most === 0n || most > max || request > max)) found.push(`max ${resource}`);
        if (times !== undefined && (request === 0n || most === 0n || most * 1_000_000_000n > request * times))
          found.push(`ratio ${resource}`);
        return found;
      }),
    ),
  );
};

test('keeps a pod within its bounds when it gets its agent', () => {
  let injected = 0;
  const cases = fc.record({
    limits: fc.array(item, { minLength: 1, maxLength: 3 }),
    first: containerResources,
    second: containerResources,
    isOnce: fc.boolean(),
  });
  fc.assert(
    fc.property(cases, ({ limits, first, second, isOnce }) => {
      const spec = { containers: [web(first)], initContainers: [{ name: 'mesh', restartPolicy: 'Always', resources: second }] };
      if (breaches({ metadata: {}, spec }, limits).length > 0) return;
      const result = admitted(limits, { spec, ...(isOnce ? { annotations: { 'agent-pre-populate-only': 'true' } } : {}) });
      if (result.outcome.decision === 'denied') {
        expect(new Set(result.outcome.problems.map(({ code }) => code))).toEqual(new Set(['limit-range']));
        return;
      }
      injected += 1;
      expect(breaches(result.pod, limits)).toEqual([]);
      const resources = containerOf(result.pod, 'vault-agent')['resources'];
      if (isObject(resources))
        expect(nanosOf(textOf(objectAt(resources, 'limits'), 'memory') ?? '')).toBeGreaterThanOrEqual(20n * MEBI);
    }),
    { numRuns: 5000 },
  );
  expect(injected).toBeGreaterThan(100);
});
