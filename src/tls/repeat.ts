// A reconcile loop until closed: with back-off after failures and changes, otherwise when there is a reason to reconcile.
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, jittered } from '../net/backoff.ts';

export type RoundOutcome =
  | 'unchanged'
  /** This replica or another one changed something: reconcile again soon, to verify that the change stays. */
  | 'changed'
  | 'failed';

export interface Repetition {
  /** Aborts the round or the wait in progress, and resolves when it has ended. */
  close(): Promise<void>;
}

export interface RepeatOptions {
  /** Handles its own errors. Reads the clock itself, which may jump while the machine sleeps. */
  readonly round: (signal: AbortSignal) => Promise<RoundOutcome>;
  /** Resolves when there is a reason for another round after an unchanged one. May reject: the next round follows soon. */
  readonly idle: (signal: AbortSignal) => Promise<void>;
}

/** Starts the first round at once. Waits have jitter, so that replicas that started together spread out. */
export function repeat({ round, idle }: RepeatOptions): Repetition {
  const closing = new AbortController();
  const { signal } = closing;
  // Rounds in a row that were not `unchanged`, reset after a minute without one: two writers that undo each other's changes
  // must not do so at full speed.
  let attempts = 0;
  let lastAttempt = 0;
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const outcome = await round(signal);
      if (outcome === 'unchanged') {
        await idle(signal).catch(() => sleep(jittered(FIRST_MS), undefined, { signal }));
        continue;
      }
      attempts = performance.now() - lastAttempt < RESET_MS ? attempts + 1 : 1;
      lastAttempt = performance.now();
      const maxMs = outcome === 'failed' ? MAX_AFTER_FAILURE_MS : MAX_AFTER_CHANGE_MS;
      await sleep(backoffMs(attempts, { firstMs: FIRST_MS, maxMs }), undefined, { signal });
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
const MAX_AFTER_FAILURE_MS = 30_000;
const MAX_AFTER_CHANGE_MS = 2000;
const RESET_MS = 60_000;
