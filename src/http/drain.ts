// Stopping without losing a review. API servers learn of a removed endpoint seconds after SIGTERM, and use open connections
// even longer; so the server keeps serving, closes each connection with its next response, and stops when it is idle.
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

/** Keeps serving until the minimum has passed and the server is idle, at most for the maximum; then closes it. */
export async function drainServer({ server, times, lastRequest }: DrainOptions): Promise<void> {
  const start = performance.now();
  const over = (): boolean => {
    const now = performance.now();
    const isIdle = now - Math.max(start, lastRequest()) >= times.drainIdleMs;
    return now - start >= times.drainMaxMs || (isIdle && now - start >= times.drainMinMs);
  };
  while (!over()) await sleep(Math.min(CHECK_MS, Math.max(1, times.drainIdleMs / 4)));
  await closeServer(server, times.drainSettleMs);
}

const CHECK_MS = 250;

/** Closes the listener and idle connections, waits at most `settleMs` for responses in progress, and closes what is left. */
export async function closeServer(server: HttpServer | HttpsServer, settleMs: number): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), settleMs);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearTimeout(cut);
}

export interface StopSignals {
  /** Stops gracefully; `hurry` after Ctrl-C, where a person waits. */
  readonly stop: (hurry: boolean) => Promise<void>;
  /** Ends the process. */
  readonly end: (code: number) => void;
  /** SIGHUP arrived; nothing has to be done. */
  readonly hungUp: () => void;
}

/**
 * SIGTERM and SIGINT: the first stops the program gracefully, a second one ends it at once. SIGHUP, which operators send to
 * servers that should reload their certificates, must not end it. The returned function stops listening.
 */
export function onStopSignals({ stop, end, hungUp }: StopSignals): () => void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) return end(SECOND_SIGNAL_CODE);
    stopping = true;
    stop(signal === 'SIGINT').then(
      () => end(0),
      () => end(1),
    );
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal).on('SIGHUP', hungUp);
  return () => void process.off('SIGTERM', onSignal).off('SIGINT', onSignal).off('SIGHUP', hungUp);
}

/** 128 and the number of SIGTERM, as shells report it. */
const SECOND_SIGNAL_CODE = 143;
