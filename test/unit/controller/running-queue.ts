// A queue that records its runs, with the clock of the test.
import { workQueue, type WorkQueue, type WorkQueueOptions } from '../../../src/controller/runtime/queue.ts';

export const OPTIONS = { workers: 2, firstBackOffMs: 500, maxBackOffMs: 60_000, minIntervalMs: 1000 };

/** In milliseconds of the test's clock. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

export interface Ran {
  readonly item: string;
  readonly at: number;
}

/** A queue whose runs take some time and end with `outcome`. */
export function running(
  outcome: (item: string, count: number) => { requeueAfterMs?: number } | void = () => undefined,
  more: Partial<WorkQueueOptions> & { takesMs?: number } = {},
): { queue: WorkQueue; ran: Ran[]; most: () => number; begin: number } {
  const ran: Ran[] = [];
  const begin = performance.now();
  let most = 0;
  let now = 0;
  const active = new Set<string>();
  const queue = workQueue({
    ...OPTIONS,
    random: () => 0.999,
    ...more,
    run: async (item) => {
      expect(active.has(item)).toBe(false);
      active.add(item);
      now += 1;
      most = Math.max(most, now);
      ran.push({ item, at: performance.now() - begin });
      await sleep(more.takesMs ?? 10);
      active.delete(item);
      now -= 1;
      return outcome(item, ran.filter((other) => other.item === item).length);
    },
  });
  return { queue, ran, most: () => most, begin };
}
export function times(ran: readonly Ran[], item: string): number[] {
  return ran.filter((run) => run.item === item).map(({ at }) => at);
}
