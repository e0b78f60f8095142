// The alerts of deploy/monitoring, and the metrics that an expression of PromQL reads.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** Relative to the repository, in which tests and `make generate` run. */
const FOLDER = 'deploy/monitoring';

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}

export interface RuleGroups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
}

/** Groups of one PrometheusRule, as Prometheus itself reads them. */
export function ruleGroups(component: 'webhook' | 'controller'): RuleGroups {
  const object = parse(readFileSync(`${FOLDER}/${component}-rules.yaml`, 'utf8')) as { readonly spec: RuleGroups };
  return object.spec;
}

/** Names of the product's metrics in an expression, without the suffixes of a histogram. */
export function metricsIn(expression: string): readonly string[] {
  const names = expression.match(/\bvault_(?:auth_injector|agent_injector)_\w+/g) ?? [];
  return [...new Set(names.map((name) => name.replace(/_(?:bucket|sum|count)$/, '')))];
}
