// Exponential back-off.
import { backoffMs, jittered } from '../../../src/net/backoff.ts';

const waits = (random: number, factor?: number): readonly number[] =>
  [1, 2, 3, 4, 5, 2000].map((failures) =>
    backoffMs(failures, { firstMs: 100, maxMs: 1500, ...(factor === undefined ? {} : { factor }) }, () => random),
  );

test('doubles up to the maximum, or grows by the given factor', () => {
  expect(waits(1)).toEqual([100, 200, 400, 800, 1500, 1500]);
  expect(waits(1, 4)).toEqual([100, 400, 1500, 1500, 1500, 1500]);
});

test('takes between the half and the whole of it', () => {
  expect(waits(0)).toEqual([50, 100, 200, 400, 750, 750]);
  expect(waits(0.5)).toEqual([75, 150, 300, 600, 1125, 1125]);
});

test('jitter is a quarter in both directions', () => {
  expect([0, 0.5, 1].map((random) => jittered(1000, () => random))).toEqual([750, 1000, 1250]);
});
