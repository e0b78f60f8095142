// The decision about a pod, for every combination of labels, annotations and policy.
import { decide, type SelectionInput, type SelectionPolicy } from '../../../src/selection/decide.ts';

const POLICY: SelectionPolicy = {
  excludedNamespaces: new Set(['kube-system']),
  labels: true,
  skipUnsuitable: true,
  trustStatus: false,
  cluster: false,
};

const LABELS = [undefined, 'enabled', 'disabled', 'yes'] as const;
const ANNOTATIONS = [undefined, 'true', 'false', 'maybe'] as const;
const STOPS = [undefined, 'disabled', 'enabled'] as const;

const labels = (pairs: Readonly<Record<string, string | undefined>>): Map<string, string> =>
  new Map(Object.entries(pairs).filter((pair): pair is [string, string] => pair[1] !== undefined));

interface Said {
  readonly pod?: string | undefined;
  readonly annotation?: string | undefined;
  readonly namespace?: string | undefined;
  readonly stop?: string | undefined;
  readonly excluded?: boolean;
}

const input = (
  { pod, annotation, namespace, stop, excluded = false }: Said,
  more: Partial<SelectionInput> = {},
): SelectionInput => ({
  namespace: excluded ? 'kube-system' : 'shop',
  namespaceLabels: labels({ 'vaultauth.dev/inject': namespace, 'vaultauth.dev/admission': stop }),
  podLabels: labels({ 'vaultauth.dev/inject': pod }),
  podAnnotations: new Map(),
  requests: annotation === undefined ? [] : [annotation],
  status: undefined,
  phase: undefined,
  operatingSystem: undefined,
  ...more,
});

/** The documented rules; the first match wins. */
const expected = ({ pod, annotation, namespace, stop, excluded = false }: Said, cluster: boolean): [boolean, string] => {
  if (excluded) return [false, 'excluded-namespace'];
  if (stop === 'disabled') return [false, 'namespace-stopped'];
  if (pod === 'disabled') return [false, 'pod-label-disabled'];
  if (pod === 'enabled') return [true, 'pod-label'];
  if (annotation === 'maybe') return [true, 'pod-annotation-invalid'];
  if (annotation === 'false') return [false, 'pod-annotation-false'];
  if (annotation === 'true') return [true, 'pod-annotation'];
  if (namespace === 'disabled') return [false, 'namespace-label-disabled'];
  if (namespace === 'enabled') return [true, 'namespace-label'];
  return cluster ? [true, 'cluster-default'] : [false, 'not-requested'];
};

test('matches the truth table', () => {
  let rows = 0;
  for (const pod of LABELS)
    for (const annotation of ANNOTATIONS)
      for (const namespace of LABELS)
        for (const stop of STOPS)
          for (const excluded of [false, true])
            for (const cluster of [false, true]) {
              const said: Said = { pod, annotation, namespace, stop, excluded };
              const { inject, reason } = decide(input(said), { ...POLICY, cluster });
              expect({ said, cluster, decision: [inject, reason] }).toEqual({ said, cluster, decision: expected(said, cluster) });
              rows += 1;
            }
  expect(rows).toBe(768);
});

test.each([
  ['Running', 'not-pending'],
  ['Succeeded', 'not-pending'],
  ['Pending', 'pod-annotation'],
  ['', 'pod-annotation'],
])('in phase %p decides %s', (phase, reason) => {
  expect(decide(input({ annotation: 'true' }, { phase }), POLICY).reason).toBe(reason);
});

test('skips mirror pods and Windows pods', () => {
  const mirror = input({ annotation: 'true' }, { podAnnotations: new Map([['kubernetes.io/config.mirror', 'x']]) });
  expect(decide(mirror, POLICY)).toMatchObject({ inject: false, reason: 'mirror-pod' });
  expect(decide(input({ pod: 'enabled' }, { operatingSystem: 'windows' }), POLICY)).toMatchObject({
    inject: false,
    reason: 'windows-pod',
  });
});

test('trusts the status annotation only as agent-inject', () => {
  const injected = input({ annotation: 'true' }, { status: 'injected' });
  expect(decide(injected, POLICY).inject).toBe(true);
  expect(decide(injected, { ...POLICY, trustStatus: true })).toMatchObject({ inject: false, reason: 'already-injected' });
});

test('reports two prefixes that contradict each other', () => {
  expect(decide(input({}, { requests: ['true', 'false'] }), POLICY).reason).toBe('pod-annotation-invalid');
  expect(decide(input({}, { requests: ['true', 'T'] }), POLICY).reason).toBe('pod-annotation');
});

test.each([
  ['enabled', [], [true, 'pod-annotation']],
  ['disabled', [], [false, 'pod-annotation-false']],
  ['enabled', ['true'], [true, 'pod-annotation']],
  ['enabled', ['false'], [true, 'pod-annotation-invalid']],
  ['disabled', ['F'], [false, 'pod-annotation-false']],
  ['yes', [], [true, 'pod-annotation-invalid']],
  ['', ['false'], [true, 'pod-annotation-invalid']],
])('reads our own annotation %p beside %p', (own, requests, expected) => {
  const said = input({}, { requests, podAnnotations: new Map([['vaultauth.dev/inject', own]]) });
  const { inject, reason } = decide(said, POLICY);
  expect([inject, reason]).toEqual(expected);
  expect(decide(said, { ...POLICY, labels: false })).toEqual(decide(input({}, { requests }), { ...POLICY, labels: false }));
});

test('reports an invalid label value and a contradiction', () => {
  expect(decide(input({ pod: 'yes', annotation: 'true' }), POLICY)).toMatchObject({
    inject: true,
    invalidLabels: ['vaultauth.dev/inject'],
  });
  expect(decide(input({ pod: 'enabled', annotation: 'false' }), POLICY)).toMatchObject({ inject: true, contradiction: true });
  expect(decide(input({ pod: 'disabled', annotation: 'true' }), POLICY)).toMatchObject({ inject: false, contradiction: true });
});
