// The version of the API server, and what happens until it answers.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CONTAINER_RESTARTS,
  ENV_FILES,
  isAtLeast,
  NATIVE_SIDECARS,
  serverVersion,
  type ServerVersion,
} from '../../../src/cluster/server-version.ts';
import { eventually } from '../../support/eventually.ts';

type Answer = { readonly major: string; readonly minor: string } | Error;

const versionAnswering = (...answers: readonly Answer[]) => {
  const logged: string[] = [];
  const left = [...answers];
  const request = async <T>(): Promise<T> => {
    await Promise.resolve();
    const answer = left.shift() ?? new Error('no more answers');
    if (answer instanceof Error) throw answer;
    return answer as T;
  };
  const log = { info: (_: object, text: string) => logged.push(text), warn: (_: object, text: string) => logged.push(text) };
  return { logged, left, version: serverVersion({ request }, log, 5) };
};

const answered = (version: ServerVersion): Promise<unknown> => eventually(() => version.answeredOrFailed(), { everyMs: 1 });

test.each([
  ['1', '28', false, false, false],
  ['1', '28+', false, false, false],
  ['1', '9', false, false, false],
  ['1', '29', true, false, false],
  ['1', '34', true, false, false],
  ['1', '35+', true, true, false],
  ['1', '36+', true, true, true],
  ['2', '0', true, true, true],
  ['', '', true, true, true],
])(
  'version %s.%s has native sidecars: %p, variables from files: %p, restarts of pods: %p',
  async (major, minor, has, variables, restarts) => {
    const { version, logged } = versionAnswering({ major, minor });
    await answered(version);
    const current = version.current() ?? { major: '', minor: '' };
    const versions = [NATIVE_SIDECARS, ENV_FILES, CONTAINER_RESTARTS];
    expect(versions.map((first) => isAtLeast(current, first))).toEqual([has, variables, restarts]);
    expect(logged).toHaveLength(has ? 0 : 1);
    await version.close();
  },
);

test('requests are repeated until one is answered, and a failure is logged once', async () => {
  const { version, logged } = versionAnswering(new Error('away'), new Error('away'), { major: '1', minor: '28' });
  await answered(version);
  expect(version.current()).toBeUndefined();
  await eventually(() => expect(version.current()).toEqual({ major: '1', minor: '28' }));
  expect(logged).toEqual([expect.stringContaining('unknown'), expect.stringContaining('init container')]);
  await version.close();
});

test('closing ends the requests', async () => {
  const { version, left } = versionAnswering(...Array.from({ length: 1000 }, () => new Error('away')));
  await answered(version);
  await version.close();
  const before = left.length;
  await sleep(50);
  expect(left).toHaveLength(before);
});
