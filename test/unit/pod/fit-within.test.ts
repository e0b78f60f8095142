// fitWithin keeps all bounds whenever that is possible; compared with trying all amounts.
import fc from 'fast-check';
import { fitWithin, type Bound, type Bounds, type DesiredAmounts } from '../../../src/pod/limit-range.ts';

const MAX = 14;
const ONE = 1_000_000_000n;
const amount = fc.integer({ min: 1, max: MAX }).map(BigInt);
const optional = fc.option(amount, { nil: undefined });

const bound = (rule: Bound['rule'], value: bigint): Bound => ({
  limitRange: 'x',
  type: 'Container',
  rule,
  declared: value,
  value,
});
const bounds: fc.Arbitrary<Bounds> = fc
  .tuple(optional, optional, optional, fc.option(fc.constantFrom(1n, 2n, 3n), { nil: undefined }))
  .map(([min, maxRequest, maxLimit, ratio]) => ({
    min: min === undefined ? undefined : bound('min', min),
    maxRequest: maxRequest === undefined ? undefined : bound('max', maxRequest),
    maxLimit: maxLimit === undefined ? undefined : bound('max', maxLimit),
    ratio: ratio === undefined ? undefined : bound('maxLimitRequestRatio', ratio * ONE),
  }));
const desiredAmounts: fc.Arbitrary<DesiredAmounts> = fc
  .record({
    request: optional,
    limit: optional,
    isRequestFixed: fc.boolean(),
    isLimitFixed: fc.boolean(),
    fallback: fc.record({ request: amount, limit: amount }),
    required: fc.integer({ min: 0, max: 6 }).map(BigInt),
    unit: fc.constant(1n),
  })
  .map((one) => ({
    ...one,
    isRequestFixed: one.isRequestFixed && one.request !== undefined,
    isLimitFixed: one.isLimitFixed && one.limit !== undefined,
  }))
  // As in all defaults: the request is at most the limit, and the limit is enough to run with.
  .filter(({ request, limit, fallback, required, isLimitFixed }) => {
    const max = limit ?? fallback.limit;
    return (request ?? fallback.request) <= max && (isLimitFixed || max >= required);
  });

type Amount = bigint | undefined;

const keeps = (request: Amount, limit: Amount, { min, maxRequest, maxLimit, ratio }: Bounds): boolean =>
  (!min || (request !== undefined && request >= min.value && (limit ?? min.value) >= min.value)) &&
  (!maxRequest || (request ?? 0n) <= maxRequest.value) &&
  (!maxLimit || (limit !== undefined && limit <= maxLimit.value)) &&
  (!ratio || (request !== undefined && limit !== undefined && limit * ONE <= request * ratio.value)) &&
  (request === undefined || limit === undefined || request <= limit);

const isServed = ({ required, isLimitFixed }: DesiredAmounts, limit: Amount, { maxLimit, ratio }: Bounds): boolean =>
  isLimitFixed || limit === undefined || !(maxLimit ?? ratio) || limit >= required;

const AMOUNTS = Array.from({ length: 3 * MAX }, (_, index) => BigInt(index + 1));

const isPossible = (desired: DesiredAmounts, limits: Bounds): boolean => {
  const requests = desired.isRequestFixed ? [desired.request] : [undefined, ...AMOUNTS];
  const max = desired.isLimitFixed ? [desired.limit] : [undefined, ...AMOUNTS];
  return requests.some((request) => max.some((limit) => keeps(request, limit, limits) && isServed(desired, limit, limits)));
};

test('keeps the bounds and the fixed amounts', () => {
  fc.assert(
    fc.property(desiredAmounts, bounds, (desired, limits) => {
      const found = fitWithin(desired, limits);
      if ('bound' in found) return;
      expect({ ...found, keeps: keeps(found.request, found.limit, limits) }).toEqual({ ...found, keeps: true });
      expect(isServed(desired, found.limit, limits)).toBe(true);
      if (desired.isRequestFixed) expect(found.request).toBe(desired.request);
      if (desired.isLimitFixed) expect(found.limit).toBe(desired.limit);
    }),
    { numRuns: 5000 },
  );
});

test('finds amounts whenever there are any', () => {
  fc.assert(
    fc.property(desiredAmounts, bounds, (desired, limits) => {
      expect({ found: !('bound' in fitWithin(desired, limits)) }).toEqual({ found: isPossible(desired, limits) });
    }),
    { numRuns: 3000 },
  );
});

test('keeps amounts that fit already', () => {
  fc.assert(
    fc.property(desiredAmounts, bounds, (desired, limits) => {
      const { request, limit } = desired;
      if (keeps(request, limit, limits) && isServed(desired, limit, limits))
        expect(fitWithin(desired, limits)).toEqual({ request, limit });
    }),
  );
});
