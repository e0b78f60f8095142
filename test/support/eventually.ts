// Waiting in tests: for a condition, with a bound, and with words when it does not come true.
import { setTimeout as sleep } from 'node:timers/promises';

interface Timing {
  /** 60 unless given. */
  readonly seconds?: number;
  /** Between two questions: 20 unless given. */
  readonly everyMs?: number;
  /** Printed when the time is over: what was seen instead. */
  readonly state?: () => string;
}

type Ask<T> = () => T | Promise<T>;

/**
 * Asks until the answer is not `false`, and returns it. An error counts as `false`, so that a question may hold expectations.
 * @param what what is waited for, for the error; without it the source of the question
 * @throws when the time is over, with the last error
 */
export async function eventually<T>(what: string, ask: Ask<T>, timing?: Timing): Promise<Exclude<T, false>>;
export async function eventually<T>(ask: Ask<T>, timing?: Timing): Promise<Exclude<T, false>>;
export async function eventually<T>(one: string | Ask<T>, other?: Ask<T> | Timing, third?: Timing): Promise<unknown> {
  const [ask, timing = {}] = typeof one === 'string' ? [other as Ask<T>, third] : [one, other as Timing | undefined];
  const { seconds = 60, everyMs = 20, state } = timing;
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const [answer, error] = await Promise.resolve()
      .then(ask)
      .then(
        (given) => [given, undefined] as const,
        (reason: unknown) => [false, reason] as const,
      );
    if (answer !== false) {
      // Counts as an assertion of the test. Programs of the test bed wait as well, and have no `expect`.
      if (typeof expect === 'function') expect(answer).not.toBe(false);
      return answer;
    }
    if (performance.now() > end) {
      const seen = [error instanceof Error ? error.message : '', state?.() ?? ''].filter((text) => text !== '');
      throw new Error([`not within ${seconds} s: ${String(one)}`, ...seen].join('\n'), { cause: error });
    }
    await sleep(everyMs);
  }
}
