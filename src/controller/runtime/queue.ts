// The work queue: one run of an item at a time, at once or after a delay, with back-off while it fails.
import { backoffMs } from '../../net/backoff.ts';
import { type Cause, type LanesOptions, queueLanes, type Turn } from './queue-lanes.ts';

export interface WorkQueueOptions extends LanesOptions {
  /**
   * Runs an item. What it throws is a failure; `requeueAfterMs` requests the next run. The signal is aborted when the grace
   * period of `close` ends.
   */
  readonly run: (
    item: string,
    signal: AbortSignal,
    cause: Cause,
  ) => Promise<{ readonly requeueAfterMs?: number | undefined } | void>;
  /** Concurrent runs. */
  readonly workers: number;
  readonly firstBackOffMs: number;
  readonly maxBackOffMs: number;
  /** Minimum from the start of a failed run to the next run of this item; a tenth of it after a success. */
  readonly minIntervalMs: number;
  /** Items on which others depend: every run counts as urgent. Default: none. */
  readonly isAlwaysUrgent?: (item: string) => boolean;
  /** Called after each run; `error` undefined: it succeeded. */
  readonly onRun?: (item: string, milliseconds: number, error: unknown) => void;
  /** A monotonic clock in milliseconds. */
  readonly now?: () => number;
  /** At least 0 and less than 1. */
  readonly random?: () => number;
}

export interface WorkQueue {
  /**
   * Requests a run now, or after so many milliseconds; of several requests for an item the earliest counts. A request during a
   * run is for another run. Immediate requests go before delayed ones, except for one run in ten.
   */
  readonly add: (item: string, afterMs?: number) => void;
  readonly sizes: () => QueueSizes;
  /** Starts no more runs. Waits for the running ones, whose signals are aborted after so many milliseconds. */
  readonly close: (graceMs?: number) => Promise<void>;
}

export interface QueueSizes {
  /** Waits for a worker. */
  readonly ready: number;
  /** Waits for its time. */
  readonly waiting: number;
  readonly running: number;
}

interface QueueItem {
  state: 'resting' | 'waiting' | 'ready' | 'running';
  /** When the timer of a waiting item fires. */
  due: number;
  timer: NodeJS.Timeout | undefined;
  /** A request during a run, as a time; undefined: none. */
  requestedAt: number | undefined;
  isUrgent: boolean;
  failures: number;
  /** No run starts before this. */
  notBefore: number;
}

/** The part of the minimum interval after a success: an item that is requested all the time must not occupy a worker. */
const PART_AFTER_SUCCESS = 0.1;
/**
 * A failed change stays urgent for so many failures: a write conflict is gone the next time, a lasting failure need not be
 * fast.
 */
const URGENT_FAILURES = 3;
/** The maximum delay of a Node.js timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** An empty queue. */
export function workQueue(options: WorkQueueOptions): WorkQueue {
  const { run, workers, minIntervalMs, isAlwaysUrgent = () => false, onRun, now = () => performance.now() } = options;
  const entries = new Map<string, QueueItem>();
  const lanes = queueLanes(workers, options);
  const running = new Set<Promise<void>>();
  /** One for each run: listeners on a shared signal would pile up. */
  const controllers = new Set<AbortController>();
  let isClosed = false;

  const makeReady = (item: string, entry: QueueItem): void => {
    entry.state = 'ready';
    lanes.put(item, entry.isUrgent || isAlwaysUrgent(item) ? 'change' : 'resync');
    dispatch();
  };
  const wait = (item: string, entry: QueueItem, due: number): void => {
    clearTimeout(entry.timer);
    const left = due - now();
    if (left <= 0) return makeReady(item, entry);
    entry.state = 'waiting';
    entry.due = due;
    entry.timer = setTimeout(() => wait(item, entry, due), Math.min(Math.ceil(left), MAX_TIMER_MS));
  };
  const rest = (item: string, entry: QueueItem): void => {
    entry.state = 'resting';
    entry.timer = setTimeout(() => entries.delete(item), Math.ceil(Math.max(0, entry.notBefore - now())));
  };

  const finished = (item: string, entry: QueueItem, began: number, requeueAfterMs: number | undefined): void => {
    entry.failures = 0;
    entry.notBefore = began + minIntervalMs * PART_AFTER_SUCCESS;
    // An item that requests itself immediately must not occupy a worker.
    const own = requeueAfterMs === undefined ? Infinity : Math.max(now() + requeueAfterMs, began + minIntervalMs);
    proceed(item, entry, own);
  };
  const failed = ({ item, cause }: Turn, entry: QueueItem, began: number, error: unknown): void => {
    entry.failures += 1;
    entry.notBefore = began + minIntervalMs;
    const own = Math.max(entry.notBefore, now() + Math.max(backOff(options, entry.failures), retryAfter(error)));
    proceed(item, entry, own, cause === 'change' && entry.failures <= URGENT_FAILURES);
  };
  /** After a run: the earlier of what was requested meanwhile and what the run itself requests. */
  const proceed = (item: string, entry: QueueItem, own: number, isOwnUrgent = false): void => {
    const requested = entry.requestedAt === undefined ? Infinity : Math.max(entry.requestedAt, entry.notBefore);
    entry.isUrgent = isOwnUrgent || (requested <= own && entry.isUrgent);
    entry.requestedAt = undefined;
    const due = Math.min(own, requested);
    if (due === Infinity) rest(item, entry);
    else wait(item, entry, due);
  };

  const work = async (turn: Turn, entry: QueueItem): Promise<void> => {
    const { item, cause } = turn;
    const began = now();
    const controller = new AbortController();
    controllers.add(controller);
    entry.state = 'running';
    entry.isUrgent = false;
    // The run may enqueue other items at once: it has to be among the running ones by then.
    await Promise.resolve();
    try {
      const { requeueAfterMs } = (await run(item, controller.signal, cause)) ?? {};
      onRun?.(item, now() - began, undefined);
      if (!isClosed) finished(item, entry, began, requeueAfterMs);
    } catch (error) {
      onRun?.(item, now() - began, error ?? new Error('failed without an error'));
      if (!isClosed) failed(turn, entry, began, error);
    } finally {
      lanes.ended(turn);
      controllers.delete(controller);
    }
  };

  const dispatch = (): void => {
    if (isClosed) return;
    while (running.size < workers) {
      const turn = lanes.take();
      const entry = turn && entries.get(turn.item);
      if (!entry) return;
      const working: Promise<void> = work(turn, entry).finally(() => {
        running.delete(working);
        dispatch();
      });
      running.add(working);
    }
  };

  const add = (item: string, afterMs = 0): void => {
    if (isClosed) return;
    const entry = entries.get(item) ?? newItem();
    entries.set(item, entry);
    const due = now() + afterMs;
    if (afterMs <= 0) entry.isUrgent = true;
    if (entry.state === 'running') entry.requestedAt = Math.min(entry.requestedAt ?? Infinity, due);
    else if (entry.state === 'ready' && entry.isUrgent) lanes.hasten(item);
    else if (entry.state === 'resting' || due < entry.due) wait(item, entry, Math.max(due, entry.notBefore));
  };

  return {
    add,
    sizes: () => {
      const waiting = [...entries.values()].filter(({ state }) => state === 'waiting').length;
      return { ready: lanes.ready(), waiting, running: running.size };
    },
    close: async (graceMs = 0) => {
      isClosed = true;
      for (const { timer } of entries.values()) clearTimeout(timer);
      entries.clear();
      lanes.clear();
      const grace = setTimeout(() => controllers.forEach((controller) => controller.abort()), graceMs);
      await Promise.all(running);
      clearTimeout(grace);
    },
  };
}

const newItem = (): QueueItem => ({
  state: 'resting',
  due: 0,
  timer: undefined,
  requestedAt: undefined,
  isUrgent: false,
  failures: 0,
  notBefore: -Infinity,
});

const backOff = ({ firstBackOffMs, maxBackOffMs, random }: WorkQueueOptions, failures: number): number =>
  backoffMs(failures, { firstMs: firstBackOffMs, maxMs: maxBackOffMs }, random);

/** The Retry-After of the server. */
const retryAfter = (error: unknown): number =>
  error instanceof Error && 'retryAfterMs' in error && typeof error.retryAfterMs === 'number' ? error.retryAfterMs : 0;
