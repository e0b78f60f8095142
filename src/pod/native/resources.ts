// Requests and limits of the agent in profile native: measured defaults, annotations and settings, within the namespace's LimitRanges.
import type { Parsed } from '../../annotations/parse.ts';
import { nanosOf, quantityOf } from '../../annotations/quantity.ts';
import type { PodProblem } from '../pod-problems.ts';
import type { JsonObject } from '../../json/json.ts';
import {
  fitWithin,
  podTotal,
  RESOURCES,
  type Bound,
  type Bounds,
  type LimitRange,
  type Misfit,
  type Resource,
  type Totals,
} from '../limit-range.ts';
import type { Container, Pod } from '../pod.ts';
import { isAgent } from './container.ts';

export interface ResourcesInput {
  readonly pod: Pod;
  readonly parsed: Parsed;
  readonly limitRanges: readonly LimitRange[];
  /** Whether `allLimitCpu` holds for the app containers. */
  readonly isCpuLimited: boolean;
  /** An init container instead of a sidecar: it exits before the app containers start. */
  readonly once: boolean;
  /** The startup probe runs the agent's program a second time. */
  readonly probesItself: boolean;
}

export interface AgentResources {
  readonly resources: JsonObject;
  readonly problems: readonly PodProblem[];
}

type Key =
  | 'agentRequestsCpu'
  | 'agentRequestsMem'
  | 'agentRequestsEphemeral'
  | 'agentLimitsCpu'
  | 'agentLimitsMem'
  | 'agentLimitsEphemeral';

const KEYS: Readonly<Record<Resource, { readonly request: Key; readonly limit: Key }>> = {
  cpu: { request: 'agentRequestsCpu', limit: 'agentLimitsCpu' },
  memory: { request: 'agentRequestsMem', limit: 'agentLimitsMem' },
  'ephemeral-storage': { request: 'agentRequestsEphemeral', limit: 'agentLimitsEphemeral' },
};

/** Measured: the agent uses 20 MB, and up to 45 MB if its image is not in the page cache. */
const DEFAULTS: Readonly<Partial<Record<Key, string>>> = {
  agentRequestsCpu: '10m',
  agentRequestsMem: '32Mi',
  agentLimitsCpu: '500m',
  agentLimitsMem: '128Mi',
};

/** The container's log, which the kubelet rotates at 10Mi. */
const DISK = { request: '1Mi', limit: '64Mi' } as const;

/** Measured: with 12Mi the agent was OOM-killed at once, with 20Mi it ran. */
const REQUIRED: Readonly<Record<Resource, string>> = { cpu: '1m', memory: '20Mi', 'ephemeral-storage': '1Mi' };
/** Measured: to read files, its program takes 15 MB and up to 0.3 s of CPU time; the probe may take 30 s. */
const REQUIRED_WITH_PROBE: typeof REQUIRED = { cpu: '20m', memory: '40Mi', 'ephemeral-storage': '1Mi' };
const UNIT: Readonly<Record<Resource, string>> = { cpu: '1m', memory: '1', 'ephemeral-storage': '1' };

/** Requests and limits within the LimitRanges, and a problem for each bound that the agent cannot keep. */
export function agentResources(input: ResourcesInput): AgentResources {
  const desired = desiredTexts(input);
  if (input.limitRanges.length === 0) return { resources: resourcesOf(desired), problems: [] };
  const limitRanges = effective(input);
  const totals = totalsOf({ ...input, limitRanges });
  const problems: PodProblem[] = [];
  const fitted: { [resource in Resource]?: Pair } = {};
  for (const resource of RESOURCES) {
    const { request, limit } = desired[resource];
    const found = fitWithin(
      {
        request: nanosOf(request),
        limit: nanosOf(limit),
        isRequestFixed: isAnnotated(KEYS[resource].request, input) && request !== '',
        isLimitFixed: isAnnotated(KEYS[resource].limit, input) && limit !== '',
        fallback: fallbackOf(resource),
        required: nanosIn((input.probesItself ? REQUIRED_WITH_PROBE : REQUIRED)[resource]),
        unit: nanosIn(UNIT[resource]),
      },
      boundsOf(resource, limitRanges, totals),
    );
    if ('bound' in found) problems.push(problemOf(resource, found, input));
    else fitted[resource] = { request: textOf(resource, request, found.request), limit: textOf(resource, limit, found.limit) };
  }
  return { resources: resourcesOf({ ...desired, ...fitted }), problems };
}

/** Texts of quantities; empty for none. */
interface Pair {
  readonly request: string;
  readonly limit: string;
}
type Texts = Readonly<Record<Resource, Pair>>;

const isAnnotated = (key: Key, { parsed: { origins } }: ResourcesInput): boolean => origins.get(key)?.annotation !== undefined;

/**
 * Every app container has a CPU limit: a ResourceQuota or LimitRange of the namespace may require one, so the agent gets one too.
 * Otherwise a limit would only slow its start.
 */
export function allLimitCpu(apps: readonly Container[]): boolean {
  return apps.length > 0 && apps.every(({ resources }) => resources?.limits?.['cpu'] !== undefined);
}

const desiredTexts = ({ parsed: { options, origins }, isCpuLimited }: ResourcesInput): Texts => {
  const textFor = (key: Key): string => (origins.has(key) ? options[key] : (DEFAULTS[key] ?? options[key]));
  return {
    cpu: {
      request: textFor('agentRequestsCpu'),
      limit: isCpuLimited || origins.has('agentLimitsCpu') ? textFor('agentLimitsCpu') : '',
    },
    memory: { request: textFor('agentRequestsMem'), limit: textFor('agentLimitsMem') },
    'ephemeral-storage': { request: options.agentRequestsEphemeral, limit: options.agentLimitsEphemeral },
  };
};

const resourcesOf = (texts: Texts): JsonObject => {
  const items = (kind: keyof Pair): JsonObject =>
    Object.fromEntries(
      RESOURCES.flatMap((resource) => (texts[resource][kind] === '' ? [] : [[resource, texts[resource][kind]]])),
    );
  return { requests: items('request'), limits: items('limit') };
};

const nanosIn = (quantity: string): bigint => nanosOf(quantity) ?? 0n;

const fallbackOf = (resource: Resource): { readonly request: bigint; readonly limit: bigint } => {
  const { request, limit } = KEYS[resource];
  return { request: nanosIn(DEFAULTS[request] ?? DISK.request), limit: nanosIn(DEFAULTS[limit] ?? DISK.limit) };
};

/** The text as it was written if its amount is unchanged. */
const textOf = (resource: Resource, desired: string, fitted: bigint | undefined): string => {
  if (fitted === undefined) return '';
  return nanosOf(desired) === fitted ? desired : quantityOf(fitted, resource === 'cpu' ? 'decimal' : 'binary');
};

/** Bounds of type Pod apply to the pod's own spec.resources, if it has them, instead of to the sum of its containers. */
const effective = ({ pod, limitRanges }: ResourcesInput): readonly LimitRange[] =>
  !pod.spec.resources
    ? limitRanges
    : limitRanges.map(({ name, items }) => ({ name, items: items.filter(({ type }) => type === 'Container') }));

interface PodTotals {
  readonly requests: Totals;
  readonly limits: Totals;
}

const isOther = (container: Container): boolean => !isAgent(container);

/** What the other containers request while the agent runs; undefined if no bound concerns the sum. */
const totalsOf = ({ pod, limitRanges, once }: ResourcesInput): PodTotals | undefined => {
  if (once || !limitRanges.some(({ items }) => items.some(({ type }) => type === 'Pod'))) return undefined;
  return { requests: podTotal(pod, 'requests', isOther), limits: podTotal(pod, 'limits', isOther) };
};

/** The tightest bounds of all LimitRanges. The minimum of a whole pod is left to its other containers. */
const boundsOf = (resource: Resource, limitRanges: readonly LimitRange[], totals: PodTotals | undefined): Bounds => {
  const bounds: { -readonly [Key in keyof Bounds]: Bounds[Key] } = {};
  for (const { name, items } of limitRanges)
    for (const { type, min, max, maxLimitRequestRatio } of items) {
      const bound = (rule: Bound['rule'], declared: bigint, used = 0n): Bound => ({
        limitRange: name,
        type,
        rule,
        declared,
        value: declared - used,
      });
      const [lower, upper, ratio] = [min[resource], max[resource], maxLimitRequestRatio[resource]];
      if (lower !== undefined && type === 'Container') bounds.min = tighter(bounds.min, bound('min', lower), true);
      if (upper !== undefined) {
        const [ofRequests, ofLimits] = type === 'Pod' ? [totals?.requests[resource], totals?.limits[resource]] : [];
        bounds.maxRequest = tighter(bounds.maxRequest, bound('max', upper, ofRequests));
        bounds.maxLimit = tighter(bounds.maxLimit, bound('max', upper, ofLimits));
      }
      if (ratio !== undefined) bounds.ratio = tighter(bounds.ratio, bound('maxLimitRequestRatio', ratio));
    }
  return bounds;
};

const tighter = (current: Bound | undefined, bound: Bound, isMin = false): Bound =>
  current && (isMin ? current.value >= bound.value : current.value <= bound.value) ? current : bound;

const problemOf = (resource: Resource, { bound, amount, value }: Misfit, input: ResourcesInput): PodProblem => {
  const form = resource === 'cpu' ? 'decimal' : 'binary';
  const key = amount === 'need' ? undefined : KEYS[resource][amount];
  return {
    code: 'limit-range',
    limitRange: bound.limitRange,
    of: bound.type,
    rule: `${bound.rule}.${resource}`,
    bound: quantityOf(bound.declared, bound.rule === 'maxLimitRequestRatio' ? 'decimal' : form),
    amount,
    value: quantityOf(value, form),
    annotation: key && input.parsed.origins.get(key)?.annotation,
  };
};
