// Stopping without losing a review. Endpoints leave the view of API servers seconds after SIGTERM, and their open
// connections are used even longer; so the server serves on, ends each connection with an answer, and closes when quiet.
import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

export interface DrainTimes {
  readonly drainMinMs: number;
  readonly drainIdleMs: number;
  readonly drainMaxMs: number;
  readonly drainSettleMs: number;
}

export interface DrainOptions {
  readonly server: HttpsServer;
  readonly times: DrainTimes;
  /** When the last review arrived, in milliseconds of performance.now. */
  readonly lastRequest: () => number;
}

/** Serves until the minimum has passed and it has been quiet, at most for the maximum; then closes the server. */
export async function drainServer({ server, times, lastRequest }: DrainOptions): Promise<void> {
  const start = performance.now();
  const over = (): boolean => {
    const now = performance.now();
    const quiet = now - Math.max(start, lastRequest()) >= times.drainIdleMs;
    return now - start >= times.drainMaxMs || (quiet && now - start >= times.drainMinMs);
  };
  while (!over()) await sleep(Math.min(LOOK_MS, Math.max(1, times.drainIdleMs / 4)));
  await closeServer(server, times.drainSettleMs);
}

const LOOK_MS = 250;

/** Closes the listener and idle connections, waits for answers in progress, at most for `settleMs`, and cuts what is left. */
export async function closeServer(server: HttpServer | HttpsServer, settleMs: number): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), settleMs);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearTimeout(cut);
}
