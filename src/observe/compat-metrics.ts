// The metrics of vault-k8s 1.7.6 under its own names, labels and buckets, so that dashboards and alerts of an installed
// injector keep working behind `agent-inject`. An allowed but skipped pod is counted by none of them, as there.
import { Counter, Gauge, type Registry } from 'prom-client';
import { hotCounter, hotHistogram } from './hot.ts';

/** vault-k8s' words for which containers a pod was given. */
export type InjectionType = 'init_only' | 'sidecar_only' | 'init_and_sidecar';

export interface CompatMetrics {
  /** A request on the review path was answered, whatever the answer. */
  readonly processed: (milliseconds: number) => void;
  injected(namespace: string, type: InjectionType): void;
  denied(namespace: string): void;
}

/** Registers vault-k8s' metrics; `queueLength` is asked at each scrape. */
export const createCompatMetrics = (registry: Registry, queueLength: () => number): CompatMetrics => {
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
  const injectionsHelp = 'Injected pods by namespace and by the containers that they were given.';
  const injections = hotCounter(registry, `${PREFIX}injections_by_namespace_total`, injectionsHelp, [
    'namespace',
    'injection_type',
  ]);
  const failures = new Counter({
    name: `${PREFIX}failed_injections_by_namespace_total`,
    help: 'Pods that asked to be injected and were denied, by namespace.',
    labelNames: ['namespace'],
    registers: [registry],
  });
  const label = namespaceLabel();
  return {
    processed,
    injected: (namespace, type) => injections(label(namespace), type),
    denied: (namespace) => failures.inc({ namespace: label(namespace) }),
  };
};

const PREFIX = 'vault_agent_injector_';
const PROCESSING_MILLISECONDS = [5, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 7500, 10_000];

/** Whoever reaches the port can invent namespaces; beyond this many they share one label, or memory would have no bound. */
const MAX_NAMESPACES = 10_000;
const LONGEST_NAMESPACE = 63;
const OTHER = '_other';

const namespaceLabel = (): ((namespace: string) => string) => {
  const seen = new Set<string>();
  return (namespace) => {
    if (seen.has(namespace)) return namespace;
    if (seen.size >= MAX_NAMESPACES || namespace.length > LONGEST_NAMESPACE) return OTHER;
    seen.add(namespace);
    return namespace;
  };
};
