// Informers: the objects of one collection in memory, listed and watched by a reflector, with a handler for each change.
import type { KubeClient } from './client.ts';
import { METADATA_ONLY, type ReflectorTimes, startReflector, WHOLE_OBJECTS } from './reflector.ts';

/** The part of an object that an informer reads. */
export interface KubeObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly uid?: string | undefined;
    readonly resourceVersion?: string | undefined;
  };
}

/** Reads the cache of an informer. */
export interface Lister<T> {
  /** By `namespace/name`, or `name` for cluster-scoped objects. */
  readonly get: (key: string) => T | undefined;
  readonly list: () => readonly T[];
  readonly keys: () => readonly string[];
  /** A whole list has been read. */
  readonly synced: () => boolean;
  /** Of the API server, in milliseconds of `performance.now()`; undefined: none yet. */
  readonly lastActivity: () => number | undefined;
  readonly close: () => Promise<void>;
}

export interface Informer<Raw, T> extends Lister<T> {
  /**
   * Puts the API server's response to a write into the cache, so that the next reconcile does not act on the object of before.
   * Ignores objects that are not in the cache, and older versions.
   */
  recordWrite(stored: Raw): void;
}

export interface InformerOptions<Raw, T> {
  readonly client: KubeClient;
  /** Of the collection, such as /apis/vaultauth.dev/v1alpha1/vaultauthroles. */
  readonly path: string;
  /** Default: all objects. */
  readonly labelSelector?: string | undefined;
  /** Requests no more than metadata. */
  readonly metadataOnly?: boolean;
  /** Returns what stays in memory of an object. */
  readonly transform: (object: Raw) => T;
  /** Called for each change, also those that a list reveals and those of `recordWrite`; `before` and `after` always differ. Must not throw. */
  readonly onChange: (key: string, before: T | undefined, after: T | undefined) => void;
  /** Called once when the watch fails, and once (undefined) when it works again. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly times?: Partial<ReflectorTimes> | undefined;
}

/** Starts at once; retries failures without end. */
export function startInformer<Raw extends KubeObject, T>(options: InformerOptions<Raw, T>): Informer<Raw, T> {
  const { client, path, labelSelector, transform, onChange, onProblem, times } = options;
  let cached = new Map<string, Entry<T>>();
  /** Keys of writes since the current list began: its pages may have been read before the write. */
  const written = new Set<string>();
  const set = (object: Raw): void => {
    const key = keyOf(object);
    const before = cached.get(key);
    if (before && (isSame(before, object) || isOlderVersion(versionOf(object), before))) return;
    const entry = entryOf(object, transform);
    cached.set(key, entry);
    onChange(key, before?.value, entry.value);
  };
  const reflector = startReflector<Raw>({
    client,
    path,
    mediaTypes: options.metadataOnly ? METADATA_ONLY : WHOLE_OBJECTS,
    labelSelector,
    onProblem,
    times,
    store: {
      replace: () => {
        const listed = new Map<string, Entry<T>>();
        written.clear();
        return {
          add: (object) => {
            const key = keyOf(object);
            const before = cached.get(key);
            listed.set(key, before && isSame(before, object) ? before : entryOf(object, transform));
          },
          finish: () => {
            const before = cached;
            for (const key of written) {
              const [ours, theirs] = [before.get(key), listed.get(key)];
              if (ours && theirs && isOlderVersion(theirs, ours)) listed.set(key, ours);
            }
            cached = listed;
            for (const [key, { value }] of listed) {
              const old = before.get(key)?.value;
              if (old !== value) onChange(key, old, value);
            }
            for (const [key, { value }] of before) if (!listed.has(key)) onChange(key, value, undefined);
          },
        };
      },
      set,
      delete: (object) => {
        const key = keyOf(object);
        const before = cached.get(key);
        cached.delete(key);
        if (before) onChange(key, before.value, undefined);
      },
    },
  });
  return {
    get: (key) => cached.get(key)?.value,
    list: () => Array.from(cached.values(), ({ value }) => value),
    keys: () => [...cached.keys()],
    synced: reflector.synced,
    lastActivity: reflector.lastActivity,
    close: reflector.close,
    recordWrite(stored) {
      const key = keyOf(stored);
      if (cached.get(key)?.uid !== stored.metadata.uid) return;
      written.add(key);
      set(stored);
    },
  };
}

export interface NamespaceInformerOptions<Raw extends KubeObject, T> {
  readonly client: KubeClient;
  /** Of the collection over all namespaces, such as /api/v1/limitranges. */
  readonly path: string;
  /** Returns what stays in memory of an object; undefined: nothing. */
  readonly transform: (object: Raw) => T | undefined;
  /** Called once when the watch fails, and once (undefined) when it works again. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly times?: Partial<ReflectorTimes> | undefined;
}

export interface NamespaceInformer<T> {
  /** The objects of one namespace, sorted by name. */
  readonly list: (namespace: string) => readonly T[];
  /** A whole list has been read. */
  readonly synced: () => boolean;
  readonly close: () => Promise<void>;
}

/** An informer with an index by namespace. Starts at once; retries failures without end. */
export function startNamespaceInformer<Raw extends KubeObject, T>(
  options: NamespaceInformerOptions<Raw, T>,
): NamespaceInformer<T> {
  const index = new Map<string, ReadonlyMap<string, T>>();
  const lists = new Map<string, readonly T[]>();
  const informer = startInformer<Raw, T | undefined>({
    ...options,
    onChange: (key, _, after) => {
      const [namespace = '', name = ''] = key.split('/');
      const inside = new Map(index.get(namespace));
      if (after === undefined) inside.delete(name);
      else inside.set(name, after);
      if (inside.size === 0) {
        index.delete(namespace);
        lists.delete(namespace);
        return;
      }
      const sorted = new Map([...inside].sort(([one], [other]) => (one < other ? -1 : 1)));
      index.set(namespace, sorted);
      lists.set(namespace, [...sorted.values()]);
    },
  });
  return {
    list: (namespace) => lists.get(namespace) ?? NONE,
    synced: informer.synced,
    close: informer.close,
  };
}

const NONE: readonly never[] = [];

/** `namespace/name`, or `name` for cluster-scoped objects. */
export function keyOf({ metadata: { namespace, name } }: KubeObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The object without `managedFields`, which can be larger than all its other fields. */
export function withoutManagedFields<T extends { readonly metadata: object }>(object: T): T {
  // Not `delete`: V8 then stores the object as a dictionary, which is several times as large.
  const { managedFields: _, ...metadata }: { readonly managedFields?: unknown } = object.metadata;
  return { ...object, metadata };
}

interface Entry<T> {
  readonly uid: string | undefined;
  readonly version: string | undefined;
  readonly value: T;
}

const versionOf = ({ metadata }: KubeObject): Omit<Entry<unknown>, 'value'> => ({
  uid: metadata.uid,
  version: metadata.resourceVersion,
});

const entryOf = <Raw extends KubeObject, T>(object: Raw, transform: (object: Raw) => T): Entry<T> => ({
  ...versionOf(object),
  value: transform(object),
});

const isSame = ({ uid, version }: Entry<unknown>, { metadata }: KubeObject): boolean =>
  version !== undefined && version === metadata.resourceVersion && uid === metadata.uid;

/**
 * Compares two versions of one object: numbers, in each API server that passes the conformance tests (KEP-5504). Versions that
 * are not numbers are never older. Lists may go back, as all versions do after a restored backup, but not behind a write that was
 * made while they were read.
 */
const isOlderVersion = (one: Omit<Entry<unknown>, 'value'>, other: Entry<unknown>): boolean => {
  const [now, before] = [one.version, other.version];
  if (one.uid !== other.uid || !isNumber(now) || !isNumber(before)) return false;
  return now.length === before.length ? now < before : now.length < before.length;
};

const isNumber = (version: string | undefined): version is string => version !== undefined && /^[1-9][0-9]*$/.test(version);
