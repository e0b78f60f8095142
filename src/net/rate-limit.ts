// Rate limits: a token bucket, a queue of turns, and a limiter that also bounds how many requests are in flight, with three priorities.
import { performance } from 'node:perf_hooks';

export interface TokenBucket {
  /** Takes a token if there is one. */
  readonly take: () => boolean;
  /** Milliseconds until there is a token; 0: now. */
  readonly waitMs: () => number;
}

/** A full bucket of `burst` tokens that gains one every `refillMs`. The clock gives milliseconds. */
export function tokenBucket(burst: number, refillMs: number, now: () => number): TokenBucket {
  let tokens = burst;
  let filledAt = now();
  const refill = (): void => {
    const at = now();
    tokens = Math.min(burst, tokens + Math.max(0, at - filledAt) / refillMs);
    filledAt = at;
  };
  return {
    take: () => {
      refill();
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
    waitMs: () => {
      refill();
      return Math.max(0, (1 - tokens) * refillMs);
    },
  };
}

export interface TurnQueue {
  /** Milliseconds until the turn of this key, which keeps its place; 0: it is now, and used up by this call. */
  readonly take: (key: string) => number;
  /** Gives up the place of a key. */
  readonly cancel: (key: string) => void;
}

/** One turn in each interval, first come, first served: thousands that wait need not try again and again. */
export function turnQueue(intervalMs: number, now: () => number): TurnQueue {
  const places = new Map<string, number>();
  let next = -Infinity;
  return {
    take: (key) => {
      const at = now();
      const place = places.get(key) ?? Math.max(at, next);
      if (!places.has(key)) next = place + intervalMs;
      if (place > at) {
        places.set(key, place);
        return Math.ceil(place - at);
      }
      places.delete(key);
      return 0;
    },
    cancel: (key) => void places.delete(key),
  };
}

export interface RateLimits {
  readonly requestsPerSecond: number;
  /** Requests that may be sent at once after a pause. */
  readonly burst: number;
  readonly maxInFlight: number;
}

/**
 * The priority of a request, highest first: `system` is what all other requests need (logins, renewals, health checks), `change`
 * follows a change in the cluster, `resync` most often finds no drift.
 */
export type Priority = 'system' | 'change' | 'resync';

export interface RateLimiter {
  /** Runs the work in its turn. Rejects with the signal's reason when that is aborted before. */
  run<T>(work: () => Promise<T>, priority: Priority, signal?: AbortSignal): Promise<T>;
  /** Rejects all work that waits, and all later work, with RateLimiterClosed. */
  close(): void;
}

/** The limiter was closed before the turn of this request. */
export class RateLimiterClosed extends Error {
  constructor() {
    super('the client is closed');
  }
}

interface Waiting {
  readonly start: () => void;
  readonly reject: (reason: unknown) => void;
}

/** After so many changes a waiting resync has its turn: otherwise a busy cluster would starve resyncs. */
const CHANGES_IN_A_ROW = 9;

/** A limiter; each priority is first in, first out. The clock is monotonic, in milliseconds. */
export function rateLimiter(
  { requestsPerSecond, burst, maxInFlight }: RateLimits,
  now: () => number = () => performance.now(),
): RateLimiter {
  const waiting: Readonly<Record<Priority, Waiting[]>> = { system: [], change: [], resync: [] };
  const inFlight: Record<Priority, number> = { system: 0, change: 0, resync: 0 };
  // A server that answers resyncs slowly must not keep changes from being sent.
  const maxResync = Math.max(1, maxInFlight - 1);
  const bucket = tokenBucket(burst, 1000 / requestsPerSecond, now);
  let changesInARow = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  /** The priority of the next request; undefined: none waits that may be sent. */
  const nextPriority = (): Priority | undefined => {
    if (inFlight.system + inFlight.change + inFlight.resync >= maxInFlight) return undefined;
    if (waiting.system.length > 0) return 'system';
    const hasResync = waiting.resync.length > 0 && inFlight.resync < maxResync;
    if (waiting.change.length > 0 && !(hasResync && changesInARow >= CHANGES_IN_A_ROW)) return 'change';
    return hasResync ? 'resync' : undefined;
  };
  const startNext = (): void => {
    let priority = nextPriority();
    for (; priority !== undefined && bucket.take(); priority = nextPriority()) {
      inFlight[priority] += 1;
      if (priority === 'resync') changesInARow = 0;
      else if (priority === 'change' && waiting.resync.length > 0) changesInARow += 1;
      waiting[priority].shift()?.start();
    }
    if (priority === undefined || timer) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        startNext();
      },
      Math.max(1, Math.ceil(bucket.waitMs())),
    );
  };
  const turnIn = (queue: Waiting[], signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      if (closed) return reject(new RateLimiterClosed());
      if (signal?.aborted) return reject(signal.reason);
      const unsubscribe = (): void => signal?.removeEventListener('abort', abort);
      const entry: Waiting = {
        start: () => {
          unsubscribe();
          resolve();
        },
        reject: (reason) => {
          unsubscribe();
          reject(reason);
        },
      };
      const abort = (): void => {
        queue.splice(queue.indexOf(entry), 1);
        entry.reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      queue.push(entry);
      startNext();
    });

  return {
    async run(work, priority, signal) {
      await turnIn(waiting[priority], signal);
      try {
        return await work();
      } finally {
        inFlight[priority] -= 1;
        startNext();
      }
    },
    close() {
      closed = true;
      clearTimeout(timer);
      for (const queue of Object.values(waiting)) for (const { reject } of queue.splice(0)) reject(new RateLimiterClosed());
    },
  };
}
