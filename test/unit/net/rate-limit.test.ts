// The rate limiter: rate, requests in flight, and priorities. With fake timers.
import fc from 'fast-check';
import { type RateLimiter, rateLimiter, type Priority, type RateLimits, turnQueue } from '../../../src/net/rate-limit.ts';

// The global of Jest's ES modules.
const { jest } = import.meta;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** The clock of the test: the one of node:perf_hooks stays the real one. */
const now = (): number => performance.now();

/** A limiter of ten requests per second without burst, whose requests take some milliseconds. */
const opened = (limits: Partial<RateLimits> = {}, takesMs = 1) => {
  const limiter = rateLimiter({ requestsPerSecond: 10, burst: 1, maxInFlight: 4, ...limits }, now);
  const passed: string[] = [];
  const ask = (name: string, priority: Priority): void =>
    void limiter.run(async () => {
      passed.push(name);
      await new Promise((resolve) => setTimeout(resolve, takesMs));
    }, priority);
  return { limiter, passed, ask };
};
const many = (count: number, run: (index: number) => void): void =>
  Array.from({ length: count }, (_, index) => index).forEach(run);

test('runs system requests before changes, changes before resyncs, and each priority in order', async () => {
  const { passed, ask } = opened();
  many(4, (index) => ask(`resync ${index}`, 'resync'));
  many(3, (index) => ask(`change ${index}`, 'change'));
  many(2, (index) => ask(`system ${index}`, 'system'));
  await jest.advanceTimersByTimeAsync(5000);
  expect(passed).toEqual([
    'resync 0',
    'system 0',
    'system 1',
    'change 0',
    'change 1',
    'change 2',
    'resync 1',
    'resync 2',
    'resync 3',
  ]);
});

test('runs a change behind hundreds of resyncs at the next turn', async () => {
  const { passed, ask } = opened();
  many(300, (index) => ask(`resync ${index}`, 'resync'));
  await jest.advanceTimersByTimeAsync(1000);
  ask('change', 'change');
  await jest.advanceTimersByTimeAsync(101);
  expect(passed.at(-1)).toBe('change');
  expect(passed.length).toBeLessThan(14);
});

test('gives resyncs one turn of ten while changes do not end, and system requests the next turn', async () => {
  const { passed, ask } = opened();
  many(200, (index) => ask(`resync ${index}`, 'resync'));
  many(200, () => ask('change', 'change'));
  await jest.advanceTimersByTimeAsync(10_000);
  const resyncs = passed.filter((name) => name.startsWith('resync'));
  expect(resyncs.length).toBeGreaterThanOrEqual(Math.floor(passed.length / 10));
  expect(resyncs.length).toBeLessThanOrEqual(Math.ceil(passed.length / 10) + 1);
  ask('system', 'system');
  await jest.advanceTimersByTimeAsync(101);
  expect(passed.at(-1)).toBe('system');
});

test('does not count changes while no resync waits', async () => {
  const { passed, ask } = opened({ requestsPerSecond: 1000 });
  many(50, () => ask('change', 'change'));
  await jest.advanceTimersByTimeAsync(1000);
  many(3, () => ask('later change', 'change'));
  ask('resync', 'resync');
  await jest.advanceTimersByTimeAsync(1000);
  expect(passed.slice(50)).toEqual(['later change', 'later change', 'later change', 'resync']);
});

test.each([
  [4, 3],
  [2, 1],
  [1, 1],
])('of %i slots, resyncs that hang take %i', async (maxInFlight, resyncs) => {
  const { passed, ask } = opened({ requestsPerSecond: 1000, burst: 100, maxInFlight }, 1e6);
  many(10, () => ask('resync', 'resync'));
  await jest.advanceTimersByTimeAsync(1000);
  expect(passed).toHaveLength(resyncs);
  many(10, () => ask('change', 'change'));
  await jest.advanceTimersByTimeAsync(1000);
  expect(passed).toHaveLength(maxInFlight);
});

test('an abort removes a request from its queue, and closing rejects all of them', async () => {
  const { limiter, passed, ask } = opened();
  ask('first', 'change');
  const cancel = new AbortController();
  const priorities: readonly Priority[] = ['system', 'change', 'resync'];
  const ended = (given: RateLimiter, signal?: AbortSignal): readonly Promise<string>[] =>
    priorities.map((priority) =>
      given.run(() => Promise.resolve('went'), priority, signal).catch((error: Error) => error.message),
    );
  const abandoned = ended(limiter, cancel.signal);
  const waiting = ended(limiter);
  cancel.abort(new Error('cancelled'));
  expect(await Promise.all(abandoned)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  limiter.close();
  expect(await Promise.all(waiting)).toEqual(Array.from({ length: 3 }, () => 'the client is closed'));
  expect(await Promise.all(ended(limiter))).toEqual(Array.from({ length: 3 }, () => 'the client is closed'));
  expect(passed).toEqual(['first']);
});

test('runs all requests, within the rate and the number in flight', async () => {
  const request = fc.record({
    priority: fc.constantFrom<Priority>('system', 'change', 'resync'),
    takesMs: fc.constantFrom(0, 1, 30, 400),
    pause: fc.constantFrom(0, 0, 0, 20, 300),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { maxLength: 60 }),
      fc.record({
        requestsPerSecond: fc.constantFrom(1, 7, 100),
        burst: fc.integer({ min: 1, max: 5 }),
        maxInFlight: fc.integer({ min: 1, max: 4 }),
      }),
      async (requests, limits) => {
        const limiter = rateLimiter(limits, now);
        const began: number[] = [];
        let [open, done] = [0, 0];
        const work = async (takesMs: number): Promise<void> => {
          began.push(performance.now());
          open += 1;
          expect(open).toBeLessThanOrEqual(limits.maxInFlight);
          await new Promise((resolve) => setTimeout(resolve, takesMs));
          open -= 1;
          done += 1;
        };
        for (const { priority, takesMs, pause } of requests) {
          void limiter.run(() => work(takesMs), priority);
          await jest.advanceTimersByTimeAsync(pause);
        }
        await jest.advanceTimersByTimeAsync(200_000);
        expect(done).toBe(requests.length);
        for (const [index, from] of began.entries())
          for (const [further, at] of began.slice(index).entries())
            expect(further + 1).toBeLessThanOrEqual(limits.burst + ((at - from) / 1000) * limits.requestsPerSecond + 1.001);
      },
    ),
    { numRuns: 40 },
  );
});

describe('turns', () => {
  test('come one in each interval, in the order of the first request', async () => {
    const turns = turnQueue(1000, now);
    expect(['a', 'b', 'c'].map(turns.take)).toEqual([0, 1000, 2000]);
    await jest.advanceTimersByTimeAsync(500);
    expect(['c', 'b'].map(turns.take)).toEqual([1500, 500]);
    await jest.advanceTimersByTimeAsync(1500);
    expect(['c', 'b', 'd'].map(turns.take)).toEqual([0, 0, 1000]);
  });

  test('are not saved up', async () => {
    const turns = turnQueue(1000, now);
    turns.take('a');
    await jest.advanceTimersByTimeAsync(60_000);
    expect(['b', 'c'].map(turns.take)).toEqual([0, 1000]);
  });

  test('that were given up are used by a later request of the same key at its own time', () => {
    const turns = turnQueue(1000, now);
    expect(['a', 'b'].map(turns.take)).toEqual([0, 1000]);
    turns.cancel('b');
    expect(turns.take('b')).toBe(2000);
  });
});
