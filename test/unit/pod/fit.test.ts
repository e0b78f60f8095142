// Amounts within bounds: what is found keeps them, and when nothing is found there is nothing. Held against trying all.
import fc from 'fast-check';
import { fitWithin, type Bound, type Bounds, type Wish } from '../../../src/pod/fit.ts';

const MOST = 14;
const ONE = 1_000_000_000n;
const amount = fc.integer({ min: 1, max: MOST }).map(BigInt);
const perhaps = fc.option(amount, { nil: undefined });

const bound = (rule: Bound['rule'], value: bigint): Bound => ({ limitRange: 'x', type: 'Container', rule, says: value, value });
const bounds: fc.Arbitrary<Bounds> = fc
  .tuple(perhaps, perhaps, perhaps, fc.option(fc.constantFrom(1n, 2n, 3n), { nil: undefined }))
  .map(([least, mostRequest, mostLimit, ratio]) => ({
    least: least === undefined ? undefined : bound('min', least),
    mostRequest: mostRequest === undefined ? undefined : bound('max', mostRequest),
    mostLimit: mostLimit === undefined ? undefined : bound('max', mostLimit),
    ratio: ratio === undefined ? undefined : bound('maxLimitRequestRatio', ratio * ONE),
  }));
const wish: fc.Arbitrary<Wish> = fc
  .record({
    request: perhaps,
    limit: perhaps,
    isRequestNamed: fc.boolean(),
    isLimitNamed: fc.boolean(),
    otherwise: fc.record({ request: amount, limit: amount }),
    needs: fc.integer({ min: 0, max: 6 }).map(BigInt),
    unit: fc.constant(1n),
  })
  .map((one) => ({
    ...one,
    isRequestNamed: one.isRequestNamed && one.request !== undefined,
    isLimitNamed: one.isLimitNamed && one.limit !== undefined,
  }))
  // What is wanted is no more at first than at most, and enough to run with, as everybody's defaults are.
  .filter(({ request, limit, otherwise, needs, isLimitNamed }) => {
    const most = limit ?? otherwise.limit;
    return (request ?? otherwise.request) <= most && (isLimitNamed || most >= needs);
  });

type Amount = bigint | undefined;

const keeps = (request: Amount, limit: Amount, { least, mostRequest, mostLimit, ratio }: Bounds): boolean =>
  (!least || (request !== undefined && request >= least.value && (limit ?? least.value) >= least.value)) &&
  (!mostRequest || (request ?? 0n) <= mostRequest.value) &&
  (!mostLimit || (limit !== undefined && limit <= mostLimit.value)) &&
  (!ratio || (request !== undefined && limit !== undefined && limit * ONE <= request * ratio.value)) &&
  (request === undefined || limit === undefined || request <= limit);

const isServed = ({ needs, isLimitNamed }: Wish, limit: Amount, { mostLimit, ratio }: Bounds): boolean =>
  isLimitNamed || limit === undefined || !(mostLimit ?? ratio) || limit >= needs;

const AMOUNTS = Array.from({ length: 3 * MOST }, (_, index) => BigInt(index + 1));

const isPossible = (wanted: Wish, limits: Bounds): boolean => {
  const requests = wanted.isRequestNamed ? [wanted.request] : [undefined, ...AMOUNTS];
  const most = wanted.isLimitNamed ? [wanted.limit] : [undefined, ...AMOUNTS];
  return requests.some((request) => most.some((limit) => keeps(request, limit, limits) && isServed(wanted, limit, limits)));
};

test('what is found keeps the bounds and what was named', () => {
  fc.assert(
    fc.property(wish, bounds, (wanted, limits) => {
      const found = fitWithin(wanted, limits);
      if ('bound' in found) return;
      expect({ ...found, keeps: keeps(found.request, found.limit, limits) }).toEqual({ ...found, keeps: true });
      expect(isServed(wanted, found.limit, limits)).toBe(true);
      if (wanted.isRequestNamed) expect(found.request).toBe(wanted.request);
      if (wanted.isLimitNamed) expect(found.limit).toBe(wanted.limit);
    }),
    { numRuns: 5000 },
  );
});

test('where nothing is found there is nothing', () => {
  fc.assert(
    fc.property(wish, bounds, (wanted, limits) => {
      expect({ found: !('bound' in fitWithin(wanted, limits)) }).toEqual({ found: isPossible(wanted, limits) });
    }),
    { numRuns: 3000 },
  );
});

test('what fits already stays as it is', () => {
  fc.assert(
    fc.property(wish, bounds, (wanted, limits) => {
      const { request, limit } = wanted;
      if (keeps(request, limit, limits) && isServed(wanted, limit, limits))
        expect(fitWithin(wanted, limits)).toEqual({ request, limit });
    }),
  );
});
