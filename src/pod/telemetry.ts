// The `telemetry` block of the agent's configuration, from annotations whose values are JSON or text.
import { families } from '../annotations/families.ts';
import { INVALID, readText, vaultDuration } from '../annotations/value-kinds.ts';
import type { FamilyOptions } from '../annotations/parse.ts';
import type { PodProblem } from './pod-problems.ts';
import type { Json } from '../json/json.ts';

type Type = 'text' | 'duration' | 'flag' | 'number' | 'texts';

/** Parameters of Vault's agent and their types: the Telemetry structure of vault-k8s 1.7.6. */
const TYPES: Readonly<Record<string, Type>> = {
  usage_gauge_period: 'duration',
  maximum_gauge_cardinality: 'number',
  disable_hostname: 'flag',
  enable_hostname_label: 'flag',
  lease_metrics_epsilon: 'duration',
  num_lease_metrics_buckets: 'number',
  add_lease_metrics_namespace_labels: 'flag',
  filter_default: 'flag',
  prefix_filter: 'texts',
  statsite_address: 'text',
  statsd_address: 'text',
  circonus_api_token: 'text',
  circonus_api_app: 'text',
  circonus_api_url: 'text',
  circonus_submission_interval: 'text',
  circonus_submission_url: 'text',
  circonus_check_id: 'text',
  circonus_check_force_metric_activation: 'text',
  circonus_check_instance_id: 'text',
  circonus_check_search_tag: 'text',
  circonus_check_display_name: 'text',
  circonus_check_tags: 'text',
  circonus_broker_id: 'text',
  circonus_broker_select_tag: 'text',
  dogstatsd_addr: 'text',
  dogstatsd_tags: 'texts',
  prometheus_retention_time: 'duration',
  stackdriver_project_id: 'text',
  stackdriver_location: 'text',
  stackdriver_namespace: 'text',
  stackdriver_debug_logs: 'flag',
};

/** The only parameter whose default is true, so that false must be written (Q41). */
const ON_BY_DEFAULT = 'filter_default';

const EXPECTED: Readonly<Record<Type, string>> = {
  text: 'text (a number or a word such as true needs JSON quotes: "123")',
  duration: 'a duration such as 30s (whole seconds need JSON quotes: "30")',
  flag: 'true or false',
  number: 'a whole number',
  texts: 'a JSON list of texts',
};

const decode = (raw: string): unknown => {
  try {
    return JSON.parse(raw);
  } catch {
    return raw;
  }
};

const IS: Readonly<Record<Type, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  duration: (value) => value === 'none' || (typeof value === 'string' && readText(vaultDuration, value).value !== INVALID),
  flag: (value) => typeof value === 'boolean',
  number: (value) => Number.isInteger(value),
  texts: (value) => Array.isArray(value) && value.every((member) => typeof member === 'string'),
};

const has = (type: Type, value: unknown): value is Json => IS[type](value);

const isZero = (value: Json): boolean =>
  value === '' || value === 0 || value === false || (Array.isArray(value) && value.length === 0);

export interface Telemetry {
  /** Undefined without telemetry annotations. */
  readonly block: { readonly [parameter: string]: Json } | undefined;
  readonly problems: readonly PodProblem[];
  readonly warnings: readonly PodProblem[];
}

/** The telemetry block. A value of the wrong type is a problem, an unknown parameter a warning (Q09). */
export function telemetry(entries: FamilyOptions['telemetry']): Telemetry {
  if (entries.size === 0) return { block: undefined, problems: [], warnings: [] };
  const block: Record<string, Json> = {};
  const problems: PodProblem[] = [];
  const warnings: PodProblem[] = [];
  for (const [name, { value: raw, annotation }] of [...entries].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const parameter = name.replaceAll('-', '_');
    const type = Object.hasOwn(TYPES, parameter) ? TYPES[parameter] : undefined;
    if (type === undefined) {
      warnings.push({ code: 'telemetry-unknown', annotation, nearest: nearest(parameter) });
      continue;
    }
    const value = decode(raw);
    if (value === null) continue;
    if (!has(type, value)) problems.push({ code: 'telemetry-value', annotation, value: raw, expected: EXPECTED[type] });
    else if (!isZero(value) || parameter === ON_BY_DEFAULT) block[parameter] = value;
  }
  return { block, problems, warnings };
}

/** The letters of a word in alphabetical order. */
const letters = (word: string): string => word.toLowerCase().replaceAll('_', '').split('').sort().join('');

/** A parameter with the same letters, such as `statsd_address` for `statsdAddress`, as an annotation name without prefix. */
const nearest = (parameter: string): string | undefined => {
  const parameterName = Object.keys(TYPES).find((candidate) => letters(candidate) === letters(parameter));
  return parameterName && `${families.telemetry.name}-${parameterName.replaceAll('_', '-')}`;
};
