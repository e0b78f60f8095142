// The operations port: health, readiness and metrics over plain HTTP, apart from the port that API servers call, with the
// same limits.
import { createServer } from 'node:http';
import type { Registry } from 'prom-client';
import type { Metrics } from '../observe/metrics.ts';
import { answer, type Handler } from './answer.ts';
import { closeServer } from './drain.ts';
import { DEFAULT_LIMITS, type ServerLimits } from './limits.ts';
import { httpOptions, type ListenAddress, listen } from './listener.ts';
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
 * Starts to listen with `GET /healthz` (200 as long as the process responds), `/readyz` (503 with the reasons) and
 * `/metrics`. Rejects when it cannot listen.
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

/** The metrics count rejected reviews only. */
const uncounted = (): void => {};

const TEXT = 'text/plain; charset=utf-8';

/** 204 while `good`, otherwise 503: the health path of vault-k8s. */
export function statusPage(good: () => boolean): Handler {
  return (_request, response) => {
    response.writeHead(good() ? 204 : 503);
    response.end();
  };
}

/** 200 `ok` without reasons, otherwise 503 with one reason per line. */
function reasonsPage(reasons: () => readonly string[]): Handler {
  return (_request, response) => {
    const present = reasons();
    answer(response, present.length === 0 ? 200 : 503, TEXT, present.length === 0 ? 'ok\n' : `${present.join('\n')}\n`, false);
  };
}

/** The registry in Prometheus' text format. */
export function metricsPage(registry: Registry): Handler {
  return (_request, response) => {
    registry.metrics().then(
      (text) => answer(response, 200, registry.contentType, text, false),
      () => answer(response, 500, TEXT, 'the metrics could not be read\n', false),
    );
  };
}
