// The queue: one run of an item at a time, no lost request, no starvation, no hot loop. With fake timers.
import fc from 'fast-check';
import { workQueue } from '../../../src/controller/runtime/queue.ts';
import { OPTIONS, running, sleep, times, type Ran } from './running-queue.ts';

// Jest has no global in ES modules.
const { jest } = import.meta;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test('runs once for several requests, and again for a request during the run', async () => {
  const { queue, ran } = running();
  for (let count = 0; count < 5; count += 1) queue.add('a');
  await jest.advanceTimersByTimeAsync(5);
  queue.add('a');
  queue.add('a');
  await jest.advanceTimersByTimeAsync(5000);
  expect(times(ran, 'a')).toEqual([0, 100]);
  expect(queue.sizes()).toEqual({ ready: 0, waiting: 0, running: 0 });
  queue.add('a');
  await jest.advanceTimersByTimeAsync(0);
  expect(times(ran, 'a')).toEqual([0, 100, 5005]);
});

test('takes the earliest of several requests', async () => {
  const { queue, ran } = running();
  queue.add('a', 5000);
  queue.add('a', 2000);
  queue.add('a', 9000);
  await jest.advanceTimersByTimeAsync(20_000);
  expect(times(ran, 'a')).toEqual([2000]);
});

test('backs off after failures up to a maximum, and starts over after a success', async () => {
  const { queue, ran } = running((_, count) => {
    if (count !== 9) throw new Error('no');
  });
  queue.add('a');
  await jest.advanceTimersByTimeAsync(400_000);
  const gaps = times(ran, 'a').map((at, index, all) => Math.round(at - (all[index - 1] ?? 0)));
  expect(gaps).toEqual([0, 1000, 1010, 2009, 4008, 8006, 16_002, 31_994, 59_980]);
  queue.add('a');
  await jest.advanceTimersByTimeAsync(1500);
  expect(times(ran, 'a').at(-1)).toBe(401_000);
});

test('ends a back-off after a change, with at most one run in a second', async () => {
  const { queue, ran } = running(() => {
    throw new Error('no');
  });
  queue.add('a');
  for (let count = 0; count < 3000; count += 1) {
    await jest.advanceTimersByTimeAsync(10);
    queue.add('a');
  }
  expect(times(ran, 'a').every((at, index, all) => index === 0 || at - (all[index - 1] ?? 0) >= 999)).toBe(true);
  expect(times(ran, 'a').length).toBeGreaterThan(28);
});

test('respects Retry-After', async () => {
  const { queue, ran } = running((_, count) => {
    if (count === 1) throw Object.assign(new Error('busy'), { retryAfterMs: 7000 });
  });
  queue.add('a');
  await jest.advanceTimersByTimeAsync(20_000);
  expect(times(ran, 'a')).toEqual([0, 7010]);
});

test('requeues after the requested time, but never at once', async () => {
  const { queue, ran } = running((_, count) => ({ requeueAfterMs: count < 3 ? 0 : 30_000 }));
  queue.add('a');
  await jest.advanceTimersByTimeAsync(40_000);
  expect(times(ran, 'a')).toEqual([0, 1000, 2000, 32_010]);
  expect(queue.sizes().waiting).toBe(1);
  await queue.close();
});

test('runs an immediate request before thousands of delayed ones', async () => {
  const { queue, ran } = running();
  for (let count = 0; count < 1000; count += 1) queue.add(`old-${count}`, 1);
  await jest.advanceTimersByTimeAsync(100);
  queue.add('fresh');
  queue.add('old-900');
  await jest.advanceTimersByTimeAsync(30);
  expect([times(ran, 'fresh').length, times(ran, 'old-900').length]).toEqual([1, 1]);
});

test('leaves half of the workers to changes while resyncs hang, and always treats urgent items as changes', async () => {
  const ran: string[] = [];
  const queue = workQueue({
    ...OPTIONS,
    workers: 4,
    isAlwaysUrgent: (item) => item === 'server',
    run: (item, _signal, cause) => {
      ran.push(`${item} ${cause}`);
      return item.startsWith('hangs') ? new Promise(() => undefined) : sleep(1);
    },
  });
  for (let count = 0; count < 10; count += 1) queue.add(`hangs ${count}`, 1);
  await jest.advanceTimersByTimeAsync(100);
  expect(ran).toEqual(['hangs 0 resync', 'hangs 1 resync']);
  queue.add('fresh');
  queue.add('server', 1);
  await jest.advanceTimersByTimeAsync(100);
  expect(ran.slice(2)).toEqual(['fresh change', 'server change']);
});

test('keeps a failed change urgent for its first failures', async () => {
  const causes: string[] = [];
  const queue = workQueue({
    ...OPTIONS,
    run: (_item, _signal, cause) => {
      causes.push(cause);
      return Promise.reject(new Error('no'));
    },
  });
  queue.add('a');
  await jest.advanceTimersByTimeAsync(30_000);
  expect(causes.slice(0, 6)).toEqual(['change', 'change', 'change', 'change', 'resync', 'resync']);
  queue.add('a');
  await jest.advanceTimersByTimeAsync(2000);
  expect(causes.at(-1)).toBe('change');
  await queue.close();
});

test('leaves a worker to the other lanes while one hangs, and alternates lanes', async () => {
  const ran: string[] = [];
  const queue = workQueue({
    ...OPTIONS,
    workers: 3,
    laneOf: (item) => item.split('/')[0] ?? '',
    run: (item) => {
      ran.push(item);
      return item.startsWith('hangs') ? new Promise(() => undefined) : sleep(1);
    },
  });
  for (let count = 0; count < 10; count += 1) queue.add(`hangs/${count}`);
  for (let count = 0; count < 3; count += 1) queue.add(`works/${count}`);
  await jest.advanceTimersByTimeAsync(100);
  expect(ran).toEqual(['hangs/0', 'hangs/1', 'works/0', 'works/1', 'works/2']);
});

test('close starts no run, waits, and then aborts', async () => {
  const ended: string[] = [];
  const queue = workQueue({
    ...OPTIONS,
    run: async (item, signal) => {
      const isHurried =
        item === 'long' && (await new Promise((resolve) => signal.addEventListener('abort', () => resolve(true))));
      if (item === 'short') await sleep(100);
      ended.push(`${item} ${String(isHurried)}`);
      queue.add('more');
    },
  });
  queue.add('short');
  queue.add('long');
  queue.add('waits');
  const closed = queue.close(1000);
  await jest.advanceTimersByTimeAsync(500);
  expect(ended).toEqual(['short false']);
  await jest.advanceTimersByTimeAsync(600);
  await closed;
  expect(ended).toEqual(['short false', 'long true']);
});

test('runs every request, one at a time for each item, on the given number of workers', async () => {
  const wish = fc.record({
    item: fc.constantFrom('a', 'b', 'c', 'd'),
    after: fc.constantFrom(0, 0, 1, 50, 700, 3000),
    pause: fc.constantFrom(0, 0, 5, 30, 400),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(wish, { maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.constantFrom('works', 'works', 'fails', 'again'), { minLength: 1, maxLength: 20 }),
      async (wishes, workers, outcomes) => {
        let count = 0;
        const { queue, ran, most, begin } = running(
          () => {
            count += 1;
            const outcome = count > 100 ? 'works' : outcomes[count % outcomes.length];
            if (outcome === 'fails') throw new Error('no');
            return outcome === 'again' ? { requeueAfterMs: 20 } : undefined;
          },
          { workers, laneOf: (item) => (item < 'c' ? 'one' : 'other') },
        );
        const asked: Ran[] = [];
        for (const { item, after, pause } of wishes) {
          queue.add(item, after);
          asked.push({ item, at: performance.now() - begin + after });
          await jest.advanceTimersByTimeAsync(pause);
        }
        // Longer than every back-off of a hundred outcomes.
        await jest.advanceTimersByTimeAsync(8_000_000);
        expect(queue.sizes()).toEqual({ ready: 0, waiting: 0, running: 0 });
        expect(most()).toBeLessThanOrEqual(workers);
        // A run that started after a request serves it; one run may serve several.
        for (const { item } of asked) expect(ran.some((run) => run.item === item)).toBe(true);
        const last = new Map(asked.map(({ item }, index) => [item, index]));
        let uttered = 0;
        for (const [index, { item, pause, after }] of wishes.entries()) {
          if (last.get(item) === index && after === 0)
            expect(ran.some((run) => run.item === item && run.at >= uttered)).toBe(true);
          uttered += pause;
        }
        await queue.close();
      },
    ),
    { numRuns: 60 },
  );
}, 300_000);
