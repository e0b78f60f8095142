// The operations port: health, readiness and metrics over plain HTTP, apart from the port that API servers call, with the
// same bounds.
import { createServer } from 'node:http';
import type { Metrics } from '../observe/metrics.ts';
import { closeServer } from './drain.ts';
import { DEFAULT_LIMITS, type ServerLimits } from './limits.ts';
import { httpOptions, type ListenAddress, listen } from './listener.ts';
import { metricsPage, reasonsPage } from './pages.ts';
import { createRouter, getOnly } from './router.ts';

export interface OperationsServerOptions {
  readonly listen: ListenAddress;
  readonly metrics: Pick<Metrics, 'registry'>;
  /** Why this process is not ready; empty when it is. */
  readonly reasons: () => readonly string[];
  readonly limits?: Partial<ServerLimits> | undefined;
}

export interface OperationsServer {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/**
 * Starts to listen with `GET /healthz` (200 as long as the process can answer), `/readyz` (503 with the reasons in words)
 * and `/metrics`. Rejects when it cannot listen.
 */
export async function startOperationsServer(options: OperationsServerOptions): Promise<OperationsServer> {
  const limits: ServerLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const get = (handler: Parameters<typeof getOnly>[0]) => getOnly(handler, limits.lingerMs);
  const routes = new Map([
    ['/healthz', get(reasonsPage(() => []))],
    ['/readyz', get(reasonsPage(options.reasons))],
    ['/metrics', get(metricsPage(options.metrics.registry))],
  ]);
  const server = createServer(httpOptions(limits), createRouter(routes, { lingerMs: limits.lingerMs, rejected: uncounted }));
  const port = await listen(server, options.listen, limits, uncounted);
  return { port, close: () => closeServer(server, limits.lingerMs) };
}

/** Bad requests here are nobody's review. */
const uncounted = (): void => {};
