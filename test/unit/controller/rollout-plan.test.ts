// The next step of a rollout: from the versions of secrets, the workload and its pods.
import { needsPods, nextStep, type Observed, type Step } from '../../../src/controller/rollout/plan.ts';
import type { SecretVersion } from '../../../src/controller/rollout/versions.ts';
import {
  type RolloutState,
  type Workload,
  workloadFrom,
  type WorkloadPod,
} from '../../../src/controller/rollout/rollout-workload.ts';
import { ROLLOUT_ANNOTATION } from '../../../src/resources/kinds.ts';

const SECRET = 'main/kv/data/web';
const HOUR = 3_600_000;
const known = (version: number, createdAt = 5 * HOUR): SecretVersion => ({ kind: 'known', version, createdAt, isDeleted: false });

const workload = (more: Partial<Workload> = {}, state?: RolloutState): Workload => ({
  ...workloadFrom('Deployment', {
    metadata: { name: 'web', namespace: 'shop', uid: 'u', generation: 1 },
    spec: { replicas: 3 },
    status: { observedGeneration: 1, replicas: 3, updatedReplicas: 3, availableReplicas: 3 },
  }),
  state,
  ...more,
});
const pod = (name: string, more: Partial<WorkloadPod> = {}): WorkloadPod => ({
  name,
  uid: `uid-${name}`,
  createdAt: HOUR,
  isDeleting: false,
  isAvailable: true,
  ...more,
});
const PODS = [pod('web-a'), pod('web-b'), pod('web-c')];
const observed = (more: Partial<Observed> = {}): Observed => ({
  workload: workload({}, { versions: { [SECRET]: 1 } }),
  pods: PODS,
  versions: new Map([[SECRET, known(2)]]),
  oldestPod: HOUR,
  youngestPod: HOUR,
  now: 6 * HOUR,
  timeoutMs: 60_000,
  ...more,
});
const FIRST = { name: 'web-c', uid: 'uid-web-c', after: HOUR, available: 3 };
const running = (more: Partial<NonNullable<RolloutState['running']>> = {}): RolloutState => ({
  versions: { [SECRET]: 1 },
  running: { target: { [SECRET]: 2 }, phase: 'FirstPod', since: 6 * HOUR - 10_000, first: FIRST, ...more },
});
const withState = (state: RolloutState, more: Partial<Workload> = {}): Pick<Observed, 'workload'> => ({
  workload: workload(more, state),
});
const reason = (step: Step): string | undefined => ('report' in step ? step.report?.reason : undefined);

describe('the first look at a workload', () => {
  test('records the version that its pods have', () => {
    const step = nextStep(observed({ workload: workload(), versions: new Map([[SECRET, known(7, 0)]]) }));
    expect(step).toEqual({ do: 'record', state: { versions: { [SECRET]: 7 } } });
  });

  test('counts a version that is younger than its pods as not used', () => {
    expect(nextStep(observed({ workload: workload() }))).toEqual({ do: 'record', state: { versions: { [SECRET]: 0 } } });
  });

  test('records a secret that a new template adds, and forgets one that is gone', () => {
    const state = { versions: { 'main/kv/data/old': 4 } };
    const step = nextStep(observed({ ...withState(state), versions: new Map([[SECRET, known(7, 0)]]) }));
    expect(step).toEqual({ do: 'record', state: { versions: { [SECRET]: 7 } } });
  });
});

describe('a new version', () => {
  test('replaces one pod first', () => {
    expect(nextStep(observed())).toEqual({
      do: 'start',
      restarts: undefined,
      state: {
        versions: { [SECRET]: 1 },
        running: { target: { [SECRET]: 2 }, phase: 'FirstPod', since: 6 * HOUR, first: FIRST },
      },
      report: { type: 'Normal', reason: 'RolloutStarted', message: 'New kv/data/web version 2: replaces the pod web-c first.' },
    });
  });

  test('replaces a pod that is not available rather than a good one', () => {
    const pods = [pod('web-a', { isAvailable: false }), pod('web-b'), pod('web-c')];
    const step = nextStep(observed({ pods }));
    expect(step).toMatchObject({ state: { running: { first: { name: 'web-a', available: 3 } } } });
  });

  test('replaces the pod with the highest ordinal of a StatefulSet', () => {
    const pods = ['db-9', 'db-10', 'db-2'].map((name) => pod(name));
    const step = nextStep(observed({ pods, ...withState({ versions: { [SECRET]: 1 } }, { kind: 'StatefulSet' }) }));
    expect(step).toMatchObject({ state: { running: { first: { name: 'db-10' } } } });
  });

  test('restarts a single pod directly, so that its replacement starts before it ends', () => {
    const step = nextStep(observed(withState({ versions: { [SECRET]: 1 } }, { desired: 1, updated: 1, available: 1 })));
    expect(step).toMatchObject({ do: 'start', restarts: { [SECRET]: 2 }, state: { running: { phase: 'Rest' } } });
  });

  test('does nothing if all pods were created long after it', () => {
    const step = nextStep(observed({ oldestPod: 5 * HOUR + 61_000, youngestPod: 5 * HOUR + 61_000 }));
    expect(step).toEqual({ do: 'record', state: { versions: { [SECRET]: 2 } } });
    expect(nextStep(observed({ oldestPod: 5 * HOUR + 59_000, youngestPod: 6 * HOUR }))).toMatchObject({ do: 'start' });
  });

  test.each([
    ['is scaled to zero', { desired: 0 }, 'record', undefined],
    ['is paused', { isPaused: true }, 'wait', 'RolloutPaused'],
    ['has the strategy OnDelete', { kind: 'DaemonSet', isOnDelete: true }, 'record', 'RolloutLeftToOwner'],
    ['has a partition above all pods', { kind: 'StatefulSet', partition: 3 }, 'record', 'RolloutLeftToOwner'],
    ['is being updated by its owner', { updated: 1 }, 'wait', undefined],
    ['has pods of an earlier template', { outdated: 1 }, 'wait', undefined],
    ['has not been observed', { isObserved: false }, 'wait', undefined],
  ] as const)('starts nothing if the workload %s', (_, more, action, expected) => {
    const step = nextStep(observed(withState({ versions: { [SECRET]: 1 } }, more)));
    expect([step.do, reason(step)]).toEqual([action, expected]);
  });

  test.each<[string, SecretVersion]>([
    ['is deleted', { kind: 'known', version: 2, createdAt: 5 * HOUR, isDeleted: true }],
    ['cannot be read', { kind: 'unreadable', reason: 'denied' }],
    ['has no versions', { kind: 'unversioned', reason: 'kv 1' }],
  ])('is ignored if it %s', (_, version) => {
    const input = observed({ versions: new Map([[SECRET, version]]) });
    expect([needsPods(input), nextStep(input)]).toEqual([false, { do: 'nothing' }]);
  });
});

describe('the first pod', () => {
  const REPLACED = [pod('web-a'), pod('web-b'), pod('web-d', { createdAt: 6 * HOUR - 5000 })];

  test('is evicted as long as it is there, two seconds after the record', () => {
    expect(nextStep(observed(withState(running())))).toEqual({ do: 'evict', pod: FIRST });
    expect(nextStep(observed(withState(running({ since: 6 * HOUR - 1999 }))))).toEqual({ do: 'wait' });
  });

  test('is chosen again if scaling down has removed its replacement', () => {
    const input = { pods: REPLACED.slice(0, 2), ...withState(running(), { desired: 2, updated: 2, available: 2 }) };
    expect(nextStep(observed(input))).toMatchObject({
      do: 'start',
      state: { running: { first: { name: 'web-b', available: 2 } } },
    });
    const terminating = [...REPLACED.slice(0, 2), pod('web-c', { isDeleting: true })];
    expect(nextStep(observed({ ...input, pods: terminating }))).toEqual({ do: 'wait' });
  });

  test('ends with the last pod: whatever starts later has the version', () => {
    const step = nextStep(observed({ pods: [], ...withState(running(), { desired: 0 }) }));
    expect(step).toEqual({ do: 'record', state: { versions: { [SECRET]: 2 } } });
  });

  test('is followed by the rest once its replacement is available', () => {
    expect(nextStep(observed({ pods: REPLACED, ...withState(running()) }))).toMatchObject({
      do: 'restart',
      restarts: { [SECRET]: 2 },
      state: { versions: { [SECRET]: 1 }, running: { phase: 'Rest', since: 6 * HOUR } },
    });
  });

  test.each([
    ['is missing', REPLACED.slice(0, 2)],
    ['is not available', [...REPLACED.slice(0, 2), pod('web-d', { createdAt: 6 * HOUR, isAvailable: false })]],
    ['is being deleted', [...REPLACED.slice(0, 2), pod('web-d', { createdAt: 6 * HOUR, isDeleting: true })]],
    ['seems to be an older pod', [...REPLACED.slice(0, 2), pod('web-d', { createdAt: HOUR, isAvailable: false })]],
  ])('is waited for while its replacement %s', (_, pods) => {
    expect(nextStep(observed({ pods, ...withState(running()) }))).toEqual({ do: 'wait' });
  });

  test('is reported once when its replacement does not become available in time, and goes on later', () => {
    const pods = [...REPLACED.slice(0, 2), pod('web-d', { createdAt: 6 * HOUR, isAvailable: false })];
    const late = running({ since: 6 * HOUR - 60_000 });
    const step = nextStep(observed({ pods, ...withState(late) }));
    expect(step).toMatchObject({ do: 'record', state: { running: { phase: 'FirstPod', isStopped: true } } });
    expect(step).toHaveProperty('report.message', expect.stringContaining('its replacement web-d is not available'));
    const stopped = running({ since: 6 * HOUR - 70_000, isStopped: true });
    expect(nextStep(observed({ pods, ...withState(stopped) }))).toEqual({ do: 'wait' });
    expect(nextStep(observed({ pods: REPLACED, ...withState(stopped) }))).toMatchObject({ do: 'restart' });
  });

  test('is chosen again for a newer version: the pod that failed', () => {
    const pods = [...REPLACED.slice(0, 2), pod('web-d', { createdAt: 6 * HOUR - 5000, isAvailable: false })];
    const versions = new Map([[SECRET, known(3)]]);
    expect(nextStep(observed({ pods, versions, ...withState(running({ isStopped: true })) }))).toMatchObject({
      do: 'start',
      state: { running: { target: { [SECRET]: 3 }, first: { name: 'web-d', after: 6 * HOUR - 5000, available: 3 } } },
    });
  });
});

describe('the rest', () => {
  const rest = running({ phase: 'Rest', first: undefined });

  test('is complete when every pod is new and available', () => {
    const step = nextStep(observed(withState(rest)));
    expect([step, reason(step)]).toMatchObject([{ do: 'record', state: { versions: { [SECRET]: 2 } } }, 'RolloutComplete']);
  });

  test.each([
    ['its template is not observed', { isObserved: false }],
    ['pods are old', { outdated: 1 }],
    ['pods are not available', { available: 2 }],
  ])('is waited for while %s, and reported when that lasts', (_, more) => {
    expect(nextStep(observed(withState(rest, more)))).toEqual({ do: 'wait' });
    const late = running({ phase: 'Rest', first: undefined, since: 0 });
    expect(reason(nextStep(observed(withState(late, more))))).toBe('RolloutStopped');
  });

  test('is superseded by a newer version; a StatefulSet needs its failed pod replaced for that', () => {
    const versions = new Map([[SECRET, known(3)]]);
    const stuck = { updated: 1, available: 2 };
    expect(nextStep(observed({ versions, ...withState(rest, stuck) }))).toMatchObject({ do: 'start', restarts: { [SECRET]: 3 } });
    const pods = [pod('db-0'), pod('db-1'), pod('db-2', { isAvailable: false })];
    expect(nextStep(observed({ versions, pods, ...withState(rest, { ...stuck, kind: 'StatefulSet' }) }))).toMatchObject({
      do: 'start',
      state: { running: { phase: 'FirstPod', first: { name: 'db-2' } } },
    });
  });
});

const read = (text: string): unknown =>
  workloadFrom('Deployment', { metadata: { annotations: { [ROLLOUT_ANNOTATION]: text } } }).state;

test('a state that the controller did not write counts as none', () => {
  for (const text of ['', 'x', '[]', '{}', '{"versions":{"a":"1"}}']) expect([text, read(text)]).toEqual([text, undefined]);
  expect(read('{"versions":{"a":1},"running":{"target":{"a":2},"phase":"FirstPod"}}')).toEqual({ versions: { a: 1 } });
  expect(read(JSON.stringify(running()))).toEqual(running());
});
