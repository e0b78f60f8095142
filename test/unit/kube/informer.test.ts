// The cache of an informer after lists, watches and our own writes, and the changes that its handler receives.
import { EventEmitter, once } from 'node:events';
import { type KubeClient, kubeClient, type KubeRequest } from '../../../src/kube/client.ts';
import { type Lister, type KubeObject, startInformer, withoutManagedFields } from '../../../src/kube/informer.ts';
import { type FakeApi, fakeApi } from './fake-api.ts';
import { eventually } from '../../support/eventually.ts';

interface Thing extends KubeObject {
  readonly spec?: string;
}

const thing = (name: string, resourceVersion: string, spec = 'x', uid = `uid-${name}`): Thing => {
  const metadata = { name, namespace: 'team', uid, resourceVersion, managedFields: [{ manager: 'kubectl' }] };
  return { metadata, spec };
};
const list = (version: string, ...items: readonly Thing[]): string =>
  JSON.stringify({ metadata: { resourceVersion: version }, items });
const event = (type: string, object: Thing): string => `${JSON.stringify({ type, object })}\n`;

const opened: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.stop();
});
const isList = (answer: string | Promise<string>): boolean => typeof answer === 'string' && answer.startsWith('{"metadata"');

const follow = async (
  answers: readonly (string | Promise<string>)[],
  more: { labelSelector?: string; relistMs?: number } = {},
) => {
  const urls: string[] = [];
  const changes: string[] = [];
  const left = [...answers];
  const api: FakeApi = await fakeApi((request, response) => {
    urls.push(request.url ?? '');
    // The time of the next resync depends on the machine, so lists and watches take their responses from separate queues.
    const isStream = request.url?.includes('watch=true') === true;
    const next = left.findIndex((each) => isStream !== isList(each));
    const answer = next < 0 ? undefined : left.splice(next, 1)[0];
    if (answer === undefined) response.write('\n');
    else void Promise.resolve(answer).then((text) => response.end(text));
  });
  const client = kubeClient({ connection: api.connection(), userAgent: 'tester/1' });
  const store = startInformer<Thing, Thing>({
    client,
    path: '/things',
    labelSelector: more.labelSelector,
    transform: withoutManagedFields,
    onChange: (key, before, after) => changes.push(`${key} ${before?.spec ?? '-'}>${after?.spec ?? '-'}`),
    onProblem: () => undefined,
    times: { firstBackoffMs: 5, ...(more.relistMs === undefined ? {} : { relistMs: more.relistMs }) },
  });
  opened.push({
    stop: async () => {
      await store.close();
      client.close();
      await api.stop();
    },
  });
  return { store, changes, urls };
};

const specs = (store: Lister<Thing>): Record<string, string | undefined> =>
  Object.fromEntries(store.keys().map((key) => [key, store.get(key)?.spec]));

test('reports the objects of a list and a watch as changes, without managedFields', async () => {
  const { store, changes, urls } = await follow(
    [
      list('5', thing('a', '3', 'one'), thing('b', '4', 'two')),
      event('MODIFIED', thing('a', '6', 'three')) + event('ADDED', thing('c', '7', 'four')) + event('DELETED', thing('b', '8')),
    ],
    { labelSelector: 'team=blue' },
  );
  await eventually(() => urls.length === 3);
  expect(changes).toEqual(['team/a ->one', 'team/b ->two', 'team/a one>three', 'team/c ->four', 'team/b two>-']);
  expect(specs(store)).toEqual({ 'team/a': 'three', 'team/c': 'four' });
  expect(JSON.stringify(store.list())).not.toContain('kubectl');
  expect(urls.every((url) => url.includes('labelSelector=team%3Dblue'))).toBe(true);
});

test('a resync reports only objects that changed, were deleted or were created again', async () => {
  const { store, changes, urls } = await follow(
    [
      list('5', thing('a', '3', 'one'), thing('b', '4', 'two'), thing('c', '5', 'three')),
      event('ADDED', thing('d', '6', 'four')),
      list('9', thing('a', '3', 'one'), thing('c', '8', 'three', 'another'), thing('d', '6', 'four')),
    ],
    { relistMs: 1 },
  );
  await eventually(() => store.get('team/b') === undefined && store.synced());
  expect(urls.length).toBeGreaterThan(1);
  expect(changes.filter((line) => line !== 'team/d ->four')).toEqual([
    'team/a ->one',
    'team/b ->two',
    'team/c ->three',
    'team/c three>three',
    'team/b two>-',
  ]);
});

test('caches a write at once, and ignores older versions of a watch that lags behind', async () => {
  const late = new EventEmitter();
  const lateText = once(late, 'text').then(([text]) => String(text));
  const { store, changes, urls } = await follow([list('5', thing('a', '3', 'one')), lateText]);
  await eventually(() => store.synced());
  store.recordWrite(thing('a', '10', 'ours'));
  store.recordWrite(thing('gone', '10', 'ours'));
  store.recordWrite(thing('a', '12', 'other', 'another'));
  expect(specs(store)).toEqual({ 'team/a': 'ours' });
  late.emit('text', ['6 old', '10 ours', '11 new'].map((line) => event('MODIFIED', thing('a', ...pair(line)))).join(''));
  await eventually(() => urls.length === 3);
  expect(changes).toEqual(['team/a ->one', 'team/a one>ours', 'team/a ours>new']);
});

test('keeps a write that was made while a list was read', async () => {
  const late = new EventEmitter();
  let lists = 0;
  const request = async ({ untilLine }: KubeRequest): Promise<unknown> => {
    if (untilLine) return untilLine('');
    lists += 1;
    if (lists === 1) return JSON.parse(list('5', thing('a', '5', 'one')));
    if (lists === 2) await once(late, 'go');
    return JSON.parse(list('7', thing('a', '5', 'one'), thing('b', '6', 'two')));
  };
  const changes: string[] = [];
  const store = startInformer<Thing, Thing>({
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test scripts the response
    client: { request, close: () => undefined } as KubeClient,
    path: '/things',
    transform: withoutManagedFields,
    onChange: (key, before, after) => changes.push(`${key} ${before?.spec ?? '-'}>${after?.spec ?? '-'}`),
    onProblem: () => undefined,
    times: { firstBackoffMs: 5, relistMs: 50 },
  });
  opened.push({ stop: store.close });
  await eventually(() => lists === 2);
  store.recordWrite(thing('a', '9', 'ours'));
  late.emit('go');
  await eventually(() => store.get('team/b') !== undefined);
  expect(changes).toEqual(['team/a ->one', 'team/a one>ours', 'team/b ->two']);
});

const pair = (line: string): [string, string] => {
  const [version = '', spec = ''] = line.split(' ');
  return [version, spec];
};
