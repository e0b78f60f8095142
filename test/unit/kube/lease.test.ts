// Leader election: one leader at a time, a fast hand-over, and a fence when the Lease may have expired.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { type LeaderElection, LeaseLost, runLeaderElection } from '../../../src/kube/lease.ts';
import { eventually } from '../../support/eventually.ts';

interface Stored {
  metadata: { name: string; namespace: string; resourceVersion: string };
  spec: { holderIdentity?: string; leaseTransitions?: number };
}

const TIMES = { leaseDurationMs: 3000, renewDeadlineMs: 2000, renewPeriodMs: 60, retryPeriodMs: 40 };

const refuse = (status: number, reason: string): never => {
  throw new KubeError(status, reason, reason);
};

/** An API server that stores one Lease. */
const leaseServer = () => {
  let stored: Stored | undefined;
  let versions = 0;
  const put = (body: unknown): Stored => {
    const { metadata, spec } = body as Stored;
    versions += 1;
    stored = { metadata: { ...metadata, resourceVersion: String(versions) }, spec };
    return structuredClone(stored);
  };
  const answer = (method: string, body: unknown): unknown => {
    if (method === 'POST') return stored ? refuse(409, 'AlreadyExists') : put(body);
    if (!stored) return refuse(404, 'NotFound');
    if (method === 'GET') return structuredClone(stored);
    return (body as Stored).metadata.resourceVersion === stored.metadata.resourceVersion ? put(body) : refuse(409, 'Conflict');
  };
  return {
    client: (isAway: () => boolean = () => false): KubeClient => ({
      request: async <T>({ method, body }: { method: string; body?: unknown }): Promise<T> => {
        await sleep(1);
        if (isAway()) throw new KubeError(0, 'Unreachable', 'the API server is away');
        return answer(method, body) as T;
      },
      close: () => undefined,
    }),
    stored: () => stored,
    touch: () => stored && put(stored),
    remove: () => (stored = undefined),
  };
};

interface Process {
  readonly leader: LeaderElection;
  readonly calls: string[];
  signal?: AbortSignal;
}

const running: LeaderElection[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((leader) => leader.close()));
});

const start = (client: KubeClient, identity: string, clocks?: { monotonic: () => number; wall: () => number }): Process => {
  const calls: string[] = [];
  const process: { leader?: LeaderElection; calls: string[]; signal?: AbortSignal } = { calls };
  const leader = runLeaderElection({
    client,
    namespace: 'own',
    name: 'controller',
    identity,
    times: TIMES,
    clocks,
    onStartedLeading: (signal) => {
      process.signal = signal;
      calls.push('leads');
    },
    onStoppedLeading: (reason) => calls.push(reason),
    onProblem: (problem) => calls.push(`problem: ${problem ?? 'over'}`),
  });
  running.push(leader);
  return Object.assign(process, { leader });
};
test('one of two processes leads, and the other leads as soon as the first stops', async () => {
  const server = leaseServer();
  const one = start(server.client(), 'one');
  await eventually(() => one.leader.isLeading());
  const two = start(server.client(), 'two');
  await sleep(300);
  expect([two.leader.isLeading(), two.leader.holder()]).toEqual([false, 'one']);
  expect(() => one.leader.fence()).not.toThrow();
  expect(() => two.leader.fence()).toThrow(LeaseLost);
  const began = performance.now();
  await one.leader.close();
  expect(server.stored()?.spec.holderIdentity).toBe('');
  await eventually(() => two.leader.isLeading());
  expect(performance.now() - began).toBeLessThan(TIMES.leaseDurationMs);
  expect(server.stored()?.spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  expect([one.calls, two.calls]).toEqual([['leads'], ['leads']]);
  expect(one.signal?.aborted).toBe(true);
});

test('a leader without an API server is fenced before another leads, and stops leading when it reads the Lease again', async () => {
  const server = leaseServer();
  let isAway = false;
  const one = start(
    server.client(() => isAway),
    'one',
  );
  await eventually(() => one.leader.isLeading());
  const two = start(server.client(), 'two');
  await eventually(() => two.leader.holder() === 'one');
  isAway = true;
  let both = false;
  await eventually(
    () => {
      both ||= one.leader.isLeading() && two.leader.isLeading();
      return two.leader.isLeading();
    },
    { everyMs: 5 },
  );
  expect(both).toBe(false);
  expect(() => one.leader.fence()).toThrow(/was not renewed for [0-9]+ ms/);
  expect(one.calls).toEqual(['leads', 'problem: the API server is away']);
  isAway = false;
  await eventually(() => one.calls.length === 3);
  expect(one.calls[2]).toContain('is held by two');
  expect(() => one.leader.fence()).toThrow('does not hold the Lease');
  expect(one.signal?.aborted).toBe(true);
});

test('a leader without an API server leads again afterwards unless another process took the Lease', async () => {
  const server = leaseServer();
  let isAway = false;
  const { leader, calls, signal } = start(
    server.client(() => isAway),
    'one',
  );
  await eventually(() => leader.isLeading());
  isAway = true;
  await eventually(() => !leader.isLeading());
  isAway = false;
  await eventually(() => leader.isLeading());
  expect(() => leader.fence()).not.toThrow();
  expect(calls).toEqual(['leads', 'problem: the API server is away', 'problem: over']);
  expect(signal?.aborted).not.toBe(true);
});

test.each(['monotonic', 'wall'] as const)(
  'after a gap on the %s clock the fence rejects writes until the Lease is renewed',
  async (clock) => {
    const server = leaseServer();
    let isAway = false;
    const gap = { monotonic: 0, wall: 0 };
    const clocks = { monotonic: () => performance.now() + gap.monotonic, wall: () => Date.now() + gap.wall };
    const { leader, calls } = start(
      server.client(() => isAway),
      'one',
      clocks,
    );
    await eventually(() => leader.isLeading());
    isAway = true;
    // Only the wall clock goes on while the machine sleeps; but it can also be set.
    gap[clock] = 5000;
    expect(() => leader.fence()).toThrow(/was not renewed for [0-9]+ ms/);
    isAway = false;
    await eventually(() => leader.isLeading());
    expect(calls.filter((line) => !line.startsWith('problem'))).toEqual(['leads']);
  },
);

test('goes on leading when the Lease is annotated, and stops when it is deleted', async () => {
  const server = leaseServer();
  const { leader, calls } = start(server.client(), 'one');
  await eventually(() => leader.isLeading());
  server.touch();
  await sleep(300);
  expect(leader.isLeading()).toBe(true);
  server.remove();
  await eventually(() => calls.length === 2);
  expect(calls[1]).toContain('was deleted');
});
