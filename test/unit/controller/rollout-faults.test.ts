// A rollout through faults of the API server and of the process: each step is repeated until it is done, and none is done twice.
import { reconcileRollout } from '../../../src/controller/rollout/reconcile.ts';
import { secretVersions } from '../../../src/controller/rollout/versions.ts';
import type { ControllerContext } from '../../../src/controller/runtime/context.ts';
import { isObject, type JsonObject, objectAt, textOf } from '../../../src/json/json.ts';
import type { KubeRequest } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { turnQueue } from '../../../src/net/rate-limit.ts';
import { ROLLOUT_ANNOTATION, SECRET_VERSIONS_ANNOTATION } from '../../../src/resources/kinds.ts';

const KEY = 'Deployment/shop/web';
const SECRET = 'main/kv/data/web';

/** A Deployment of three pods in memory, whose pods are replaced at once. */
const stage = () => {
  let now = Date.UTC(2026, 0, 1, 12);
  let count = 3;
  let isHealthy = true;
  const fail = new Map<string, Error>();
  const done: string[] = [];
  const events: string[] = [];
  const podOf = (name: string): JsonObject => ({
    metadata: {
      name,
      uid: name,
      creationTimestamp: new Date(now).toISOString(),
      ownerReferences: [{ kind: 'ReplicaSet', name: 'web-1', controller: true }],
    },
    status: { conditions: [{ type: 'Ready', status: isHealthy ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
  });
  let pods = ['web-1', 'web-2', 'web-3'].map(podOf);
  let annotations: JsonObject = {};
  let template: JsonObject = {};
  const request = (call: KubeRequest): Promise<unknown> => {
    const what = call.path.endsWith('/eviction')
      ? 'evict'
      : call.method === 'PATCH'
        ? 'write'
        : call.path.endsWith('/pods')
          ? 'pods'
          : 'read';
    const error = fail.get(what);
    fail.delete(what);
    if (error) return Promise.reject(error);
    if (what === 'pods') return Promise.resolve({ items: pods });
    if (what === 'read')
      return Promise.resolve({
        metadata: { name: 'web', namespace: 'shop', uid: 'w', generation: 1, annotations },
        spec: { replicas: 3, selector: { matchLabels: { app: 'web' } } },
        status: { observedGeneration: 1, replicas: 3, updatedReplicas: 3, availableReplicas: 3 },
      });
    done.push(what);
    if (what === 'evict') {
      count += 1;
      const name = call.path.split('/').at(-2);
      pods = [...pods.filter((pod) => textOf(objectAt(pod, 'metadata'), 'name') !== name), podOf(`web-${count}`)];
      return Promise.resolve({});
    }
    const body = isObject(call.body) ? call.body : {};
    annotations = { ...annotations, ...objectAt(objectAt(body, 'metadata'), 'annotations') };
    const written = objectAt(objectAt(objectAt(objectAt(body, 'spec'), 'template'), 'metadata'), 'annotations');
    if (written) {
      template = written;
      done.push('restart');
    }
    return Promise.resolve({});
  };
  /** A process of its own: nothing in memory is left of the one before. */
  const contextOf = (version: number): ControllerContext => {
    const versions = secretVersions(() => undefined);
    versions.set(SECRET, { kind: 'known', version, createdAt: now - 1000 * version, isDeleted: false });
    return {
      rollouts: {
        versions,
        turns: turnQueue(1, () => now),
        phases: new Map(),
        options: { intervalMs: 1000, perMinute: 10, timeoutMs: 60_000 },
      },
      kube: { client: { request } },
      clock: { now: () => now, resyncFactor: 1 },
      report: {
        emitEvent: (_: unknown, __: unknown, reason: string) => events.push(reason),
        metrics: { rollout: () => undefined },
      },
    } as unknown as ControllerContext;
  };
  const run = async (context: ControllerContext, times = 1): Promise<void> => {
    for (let turn = 0; turn < times; turn += 1) {
      const own = { uid: 'u', workload: KEY, secrets: [SECRET], createdAt: Date.UTC(2026, 0, 1, 12), isDeleting: false };
      await reconcileRollout(context, KEY, [own], new AbortController().signal);
      now += 3000;
    }
  };
  return {
    run,
    contextOf,
    fail,
    done,
    events,
    setHealthy: (value: boolean) => {
      isHealthy = value;
    },
    state: (): unknown => JSON.parse(textOf(annotations, ROLLOUT_ANNOTATION) ?? 'null'),
    template: (): unknown => JSON.parse(textOf(template, SECRET_VERSIONS_ANNOTATION) ?? 'null'),
  };
};

const WHOLE = ['write', 'write', 'evict', 'write', 'restart', 'write'];

test('replaces one pod, restarts the rest, and rests', async () => {
  const { run, contextOf, done, events, state, template } = stage();
  await run(contextOf(1), 2);
  await run(contextOf(2), 8);
  expect([done, state(), template()]).toEqual([WHOLE, { versions: { [SECRET]: 2 } }, { [SECRET]: 2 }]);
  expect(events).toEqual(['RolloutStarted', 'RolloutComplete']);
});

test('goes on after each step in another process, and evicts no second pod', async () => {
  const { run, contextOf, done, state } = stage();
  await run(contextOf(1), 2);
  for (let step = 0; step < 8; step += 1) await run(contextOf(2));
  expect([done, state()]).toEqual([WHOLE, { versions: { [SECRET]: 2 } }]);
});

test.each(['read', 'pods', 'write', 'evict'])('repeats the request that fails: %s', async (what) => {
  const { run, contextOf, done, fail, state } = stage();
  await run(contextOf(1), 2);
  const context = contextOf(2);
  for (let step = 0; step < 12; step += 1) {
    if (step % 2 === 0) fail.set(what, new KubeError(500, 'InternalError', 'the server is broken'));
    await run(context).catch(() => undefined);
  }
  fail.clear();
  await run(context, 3);
  expect([done, state()]).toEqual([WHOLE, { versions: { [SECRET]: 2 } }]);
});

test('waits for a PodDisruptionBudget, and goes on without it', async () => {
  const { run, contextOf, done, events, fail } = stage();
  await run(contextOf(1), 2);
  const context = contextOf(2);
  await run(context);
  fail.set('evict', new KubeError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget."));
  await run(context);
  expect([done, events]).toEqual([WHOLE.slice(0, 2), ['RolloutStarted', 'RolloutBlocked']]);
  await run(context, 4);
  expect(done).toEqual(WHOLE);
});

test('takes a pod that is gone as evicted', async () => {
  const { run, contextOf, done, fail } = stage();
  await run(contextOf(1), 2);
  await run(contextOf(2));
  for (const error of [new KubeError(404, 'NotFound', 'no such pod'), new KubeError(409, 'Conflict', 'another uid')]) {
    fail.set('evict', error);
    await run(contextOf(2));
  }
  expect(done).toEqual(WHOLE.slice(0, 2));
});

test('neither restarts the rest nor replaces a second pod while the first one is not ready', async () => {
  const { run, contextOf, done, events, setHealthy, template } = stage();
  await run(contextOf(1), 2);
  setHealthy(false);
  await run(contextOf(2), 40);
  expect([done.filter((what) => what === 'evict').length, template(), events]).toEqual([
    1,
    null,
    ['RolloutStarted', 'RolloutStopped'],
  ]);
});
