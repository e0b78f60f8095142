// What an agent gets of one resource within the bounds that a namespace sets: as near to what was wanted as they allow.
import type { LimitItem } from './limit-range.ts';

/** A bound and whose it is; the value is in billionths, of a ratio too. */
export interface Bound {
  readonly limitRange: string;
  readonly type: LimitItem['type'];
  readonly rule: 'min' | 'max' | 'maxLimitRequestRatio';
  /** As the LimitRange says it. */
  readonly says: bigint;
  /** What is left of it for the agent. */
  readonly value: bigint;
}

export interface Bounds {
  readonly least?: Bound | undefined;
  readonly mostRequest?: Bound | undefined;
  readonly mostLimit?: Bound | undefined;
  readonly ratio?: Bound | undefined;
}

/** Amounts in billionths. What somebody named for this pod is not changed. */
export interface Wish {
  readonly request: bigint | undefined;
  readonly limit: bigint | undefined;
  readonly isRequestNamed: boolean;
  readonly isLimitNamed: boolean;
  /** Taken where a bound asks for an amount and there is none. */
  readonly otherwise: { readonly request: bigint; readonly limit: bigint };
  /** With a smaller limit the agent does not run. */
  readonly needs: bigint;
  /** The smallest amount that counts. */
  readonly unit: bigint;
}

export interface Fitted {
  readonly request: bigint | undefined;
  readonly limit: bigint | undefined;
}

/** What stands in the way: the bound, and which of the agent's amounts breaks it. */
export interface Misfit {
  readonly bound: Bound;
  readonly amount: 'request' | 'limit' | 'need';
  readonly value: bigint;
}

const ONE = 1_000_000_000n;

/** The amounts that keep every bound, or what stands in the way. */
export function fitWithin(wish: Wish, bounds: Bounds): Fitted | Misfit {
  const { least, mostRequest, mostLimit, ratio } = bounds;
  const [isRequestFree, isLimitFree] = [!wish.isRequestNamed, !wish.isLimitNamed];
  let request = wish.request ?? (least || ratio ? wish.otherwise.request : undefined);
  let limit = wish.limit ?? (mostLimit || ratio ? wish.otherwise.limit : undefined);
  if (limit !== undefined && isLimitFree) limit = within(limit, least, mostLimit);
  if (request !== undefined && isRequestFree) {
    request = within(request, least, mostRequest);
    if (limit !== undefined && request > limit) request = limit;
  }
  if (request !== undefined && limit !== undefined) {
    if (isLimitFree && limit < request) limit = request;
    if (ratio && exceeds(request, limit, ratio) && isRequestFree) {
      const enough = upTo(wish.unit, (limit * ONE + ratio.value - 1n) / ratio.value);
      request = mostRequest && enough > mostRequest.value ? mostRequest.value : enough;
    }
    if (ratio && exceeds(request, limit, ratio) && isLimitFree) limit = downTo(wish.unit, (request * ratio.value) / ONE);
  }
  return misfitOf(request, limit, wish.isLimitNamed ? 0n : wish.needs, bounds) ?? { request, limit };
}

const within = (value: bigint, least: Bound | undefined, most: Bound | undefined): bigint => {
  const raised = least && value < least.value ? least.value : value;
  return most && raised > most.value ? most.value : raised;
};

const exceeds = (request: bigint, limit: bigint, ratio: Bound): boolean => limit * ONE > request * ratio.value;

const upTo = (unit: bigint, value: bigint): bigint => ((value + unit - 1n) / unit) * unit;
const downTo = (unit: bigint, value: bigint): bigint => (value / unit) * unit;

const misfitOf = (
  request: bigint | undefined,
  limit: bigint | undefined,
  needs: bigint,
  { least, mostRequest, mostLimit, ratio }: Bounds,
): Misfit | undefined => {
  if (request !== undefined) {
    if (least && request < least.value) return { bound: least, amount: 'request', value: request };
    if (mostRequest && request > mostRequest.value) return { bound: mostRequest, amount: 'request', value: request };
  }
  if (limit === undefined) return undefined;
  if (mostLimit && limit > mostLimit.value) return { bound: mostLimit, amount: 'limit', value: limit };
  if (least && limit < least.value) return { bound: least, amount: 'limit', value: limit };
  const tight = mostLimit ?? ratio;
  if (tight && limit < needs) return { bound: tight, amount: 'need', value: needs };
  if (ratio && request !== undefined && exceeds(request, limit, ratio)) return { bound: ratio, amount: 'limit', value: limit };
  return undefined;
};
