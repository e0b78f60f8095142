// Pages for probes and for Prometheus.
import type { Registry } from 'prom-client';
import { answer, type Handler } from './answer.ts';

const TEXT = 'text/plain; charset=utf-8';

/** 204 while `good`, else 503: the health path of vault-k8s. */
export function statusPage(good: () => boolean): Handler {
  return (_request, response) => {
    response.writeHead(good() ? 204 : 503);
    response.end();
  };
}

/** 200 `ok` without reasons, else 503 with one reason per line. */
export function reasonsPage(reasons: () => readonly string[]): Handler {
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
