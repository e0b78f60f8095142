// The gate of a server: rate and number are kept, and who goes first. With a clock of its own.
import fc from 'fast-check';
import { type RateLimiter, rateLimiter, type Lane, type RateLimits } from '../../../src/net/rate-limit.ts';

// The global of Jest's ES modules.
const { jest } = import.meta;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** The clock of the test: the one of node:perf_hooks stays the real one. */
const now = (): number => performance.now();

/** Ten in a second, one by one, of which each takes some milliseconds. */
const opened = (limits: Partial<RateLimits> = {}, takesMs = 1) => {
  const limiter = rateLimiter({ requestsPerSecond: 10, burst: 1, maxInFlight: 4, ...limits }, now);
  const passed: string[] = [];
  const ask = (name: string, lane: Lane): void =>
    void limiter.run(async () => {
      passed.push(name);
      await new Promise((resolve) => setTimeout(resolve, takesMs));
    }, lane);
  return { limiter, passed, ask };
};
const many = (count: number, run: (index: number) => void): void =>
  Array.from({ length: count }, (_, index) => index).forEach(run);

test('upkeep goes before changes, changes before routine looks, and each in the order of asking', async () => {
  const { passed, ask } = opened();
  many(4, (index) => ask(`look ${index}`, 'routine'));
  many(3, (index) => ask(`change ${index}`, 'change'));
  many(2, (index) => ask(`upkeep ${index}`, 'upkeep'));
  await jest.advanceTimersByTimeAsync(5000);
  expect(passed).toEqual(['look 0', 'upkeep 0', 'upkeep 1', 'change 0', 'change 1', 'change 2', 'look 1', 'look 2', 'look 3']);
});

test('a change behind hundreds of routine looks goes within one turn', async () => {
  const { passed, ask } = opened();
  many(300, (index) => ask(`look ${index}`, 'routine'));
  await jest.advanceTimersByTimeAsync(1000);
  ask('change', 'change');
  await jest.advanceTimersByTimeAsync(101);
  expect(passed.at(-1)).toBe('change');
  expect(passed.length).toBeLessThan(14);
});

test('routine looks get one turn of ten while changes do not end, and upkeep never waits for either', async () => {
  const { passed, ask } = opened();
  many(200, (index) => ask(`look ${index}`, 'routine'));
  many(200, () => ask('change', 'change'));
  await jest.advanceTimersByTimeAsync(10_000);
  const looks = passed.filter((name) => name.startsWith('look'));
  expect(looks.length).toBeGreaterThanOrEqual(Math.floor(passed.length / 10));
  expect(looks.length).toBeLessThanOrEqual(Math.ceil(passed.length / 10) + 1);
  ask('upkeep', 'upkeep');
  await jest.advanceTimersByTimeAsync(101);
  expect(passed.at(-1)).toBe('upkeep');
});

test('changes are not counted while no look waits: a look has no claim on turns from before it came', async () => {
  const { passed, ask } = opened({ requestsPerSecond: 1000 });
  many(50, () => ask('change', 'change'));
  await jest.advanceTimersByTimeAsync(1000);
  many(3, () => ask('later change', 'change'));
  ask('look', 'routine');
  await jest.advanceTimersByTimeAsync(1000);
  expect(passed.slice(50)).toEqual(['later change', 'later change', 'later change', 'look']);
});

test.each([
  [4, 3],
  [2, 1],
  [1, 1],
])('of %i places routine looks that hang have %i', async (maxInFlight, looks) => {
  const { passed, ask } = opened({ requestsPerSecond: 1000, burst: 100, maxInFlight }, 1e6);
  many(10, () => ask('look', 'routine'));
  await jest.advanceTimersByTimeAsync(1000);
  expect(passed).toHaveLength(looks);
  many(10, () => ask('change', 'change'));
  await jest.advanceTimersByTimeAsync(1000);
  expect(passed).toHaveLength(maxInFlight);
});

test('who gives up leaves its place in its lane, and closing refuses all of them', async () => {
  const { limiter, passed, ask } = opened();
  ask('first', 'change');
  const giveUp = new AbortController();
  const lanes: readonly Lane[] = ['upkeep', 'change', 'routine'];
  const ended = (given: RateLimiter, signal?: AbortSignal): readonly Promise<string>[] =>
    lanes.map((lane) => given.run(() => Promise.resolve('went'), lane, signal).catch((error: Error) => error.message));
  const abandoned = ended(limiter, giveUp.signal);
  const waiting = ended(limiter);
  giveUp.abort(new Error('enough'));
  expect(await Promise.all(abandoned)).toEqual(['enough', 'enough', 'enough']);
  limiter.close();
  expect(await Promise.all(waiting)).toEqual(Array.from({ length: 3 }, () => 'the client is closed'));
  expect(await Promise.all(ended(limiter))).toEqual(Array.from({ length: 3 }, () => 'the client is closed'));
  expect(passed).toEqual(['first']);
});

test('whatever is asked for passes, at no more than the rate and the number', async () => {
  const request = fc.record({
    lane: fc.constantFrom<Lane>('upkeep', 'change', 'routine'),
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
        for (const { lane, takesMs, pause } of requests) {
          void limiter.run(() => work(takesMs), lane);
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
