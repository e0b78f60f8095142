// LimitRanges of a namespace: their bounds for containers and pods, what a pod requests in total, and the agent's amounts within
// the bounds. The API server rejects a pod outside of them.
import { nanosOf } from '../annotations/quantity.ts';
import { isObject, objectAt, objectsOf, textOf, type JsonObject } from '../json/json.ts';
import type { Container, Pod } from './pod.ts';

/** Resources of an agent. For any others the API server applies the defaults of the LimitRange. */
export const RESOURCES = ['cpu', 'memory', 'ephemeral-storage'] as const;
export type Resource = (typeof RESOURCES)[number];

/** In billionths, by resource. */
type Amounts = Readonly<Partial<Record<Resource, bigint>>>;

interface LimitItem {
  /** Whether the item limits each container, or the sum of a pod. */
  readonly type: 'Container' | 'Pod';
  readonly min: Amounts;
  readonly max: Amounts;
  readonly maxLimitRequestRatio: Amounts;
}

export interface LimitRange {
  readonly name: string;
  readonly items: readonly LimitItem[];
}

/** The bounds of a LimitRange object for containers and pods; undefined without any. */
export function limitRangeOf(object: JsonObject): LimitRange | undefined {
  const items = objectsOf(objectAt(object, 'spec')?.['limits']).flatMap((item): LimitItem[] => {
    const type = textOf(item, 'type');
    if (type !== 'Container' && type !== 'Pod') return [];
    const [min, max, maxLimitRequestRatio] = [
      amountsOf(item['min']),
      amountsOf(item['max']),
      amountsOf(item['maxLimitRequestRatio']),
    ];
    const isEmpty = [min, max, maxLimitRequestRatio].every((amounts) => Object.keys(amounts).length === 0);
    return isEmpty ? [] : [{ type, min, max, maxLimitRequestRatio }];
  });
  return items.length === 0 ? undefined : { name: textOf(objectAt(object, 'metadata'), 'name') ?? '', items };
}

/** Quantities by resource: texts as the API server writes them, or numbers of a manifest. */
const amountsOf = (list: unknown): Amounts => {
  if (!isObject(list)) return {};
  const amounts: { [name in Resource]?: bigint } = {};
  for (const resource of RESOURCES) {
    const value = list[resource];
    const nanos = typeof value === 'string' || typeof value === 'number' ? nanosOf(String(value)) : undefined;
    if (nanos !== undefined) amounts[resource] = nanos;
  }
  return amounts;
};

/** In billionths, by resource. */
export type Totals = Readonly<Record<Resource, bigint>>;

/**
 * What a pod requests in total, as the API server's LimitRanger counts it (plugin/pkg/admission/limitranger, podRequests and
 * podLimits): the sum of the app containers and native sidecars, or what a single init container needs at its time, if that is more.
 * `isCounted` leaves containers out. The pod's own spec.resources are not read.
 */
export function podTotal({ spec }: Pod, kind: 'requests' | 'limits', isCounted: (container: Container) => boolean): Totals {
  const sum: Record<Resource, bigint> = { cpu: 0n, memory: 0n, 'ephemeral-storage': 0n };
  const sidecars: Record<Resource, bigint> = { ...sum };
  const peak: Record<Resource, bigint> = { ...sum };
  const add = (to: Record<Resource, bigint>, { resources }: Container): void => {
    const amounts = amountsOf(resources?.[kind]);
    for (const resource of RESOURCES) to[resource] += amounts[resource] ?? 0n;
  };
  for (const container of spec.containers ?? []) if (isCounted(container)) add(sum, container);
  for (const container of spec.initContainers ?? []) {
    if (!isCounted(container)) continue;
    const isSidecar = container.restartPolicy === 'Always';
    if (isSidecar) {
      add(sum, container);
      add(sidecars, container);
    }
    const now = { ...sidecars };
    if (!isSidecar) add(now, container);
    for (const resource of RESOURCES) if (now[resource] > peak[resource]) peak[resource] = now[resource];
  }
  for (const resource of RESOURCES) if (peak[resource] > sum[resource]) sum[resource] = peak[resource];
  return sum;
}

/** A bound and its LimitRange; values in billionths, of a ratio too. */
export interface Bound {
  readonly limitRange: string;
  readonly type: LimitItem['type'];
  readonly rule: 'min' | 'max' | 'maxLimitRequestRatio';
  /** As declared in the LimitRange. */
  readonly declared: bigint;
  /** What is left of it for the agent. */
  readonly value: bigint;
}

export interface Bounds {
  readonly min?: Bound | undefined;
  readonly maxRequest?: Bound | undefined;
  readonly maxLimit?: Bound | undefined;
  readonly ratio?: Bound | undefined;
}

/** Amounts in billionths. Fixed ones come from an annotation and are not changed. */
export interface DesiredAmounts {
  readonly request: bigint | undefined;
  readonly limit: bigint | undefined;
  readonly isRequestFixed: boolean;
  readonly isLimitFixed: boolean;
  /** Used if a bound requires an amount and none is desired. */
  readonly fallback: { readonly request: bigint; readonly limit: bigint };
  /** The agent does not run with a smaller limit. */
  readonly required: bigint;
  /** The smallest step of an amount. */
  readonly unit: bigint;
}

interface FittedAmounts {
  readonly request: bigint | undefined;
  readonly limit: bigint | undefined;
}

/** The bound that the agent breaks, and which of its amounts. */
export interface Misfit {
  readonly bound: Bound;
  readonly amount: 'request' | 'limit' | 'need';
  readonly value: bigint;
}

const ONE = 1_000_000_000n;

/** The amounts nearest to the desired ones that keep every bound, or a bound that none of them keep. */
export function fitWithin(desired: DesiredAmounts, bounds: Bounds): FittedAmounts | Misfit {
  const { min, maxRequest, maxLimit, ratio } = bounds;
  const [isRequestFree, isLimitFree] = [!desired.isRequestFixed, !desired.isLimitFixed];
  let request = desired.request ?? (min || ratio ? desired.fallback.request : undefined);
  let limit = desired.limit ?? (maxLimit || ratio ? desired.fallback.limit : undefined);
  if (limit !== undefined && isLimitFree) limit = within(limit, min, maxLimit);
  if (request !== undefined && isRequestFree) {
    request = within(request, min, maxRequest);
    if (limit !== undefined && request > limit) request = limit;
  }
  if (request !== undefined && limit !== undefined) {
    if (isLimitFree && limit < request) limit = request;
    if (ratio && exceeds(request, limit, ratio) && isRequestFree) {
      const enough = roundedUp(desired.unit, (limit * ONE + ratio.value - 1n) / ratio.value);
      request = maxRequest && enough > maxRequest.value ? maxRequest.value : enough;
    }
    if (ratio && exceeds(request, limit, ratio) && isLimitFree) limit = roundedDown(desired.unit, (request * ratio.value) / ONE);
  }
  return misfitOf(request, limit, desired.isLimitFixed ? 0n : desired.required, bounds) ?? { request, limit };
}

const within = (value: bigint, min: Bound | undefined, max: Bound | undefined): bigint => {
  const raised = min && value < min.value ? min.value : value;
  return max && raised > max.value ? max.value : raised;
};

const exceeds = (request: bigint, limit: bigint, ratio: Bound): boolean => limit * ONE > request * ratio.value;

const roundedUp = (unit: bigint, value: bigint): bigint => ((value + unit - 1n) / unit) * unit;
const roundedDown = (unit: bigint, value: bigint): bigint => (value / unit) * unit;

const misfitOf = (
  request: bigint | undefined,
  limit: bigint | undefined,
  required: bigint,
  { min, maxRequest, maxLimit, ratio }: Bounds,
): Misfit | undefined => {
  if (request !== undefined) {
    if (min && request < min.value) return { bound: min, amount: 'request', value: request };
    if (maxRequest && request > maxRequest.value) return { bound: maxRequest, amount: 'request', value: request };
  }
  if (limit === undefined) return undefined;
  if (maxLimit && limit > maxLimit.value) return { bound: maxLimit, amount: 'limit', value: limit };
  if (min && limit < min.value) return { bound: min, amount: 'limit', value: limit };
  const upper = maxLimit ?? ratio;
  if (upper && limit < required) return { bound: upper, amount: 'need', value: required };
  if (ratio && request !== undefined && exceeds(request, limit, ratio)) return { bound: ratio, amount: 'limit', value: limit };
  return undefined;
};
