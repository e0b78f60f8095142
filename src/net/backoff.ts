// Exponential back-off, and jitter.

export interface Backoff {
  /** After the first failure. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** Default: 2. */
  readonly factor?: number;
}

/**
 * Milliseconds to wait after so many failures in a row (1 or more): `firstMs`, then `factor` times as long each time, `maxMs` at
 * most; of that between the half and the whole, so that clients which failed together do not retry together.
 */
export function backoffMs(failures: number, { firstMs, maxMs, factor = 2 }: Backoff, random: () => number = Math.random): number {
  return Math.min(maxMs, firstMs * factor ** (failures - 1)) * (0.5 + random() / 2);
}

/** Between 0.75 and 1.25 of a period, so that replicas that started together do not stay in step. */
export function jittered(milliseconds: number, random: () => number = Math.random): number {
  return milliseconds * (0.75 + random() / 2);
}
