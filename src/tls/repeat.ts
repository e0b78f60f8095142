// Does something again and again: soon after failures and changes, else when there is a reason to; until closed.
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, jittered } from '../net/backoff.ts';

export type RoundOutcome =
  /** All is as it should be. */
  | 'well'
  /** It was put right, or somebody was faster: look again soon, to see that it stays. */
  | 'changed'
  | 'failed';

export interface Repetition {
  /** Ends the round or the wait that is under way and resolves when it is over. */
  close(): Promise<void>;
}

export interface RepeatOptions {
  /** Handles its own errors. The clock may jump and the machine may sleep: it looks at the time itself. */
  readonly round: (signal: AbortSignal) => Promise<RoundOutcome>;
  /** Resolves when it is time to look although all is well. May reject: then the next round is as after a failure. */
  readonly idle: (signal: AbortSignal) => Promise<void>;
}

/** Starts the first round at once. Waits have jitter, so that replicas that started together do not stay together. */
export function repeat({ round, idle }: RepeatOptions): Repetition {
  const closing = new AbortController();
  const { signal } = closing;
  // How often in a row it was not well, forgotten after a calm minute: two that undo each other's work must not do it at full speed.
  let unrest = 0;
  let lastUnrest = 0;
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const outcome = await round(signal);
      if (outcome === 'well') {
        await idle(signal).catch(() => sleep(jittered(FIRST_MS), undefined, { signal }));
        continue;
      }
      unrest = performance.now() - lastUnrest < CALM_MS ? unrest + 1 : 1;
      lastUnrest = performance.now();
      const longest = outcome === 'failed' ? LONGEST_MS : LONGEST_AFTER_CHANGE_MS;
      await sleep(backoffMs(unrest, { firstMs: FIRST_MS, maxMs: longest }), undefined, { signal });
    }
  };
  const running = run().catch(() => undefined);
  return {
    close() {
      closing.abort();
      return running;
    },
  };
}

const FIRST_MS = 250;
const LONGEST_MS = 30_000;
const LONGEST_AFTER_CHANGE_MS = 2000;
const CALM_MS = 60_000;
