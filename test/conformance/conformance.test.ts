// agent-inject answers as vault-k8s 1.7.6 did, but for the intended differences that a case names.
import { laboratory, type Injector, type Laboratory } from './injector.ts';
import { judge } from './compare.ts';
import { profiles, requestOf, reviewCases, startupCases } from './recorded.ts';

let place: Laboratory;
beforeAll(() => {
  place = laboratory();
});
afterAll(() => place.stop());

describe.each(Object.keys(profiles))('settings "%s"', (name) => {
  const cases = reviewCases.filter((one) => one.profile === name);
  let injector: Injector;
  beforeAll(async () => {
    injector = await place.start(profiles[name] ?? { flags: [], env: {} }, 60_000);
  });

  test.each(cases.map((one) => [one.id, one] as const))('%s', async (_, one) => {
    expect(judge(one, await injector.post(requestOf(one)))).toEqual([]);
  });
});

describe('start-up', () => {
  test.each(startupCases.map((one) => [one.id, one] as const))('%s', async (_, one) => {
    const injector = await place.start(one.startup, 60_000);
    expect({ serving: injector.serving, exitCode: injector.exitCode() }).toEqual(one.expect);
  });
});
