// Lets requests through at a bounded rate and a bounded number at a time: three lanes, each in the order in which requests came.
import { performance } from 'node:perf_hooks';

export interface Limits {
  readonly requestsPerSecond: number;
  /** How many may go at once after a pause. */
  readonly burst: number;
  readonly maxInFlight: number;
}

/**
 * What a request is for, the first first: `upkeep` is what everything else needs (logins, renewals, looks at whether the server
 * works), `change` what somebody waits for, `routine` a look at what is most likely as it should be.
 */
export type Lane = 'upkeep' | 'change' | 'routine';

export interface Gate {
  /** Runs the work when it is its turn. Rejects with the signal's reason when that is aborted while waiting. */
  pass<T>(work: () => Promise<T>, lane: Lane, signal?: AbortSignal): Promise<T>;
  /** Rejects all who wait, and all who come later. */
  close(): void;
}

interface Waiting {
  readonly go: () => void;
  readonly refuse: (reason: unknown) => void;
}

/** So many changes may pass a routine look that waits; then it is its turn: however much changes, looks do not end. */
const CHANGES_IN_A_ROW = 9;

/** A token bucket and a limit on what is under way. The clock is monotonic, in milliseconds. */
export function gate({ requestsPerSecond, burst, maxInFlight }: Limits, now: () => number = () => performance.now()): Gate {
  const waiting: Readonly<Record<Lane, Waiting[]>> = { upkeep: [], change: [], routine: [] };
  const inFlight: Record<Lane, number> = { upkeep: 0, change: 0, routine: 0 };
  // A server that is slow to answer looks shall not keep changes from being sent.
  const mostRoutine = Math.max(1, maxInFlight - 1);
  let changesInARow = 0;
  let tokens = burst;
  let filledAt = now();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const refill = (): void => {
    const at = now();
    tokens = Math.min(burst, tokens + (Math.max(0, at - filledAt) / 1000) * requestsPerSecond);
    filledAt = at;
  };
  /** Whose turn it is; undefined: nobody waits who may go. */
  const turn = (): Lane | undefined => {
    if (inFlight.upkeep + inFlight.change + inFlight.routine >= maxInFlight) return undefined;
    if (waiting.upkeep.length > 0) return 'upkeep';
    const mayLook = waiting.routine.length > 0 && inFlight.routine < mostRoutine;
    if (waiting.change.length > 0 && !(mayLook && changesInARow >= CHANGES_IN_A_ROW)) return 'change';
    return mayLook ? 'routine' : undefined;
  };
  const next = (): void => {
    refill();
    let lane = turn();
    for (; lane !== undefined && tokens >= 1; lane = turn()) {
      tokens -= 1;
      inFlight[lane] += 1;
      if (lane === 'routine') changesInARow = 0;
      else if (lane === 'change' && waiting.routine.length > 0) changesInARow += 1;
      waiting[lane].shift()?.go();
    }
    if (lane === undefined || timer) return;
    const wait = Math.ceil(((1 - tokens) / requestsPerSecond) * 1000);
    timer = setTimeout(
      () => {
        timer = undefined;
        next();
      },
      Math.max(1, wait),
    );
  };
  const enter = (lane: Waiting[], signal: AbortSignal | undefined): Promise<void> =>
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
        lane.splice(lane.indexOf(entry), 1);
        entry.refuse(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      lane.push(entry);
      next();
    });

  return {
    async pass(work, lane, signal) {
      await enter(waiting[lane], signal);
      try {
        return await work();
      } finally {
        inFlight[lane] -= 1;
        next();
      }
    },
    close() {
      closed = true;
      clearTimeout(timer);
      for (const lane of Object.values(waiting)) for (const { refuse } of lane.splice(0)) refuse(new GateClosed());
    },
  };
}

/** The client was closed before it was this request's turn. */
export class GateClosed extends Error {
  constructor() {
    super('the client is closed');
  }
}
