// What the version of the API server says of its cluster, and what happens while it says nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { serverVersion, type ServerVersion } from '../../../src/cli/server-version.ts';
import { eventually } from '../../support/eventually.ts';

type Answer = { readonly major: string; readonly minor: string } | Error;

const asking = (...answers: readonly Answer[]) => {
  const told: string[] = [];
  const left = [...answers];
  const request = async <T>(): Promise<T> => {
    await Promise.resolve();
    const answer = left.shift() ?? new Error('nothing more');
    if (answer instanceof Error) throw answer;
    return answer as T;
  };
  const log = { info: (_: object, text: string) => told.push(text), warn: (_: object, text: string) => told.push(text) };
  return { told, left, version: serverVersion({ request }, log, 5) };
};

const settled = (version: ServerVersion): Promise<unknown> => eventually(() => version.settled(), { everyMs: 1 });

test.each([
  ['1', '28', false],
  ['1', '28+', false],
  ['1', '9', false],
  ['1', '29', true],
  ['1', '36', true],
  ['2', '0', true],
  ['', '', true],
])('version %s.%s has native sidecars: %p', async (major, minor, has) => {
  const { version, told } = asking({ major, minor });
  await settled(version);
  expect(version.nativeSidecars()).toBe(has);
  expect(told).toHaveLength(has ? 0 : 1);
  await version.close();
});

test('it is asked for until it answers, and a failure is told once', async () => {
  const { version, told } = asking(new Error('away'), new Error('away'), { major: '1', minor: '28' });
  await settled(version);
  expect(version.nativeSidecars()).toBeUndefined();
  await eventually(() => expect(version.nativeSidecars()).toBe(false));
  expect(told).toEqual([expect.stringContaining('not known'), expect.stringContaining('init container')]);
  await version.close();
});

test('closing ends the asking', async () => {
  const { version, left } = asking(...Array.from({ length: 1000 }, () => new Error('away')));
  await settled(version);
  await version.close();
  const before = left.length;
  await sleep(50);
  expect(left).toHaveLength(before);
});
