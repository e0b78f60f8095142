// The index by namespace: without objects that `transform` drops, without deleted ones, sorted by name.
import { kubeClient } from '../../../src/kube/client.ts';
import { startNamespaceInformer, type NamespaceInformer, type KubeObject } from '../../../src/kube/informer.ts';
import { fakeApi } from './fake-api.ts';
import { eventually } from '../../support/eventually.ts';

interface Thing extends KubeObject {
  readonly spec: string;
}

const thing = (namespace: string, name: string, resourceVersion: string, spec: string): Thing => ({
  metadata: { name, namespace, uid: `${namespace}-${name}`, resourceVersion },
  spec,
});
const list = (...items: readonly Thing[]): string => JSON.stringify({ metadata: { resourceVersion: '10' }, items });
const event = (type: string, object: Thing): string => `${JSON.stringify({ type, object })}\n`;
const following = async (
  answers: readonly string[],
  run: (things: NamespaceInformer<string>) => Promise<void>,
): Promise<void> => {
  const left = [...answers];
  const api = await fakeApi((_, response) => {
    const answer = left.shift();
    if (answer === undefined) response.write('\n');
    else response.end(answer);
  });
  const client = kubeClient({ connection: api.connection(), userAgent: 'tester/1' });
  const things = startNamespaceInformer<Thing, string>({
    client,
    path: '/things',
    transform: ({ spec }) => (spec === '' ? undefined : spec),
    onProblem: () => undefined,
    times: { firstBackoffMs: 5 },
  });
  try {
    await run(things);
  } finally {
    await things.close();
    client.close();
    await api.stop();
  }
};

test('lists the objects of a list and a watch by namespace', async () => {
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
    expect(things.list('a')).toEqual([]);
    await eventually(() => things.list('a').join() === 'changed');
    expect(things.synced()).toBe(true);
    expect([things.list('b'), things.list('c'), things.list('d')]).toEqual([['new'], [], []]);
  });
});

test('sorts by name', async () => {
  await following([list(thing('a', 'two', '1', 'second'), thing('a', 'one', '2', 'first'))], async (things) => {
    await eventually(() => things.synced());
    expect(things.list('a')).toEqual(['first', 'second']);
    expect(things.list('a')).toBe(things.list('a'));
  });
});
