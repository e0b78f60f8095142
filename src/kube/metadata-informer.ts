// The labels and annotations of all namespaces and service accounts in memory. Most have none that count: they cost only their name.
import type { KubeClient } from './client.ts';
import { undefinedOn } from './errors.ts';
import { METADATA_ONLY, type Reflector, type ReflectorStore, type ReflectorTimes, startReflector } from './reflector.ts';

export interface CachedMetadata {
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
}

export interface MetadataInformer {
  /** Undefined: not in the cache (yet). */
  readonly namespace: (name: string) => CachedMetadata | undefined;
  readonly serviceAccount: (namespace: string, name: string) => CachedMetadata | undefined;
  /** Reads one service account, or one namespace (undefined), from the API server into the cache. Throws KubeError; an absent object is not an error. */
  readonly lookUp: (namespace: string, serviceAccount: string | undefined, timeoutMs: number) => Promise<void>;
  /** Both have been listed. */
  readonly synced: () => boolean;
  /** Each has been listed or is forbidden: a replica that waits for more would never be ready. */
  readonly syncedOrForbidden: () => boolean;
  /** Of the watch that is silent for longest, in milliseconds of `performance.now()`; undefined: one has had none yet. */
  readonly lastActivity: () => number | undefined;
  readonly close: () => Promise<void>;
}

export interface MetadataInformerOptions {
  readonly client: KubeClient;
  /** Selects the annotations to cache, and the labels of service accounts, by name. All labels of namespaces are cached: selectors may name any. */
  readonly isRelevant: (name: string) => boolean;
  /** Called when a watch fails, and (undefined) when it works again. */
  readonly onProblem: (path: string, problem: string | undefined) => void;
  readonly times?: Partial<ReflectorTimes>;
}

/** Starts two reflectors at once. */
export function startMetadataInformer({ client, isRelevant, onProblem, times = {} }: MetadataInformerOptions): MetadataInformer {
  const namespaces = metadataCache(reducer(() => true, isRelevant));
  const accounts = metadataCache(reducer(isRelevant, isRelevant));
  const start = (path: string, store: ReflectorStore<WithMetadata>): Reflector =>
    startReflector({
      client,
      path,
      mediaTypes: METADATA_ONLY,
      store,
      times,
      onProblem: (problem) => onProblem(path, problem),
    });
  const reflectors = [start(NAMESPACES, namespaces.store), start('/api/v1/serviceaccounts', accounts.store)];
  return {
    namespace: (name) => namespaces.get('', name),
    serviceAccount: accounts.get,
    lookUp: async (namespace, serviceAccount, timeoutMs) => {
      const own = `${NAMESPACES}/${encodeURIComponent(namespace)}`;
      const path = serviceAccount === undefined ? own : `${own}/serviceaccounts/${encodeURIComponent(serviceAccount)}`;
      const found = await client
        .request<WithMetadata>({ method: 'GET', path, accept: METADATA_ONLY.one, timeoutMs })
        .catch(undefinedOn('NotFound'));
      // Otherwise this response could replace a newer object that the watch brought meanwhile.
      const { get, store } = serviceAccount === undefined ? namespaces : accounts;
      if (found && !get(found.metadata.namespace ?? '', found.metadata.name)) store.set(found);
    },
    synced: () => reflectors.every((reflector) => reflector.synced()),
    syncedOrForbidden: () => reflectors.every((reflector) => reflector.synced() || reflector.forbidden()),
    lastActivity: () => {
      const last = reflectors.map((reflector) => reflector.lastActivity());
      return last.includes(undefined) ? undefined : Math.min(...last.filter((time) => time !== undefined));
    },
    close: async () => {
      await Promise.all(reflectors.map((reflector) => reflector.close()));
    },
  };
}

const NAMESPACES = '/api/v1/namespaces';
const NOTHING: CachedMetadata = { labels: new Map(), annotations: new Map() };

interface WithMetadata {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

type Selects = (name: string) => boolean;
type Reduces = (object: WithMetadata) => CachedMetadata;

/** Drops all but the selected labels and annotations; objects without any share one value. */
const reducer = (selectsLabel: Selects, selectsAnnotation: Selects): Reduces => {
  const selected = (selects: Selects, texts: Readonly<Record<string, string>> = {}): ReadonlyMap<string, string> => {
    const entries = Object.entries(texts).filter(([name]) => selects(name));
    return entries.length === 0 ? NOTHING.labels : new Map(entries);
  };
  return ({ metadata: { labels, annotations } }) => {
    const kept: CachedMetadata = {
      labels: selected(selectsLabel, labels),
      annotations: selected(selectsAnnotation, annotations),
    };
    return kept.labels.size + kept.annotations.size === 0 ? NOTHING : kept;
  };
};

interface MetadataCache {
  readonly get: (namespace: string, name: string) => CachedMetadata | undefined;
  readonly store: ReflectorStore<WithMetadata>;
}

type ByNamespaceAndName = Map<string, Map<string, CachedMetadata>>;

/** A cache by namespace and name; cluster-scoped objects are under the empty namespace. */
const metadataCache = (reduce: Reduces): MetadataCache => {
  let cached: ByNamespaceAndName = new Map();
  const put = (target: ByNamespaceAndName, object: WithMetadata): void => {
    const { namespace = '', name } = object.metadata;
    // A resync finds nearly all objects unchanged: sharing equal values keeps the peak of memory low.
    const value = sharedIfEqual(cached.get(namespace)?.get(name), reduce(object));
    const inside = target.get(namespace);
    if (inside) inside.set(name, value);
    else target.set(namespace, new Map([[name, value]]));
  };
  return {
    get: (namespace, name) => cached.get(namespace)?.get(name),
    store: {
      replace: () => {
        const listed: ByNamespaceAndName = new Map();
        return {
          add: (object) => put(listed, object),
          finish: () => {
            cached = listed;
          },
        };
      },
      set: (object) => put(cached, object),
      delete: ({ metadata: { namespace = '', name } }) => {
        const inside = cached.get(namespace);
        inside?.delete(name);
        if (inside?.size === 0) cached.delete(namespace);
      },
    },
  };
};

const sharedIfEqual = (before: CachedMetadata | undefined, now: CachedMetadata): CachedMetadata =>
  before && isEqual(before.labels, now.labels) && isEqual(before.annotations, now.annotations) ? before : now;

const isEqual = (one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean => {
  if (one.size !== other.size) return false;
  for (const [name, text] of one) if (other.get(name) !== text) return false;
  return true;
};
