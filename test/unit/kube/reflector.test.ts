// The reflector against faults of the API server and the network.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { kubeClient } from '../../../src/kube/client.ts';
import { METADATA_ONLY, type Reflector, type ReflectorTimes, startReflector } from '../../../src/kube/reflector.ts';
import { fakeApi } from './fake-api.ts';
import { eventually } from '../../support/eventually.ts';

type Step = (response: ServerResponse, query: URLSearchParams) => void;

const opened: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.stop();
});

const object = (name: string, resourceVersion = '1'): object => ({ metadata: { name, resourceVersion } });
const page =
  (version: string, names: readonly string[], next?: string): Step =>
  (response) =>
    response.end(
      JSON.stringify({ metadata: { resourceVersion: version, continue: next }, items: names.map((name) => object(name)) }),
    );
const event = (type: string, name: string, version: string): string =>
  `${JSON.stringify({ type, object: object(name, version) })}\n`;
const failed = (code: number, reason: string): string =>
  `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code, reason, message: reason } })}\n`;
/** Events, after which the watch stays open. */
const open =
  (...lines: readonly string[]): Step =>
  (response) =>
    response.write(lines.length === 0 ? '\n' : lines.join(''));
const ended =
  (...lines: readonly string[]): Step =>
  (response) =>
    response.end(lines.join(''));
const reset: Step = (response) => response.destroy();
const silent: Step = () => undefined;
const status =
  (code: number, reason = 'Gone'): Step =>
  (response) => {
    response.statusCode = code;
    response.end(JSON.stringify({ kind: 'Status', code, reason, message: reason }));
  };

interface Named {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
}

interface Followed {
  readonly watch: Reflector;
  readonly names: () => readonly string[];
  /** One word per request: `list`, `list NEXT`, `watch VERSION`. */
  readonly requests: readonly string[];
  readonly problems: readonly (string | undefined)[];
}

/** Starts a reflector whose server takes these steps, one per request; after the last it keeps every watch open. */
const follow = async (steps: readonly Step[], times: Partial<ReflectorTimes> = {}): Promise<Followed> => {
  const requests: string[] = [];
  const problems: (string | undefined)[] = [];
  const left = [...steps];
  const api = await fakeApi((request: IncomingMessage, response: ServerResponse) => {
    const query = new URL(request.url ?? '', 'https://fake').searchParams;
    const next = query.get('continue');
    requests.push(query.has('watch') ? `watch ${query.get('resourceVersion')}` : `list${next ? ` ${next}` : ''}`);
    (left.shift() ?? open())(response, query);
  });
  const client = kubeClient({ connection: api.connection(), userAgent: 'tester/1' });
  let known = new Set<string>();
  const store = {
    replace: () => {
      const listed = new Set<string>();
      return {
        add: ({ metadata }: Named) => void listed.add(metadata.name),
        finish: () => {
          known = listed;
        },
      };
    },
    set: ({ metadata }: Named) => void known.add(metadata.name),
    delete: ({ metadata }: Named) => void known.delete(metadata.name),
  };
  const watch = startReflector({
    client,
    path: '/things',
    mediaTypes: METADATA_ONLY,
    store,
    onProblem: (problem) => problems.push(problem),
    times: { firstBackoffMs: 5, ...times },
  });
  opened.push({
    stop: async () => {
      await watch.close();
      client.close();
      await api.stop();
    },
  });
  return { watch, names: () => [...known].toSorted(), requests, problems };
};

test('D1: lists objects of any size in smaller pages', async () => {
  const fat = 'x'.repeat(1024 * 1024);
  const names = Array.from({ length: 20 }, (_, index) => `thing-${String(index).padStart(2, '0')}`);
  const limits: number[] = [];
  const listed: Step = (response, query) => {
    if (query.has('watch')) return open()(response, query);
    const [from, limit] = [Number(query.get('continue') ?? 0), Number(query.get('limit'))];
    limits.push(limit);
    const items = names.slice(from, from + limit).map((name) => ({ metadata: { name, annotations: { fat } } }));
    const next = from + limit < names.length ? String(from + limit) : undefined;
    response.end(JSON.stringify({ metadata: { resourceVersion: '5', continue: next }, items }));
  };
  const { watch, names: known, problems } = await follow(Array.from({ length: 30 }, () => listed));
  await eventually('it is synced', () => watch.synced());
  expect(known()).toEqual(names);
  expect(problems).toEqual([]);
  expect(limits.slice(0, 3)).toEqual([500, 62, 7]);
});

test('joins pages to one list, applies events, and resumes a watch at its last version', async () => {
  const { names, requests, problems, watch } = await follow([
    page('6', ['a', 'b'], 'more'),
    page('7', ['c']),
    ended(event('ADDED', 'd', '8'), event('DELETED', 'a', '9'), event('MODIFIED', 'b', '10'), event('BOOKMARK', '', '20')),
  ]);
  await eventually(() => requests.length === 4);
  expect(requests).toEqual(['list', 'list more', 'watch 7', 'watch 20']);
  expect(names()).toEqual(['b', 'c', 'd']);
  expect(problems).toEqual([]);
  expect([watch.synced(), watch.lastActivity() !== undefined]).toEqual([true, true]);
});

const ignore = (): void => undefined;
test('requests metadata only, with bookmarks and a timeout', async () => {
  const seen: (readonly [string | undefined, string])[] = [];
  const api = await fakeApi((request, response) => {
    seen.push([request.headers.accept, request.url ?? '']);
    if (seen.length === 1) page('7', [])(response, new URLSearchParams());
  });
  const client = kubeClient({ connection: api.connection(), userAgent: 'tester/1' });
  const store = { replace: () => ({ add: ignore, finish: ignore }), set: ignore, delete: ignore };
  const watch = startReflector({ client, path: '/things', mediaTypes: METADATA_ONLY, store, onProblem: ignore });
  await eventually(() => seen.length === 2);
  await watch.close();
  client.close();
  await api.stop();
  expect(seen[0]).toEqual(['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1', '/things?limit=500']);
  expect(seen[1]?.[0]).toBe('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
  expect(seen[1]?.[1]).toMatch(
    /^\/things\?watch=true&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=(?:2[5-9]|3[0-2])$/,
  );
});

test.each([
  ['as a status', status(410)],
  ['in the stream', open(failed(410, 'Expired'))],
])('an expired version (%s) leads to a new list, without a problem report', async (_, gone) => {
  const { names, requests, problems } = await follow([page('7', ['a', 'b']), gone, page('90', ['b'])]);
  await eventually(() => requests.length === 4);
  expect(requests).toEqual(['list', 'watch 7', 'list', 'watch 90']);
  expect(names()).toEqual(['b']);
  expect(problems).toEqual([]);
});

test.each([
  ['a reset', reset],
  ['an error event', open(failed(500, 'InternalError'))],
  ['a line that is not JSON', open('{"type":\n')],
  ['a 429', status(429, 'TooManyRequests')],
  ['an end without an event', ended()],
])('%s is reported once, and the watch resumes at its version', async (_, fault) => {
  const { names, requests, problems } = await follow([
    page('7', ['a']),
    ended(event('ADDED', 'b', '8')),
    fault,
    fault,
    open(event('ADDED', 'c', '9')),
  ]);
  await eventually(() => names().length === 3);
  expect(requests).toEqual(['list', 'watch 7', 'watch 8', 'watch 8', 'watch 8']);
  expect(problems).toEqual([expect.any(String), undefined]);
});

test('ignores half an event before a reset', async () => {
  const whole = event('ADDED', 'b', '8');
  const { names, requests } = await follow([
    page('7', ['a']),
    (response) => response.write(whole.slice(0, 40), () => response.destroy()),
    open(whole),
  ]);
  await eventually(() => names().length === 2);
  expect(requests).toEqual(['list', 'watch 7', 'watch 7']);
});

test('drops a version that the server does not know after three failures', async () => {
  const { requests } = await follow([page('700', ['a']), ...[1, 2, 3].map(() => status(504, 'Timeout')), page('7', ['a'])]);
  await eventually(() => requests.length === 6);
  expect(requests).toEqual(['list', 'watch 700', 'watch 700', 'watch 700', 'list', 'watch 7']);
});

test('replaces a dead connection, and lastActivity shows the age of the cache', async () => {
  const { watch, requests, problems } = await follow([page('7', ['a']), silent, silent], { streamSeconds: 0.1, graceMs: 200 });
  await eventually(() => requests.length === 2);
  const heard = watch.lastActivity();
  await eventually(() => requests.length === 3);
  expect(watch.lastActivity()).toBe(heard);
  expect(requests).toEqual(['list', 'watch 7', 'watch 7']);
  expect(problems).toEqual([expect.stringContaining('no response within 1200 ms')]);
});

test('drops a list that is cut in the middle', async () => {
  const { watch, names, requests, problems } = await follow([
    page('6', ['a'], 'more'),
    status(500, 'InternalError'),
    page('6', ['b'], 'more'),
    reset,
    // The client itself retries a GET once when a kept connection breaks.
    reset,
    page('7', ['c'], 'more'),
    page('8', ['d']),
  ]);
  expect(watch.synced()).toBe(false);
  await eventually(() => requests.includes('watch 8'));
  expect(requests.filter((request) => request === 'list')).toHaveLength(3);
  expect(names()).toEqual(['c', 'd']);
  expect(problems).toEqual([expect.any(String), undefined]);
});

test.each<[string, Step]>([
  ['watches that end after one event', ended(event('BOOKMARK', '', '2'))],
  ['lists without a resourceVersion', (response) => response.end(JSON.stringify({ metadata: {}, items: [] }))],
])('backs off after %s', async (_what, step) => {
  const { requests } = await follow([page('1', []), ...Array.from({ length: 200 }, () => step)], {
    firstBackoffMs: 100,
    relistMs: 0,
  });
  await sleep(500);
  expect(requests.length).toBeLessThan(20);
});

test('lists again after the resync interval, and goes on watching when that fails', async () => {
  const { names, requests } = await follow(
    [
      page('7', ['a', 'b']),
      ended(event('ADDED', 'c', '8')),
      status(500, 'InternalError'),
      ended(event('ADDED', 'd', '9')),
      page('10', ['a']),
    ],
    { relistMs: 1, firstBackoffMs: 5 },
  );
  await eventually(() => names().length === 1);
  expect(requests.filter((request) => request === 'list').length).toBeGreaterThanOrEqual(3);
});

test.each<readonly [string, readonly Step[], number]>([
  ['a list', [silent], 1],
  ['a watch', [page('7', ['a']), silent], 2],
  ['a back-off', [status(500)], 1],
])('%s ends at once when the reflector is closed', async (_, steps, count) => {
  const { watch, requests } = await follow(steps, { firstBackoffMs: 20_000 });
  await eventually(() => requests.length === count);
  const began = performance.now();
  await watch.close();
  expect(performance.now() - began).toBeLessThan(5000);
  await sleep(50);
  expect(requests).toHaveLength(count);
});
