// The metrics of vault-k8s 1.7.6 under its own names, labels and buckets, so that dashboards and alerts of an installed
// injector keep working behind `agent-inject`. An allowed but skipped pod is counted by none of them, as there.
import { Counter, Gauge, type Registry } from 'prom-client';
import { hotHistogram } from './hot.ts';

/** vault-k8s' words for which containers a pod was given. */
export type InjectionType = 'init_only' | 'sidecar_only' | 'init_and_sidecar';

export interface CompatMetrics {
  /** A request on the review path was answered, whatever the answer. */
  readonly processed: (milliseconds: number) => void;
  injected(namespace: string, type: InjectionType): void;
  denied(namespace: string): void;
}

/** Registers vault-k8s' metrics; `queueLength` is asked at each scrape. */
export function createCompatMetrics(registry: Registry, queueLength: () => number): CompatMetrics {
  const collect = function (this: Gauge): void {
    this.set(queueLength());
  };
  const queue = new Gauge({
    name: `${PREFIX}request_queue_length`,
    help: 'Webhook requests being handled.',
    registers: [],
    collect,
  });
  registry.registerMetric(queue);
  const processingHelp = 'Time to handle a webhook request, in milliseconds.';
  const processed = hotHistogram(registry, `${PREFIX}request_processing_duration_ms`, processingHelp, PROCESSING_MILLISECONDS);
  const counts = namespaceCounts();
  const injectionsHelp = 'Injected pods by namespace and by the containers that they were given.';
  const injections = function (this: Counter): void {
    this.reset();
    for (const [namespace, { injected }] of counts.all())
      for (const [type, count] of injected) this.inc({ namespace, injection_type: type }, count);
  };
  const failures = function (this: Counter): void {
    this.reset();
    for (const [namespace, { denied }] of counts.all()) if (denied > 0) this.inc({ namespace }, denied);
  };
  const counter = (name: string, help: string, labelNames: readonly string[], collectAll: (this: Counter) => void): void =>
    registry.registerMetric(
      new Counter({ name: PREFIX + name, help, labelNames: [...labelNames], registers: [], collect: collectAll }),
    );
  counter('injections_by_namespace_total', injectionsHelp, ['namespace', 'injection_type'], injections);
  counter(
    'failed_injections_by_namespace_total',
    'Pods that asked to be injected and were denied, by namespace.',
    ['namespace'],
    failures,
  );
  return {
    processed,
    injected(namespace, type) {
      const { injected } = counts.of(namespace);
      injected.set(type, (injected.get(type) ?? 0) + 1);
    },
    denied: (namespace) => void (counts.of(namespace).denied += 1),
  };
}

const PREFIX = 'vault_agent_injector_';
const PROCESSING_MILLISECONDS = [5, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 7500, 10_000];

/**
 * Whoever reaches the port can invent namespaces. Of so many the counts are kept; a further one takes the place of the one
 * that was longest without a pod, whose counts begin anew when it has one, as after a restart.
 */
const MAX_NAMESPACES = 10_000;
/** The label of what cannot be the name of a namespace (RFC 1123). A review without one keeps its empty label. */
const OTHER = '_other';
const NAMESPACE = /^[a-z0-9-]{0,63}$/;

interface NamespaceCounts {
  readonly injected: Map<InjectionType, number>;
  denied: number;
}

const namespaceCounts = () => {
  // Least recently used first.
  const kept = new Map<string, NamespaceCounts>();
  let latest: { readonly name: string; readonly counts: NamespaceCounts } | undefined;
  const countsOf = (namespace: string): NamespaceCounts => {
    const counts = kept.get(namespace) ?? { injected: new Map<InjectionType, number>(), denied: 0 };
    kept.delete(namespace);
    if (kept.size >= MAX_NAMESPACES)
      for (const [oldest] of kept) {
        kept.delete(oldest);
        break;
      }
    kept.set(namespace, counts);
    return counts;
  };
  return {
    all: (): Iterable<[string, Readonly<NamespaceCounts>]> => kept,
    of(name: string): NamespaceCounts {
      // Pods of a rollout follow one another, and moving an entry to the end makes the map grow anew every few times.
      if (name !== latest?.name) latest = { name, counts: countsOf(NAMESPACE.test(name) ? name : OTHER) };
      return latest.counts;
    },
  };
};
