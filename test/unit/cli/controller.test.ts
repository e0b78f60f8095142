// The command controller before it does anything: what it is asked, and what cannot be meant.
import { controller } from '../../../src/cli/controller.ts';
import { runCommand } from './run-command.ts';

test.each([
  [['-workers=0'], '-workers: invalid value "0", expected a whole number, 1 or more'],
  [['-workers=many'], '-workers: invalid value "many"'],
  [['-resync-factor=0'], '-resync-factor: invalid value "0"'],
  [['-resync-factor=-1'], '-resync-factor: invalid value "-1"'],
  [['-deletion-timeout=soon'], '-deletion-timeout: invalid value "soon"'],
  [['-lease-name='], '-lease-name: invalid value "", expected the name of an object'],
  [['-service-account='], '-service-account: invalid value "", expected the name of an object'],
  [['-log-format=xml'], '-log-format: invalid value "xml", expected one of standard, json'],
  [['now'], '"now" is not a flag'],
  [['-worker=1'], 'did you mean -workers?'],
])('%j is refused in words', async (words, expected) => {
  const { code, errors } = await runCommand(controller, words);
  expect(code).toBe(2);
  expect(errors).toEqual([expect.stringContaining(expected)]);
  expect(errors[0]).toMatch(/^vault-auth-injector controller: /);
});

test('without an API server it says what to do', async () => {
  const { code, errors } = await runCommand(controller, []);
  expect([code, errors]).toEqual([
    1,
    ['vault-auth-injector controller: no API server configured: run in a cluster, or set -kubeconfig'],
  ]);
});

test('-help lists its flags', async () => {
  const { code, out } = await runCommand(controller, ['-help']);
  expect(code).toBe(0);
  for (const flag of ['-observe-only', '-lease-name', '-resync-factor', '-deletion-timeout', '-workers', '-operations-listen'])
    expect(out).toContain(`  ${flag}`);
});
