// Rate limits: a token bucket, and a limiter that also bounds how many requests are in flight, with three lanes of priority.
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

export interface RateLimits {
  readonly requestsPerSecond: number;
  /** Requests that may be sent at once after a pause. */
  readonly burst: number;
  readonly maxInFlight: number;
}

/**
 * The priority of a request, highest first: `upkeep` is what all other requests need (logins, renewals, health checks), `change`
 * follows a change in the cluster, `routine` is a resync, which most often finds no drift.
 */
export type Lane = 'upkeep' | 'change' | 'routine';

export interface RateLimiter {
  /** Runs the work in its turn. Rejects with the signal's reason when that is aborted before. */
  run<T>(work: () => Promise<T>, lane: Lane, signal?: AbortSignal): Promise<T>;
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

/** A limiter; each lane is first in, first out. The clock is monotonic, in milliseconds. */
export function rateLimiter(
  { requestsPerSecond, burst, maxInFlight }: RateLimits,
  now: () => number = () => performance.now(),
): RateLimiter {
  const waiting: Readonly<Record<Lane, Waiting[]>> = { upkeep: [], change: [], routine: [] };
  const inFlight: Record<Lane, number> = { upkeep: 0, change: 0, routine: 0 };
  // A server that answers resyncs slowly must not keep changes from being sent.
  const maxRoutine = Math.max(1, maxInFlight - 1);
  const bucket = tokenBucket(burst, 1000 / requestsPerSecond, now);
  let changesInARow = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  /** The lane of the next request; undefined: none waits that may be sent. */
  const nextLane = (): Lane | undefined => {
    if (inFlight.upkeep + inFlight.change + inFlight.routine >= maxInFlight) return undefined;
    if (waiting.upkeep.length > 0) return 'upkeep';
    const hasRoutine = waiting.routine.length > 0 && inFlight.routine < maxRoutine;
    if (waiting.change.length > 0 && !(hasRoutine && changesInARow >= CHANGES_IN_A_ROW)) return 'change';
    return hasRoutine ? 'routine' : undefined;
  };
  const startNext = (): void => {
    let lane = nextLane();
    for (; lane !== undefined && bucket.take(); lane = nextLane()) {
      inFlight[lane] += 1;
      if (lane === 'routine') changesInARow = 0;
      else if (lane === 'change' && waiting.routine.length > 0) changesInARow += 1;
      waiting[lane].shift()?.start();
    }
    if (lane === undefined || timer) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        startNext();
      },
      Math.max(1, Math.ceil(bucket.waitMs())),
    );
  };
  const turnIn = (lane: Waiting[], signal: AbortSignal | undefined): Promise<void> =>
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
        lane.splice(lane.indexOf(entry), 1);
        entry.reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      lane.push(entry);
      startNext();
    });

  return {
    async run(work, lane, signal) {
      await turnIn(waiting[lane], signal);
      try {
        return await work();
      } finally {
        inFlight[lane] -= 1;
        startNext();
      }
    },
    close() {
      closed = true;
      clearTimeout(timer);
      for (const lane of Object.values(waiting)) for (const { reject } of lane.splice(0)) reject(new RateLimiterClosed());
    },
  };
}
