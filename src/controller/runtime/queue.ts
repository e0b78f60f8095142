// What has to be looked at, by name: one run of a name at a time, later if it was asked for later, and ever more seldom while it fails.
import { backoffMs } from '../../net/backoff.ts';
import { type Cause, queueLanes, type Turn } from './queue-lanes.ts';

export interface WorkQueueOptions {
  /** One look at an item. What it throws is a failure; `requeueAfterMs` asks for the next look. The signal is aborted when nobody waits for it any more. */
  readonly run: (
    item: string,
    signal: AbortSignal,
    cause: Cause,
  ) => Promise<{ readonly requeueAfterMs?: number | undefined } | void>;
  /** Runs at the same time. */
  readonly workers: number;
  readonly firstBackOffMs: number;
  readonly longestBackOffMs: number;
  /** From the beginning of a run that failed to the next one of this item, whatever happens; a tenth of it after a success. */
  readonly minIntervalMs: number;
  /** Items of one lane never keep all workers from those of others. Default: all are of one. */
  readonly laneOf?: (item: string) => string;
  /** Items on which others depend: always as if they were asked for now. Default: none. */
  readonly isAlwaysUrgent?: (item: string) => boolean;
  /** Told of each run; `error` undefined: it succeeded. */
  readonly onRun?: (item: string, milliseconds: number, error: unknown) => void;
  /** Milliseconds that never go back. */
  readonly now?: () => number;
  /** At least 0 and less than 1. */
  readonly random?: () => number;
}

export interface WorkQueue {
  /**
   * Asks for a run now, or in so many milliseconds; of several wishes for an item the earliest counts. During a run it asks
   * for another one. What is asked for now goes before what was asked for at a time, but for one run in ten.
   */
  readonly add: (item: string, afterMs?: number) => void;
  readonly sizes: () => QueueSizes;
  /** Begins nothing more. Waits for the runs under way, whose signals are aborted after so many milliseconds. */
  readonly close: (graceMs?: number) => Promise<void>;
}

export interface QueueSizes {
  /** Could run now, and waits for a worker. */
  readonly ready: number;
  /** Will run at some time. */
  readonly waiting: number;
  readonly running: number;
}

interface Entry {
  state: 'resting' | 'waiting' | 'ready' | 'running';
  /** When the timer of `waiting` ends. */
  due: number;
  timer: NodeJS.Timeout | undefined;
  /** Wish of a moment during a run; undefined: none. */
  again: number | undefined;
  isUrgent: boolean;
  failures: number;
  /** No run begins before that. */
  notBefore: number;
}

/** A success needs no pause of its own; this is against those who ask for the same thing again and again. */
const PART_AFTER_SUCCESS = 0.1;
/** A change that fails stays one for so long: what met another write goes well the next time, and what goes on failing nobody waits for. */
const URGENT_FAILURES = 3;
/** The longest that timers of Node can wait. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** An empty queue. */
export function workQueue(options: WorkQueueOptions): WorkQueue {
  const { run, workers, minIntervalMs, isAlwaysUrgent = () => false, onRun, now = () => performance.now() } = options;
  const entries = new Map<string, Entry>();
  const lanes = queueLanes(workers, options.laneOf);
  const underWay = new Set<Promise<void>>();
  /** One for each run: listeners on a signal that all share would pile up. */
  const controllers = new Set<AbortController>();
  let isClosed = false;

  const makeReady = (item: string, entry: Entry): void => {
    entry.state = 'ready';
    lanes.put(item, entry.isUrgent || isAlwaysUrgent(item) ? 'change' : 'routine');
    dispatch();
  };
  const wait = (item: string, entry: Entry, due: number): void => {
    clearTimeout(entry.timer);
    const left = due - now();
    if (left <= 0) return makeReady(item, entry);
    entry.state = 'waiting';
    entry.due = due;
    entry.timer = setTimeout(() => wait(item, entry, due), Math.min(Math.ceil(left), LONGEST_TIMER_MS));
  };
  const rest = (item: string, entry: Entry): void => {
    entry.state = 'resting';
    entry.timer = setTimeout(() => entries.delete(item), Math.ceil(Math.max(0, entry.notBefore - now())));
  };

  const finished = (item: string, entry: Entry, began: number, requeueAfterMs: number | undefined): void => {
    entry.failures = 0;
    entry.notBefore = began + minIntervalMs * PART_AFTER_SUCCESS;
    // Who asks to be called at once again and again shall not keep a worker busy.
    const own = requeueAfterMs === undefined ? Infinity : Math.max(now() + requeueAfterMs, began + minIntervalMs);
    proceed(item, entry, own);
  };
  const failed = ({ item, cause }: Turn, entry: Entry, began: number, error: unknown): void => {
    entry.failures += 1;
    entry.notBefore = began + minIntervalMs;
    const own = Math.max(entry.notBefore, now() + Math.max(backOff(options, entry.failures), retryAfter(error)));
    proceed(item, entry, own, cause === 'change' && entry.failures <= URGENT_FAILURES);
  };
  /** After a run: what was asked for meanwhile, or what the run itself asks for. */
  const proceed = (item: string, entry: Entry, own: number, isOwnUrgent = false): void => {
    const wish = entry.again === undefined ? Infinity : Math.max(entry.again, entry.notBefore);
    entry.isUrgent = isOwnUrgent || (wish <= own && entry.isUrgent);
    entry.again = undefined;
    const due = Math.min(own, wish);
    if (due === Infinity) rest(item, entry);
    else wait(item, entry, due);
  };

  const work = async (turn: Turn, entry: Entry): Promise<void> => {
    const { item, cause } = turn;
    const began = now();
    const controller = new AbortController();
    controllers.add(controller);
    entry.state = 'running';
    entry.isUrgent = false;
    // A run may ask for others at once: then this one has to be among those under way.
    await Promise.resolve();
    try {
      const { requeueAfterMs } = (await run(item, controller.signal, cause)) ?? {};
      onRun?.(item, now() - began, undefined);
      if (!isClosed) finished(item, entry, began, requeueAfterMs);
    } catch (error) {
      onRun?.(item, now() - began, error ?? new Error('failed without a word'));
      if (!isClosed) failed(turn, entry, began, error);
    } finally {
      lanes.ended(turn);
      controllers.delete(controller);
    }
  };

  const dispatch = (): void => {
    if (isClosed) return;
    while (underWay.size < workers) {
      const turn = lanes.take();
      const entry = turn && entries.get(turn.item);
      if (!entry) return;
      const working: Promise<void> = work(turn, entry).finally(() => {
        underWay.delete(working);
        dispatch();
      });
      underWay.add(working);
    }
  };

  const add = (item: string, requeueAfterMs = 0): void => {
    if (isClosed) return;
    const entry = entries.get(item) ?? freshEntry();
    entries.set(item, entry);
    const wish = now() + requeueAfterMs;
    if (requeueAfterMs <= 0) entry.isUrgent = true;
    if (entry.state === 'running') entry.again = Math.min(entry.again ?? Infinity, wish);
    else if (entry.state === 'ready' && entry.isUrgent) lanes.hasten(item);
    else if (entry.state === 'resting' || wish < entry.due) wait(item, entry, Math.max(wish, entry.notBefore));
  };

  return {
    add,
    sizes: () => {
      const waiting = [...entries.values()].filter(({ state }) => state === 'waiting').length;
      return { ready: lanes.ready(), waiting, running: underWay.size };
    },
    close: async (graceMs = 0) => {
      isClosed = true;
      for (const { timer } of entries.values()) clearTimeout(timer);
      entries.clear();
      lanes.clear();
      const patience = setTimeout(() => controllers.forEach((controller) => controller.abort()), graceMs);
      await Promise.all(underWay);
      clearTimeout(patience);
    },
  };
}

const freshEntry = (): Entry => ({
  state: 'resting',
  due: 0,
  timer: undefined,
  again: undefined,
  isUrgent: false,
  failures: 0,
  notBefore: -Infinity,
});

const backOff = ({ firstBackOffMs, longestBackOffMs, random }: WorkQueueOptions, failures: number): number =>
  backoffMs(failures, { firstMs: firstBackOffMs, maxMs: longestBackOffMs }, random);

/** How long the other side asked to be left alone. */
const retryAfter = (error: unknown): number =>
  error instanceof Error && 'retryAfterMs' in error && typeof error.retryAfterMs === 'number' ? error.retryAfterMs : 0;
