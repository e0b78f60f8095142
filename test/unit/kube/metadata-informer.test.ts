// The cached metadata of namespaces and service accounts, and its memory.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { kubeClient } from '../../../src/kube/client.ts';
import { type MetadataInformer, startMetadataInformer } from '../../../src/kube/metadata-informer.ts';
import type { ReflectorTimes } from '../../../src/kube/reflector.ts';
import { fakeApi } from './fake-api.ts';
import { eventually } from '../../support/eventually.ts';

const opened: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.stop();
});

interface ObjectMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Objects {
  readonly namespaces: readonly ObjectMetadata[];
  readonly accounts: readonly ObjectMetadata[];
  /** Responses to single look-ups, by path. */
  readonly single?: Readonly<Record<string, ObjectMetadata | number>>;
  readonly times?: Partial<ReflectorTimes>;
}

const REASONS: Readonly<Record<number, string>> = { 403: 'Forbidden', 404: 'NotFound' };

/** Serves lists in pages, watches that stay open, and single objects; the informer caches only names that begin with `ours/`. */
const serve = async ({ namespaces, accounts, single = {}, times = {} }: Objects): Promise<MetadataInformer> => {
  const api = await fakeApi((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'https://fake');
    const found = single[pathname];
    if (found !== undefined) {
      response.statusCode = typeof found === 'number' ? found : 200;
      response.end(JSON.stringify(typeof found === 'number' ? { reason: REASONS[found], message: 'no' } : { metadata: found }));
      return;
    }
    if (searchParams.has('watch')) {
      response.write('\n');
      return;
    }
    const all = pathname.endsWith('/serviceaccounts') ? accounts : namespaces;
    const from = Number(searchParams.get('continue') ?? 0);
    const end = from + Number(searchParams.get('limit'));
    const items = all.slice(from, end).map((metadata) => ({ metadata }));
    response.end(
      JSON.stringify({ metadata: { resourceVersion: '1', ...(end < all.length ? { continue: String(end) } : {}) }, items }),
    );
  });
  const client = kubeClient({ connection: api.connection(), userAgent: 'tester/1' });
  const metadata = startMetadataInformer({
    client,
    isRelevant: (name) => name.startsWith('ours/'),
    onProblem: () => undefined,
    times,
  });
  opened.push({
    stop: async () => {
      await metadata.close();
      client.close();
      await api.stop();
    },
  });
  await eventually(() => metadata.synced());
  return metadata;
};

const plain = (known: ReturnType<MetadataInformer['namespace']>): object | undefined =>
  known && { labels: Object.fromEntries(known.labels), annotations: Object.fromEntries(known.annotations) };

test('caches relevant labels and annotations, all labels of namespaces, and the mere existence of all other objects', async () => {
  const cluster = await serve({
    namespaces: [
      { name: 'team', labels: { 'ours/inject': 'enabled', other: 'x' }, annotations: { 'theirs/a': 'b' } },
      { name: 'bare' },
    ],
    accounts: [
      { name: 'web', namespace: 'team', annotations: { 'ours/role': 'web', 'theirs/a': 'b' } },
      { name: 'default', namespace: 'team' },
    ],
  });
  expect(plain(cluster.namespace('team'))).toEqual({ labels: { 'ours/inject': 'enabled', other: 'x' }, annotations: {} });
  expect(plain(cluster.serviceAccount('team', 'web'))).toEqual({ labels: {}, annotations: { 'ours/role': 'web' } });
  expect(plain(cluster.serviceAccount('team', 'default'))).toEqual({ labels: {}, annotations: {} });
  expect(cluster.namespace('bare')).toBe(cluster.serviceAccount('team', 'default'));
  expect([cluster.namespace('other'), cluster.serviceAccount('bare', 'web'), cluster.namespace('')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('looks up objects that are not cached yet; an absent one stays undefined', async () => {
  const base = '/api/v1/namespaces/team';
  const cluster = await serve({
    namespaces: [],
    accounts: [],
    single: {
      [base]: { name: 'team', annotations: { 'ours/role': 'team' } },
      [`${base}/serviceaccounts/web`]: { name: 'web', namespace: 'team', annotations: { 'ours/role': 'web' } },
      [`${base}/serviceaccounts/none`]: 404,
      [`${base}/serviceaccounts/secret`]: 403,
    },
  });
  await cluster.lookUp('team', undefined, 5000);
  await cluster.lookUp('team', 'web', 5000);
  await cluster.lookUp('team', 'none', 5000);
  await expect(cluster.lookUp('team', 'secret', 5000)).rejects.toMatchObject({ status: 403 });
  expect(plain(cluster.namespace('team'))).toEqual({ labels: {}, annotations: { 'ours/role': 'team' } });
  expect(plain(cluster.serviceAccount('team', 'web'))).toEqual({ labels: {}, annotations: { 'ours/role': 'web' } });
  expect(cluster.serviceAccount('team', 'none')).toBeUndefined();
});

const texts = (count: number, of: number): Readonly<Record<string, string>> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`ours/some-annotation-${index}`, `a value of ${of}`]));

const team = (name: string, role: string): ObjectMetadata => ({ name, annotations: { 'ours/role': role } });

test('a resync keeps unchanged values and evicts deleted objects', async () => {
  const namespaces = [team('same', 'a'), team('other', 'a'), team('gone', 'a')];
  const cluster = await serve({
    namespaces,
    accounts: [],
    times: { relistMs: 1, streamSeconds: 0.1, graceMs: 1, firstBackoffMs: 5 },
  });
  const same = cluster.namespace('same');
  namespaces.splice(1, 2, team('other', 'b'));
  await eventually(() => expect(cluster.namespace('gone')).toBeUndefined());
  expect(cluster.namespace('same')).toBe(same);
  expect(cluster.namespace('other')?.annotations.get('ours/role')).toBe('b');
});

test('5,000 namespaces and 50,000 service accounts fit in 60 MiB', async () => {
  const objects = {
    namespaces: Array.from({ length: 5000 }, (_, index) => ({
      name: `a-team-with-a-name-${index}`,
      labels: { 'ours/inject': 'enabled' },
      annotations: { ...texts(4, index), 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
    })),
    // Every fifth has relevant annotations, which is more than we expect of any cluster.
    accounts: Array.from({ length: 50_000 }, (_, index) => ({
      name: `service-account-number-${index}`,
      namespace: `a-team-with-a-name-${index % 5000}`,
      ...(index % 5 === 0 ? { annotations: texts(3, index) } : {}),
    })),
  };
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  const cluster = await serve(objects);
  const mebibytes = (used() - before) / 1024 / 1024;
  expect(cluster.serviceAccount('a-team-with-a-name-4999', 'service-account-number-49999')).toBeDefined();
  expect(mebibytes).toBeLessThan(60);
});
