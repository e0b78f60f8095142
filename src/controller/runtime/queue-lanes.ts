// The lanes of the work queue: which ready item runs next, so that changes overtake resyncs and no item starves.
import { fairItems, type FairItems } from './fair-items.ts';

/** `change`: requested for now, because an object changed. `resync`: requested for a time. */
export type Cause = 'change' | 'resync';

export interface Turn {
  readonly item: string;
  readonly cause: Cause;
}

export interface QueueLanes {
  /** The item is ready to run. */
  readonly put: (item: string, cause: Cause) => void;
  /** Turns an item that is ready for a resync into a change. */
  readonly hasten: (item: string) => void;
  /** The next item, which counts as running from now on; undefined: none may run. */
  readonly take: () => Turn | undefined;
  /** A run has ended. */
  readonly ended: (turn: Turn) => void;
  /** How many items are ready. */
  readonly ready: () => number;
  readonly clear: () => void;
}

/** The ready items of one lane. */
interface Lane {
  readonly change: FairItems;
  readonly resync: FairItems;
  running: number;
  /** Changes that started since the last resync, while one was ready. */
  changesInARow: number;
}

/** So many changes may overtake a ready resync. */
const CHANGES_IN_A_ROW = 9;

export interface LanesOptions {
  /** Items of one lane never occupy all workers. Default: one lane. */
  readonly laneOf?: ((item: string) => string) | undefined;
  /** Groups take turns, and one never occupies more than half of the workers; '' is no group. Default: none. */
  readonly groupOf?: ((item: string) => string) | undefined;
}

/**
 * Empty lanes. Lanes take turns, and with several workers none of them gets the last one. Resyncs get at most half of the
 * workers: they wait when a server is slow or its rate limit is reached, and changes must not wait for that.
 */
export function queueLanes(workers: number, { laneOf, groupOf = () => '' }: LanesOptions = {}): QueueLanes {
  const maxPerLane = laneOf && workers > 1 ? workers - 1 : workers;
  const half = Math.ceil(workers / 2);
  const lanes = new Map<string, Lane>();
  const runningOfGroup = new Map<string, number>();
  let resyncsRunning = 0;

  const lane = (item: string): Lane => {
    const name = laneOf?.(item) ?? '';
    const existing = lanes.get(name) ?? {
      change: fairItems(groupOf),
      resync: fairItems(groupOf),
      running: 0,
      changesInARow: 0,
    };
    lanes.set(name, existing);
    return existing;
  };
  const mayRun = (group: string): boolean => group === '' || (runningOfGroup.get(group) ?? 0) < half;
  const count = (item: string, change: 1 | -1): void => {
    const group = groupOf(item);
    const running = (runningOfGroup.get(group) ?? 0) + change;
    if (group === '') return;
    if (running === 0) runningOfGroup.delete(group);
    else runningOfGroup.set(group, running);
  };
  const takeFrom = (own: Lane): Turn | undefined => {
    if (own.running >= maxPerLane) return undefined;
    const resyncIsReady = own.resync.size() > 0 && resyncsRunning < half;
    const isResyncNext = resyncIsReady && (own.change.size() === 0 || own.changesInARow >= CHANGES_IN_A_ROW);
    for (const cause of isResyncNext ? (['resync', 'change'] as const) : (['change', 'resync'] as const)) {
      if (cause === 'resync' && !resyncIsReady) continue;
      const item = own[cause].take(mayRun);
      if (item === undefined) continue;
      own.running += 1;
      count(item, 1);
      if (cause === 'resync') {
        resyncsRunning += 1;
        own.changesInARow = 0;
      } else if (resyncIsReady) own.changesInARow += 1;
      return { item, cause };
    }
    return undefined;
  };

  return {
    put: (item, cause) => lane(item)[cause].add(item),
    hasten: (item) => {
      const { change, resync } = lane(item);
      if (resync.delete(item)) change.add(item);
    },
    take: () => {
      for (const [name, own] of lanes) {
        const turn = takeFrom(own);
        if (!turn) continue;
        // The lane moves to the end.
        lanes.delete(name);
        lanes.set(name, own);
        return turn;
      }
      return undefined;
    },
    ended: ({ item, cause }) => {
      lane(item).running -= 1;
      count(item, -1);
      if (cause === 'resync') resyncsRunning -= 1;
    },
    ready: () => [...lanes.values()].reduce((sum, { change, resync }) => sum + change.size() + resync.size(), 0),
    clear: () => lanes.clear(),
  };
}
