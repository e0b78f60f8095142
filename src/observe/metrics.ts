// The metrics of the webhook. Gauges are computed at the scrape.
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface BuildInfo {
  readonly version: string;
  readonly commit: string;
}

/** Why a request was answered with 503, which the API server tries again. */
export type ShedCause = 'in_flight' | 'memory' | 'deadline' | 'slow';

/** Result of a look-up; `skipped`: too many at once, or the last one failed a moment ago. */
export type LookUpResult = 'answered' | 'failed' | 'skipped';

/** What gauges read at a scrape. */
export interface MetricSources {
  /** Whether this replica is ready for reviews. */
  readonly ready?: () => boolean;
  readonly inFlight?: () => number;
  readonly draining?: () => boolean;
  /** When the served certificate expires. */
  readonly certificateEnd?: () => Date | undefined;
  /** Why API servers cannot rely on the certificate. */
  readonly tlsProblem?: () => string | undefined;
  /** Seconds since the last activity of the watches on namespaces and service accounts. */
  readonly cacheStaleness?: () => number;
  /** Running pods that should have been injected, by the reason of the selection; undefined: they are not searched for. */
  readonly missedPods?: () => Iterable<readonly [reason: string, count: number]> | undefined;
  /** Whether the informers of the vaultauth.dev kinds are synced; undefined: there are none. */
  readonly rolesSynced?: () => boolean;
}

export interface Metrics {
  readonly registry: Registry;
  /** One answered review: its decision and reason, the time from its last byte to the response, the size of its body. */
  readonly reviewed: (decision: string, reason: string, seconds: number, bytes: number) => void;
  readonly shed: (cause: ShedCause) => void;
  /** A response other than a review: 400, 404, 405, 408, 413, 415, 431 … */
  readonly rejected: (status: number) => void;
  /** A review threw. */
  readonly failed: () => void;
  readonly tlsHandshakeFailed: () => void;
  /** A namespace or service account was read from the API server during a review. */
  readonly lookedUp: (result: LookUpResult) => void;
  /** A problem between a pod and its VaultAuthRole; the values of both labels are closed sets. */
  readonly roleProblem: (code: string, effect: string) => void;
  /** An Event could not be written. */
  readonly eventUnwritten: () => void;
  /** A pod that was missed has been evicted. */
  readonly missedPodEvicted: () => void;
  /** Adds sources of gauges; later sources replace earlier ones of the same name. */
  readonly watch: (sources: MetricSources) => void;
}

/** Creates the metrics in a registry of their own, the usual process and Node.js metrics among them. */
export function createMetrics(build: BuildInfo): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Counter<Label> =>
    new Counter({ name: PREFIX + name, help, labelNames: [...labelNames], registers });
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name: PREFIX + name, help, buckets, registers });

  const sheds = counter('requests_shed_total', 'Requests answered with 503 and Retry-After, by cause.', ['cause']);
  const rejections = counter('requests_rejected_total', 'Requests that were not answered with a review, by HTTP status.', [
    'status',
  ]);
  const failures = counter('internal_errors_total', 'Reviews that failed with an internal error.');
  const handshakes = counter('tls_handshake_errors_total', 'TLS handshakes that did not complete.');
  const lookUps = counter('cluster_lookups_total', 'Namespaces and service accounts looked up during a review, by result.', [
    'result',
  ]);
  const roleProblems = counter(
    'role_problems_total',
    'Problems found between pods and their VaultAuthRoles, by code and effect: warned, would-deny (in mode Enforce) or denied.',
    ['code', 'effect'],
  );
  const unwritten = counter('events_unwritten_total', 'Events that could not be written.');
  const evictions = counter('missed_pods_evicted_total', 'Pods that were evicted because they run without their agent.');
  const reviews = counter('reviews_total', 'Answered reviews by decision and reason.', ['decision', 'reason']);
  const duration = histogram('review_duration_seconds', 'Time from the last byte of a review to its response.', DURATION_SECONDS);
  const size = histogram('request_body_bytes', 'Size of reviews.', BODY_BYTES);
  const watch = gauges(registry, build);

  return {
    registry,
    reviewed(decision, reason, seconds, bytes) {
      reviews.labels(decision, reason).inc();
      duration.observe(seconds);
      size.observe(bytes);
    },
    shed: (cause) => sheds.labels(cause).inc(),
    rejected: (status) => rejections.labels(String(status)).inc(),
    failed: () => failures.inc(),
    tlsHandshakeFailed: () => handshakes.inc(),
    lookedUp: (result) => lookUps.labels(result).inc(),
    roleProblem: (code, effect) => roleProblems.labels(code, effect).inc(),
    eventUnwritten: () => unwritten.inc(),
    missedPodEvicted: () => evictions.inc(),
    watch,
  };
}

/** Prefix of every metric but those of vault-k8s and of the process. */
const PREFIX = 'vault_auth_injector_';
/** A typical review takes 0.1 to 0.3 ms; the shipped webhook configuration has a timeout of 5 s. */
const DURATION_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** From a small pod to the limit of 7 MiB. */
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
  gauge('webhook_ready', '1 while this replica is ready for reviews, as its readiness probe reports.', () => {
    const isReady = sources.ready?.();
    return isReady === undefined ? undefined : Number(isReady);
  });
  gauge('draining', '1 while the server drains before it stops.', () => Number(sources.draining?.() ?? false));
  gauge('tls_problem', '1 while API servers cannot rely on the serving certificate or its caBundle.', () =>
    Number(sources.tlsProblem?.() !== undefined),
  );
  gauge('certificate_expiry_seconds', 'Seconds until the serving certificate expires.', () => {
    const end = sources.certificateEnd?.();
    return end && (end.getTime() - Date.now()) / 1000;
  });
  gauge(
    'webhook_cache_staleness_seconds',
    'Seconds since the last activity of the watches on namespaces and service accounts; absent when there are none.',
    () => sources.cacheStaleness?.(),
  );
  gauge(
    'roles_synced',
    '1 while the caches of VaultAuthRoles and of the objects they reference are synced, 0 while they are not (CRDs not installed, missing RBAC).',
    () => {
      const isSynced = sources.rolesSynced?.();
      return isSynced === undefined ? undefined : Number(isSynced);
    },
  );
  const missed: Gauge = new Gauge({
    name: `${PREFIX}missed_pods`,
    help: 'Running pods that should have been injected and were not, by the reason why they are selected; absent with -missed-pods=off.',
    labelNames: ['reason'],
    registers: [registry],
    collect: () => {
      missed.reset();
      for (const [reason, count] of sources.missedPods?.() ?? []) missed.set({ reason }, count);
    },
  });
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
