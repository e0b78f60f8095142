// The metrics of vault-k8s 1.7.6 under its own names, labels and buckets, so that dashboards and alerts of an installed
// injector keep working behind `agent-inject`. As there, a pod that is allowed without injection is not counted.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Which containers a pod was given, in the terms of vault-k8s. */
export type InjectionType = 'init_only' | 'sidecar_only' | 'init_and_sidecar';

export interface CompatMetrics {
  /** A request on the review path was answered, with whatever response. */
  readonly processed: (milliseconds: number) => void;
  injected(namespace: string, type: InjectionType): void;
  denied(namespace: string): void;
}

/** Registers vault-k8s' metrics; `queueLength` is called at each scrape. */
export function createCompatMetrics(registry: Registry, queueLength: () => number): CompatMetrics {
  const registers = [registry];
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
  const processing = new Histogram({
    name: `${PREFIX}request_processing_duration_ms`,
    help: 'Time to handle a webhook request, in milliseconds.',
    buckets: PROCESSING_MILLISECONDS,
    registers,
  });
  const injections = new Counter({
    name: `${PREFIX}injections_by_namespace_total`,
    help: 'Injected pods by namespace and injection type.',
    labelNames: ['namespace', 'injection_type'],
    registers,
  });
  const failures = new Counter({
    name: `${PREFIX}failed_injections_by_namespace_total`,
    help: 'Pods that requested injection and were denied, by namespace.',
    labelNames: ['namespace'],
    registers,
  });
  const labelOf = namespaceLabels((namespace) => {
    failures.remove(namespace);
    for (const type of INJECTION_TYPES) injections.remove(namespace, type);
  });
  return {
    processed: (milliseconds) => processing.observe(milliseconds),
    injected: (namespace, type) => injections.labels(labelOf(namespace), type).inc(),
    denied: (namespace) => failures.labels(labelOf(namespace)).inc(),
  };
}

const PREFIX = 'vault_agent_injector_';
const PROCESSING_MILLISECONDS = [5, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 7500, 10_000];
const INJECTION_TYPES: readonly InjectionType[] = ['init_only', 'sidecar_only', 'init_and_sidecar'];

/**
 * Any client that reaches the port can invent namespaces. The counts of this many are kept; one more replaces the namespace
 * that has been without a pod for longest, whose counts start again at 0 with its next pod, as after a restart.
 */
const MAX_NAMESPACES = 10_000;
/** Label of what cannot be the name of a namespace (RFC 1123). A review without a namespace keeps its empty label. */
const OTHER = '_other';
const NAMESPACE = /^[a-z0-9-]{0,63}$/;

/** The label of a namespace; `evict` is called with one whose counts must go. */
const namespaceLabels = (evict: (namespace: string) => void): ((namespace: string) => string) => {
  // Least recently used first.
  const kept = new Set<string>();
  return (namespace) => {
    const label = NAMESPACE.test(namespace) ? namespace : OTHER;
    kept.delete(label);
    const [oldest] = kept;
    if (kept.size >= MAX_NAMESPACES && oldest !== undefined) {
      kept.delete(oldest);
      evict(oldest);
    }
    kept.add(label);
    return label;
  };
};
