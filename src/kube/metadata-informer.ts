// Namespaces and service accounts of a cluster in memory: of each only that it is there, and what its labels and annotations
// say to us. Most say nothing, so most cost no more than their name.
import type { KubeClient } from './client.ts';
import { isKubeError } from './errors.ts';
import {
  type Reflector,
  startMetadataReflector,
  type ObjectMetadata,
  type MetadataStore,
  type ReflectorTimes,
} from './reflector.ts';

export interface CachedMetadata {
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
}

export interface MetadataInformer {
  /** Undefined: not known (yet). */
  readonly namespace: (name: string) => CachedMetadata | undefined;
  readonly serviceAccount: (namespace: string, name: string) => CachedMetadata | undefined;
  /** Asks the API server for one namespace (no service account named) or service account, and keeps what it says. Throws a KubeError; what does not exist is no error. */
  readonly lookUp: (namespace: string, serviceAccount: string | undefined, timeoutMs: number) => Promise<void>;
  /** Both have been listed. */
  readonly synced: () => boolean;
  /** Each has been listed, or cannot be: there is nothing to wait for. */
  readonly syncedOrForbidden: () => boolean;
  /** Since when nothing has been heard of one of them, in milliseconds of `performance.now()`; undefined: from the beginning. */
  readonly lastActivity: () => number | undefined;
  readonly close: () => Promise<void>;
}

export interface MetadataInformerOptions {
  readonly client: KubeClient;
  /** Which annotations are kept, and which labels of service accounts, by name. Of namespaces all labels are: selectors may name any. */
  readonly isRelevant: (name: string) => boolean;
  /** Told when a watch stops working, and (undefined) when it works again. */
  readonly onProblem: (path: string, problem: string | undefined) => void;
  readonly times?: Partial<ReflectorTimes>;
}

/** Starts to follow both; what is known is there at once, and grows. */
export function startMetadataInformer({
  client,
  isRelevant: isOurs,
  onProblem,
  times = {},
}: MetadataInformerOptions): MetadataInformer {
  const namespaces = twoLevels(keeper(() => true, isOurs));
  const accounts = twoLevels(keeper(isOurs, isOurs));
  const follow = (path: string, store: MetadataStore): Reflector =>
    startMetadataReflector({ client, path, store, times, onProblem: (problem) => onProblem(path, problem) });
  const watches = [follow(NAMESPACES, namespaces.store), follow('/api/v1/serviceaccounts', accounts.store)];
  return {
    namespace: (name) => namespaces.find('', name),
    serviceAccount: accounts.find,
    lookUp: async (namespace, serviceAccount, timeoutMs) => {
      const own = `${NAMESPACES}/${encodeURIComponent(namespace)}`;
      const path = serviceAccount === undefined ? own : `${own}/serviceaccounts/${encodeURIComponent(serviceAccount)}`;
      const found = await client
        .request<{ metadata: ObjectMetadata }>({ method: 'GET', path, accept: METADATA, timeoutMs })
        .catch((error: unknown) => {
          if (isKubeError(error, 'NotFound')) return undefined;
          throw error;
        });
      // What the watch has brought meanwhile is at least as new.
      const { find, store } = serviceAccount === undefined ? namespaces : accounts;
      if (found && !find(found.metadata.namespace ?? '', found.metadata.name)) store.set(found.metadata);
    },
    synced: () => watches.every((watch) => watch.synced()),
    syncedOrForbidden: () => watches.every((watch) => watch.synced() || watch.forbidden()),
    lastActivity: () => {
      const times = watches.map((watch) => watch.lastActivity());
      return times.includes(undefined) ? undefined : Math.min(...times.filter((time) => time !== undefined));
    },
    close: async () => {
      await Promise.all(watches.map((watch) => watch.close()));
    },
  };
}

const NAMESPACES = '/api/v1/namespaces';
const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const NOTHING: CachedMetadata = { labels: new Map(), annotations: new Map() };

type Keeps = (name: string) => boolean;

/** Reduces metadata to what counts; all that have nothing of it share one object. */
const keeper = (keepsLabel: Keeps, keepsAnnotation: Keeps): ((metadata: ObjectMetadata) => CachedMetadata) => {
  const only = (keeps: Keeps, texts: Readonly<Record<string, string>> = {}): ReadonlyMap<string, string> => {
    const kept = Object.entries(texts).filter(([name]) => keeps(name));
    return kept.length === 0 ? NOTHING.labels : new Map(kept);
  };
  return ({ labels, annotations }) => {
    const kept: CachedMetadata = { labels: only(keepsLabel, labels), annotations: only(keepsAnnotation, annotations) };
    return kept.labels.size + kept.annotations.size === 0 ? NOTHING : kept;
  };
};

type Names = Map<string, Map<string, CachedMetadata>>;

/** Objects by namespace and name; those without a namespace are under the empty one. */
const twoLevels = (
  keep: (metadata: ObjectMetadata) => CachedMetadata,
): { readonly find: (namespace: string, name: string) => CachedMetadata | undefined; readonly store: MetadataStore } => {
  let known: Names = new Map();
  const put = (names: Names, metadata: ObjectMetadata): void => {
    const { namespace = '', name } = metadata;
    // A new list finds nearly everything as it was: what is equal is kept once, so that listing costs little more than names.
    const value = oneOfEquals(known.get(namespace)?.get(name), keep(metadata));
    const inside = names.get(namespace);
    if (inside) inside.set(name, value);
    else names.set(namespace, new Map([[name, value]]));
  };
  return {
    find: (namespace, name) => known.get(namespace)?.get(name),
    store: {
      replace: () => {
        const listed: Names = new Map();
        return {
          add: (metadata) => put(listed, metadata),
          finish: () => {
            known = listed;
          },
        };
      },
      set: (metadata) => put(known, metadata),
      delete: ({ namespace = '', name }) => {
        const inside = known.get(namespace);
        inside?.delete(name);
        if (inside?.size === 0) known.delete(namespace);
      },
    },
  };
};

const oneOfEquals = (before: CachedMetadata | undefined, now: CachedMetadata): CachedMetadata =>
  before && isEqual(before.labels, now.labels) && isEqual(before.annotations, now.annotations) ? before : now;

const isEqual = (one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean => {
  if (one.size !== other.size) return false;
  for (const [name, text] of one) if (other.get(name) !== text) return false;
  return true;
};
