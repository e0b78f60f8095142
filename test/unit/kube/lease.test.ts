// Leading by a Lease: one at a time, handed over, and never believed when it may be over.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { type LeaderElection, LeaseLost, runLeaderElection } from '../../../src/kube/lease.ts';

interface Stored {
  metadata: { name: string; namespace: string; resourceVersion: string };
  spec: { holderIdentity?: string; leaseTransitions?: number };
}

const TIMES = { leaseDurationMs: 3000, renewDeadlineMs: 2000, renewPeriodMs: 60, retryPeriodMs: 40 };

const refuse = (status: number, reason: string): never => {
  throw new KubeError(status, reason, reason);
};

/** An API server with room for one Lease. */
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
  readonly told: string[];
  signal?: AbortSignal;
}

const running: LeaderElection[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((leader) => leader.close()));
});

const start = (client: KubeClient, identity: string, clocks?: { monotonic: () => number; wall: () => number }): Process => {
  const told: string[] = [];
  const process: { leader?: LeaderElection; told: string[]; signal?: AbortSignal } = { told };
  const leader = runLeaderElection({
    client,
    namespace: 'own',
    name: 'controller',
    identity,
    times: TIMES,
    clocks,
    onStartedLeading: (signal) => {
      process.signal = signal;
      told.push('leads');
    },
    onStoppedLeading: (reason) => told.push(reason),
    onProblem: (problem) => told.push(`problem: ${problem ?? 'over'}`),
  });
  running.push(leader);
  return Object.assign(process, { leader });
};

const until = async (what: () => boolean): Promise<void> => {
  for (let wait = 0; !what(); wait += 1) {
    if (wait === 6000) throw new Error(`never: ${what.toString()}`);
    await sleep(10);
  }
};

test('one of two leads, and when it stops the other leads at once', async () => {
  const server = leaseServer();
  const one = start(server.client(), 'one');
  await until(() => one.leader.isLeading());
  const two = start(server.client(), 'two');
  await sleep(300);
  expect([two.leader.isLeading(), two.leader.holder()]).toEqual([false, 'one']);
  expect(() => one.leader.fence()).not.toThrow();
  expect(() => two.leader.fence()).toThrow(LeaseLost);
  const began = performance.now();
  await one.leader.close();
  expect(server.stored()?.spec.holderIdentity).toBe('');
  await until(() => two.leader.isLeading());
  expect(performance.now() - began).toBeLessThan(TIMES.leaseDurationMs);
  expect(server.stored()?.spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  expect([one.told, two.told]).toEqual([['leads'], ['leads']]);
  expect(one.signal?.aborted).toBe(true);
});

test('a leader that the API server does not answer stops before another one begins, and ends when it learns of it', async () => {
  const server = leaseServer();
  let isAway = false;
  const one = start(
    server.client(() => isAway),
    'one',
  );
  await until(() => one.leader.isLeading());
  const two = start(server.client(), 'two');
  await until(() => two.leader.holder() === 'one');
  isAway = true;
  while (!two.leader.isLeading()) {
    await sleep(5);
    expect([one.leader.isLeading(), two.leader.isLeading()]).not.toEqual([true, true]);
  }
  expect(() => one.leader.fence()).toThrow(/was not renewed for [0-9]+ ms/);
  expect(one.told).toEqual(['leads', 'problem: the API server is away']);
  isAway = false;
  await until(() => one.told.length === 3);
  expect(one.told[2]).toContain('is held by two');
  expect(() => one.leader.fence()).toThrow('does not hold the Lease');
  expect(one.signal?.aborted).toBe(true);
});

test('a leader that the API server does not answer goes on afterwards if nobody has taken its place', async () => {
  const server = leaseServer();
  let isAway = false;
  const { leader, told, signal } = start(
    server.client(() => isAway),
    'one',
  );
  await until(() => leader.isLeading());
  isAway = true;
  await until(() => !leader.isLeading());
  isAway = false;
  await until(() => leader.isLeading());
  expect(() => leader.fence()).not.toThrow();
  expect(told).toEqual(['leads', 'problem: the API server is away', 'problem: over']);
  expect(signal?.aborted).not.toBe(true);
});

test.each(['monotonic', 'wall'] as const)('after a gap on the %s clock nothing is written until it is renewed', async (clock) => {
  const server = leaseServer();
  let isAway = false;
  const gap = { monotonic: 0, wall: 0 };
  const clocks = { monotonic: () => performance.now() + gap.monotonic, wall: () => Date.now() + gap.wall };
  const { leader, told } = start(
    server.client(() => isAway),
    'one',
    clocks,
  );
  await until(() => leader.isLeading());
  isAway = true;
  // Time that the machine slept through is only told by the clock of the day, which can also just have been set.
  gap[clock] = 5000;
  expect(() => leader.fence()).toThrow(/was not renewed for [0-9]+ ms/);
  isAway = false;
  await until(() => leader.isLeading());
  expect(told.filter((line) => !line.startsWith('problem'))).toEqual(['leads']);
});

test('somebody who annotates the Lease takes nothing away; who deletes it does', async () => {
  const server = leaseServer();
  const { leader, told } = start(server.client(), 'one');
  await until(() => leader.isLeading());
  server.touch();
  await sleep(300);
  expect(leader.isLeading()).toBe(true);
  server.remove();
  await until(() => told.length === 2);
  expect(told[1]).toContain('was deleted');
});
