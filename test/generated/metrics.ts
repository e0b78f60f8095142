// docs/metrics.md from the registries themselves.
import type { MetricObject, Registry } from 'prom-client';
import { createCompatMetrics } from '../../src/observe/compat-metrics.ts';
import { createControllerMetrics } from '../../src/observe/controller-metrics.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { code, type Document, documentOf, tableOf } from './markdown.ts';

const BUILD = { version: '', commit: '' };

const INTRODUCTION = `Every process serves ${code('/metrics')} on its operations port ([${code('-operations-listen')}](settings.md)), in the text format
of Prometheus. The usual ${code('process_')} and ${code('nodejs_')} metrics of prom-client are there too. Label values come from closed sets, or are names that
only the platform team chooses (endpoints, backends). The metrics of vault-k8s keep their label ${code('namespace')}.`;

/** What the types of prom-client leave out: the array holds the metrics themselves. */
interface Known extends MetricObject {
  readonly labelNames?: readonly string[];
}

const own = (registry: Registry): readonly Known[] =>
  (registry.getMetricsAsArray() as readonly Known[]).filter(({ name }) => !/^(?:process|nodejs)_/.test(name));

const table = (metrics: readonly Known[]): string =>
  tableOf(
    ['Metric', 'Type', 'Labels', 'Meaning'],
    metrics.map(({ name, help, type, labelNames = [] }) => [code(name), String(type), labelNames.map(code).join(', '), help]),
  );

/** The reference of all metrics. */
export function metricsDocument(): Document {
  const webhook = createMetrics(BUILD).registry;
  const compat = createMetrics(BUILD).registry;
  compat.clear();
  createCompatMetrics(compat, () => 0);
  return documentOf('docs/metrics.md', 'Metrics', [
    INTRODUCTION,
    '## Webhook',
    table(own(webhook)),
    '## Webhook behind `agent-inject`, as vault-k8s names them',
    table(own(compat)),
    '## Controller',
    table(own(createControllerMetrics(BUILD).registry)),
  ]);
}
