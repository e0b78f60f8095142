// The resync interval of roles: as declared for few, and with at most half of the rate limit for many.
import fc from 'fast-check';
import { roleResyncSeconds, stretchedResync } from '../../../src/controller/role/resync.ts';
import { backend, endpoint } from '../../support/objects.ts';

test.each([
  // resyncSeconds, roles, requestsPerSecond: seconds
  [300, 0, 10, 300],
  [300, 1, 1, 300],
  [300, 1500, 10, 300],
  [300, 1501, 10, 300.2],
  [300, 10_000, 10, 2000],
  [60, 700, 10, 140],
  [300, 10_000, 500, 300],
  [86_400, 10_000, 10, 86_400],
])('%i s, %i roles, %i requests a second: %d s', (resyncSeconds, roles, requestsPerSecond, seconds) =>
  expect(stretchedResync(resyncSeconds, roles, requestsPerSecond)).toBeCloseTo(seconds, 9),
);

test('uses at most half of the rate limit, and is never shorter than declared', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 60, max: 86_400 }),
      fc.integer({ min: 0, max: 100_000 }),
      fc.integer({ min: 1, max: 1000 }),
      (resyncSeconds, roles, requestsPerSecond) => {
        const seconds = stretchedResync(resyncSeconds, roles, requestsPerSecond);
        expect(seconds).toBeGreaterThanOrEqual(resyncSeconds);
        expect(roles / seconds).toBeLessThanOrEqual((requestsPerSecond / 2) * 1.000001);
      },
    ),
  );
});

const withRoles = (name: string, total: number | undefined, endpointName = 'main') =>
  backend(name, {
    spec: { endpointRef: { name: endpointName }, resyncSeconds: 300 },
    status: total === undefined ? {} : { roles: { total, ready: 0 } },
  });

test('counts the roles of all backends of the endpoint, and of no others', () => {
  const one = withRoles('one', 2000);
  const backends = [one, withRoles('two', 3000), withRoles('new', undefined), withRoles('elsewhere', 9000, 'other')];
  const known = {
    backends: { list: () => backends },
    endpoints: { get: (name: string) => (name === 'main' ? endpoint('main') : undefined) },
  };
  expect(backends.map((each) => roleResyncSeconds(known, each))).toEqual([1000, 1000, 1000, 300]);
});
