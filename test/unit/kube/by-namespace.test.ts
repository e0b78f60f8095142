// Objects by namespace: what says nothing is not kept, what is gone is forgotten, and the order is that of names.
import { setTimeout as sleep } from 'node:timers/promises';
import { watchByNamespace, type ByNamespace } from '../../../src/kube/by-namespace.ts';
import { kubeClient } from '../../../src/kube/client.ts';
import type { WatchedObject } from '../../../src/kube/objects.ts';
import { fakeApi } from './fake-api.ts';

interface Thing extends WatchedObject {
  readonly spec: string;
}

const thing = (namespace: string, name: string, resourceVersion: string, spec: string): Thing => ({
  metadata: { name, namespace, uid: `${namespace}-${name}`, resourceVersion },
  spec,
});
const list = (...items: readonly Thing[]): string => JSON.stringify({ metadata: { resourceVersion: '10' }, items });
const event = (type: string, object: Thing): string => `${JSON.stringify({ type, object })}\n`;

const until = async (what: () => boolean): Promise<void> => {
  for (let wait = 0; !what(); wait += 1) {
    if (wait === 6000) throw new Error(`never: ${what.toString()}`);
    await sleep(10);
  }
};

const following = async (answers: readonly string[], run: (things: ByNamespace<string>) => Promise<void>): Promise<void> => {
  const left = [...answers];
  const api = await fakeApi((_, response) => {
    const answer = left.shift();
    if (answer === undefined) response.write('\n');
    else response.end(answer);
  });
  const client = kubeClient({ connection: api.connection(), userAgent: 'tester/1' });
  const things = watchByNamespace<Thing, string>({
    client,
    path: '/things',
    keep: ({ spec }) => (spec === '' ? undefined : spec),
    onProblem: () => undefined,
    times: { firstWaitMs: 5 },
  });
  try {
    await run(things);
  } finally {
    await things.close();
    client.close();
    await api.stop();
  }
};

test('a list and what follows it are found by namespace', async () => {
  const answers = [
    list(
      thing('a', 'two', '1', 'second'),
      thing('a', 'one', '2', 'first'),
      thing('b', 'mute', '3', ''),
      thing('c', 'one', '4', 'other'),
    ),
    event('ADDED', thing('b', 'one', '11', 'new')) +
      event('MODIFIED', thing('a', 'one', '12', 'changed')) +
      event('DELETED', thing('c', 'one', '13', 'other')) +
      event('MODIFIED', thing('a', 'two', '14', '')),
  ];
  await following(answers, async (things) => {
    expect(things.find('a')).toEqual([]);
    await until(() => things.find('a').join() === 'changed');
    expect(things.listed()).toBe(true);
    expect([things.find('b'), things.find('c'), things.find('d')]).toEqual([['new'], [], []]);
  });
});

test('the order is that of names, however they came', async () => {
  await following([list(thing('a', 'two', '1', 'second'), thing('a', 'one', '2', 'first'))], async (things) => {
    await until(() => things.listed());
    expect(things.find('a')).toEqual(['first', 'second']);
    expect(things.find('a')).toBe(things.find('a'));
  });
});
