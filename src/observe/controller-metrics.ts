// The Prometheus metrics of the config controller. Labels hold names of cluster-scoped objects, kinds and words from fixed lists;
// never a namespace, a role or a text from outside.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { BuildInfo } from './metrics.ts';

/** What gauges read at each scrape; each is bound by the component that has the value. */
export interface ControllerSources {
  readonly leading?: () => boolean;
  /** Whether the process is ready: its informers are synced and not stale. */
  readonly ready?: () => boolean;
  readonly queue?: () => { readonly ready: number; readonly waiting: number; readonly running: number };
  /** Objects by kind and the reason of their condition Ready (`Ready` where it is True, `Unknown` where there is none yet). */
  readonly objects?: () => Iterable<{ readonly kind: string; readonly reason: string; readonly count: number }>;
  /** Conditions of endpoints and backends that are False. */
  readonly failingConditions?: () => Iterable<FailingCondition>;
  /** Pending deletions by backend. */
  readonly pendingDeletions?: () => Iterable<{ readonly backend: string; readonly count: number }>;
  /** Resync interval of roles by backend. */
  readonly resyncs?: () => Iterable<{ readonly backend: string; readonly seconds: number }>;
  /** The phase of each rollout that is not done. */
  readonly rollouts?: () => Iterable<string>;
  /** Pods with rollouts by the state of their secrets, and since when (milliseconds since 1970) one of them lacks a version. */
  readonly freshness?: () => { readonly pods: Readonly<Record<string, number>>; readonly outdatedSince: number | undefined };
  /** Seconds since the last activity of the watch that has been silent for longest. */
  readonly staleness?: () => number;
}

/** A condition that is False. `name` is that of an endpoint or a backend, which only the platform team chooses. */
export interface FailingCondition {
  readonly kind: string;
  readonly name: string;
  readonly type: string;
  readonly reason: string;
}

/** A credential that expires. */
export type Expiring = 'token' | 'reviewer' | 'client_certificate';
export type DriftOutcome = 'found' | 'repaired' | 'reported' | 'ignored';

export interface ControllerMetrics {
  readonly registry: Registry;
  /** One run of a reconciler: the reason of the condition Ready that it left, or `Gone`, `Error`, `LeaseLost`. */
  readonly reconciled: (kind: string, reason: string, seconds: number) => void;
  /** Fields that differed, by what the controller did. */
  readonly drift: (kind: string, outcome: DriftOutcome, fields?: number) => void;
  /** A response of Vault; status 0 if there was none. `operation` is from a fixed list, for example `read auth/role`. */
  readonly vaultRequest: (endpoint: string, operation: string, status: number, milliseconds: number) => void;
  /** When a credential expires, in milliseconds since 1970; undefined: it is gone, or never expires. `name` is that of the endpoint or backend. */
  readonly expires: (what: Expiring, name: string, at: number | undefined) => void;
  /** The last probe login of a backend; undefined: there is none. */
  readonly probe: (backend: string, result: 'succeeded' | 'denied' | 'failed' | undefined) => void;
  /** Rollouts of workloads because of a changed secret. */
  readonly rollout: (kind: string, outcome: 'started' | 'completed' | 'stopped') => void;
  /** An Event could not be written. */
  readonly eventUnwritten: () => void;
  /** Binds sources of gauges; later ones replace earlier ones by name. */
  readonly watch: (sources: ControllerSources) => void;
}

const PREFIX = 'vault_auth_injector_';
const RECONCILE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15];

/** Creates the metrics in a registry of their own, the usual process and Node.js metrics among them. */
export function createControllerMetrics(build: BuildInfo): ControllerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> =>
    new Counter({ name: PREFIX + name, help, labelNames: [...labelNames], registers });
  const histogram = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    buckets: readonly number[],
  ): Histogram<Label> =>
    new Histogram({ name: PREFIX + name, help, labelNames: [...labelNames], buckets: [...buckets], registers });

  const reconciles = counter('reconciles_total', 'Reconciles by kind and by the resulting reason of the condition Ready.', [
    'kind',
    'reason',
  ]);
  const duration = histogram('reconcile_duration_seconds', 'Duration of a reconcile.', ['kind'], RECONCILE_SECONDS);
  const drift = counter('drift_total', 'Fields in Vault that differed from their object (drift), by what the controller did.', [
    'kind',
    'outcome',
  ]);
  const requests = histogram(
    'vault_request_duration_seconds',
    'Duration of requests to Vault by endpoint, operation and HTTP status (0: no response).',
    ['endpoint', 'operation', 'status'],
    REQUEST_SECONDS,
  );
  const rollouts = counter('rollouts_total', 'Rollouts after changes of secrets, by kind of the workload and by outcome.', [
    'kind',
    'outcome',
  ]);
  const unwritten = counter('events_unwritten_total', 'Events that could not be written.', []);
  const ends = new Map<string, { readonly what: Expiring; readonly name: string; readonly at: number }>();
  const probes = new Map<string, string>();
  let sources: ControllerSources = {};
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    collect: (gauge: Gauge<Label>) => void,
  ): void => {
    const metric: Gauge<Label> = new Gauge({
      name: PREFIX + name,
      help,
      labelNames: [...labelNames],
      registers,
      collect: () => {
        metric.reset();
        collect(metric);
      },
    });
  };
  gauge('leading', '1 in the process that holds the leader lease.', [], (metric) =>
    metric.set(Number(sources.leading?.() ?? false)),
  );
  gauge(
    'controller_ready',
    '1 while the caches of this process are synced and current, as its readiness probe reports.',
    [],
    (metric) => metric.set(Number(sources.ready?.() ?? false)),
  );
  gauge('queue_items', 'Items of the work queue by state.', ['state'], (metric) => {
    for (const [state, count] of Object.entries(sources.queue?.() ?? {})) metric.set({ state }, count);
  });
  gauge('objects', 'Objects by kind and by the reason of their condition Ready.', ['kind', 'reason'], (metric) => {
    for (const { kind, reason, count } of sources.objects?.() ?? []) metric.set({ kind, reason }, count);
  });
  gauge(
    'condition_failing',
    '1 for each condition of a VaultEndpoint or VaultAuthBackend that is False.',
    ['kind', 'name', 'type', 'reason'],
    (metric) => {
      for (const { kind, name, type, reason } of sources.failingConditions?.() ?? []) metric.set({ kind, name, type, reason }, 1);
    },
  );
  gauge(
    'pending_deletions',
    'Roles that are still in Vault after the deletion of their object, by backend.',
    ['backend'],
    (metric) => {
      for (const { backend, count } of sources.pendingDeletions?.() ?? []) metric.set({ backend }, count);
    },
  );
  gauge(
    'role_resync_seconds',
    'Resync interval of a role by backend: its resyncSeconds, or longer if there are very many roles.',
    ['backend'],
    (metric) => {
      for (const { backend, seconds } of sources.resyncs?.() ?? []) metric.set({ backend }, seconds);
    },
  );
  gauge('rollouts', 'Workloads that do not run with the versions of their secrets yet, by phase.', ['phase'], (metric) => {
    for (const phase of sources.rollouts?.() ?? []) metric.inc({ phase });
  });
  gauge(
    'rollout_pods',
    'Pods with on-change: rollout, by whether they were started with the newest versions of their secrets (unknown: not readable).',
    ['state'],
    (metric) => {
      for (const [state, count] of Object.entries(sources.freshness?.().pods ?? {})) metric.set({ state }, count);
    },
  );
  gauge(
    'rollout_outdated_seconds',
    'Age of the oldest version of a secret that a pod with on-change: rollout lacks; 0 if each pod has the newest versions.',
    [],
    (metric) => {
      const since = sources.freshness?.().outdatedSince;
      metric.set(since === undefined ? 0 : Math.max(0, (Date.now() - since) / 1000));
    },
  );
  gauge('controller_cache_staleness_seconds', 'Seconds since the last watch event of the API server.', [], (metric) => {
    const seconds = sources.staleness?.();
    if (seconds !== undefined) metric.set(seconds);
  });
  gauge(
    'expiry_seconds',
    'Seconds until a credential expires, by what it is and by the name of its endpoint or backend.',
    ['what', 'name'],
    (metric) => {
      for (const { what, name, at } of ends.values()) metric.set({ what, name }, (at - Date.now()) / 1000);
    },
  );
  gauge('probe_success', '1 if the last probe login of a backend succeeded.', ['backend', 'result'], (metric) => {
    for (const [backend, result] of probes) metric.set({ backend, result }, Number(result === 'succeeded'));
  });
  gauge('build_info', 'Always 1; version, commit and runtime as labels.', ['version', 'commit', 'node'], (metric) =>
    metric.set({ ...build, node: process.version }, 1),
  );

  return {
    registry,
    reconciled: (kind, reason, seconds) => {
      reconciles.labels(kind, reason).inc();
      duration.labels(kind).observe(seconds);
    },
    drift: (kind, outcome, fields = 1) => drift.labels(kind, outcome).inc(fields),
    vaultRequest: (endpoint, operation, status, milliseconds) =>
      requests.labels(endpoint, operation, String(status)).observe(milliseconds / 1000),
    expires: (what, name, at) => {
      if (at === undefined) ends.delete(`${what} ${name}`);
      else ends.set(`${what} ${name}`, { what, name, at });
    },
    probe: (backend, result) => {
      if (result === undefined) probes.delete(backend);
      else probes.set(backend, result);
    },
    rollout: (kind, outcome) => rollouts.labels(kind, outcome).inc(),
    eventUnwritten: () => unwritten.inc(),
    watch: (added) => {
      sources = { ...sources, ...added };
    },
  };
}
