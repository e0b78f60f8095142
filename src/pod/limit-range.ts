// LimitRanges of a namespace, as far as they bound what a container or a pod may have. The API server refuses what lies outside.
import { nanosOf } from '../annotations/quantity.ts';
import { isObject, objectAt, objectsOf, textOf, type JsonObject } from '../json/json.ts';

/** What the agent has amounts of. The API server fills in the rest by itself, from the defaults of the LimitRange. */
export const RESOURCES = ['cpu', 'memory', 'ephemeral-storage'] as const;
export type Resource = (typeof RESOURCES)[number];

/** In billionths, by resource. */
export type Amounts = Readonly<Partial<Record<Resource, bigint>>>;

export interface LimitItem {
  /** Whether each container by itself, or all of a pod together. */
  readonly type: 'Container' | 'Pod';
  readonly min: Amounts;
  readonly max: Amounts;
  readonly maxLimitRequestRatio: Amounts;
}

export interface LimitRange {
  readonly name: string;
  readonly items: readonly LimitItem[];
}

/** What of a LimitRange can stand in the way of an agent; undefined when that is nothing. */
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

/** Amounts as the API server writes them, in texts; a manifest may have numbers too. */
export function amountsOf(list: unknown): Amounts {
  if (!isObject(list)) return {};
  const amounts: { [name in Resource]?: bigint } = {};
  for (const resource of RESOURCES) {
    const value = list[resource];
    const nanos = typeof value === 'string' || typeof value === 'number' ? nanosOf(String(value)) : undefined;
    if (nanos !== undefined) amounts[resource] = nanos;
  }
  return amounts;
}
