// Lets requests through at a bounded rate and a bounded number at a time, in the order in which they came but for those that go first.
import { performance } from 'node:perf_hooks';

export interface Limits {
  readonly requestsPerSecond: number;
  /** How many may go at once after a pause. */
  readonly burst: number;
  readonly maxInFlight: number;
}

export interface Gate {
  /** Runs the work when it is its turn: before all that do not go first. Rejects with the signal's reason when that is aborted while waiting. */
  pass<T>(work: () => Promise<T>, signal?: AbortSignal, goesFirst?: boolean): Promise<T>;
  /** Rejects all who wait, and all who come later. */
  close(): void;
}

interface Waiting {
  readonly go: () => void;
  readonly refuse: (reason: unknown) => void;
}

/** A token bucket and a limit on what is under way. The clock is monotonic, in milliseconds. */
export const gate = ({ requestsPerSecond, burst, maxInFlight }: Limits, now: () => number = () => performance.now()): Gate => {
  const first: Waiting[] = [];
  const others: Waiting[] = [];
  let tokens = burst;
  let filledAt = now();
  let inFlight = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const refill = (): void => {
    const at = now();
    tokens = Math.min(burst, tokens + (Math.max(0, at - filledAt) / 1000) * requestsPerSecond);
    filledAt = at;
  };
  const next = (): void => {
    refill();
    while (first.length + others.length > 0 && inFlight < maxInFlight && tokens >= 1) {
      tokens -= 1;
      inFlight += 1;
      (first.shift() ?? others.shift())?.go();
    }
    if (first.length + others.length === 0 || inFlight >= maxInFlight || timer) return;
    const wait = Math.ceil(((1 - tokens) / requestsPerSecond) * 1000);
    timer = setTimeout(
      () => {
        timer = undefined;
        next();
      },
      Math.max(1, wait),
    );
  };
  const enter = (waiting: Waiting[], signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      if (closed) return reject(new GateClosed());
      if (signal?.aborted) return reject(signal.reason);
      const leave = (): void => signal?.removeEventListener('abort', abort);
      const entry: Waiting = {
        go: () => {
          leave();
          resolve();
        },
        refuse: (reason) => {
          leave();
          reject(reason);
        },
      };
      const abort = (): void => {
        waiting.splice(waiting.indexOf(entry), 1);
        entry.refuse(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      waiting.push(entry);
      next();
    });

  return {
    async pass(work, signal, goesFirst = false) {
      await enter(goesFirst ? first : others, signal);
      try {
        return await work();
      } finally {
        inFlight -= 1;
        next();
      }
    },
    close() {
      closed = true;
      clearTimeout(timer);
      for (const { refuse } of [...first.splice(0), ...others.splice(0)]) refuse(new GateClosed());
    },
  };
};

/** The client was closed before it was this request's turn. */
export class GateClosed extends Error {
  constructor() {
    super('the client is closed');
  }
}
