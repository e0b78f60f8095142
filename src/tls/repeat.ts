// Does something again and again, with back-off after failures and jitter always, until closed.

export type RoundOutcome =
  /** All is as it should be. */
  | 'well'
  /** Somebody was faster: look again at once. */
  | 'again'
  | 'failed';

export interface Repetition {
  /** Ends the round that is under way and resolves when it is over. */
  close(): Promise<void>;
}

const AGAIN_MS = 200;
const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 30_000;

/**
 * Starts the first round at once and each further one some time after the one before: `everyMs` when all went well.
 * The round handles its own errors. The clock may jump and the machine may sleep: a round looks at the time itself.
 */
export const repeat = (round: (signal: AbortSignal) => Promise<RoundOutcome>, everyMs: number): Repetition => {
  const closing = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  const run = async (): Promise<void> => {
    const outcome = await round(closing.signal);
    failures = outcome === 'failed' ? failures + 1 : 0;
    if (!closing.signal.aborted) timer = setTimeout(start, jittered(delay(outcome, failures, everyMs)));
  };
  let running: Promise<void> = Promise.resolve();
  const start = (): void => {
    running = run();
  };
  start();
  return {
    async close() {
      closing.abort();
      clearTimeout(timer);
      await running;
    },
  };
};

const delay = (outcome: RoundOutcome, failures: number, everyMs: number): number => {
  if (outcome === 'well') return everyMs;
  return outcome === 'again' ? AGAIN_MS : Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
};

/** 0.75 to 1.25 of it, so that replicas that started together do not stay together. */
const jittered = (milliseconds: number): number => milliseconds * (0.75 + Math.random() / 2);
