// What Prometheus can ask about this process. Counting is on the path of every review, so that is
// cheap, and gauges are read only when somebody asks.
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { hotCounter, hotHistogram } from './hot.ts';

export interface BuildInfo {
  readonly version: string;
  readonly commit: string;
}

/** Why a review was turned away unread, to be tried again by the API server. */
export type ShedCause = 'in_flight' | 'memory' | 'deadline' | 'slow';

/** How such a question ended; `unasked`: too many of them at once, or the last one failed a moment ago. */
export type LookUpResult = 'answered' | 'failed' | 'unasked';

/** What gauges read at the moment of a scrape; each is bound by the part that knows. */
export interface MetricSources {
  readonly inFlight?: () => number;
  readonly draining?: () => boolean;
  /** When the served certificate ends. */
  readonly certificateEnd?: () => Date | undefined;
  /** Why the certificate or its publication is not as it should be. */
  readonly tlsProblem?: () => string | undefined;
  /** Seconds since the API server last told of namespaces and service accounts. */
  readonly clusterStaleness?: () => number;
  /** Whether our objects are known; undefined: they are not looked for. */
  readonly rolesKnown?: () => boolean;
}

export interface Metrics {
  readonly registry: Registry;
  /** One answered review: how it was decided, how long it took from its last byte to the answer, how large it was. */
  readonly reviewed: (decision: string, reason: string, seconds: number, bytes: number) => void;
  readonly shed: (cause: ShedCause) => void;
  /** An answer other than a review: 400, 404, 405, 408, 413, 415, 431 … */
  readonly rejected: (status: number) => void;
  /** The reviewer threw. */
  readonly failed: () => void;
  readonly tlsHandshakeFailed: () => void;
  /** The API server was asked for a namespace or service account while a review waited. */
  readonly lookedUp: (result: LookUpResult) => void;
  /** Something is amiss between a pod and its VaultAuthRole; both words are closed. */
  readonly judged: (code: string, verdict: string) => void;
  /** Tells the gauges where to look; later sources replace earlier ones by name. */
  readonly watch: (sources: MetricSources) => void;
}

/** Creates the metrics in a registry of their own, the usual process and Node.js metrics among them. */
export function createMetrics(build: BuildInfo): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Counter<Label> =>
    new Counter({ name: PREFIX + name, help, labelNames: [...labelNames], registers });

  const sheds = counter('requests_shed_total', 'Requests turned away with 503 and Retry-After, by cause.', ['cause']);
  const rejections = counter('requests_rejected_total', 'Requests that were no review, by HTTP status.', ['status']);
  const failures = counter('internal_errors_total', 'Reviews that failed by a fault of this program.');
  const handshakes = counter('tls_handshake_errors_total', 'TLS handshakes that did not complete.');
  const lookUps = counter('cluster_lookups_total', 'Namespaces and service accounts looked up during a review, by result.', [
    'result',
  ]);
  const roleFindings = counter(
    'role_findings_total',
    'What was amiss between pods and their VaultAuthRoles, by code and verdict: warned, would-deny (the mode Enforce would) or denied.',
    ['code', 'verdict'],
  );
  const reviews = hotCounter(registry, `${PREFIX}reviews_total`, 'Answered reviews by decision and reason.', [
    'decision',
    'reason',
  ]);
  const durationHelp = 'Time from the last byte of a review to its answer.';
  const duration = hotHistogram(registry, `${PREFIX}review_duration_seconds`, durationHelp, DURATION_SECONDS);
  const size = hotHistogram(registry, `${PREFIX}request_body_bytes`, 'Size of reviews.', BODY_BYTES);
  const watch = gauges(registry, build);

  return {
    registry,
    reviewed(decision, reason, seconds, bytes) {
      reviews(decision, reason);
      duration(seconds);
      size(bytes);
    },
    shed: (cause) => sheds.labels(cause).inc(),
    rejected: (status) => rejections.labels(String(status)).inc(),
    failed: () => failures.inc(),
    tlsHandshakeFailed: () => handshakes.inc(),
    lookedUp: (result) => lookUps.labels(result).inc(),
    judged: (code, verdict) => roleFindings.labels(code, verdict).inc(),
    watch,
  };
}

/** Every own metric starts with this; those of vault-k8s keep their names. */
const PREFIX = 'vault_auth_injector_';
/** A typical review takes 0.05–0.2 ms; the API server gives up after 5 s by our webhook configuration. */
const DURATION_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** From a bare pod to the 7 MiB that are the limit. */
const BODY_BYTES = [2, 4, 8, 16, 32, 64, 128, 512, 2048, 7168].map((kibibytes) => kibibytes * 1024);

const gauges = (registry: Registry, build: BuildInfo): ((sources: MetricSources) => void) => {
  let sources: MetricSources = {};
  const gauge = (name: string, help: string, read: () => number | undefined): void => {
    const collect = function (this: Gauge): void {
      const value = read();
      if (value === undefined) this.remove();
      else this.set(value);
    };
    registry.registerMetric(new Gauge({ name: PREFIX + name, help, registers: [], collect }));
  };
  gauge('requests_in_flight', 'Requests being read or answered.', () => sources.inFlight?.());
  gauge('draining', '1 while the server is about to stop.', () => Number(sources.draining?.() ?? false));
  gauge('tls_problem', '1 while the certificate or its publication is not as it should be.', () =>
    Number(sources.tlsProblem?.() !== undefined),
  );
  gauge('certificate_expiry_seconds', 'Seconds until the served certificate ends.', () => {
    const end = sources.certificateEnd?.();
    return end && (end.getTime() - Date.now()) / 1000;
  });
  gauge(
    'webhook_cache_staleness_seconds',
    'Seconds since the API server last told of namespaces and service accounts; absent when they are not watched.',
    () => sources.clusterStaleness?.(),
  );
  gauge(
    'roles_known',
    '1 while VaultAuthRoles and what they name are followed, 0 while they are not (not installed, no rights).',
    () => {
      const known = sources.rolesKnown?.();
      return known === undefined ? undefined : Number(known);
    },
  );
  const lag = eventLoopDelay();
  gauge('event_loop_lag_seconds', 'Longest delay of the event loop since the last scrape.', () => {
    const seconds = lag.max / 1e9;
    lag.reset();
    return seconds;
  });
  new Gauge({
    name: `${PREFIX}build_info`,
    help: 'Always 1; version, commit and runtime as labels.',
    labelNames: ['version', 'commit', 'node'],
    registers: [registry],
  }).set({ ...build, node: process.version }, 1);
  return (added) => {
    sources = { ...sources, ...added };
  };
};

const eventLoopDelay = (): IntervalHistogram => {
  const histogram = monitorEventLoopDelay({ resolution: 20 });
  histogram.enable();
  return histogram;
};
