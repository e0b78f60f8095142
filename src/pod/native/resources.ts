// What the native agent asks for and may use: what it was seen to need, what somebody names, and what the namespace allows.
import type { Options, Origin } from '../../annotations/parse.ts';
import { nanosOf, quantityOf } from '../../annotations/quantity.ts';
import type { OptionKey } from '../../annotations/table.ts';
import type { PodProblem } from '../pod-problems.ts';
import { fitWithin, type Bound, type Bounds, type Misfit } from '../fit.ts';
import { RESOURCES, type LimitRange, type Resource } from '../limit-range.ts';
import { objectAt, type JsonObject } from '../../json/json.ts';
import { podTotal, type Totals } from '../pod-total.ts';

export interface ResourcesInput {
  readonly pod: JsonObject;
  readonly options: Options;
  readonly origins: ReadonlyMap<OptionKey, Origin>;
  readonly limitRanges: readonly LimitRange[];
  /** See allLimitCpu. */
  readonly isCpuLimited: boolean;
  /** A plain init container instead of a sidecar: it is gone before the others start. */
  readonly once: boolean;
  readonly isAgent: (container: JsonObject) => boolean;
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

/** What the agent was seen to need, where nobody says otherwise: it holds 20 MB, and up to 45 MB when its image is cold. */
const DEFAULTS: Readonly<Partial<Record<Key, string>>> = {
  agentRequestsCpu: '10m',
  agentRequestsMem: '32Mi',
  agentLimitsCpu: '500m',
  agentLimitsMem: '128Mi',
};

/** Of the disk it has only its log there, which the kubelet rotates at 10Mi. */
const DISK = { request: '1Mi', limit: '64Mi' } as const;

/** With 12Mi it was killed at once, with 20Mi it ran. */
const NEEDS: Readonly<Record<Resource, string>> = { cpu: '1m', memory: '20Mi', 'ephemeral-storage': '1Mi' };
const UNIT: Readonly<Record<Resource, string>> = { cpu: '1m', memory: '1', 'ephemeral-storage': '1' };

/** Requests and limits, within the LimitRanges where there are any; or what of them leaves no room. */
export function agentResources(input: ResourcesInput): AgentResources {
  const wanted = wantedTexts(input);
  if (input.limitRanges.length === 0) return { resources: resourcesOf(wanted), problems: [] };
  const limitRanges = effective(input);
  const totals = totalsOf({ ...input, limitRanges });
  const problems: PodProblem[] = [];
  const fitted: { [resource in Resource]?: Pair } = {};
  for (const resource of RESOURCES) {
    const { request, limit } = wanted[resource];
    const found = fitWithin(
      {
        request: nanosOf(request),
        limit: nanosOf(limit),
        isRequestNamed: isNamed(KEYS[resource].request, input) && request !== '',
        isLimitNamed: isNamed(KEYS[resource].limit, input) && limit !== '',
        otherwise: otherwiseOf(resource),
        needs: nanosIn(NEEDS[resource]),
        unit: nanosIn(UNIT[resource]),
      },
      boundsOf(resource, limitRanges, totals),
    );
    if ('bound' in found) problems.push(findingOf(resource, found, input));
    else fitted[resource] = { request: textOf(resource, request, found.request), limit: textOf(resource, limit, found.limit) };
  }
  return { resources: resourcesOf({ ...wanted, ...fitted }), problems };
}

/** Texts of quantities; empty for none. */
interface Pair {
  readonly request: string;
  readonly limit: string;
}
type Texts = Readonly<Record<Resource, Pair>>;

const isNamed = (key: Key, { origins }: ResourcesInput): boolean => origins.get(key)?.annotation !== undefined;

/**
 * Every app container has a CPU limit: then a quota or a LimitRange of the namespace wants one, so that the agent gets one too.
 * Without that need a limit only slows the start.
 */
export function allLimitCpu(apps: readonly JsonObject[]): boolean {
  return (
    apps.length > 0 && apps.every((container) => objectAt(objectAt(container, 'resources'), 'limits')?.['cpu'] !== undefined)
  );
}

const wantedTexts = ({ options, origins, isCpuLimited }: ResourcesInput): Texts => {
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

const otherwiseOf = (resource: Resource): { readonly request: bigint; readonly limit: bigint } => {
  const { request, limit } = KEYS[resource];
  return { request: nanosIn(DEFAULTS[request] ?? DISK.request), limit: nanosIn(DEFAULTS[limit] ?? DISK.limit) };
};

/** What was wanted, letter by letter, where it could stay. */
const textOf = (resource: Resource, wanted: string, fitted: bigint | undefined): string => {
  if (fitted === undefined) return '';
  return nanosOf(wanted) === fitted ? wanted : quantityOf(fitted, resource === 'cpu' ? 'decimal' : 'binary');
};

/** Where the pod says what it has in all, that counts, whatever its containers have. */
const effective = ({ pod, limitRanges }: ResourcesInput): readonly LimitRange[] =>
  objectAt(objectAt(pod, 'spec'), 'resources') === undefined
    ? limitRanges
    : limitRanges.map(({ name, items }) => ({ name, items: items.filter(({ type }) => type === 'Container') }));

interface PodTotals {
  readonly requests: Totals;
  readonly limits: Totals;
}

/** What the rest of the pod has at the time of the agent; undefined where the agent's part of the pod does not count. */
const totalsOf = ({ pod, limitRanges, once, isAgent }: ResourcesInput): PodTotals | undefined => {
  if (once || !limitRanges.some(({ items }) => items.some(({ type }) => type === 'Pod'))) return undefined;
  const isOther = (container: JsonObject): boolean => !isAgent(container);
  return { requests: podTotal(pod, 'requests', isOther), limits: podTotal(pod, 'limits', isOther) };
};

/** The tightest bounds of all LimitRanges. A whole pod's minimum is for the rest of the pod to reach. */
const boundsOf = (resource: Resource, limitRanges: readonly LimitRange[], totals: PodTotals | undefined): Bounds => {
  const bounds: { -readonly [Key in keyof Bounds]: Bounds[Key] } = {};
  for (const { name, items } of limitRanges)
    for (const { type, min, max, maxLimitRequestRatio } of items) {
      const bound = (rule: Bound['rule'], says: bigint, used = 0n): Bound => ({
        limitRange: name,
        type,
        rule,
        says,
        value: says - used,
      });
      const [least, most, ratio] = [min[resource], max[resource], maxLimitRequestRatio[resource]];
      if (least !== undefined && type === 'Container') bounds.least = tighter(bounds.least, bound('min', least), true);
      if (most !== undefined) {
        const [ofRequests, ofLimits] = type === 'Pod' ? [totals?.requests[resource], totals?.limits[resource]] : [];
        bounds.mostRequest = tighter(bounds.mostRequest, bound('max', most, ofRequests));
        bounds.mostLimit = tighter(bounds.mostLimit, bound('max', most, ofLimits));
      }
      if (ratio !== undefined) bounds.ratio = tighter(bounds.ratio, bound('maxLimitRequestRatio', ratio));
    }
  return bounds;
};

const tighter = (known: Bound | undefined, bound: Bound, isLeast = false): Bound =>
  known && (isLeast ? known.value >= bound.value : known.value <= bound.value) ? known : bound;

const findingOf = (resource: Resource, { bound, amount, value }: Misfit, input: ResourcesInput): PodProblem => {
  const form = resource === 'cpu' ? 'decimal' : 'binary';
  const key = amount === 'need' ? undefined : KEYS[resource][amount];
  return {
    code: 'limit-range',
    limitRange: bound.limitRange,
    of: bound.type,
    rule: `${bound.rule}.${resource}`,
    bound: quantityOf(bound.says, bound.rule === 'maxLimitRequestRatio' ? 'decimal' : form),
    amount,
    value: quantityOf(value, form),
    annotation: key && isNamed(key, input) ? input.origins.get(key)?.annotation : undefined,
  };
};
