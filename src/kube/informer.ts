// Objects of one collection in memory, by name: listed, watched, and what we have written ourselves.
import type { KubeClient } from './client.ts';
import { startReflector, type MediaTypes, type ReflectorTimes, METADATA_ONLY } from './reflector.ts';

/** What is needed of an object to keep it. */
export interface KubeObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly uid?: string | undefined;
    readonly resourceVersion?: string | undefined;
  };
}

export interface Lister<T> {
  /** By `namespace/name`, or `name` where there is no namespace. */
  readonly get: (key: string) => T | undefined;
  readonly list: () => readonly T[];
  readonly keys: () => readonly string[];
  /** A whole list has been read. */
  readonly synced: () => boolean;
  /** When the API server last said anything, in milliseconds of `performance.now()`; undefined: never. */
  readonly lastActivity: () => number | undefined;
  readonly close: () => Promise<void>;
}

/** A store that is also told what its owner has written, so that nobody decides on what was there before. */
export interface Informer<Raw, T> extends Lister<T> {
  /** Takes the API server's answer to a write. Of objects that are not there (any more) it makes nothing, and nothing of what is older. */
  recordWrite(answer: Raw): void;
}

export interface InformerOptions<Raw, T> {
  readonly client: KubeClient;
  /** Of the collection, such as /apis/vaultauth.dev/v1alpha1/vaultauthroles. */
  readonly path: string;
  /** Only objects with these labels; all unless told. */
  readonly labelSelector?: string | undefined;
  /** Asks for no more than metadata. */
  readonly metadataOnly?: boolean;
  /** What of an object stays in memory. */
  readonly transform: (object: Raw) => T;
  /** Told of each change, also of those that a list brings to light and of our own; `before` and `after` never are the same. Must not throw. */
  readonly onChange: (key: string, before: T | undefined, after: T | undefined) => void;
  /** Told once when it stops working, and once (undefined) when it works again. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly times?: Partial<ReflectorTimes> | undefined;
}

/** Starts to follow a collection at once; failures are retried for ever. */
export function startInformer<Raw extends KubeObject, T>(options: InformerOptions<Raw, T>): Informer<Raw, T> {
  const { client, path, labelSelector, transform: keep, onChange, onProblem, times } = options;
  let known = new Map<string, Entry<T>>();
  /** What we wrote since the list began that is on its way in: a page of it may have been read before. */
  const written = new Set<string>();
  const set = (object: Raw): void => {
    const key = keyOf(object);
    const before = known.get(key);
    if (before && (isSame(before, object) || isOlder(versionOf(object), before))) return;
    const entry = entryOf(object, keep);
    known.set(key, entry);
    onChange(key, before?.value, entry.value);
  };
  const watch = startReflector<Raw>({
    client,
    path,
    mediaTypes: options.metadataOnly ? METADATA_ONLY : WHOLE_FORM,
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
            const before = known.get(key);
            listed.set(key, before && isSame(before, object) ? before : entryOf(object, keep));
          },
          finish: () => {
            const before = known;
            for (const key of written) {
              const [ours, theirs] = [before.get(key), listed.get(key)];
              if (ours && theirs && isOlder(theirs, ours)) listed.set(key, ours);
            }
            known = listed;
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
        const before = known.get(key);
        known.delete(key);
        if (before) onChange(key, before.value, undefined);
      },
    },
  });
  return {
    get: (key) => known.get(key)?.value,
    list: () => Array.from(known.values(), ({ value }) => value),
    keys: () => [...known.keys()],
    synced: watch.synced,
    lastActivity: watch.lastActivity,
    close: watch.close,
    recordWrite(answer) {
      const key = keyOf(answer);
      if (known.get(key)?.uid !== answer.metadata.uid) return;
      written.add(key);
      set(answer);
    },
  };
}

/** `namespace/name`, or `name`. */
export function keyOf({ metadata: { namespace, name } }: KubeObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The whole object but for the record of who set which field, which can be larger than all the rest. */
export function withoutManagedFields<T extends { readonly metadata: object }>(object: T): T {
  // Not `delete`, which makes of an object a table several times as large.
  const { managedFields: _, ...metadata }: { readonly managedFields?: unknown } = object.metadata;
  return { ...object, metadata };
}

const WHOLE_FORM: MediaTypes = { list: 'application/json', one: 'application/json' };

interface Entry<T> {
  readonly uid: string | undefined;
  readonly version: string | undefined;
  readonly value: T;
}

const versionOf = ({ metadata }: KubeObject): Omit<Entry<unknown>, 'value'> => ({
  uid: metadata.uid,
  version: metadata.resourceVersion,
});

const entryOf = <Raw extends KubeObject, T>(object: Raw, keep: (object: Raw) => T): Entry<T> => ({
  ...versionOf(object),
  value: keep(object),
});

const isSame = ({ uid, version }: Entry<unknown>, { metadata }: KubeObject): boolean =>
  version !== undefined && version === metadata.resourceVersion && uid === metadata.uid;

/**
 * Versions of one object are comparable numbers in everything that passes the conformance tests (KEP-5504); where they are
 * not, nothing counts as older. Only lists may go back, but not behind what was written while they came in: after a restored
 * backup all versions go back.
 */
const isOlder = (one: Omit<Entry<unknown>, 'value'>, other: Entry<unknown>): boolean => {
  const [now, before] = [one.version, other.version];
  if (one.uid !== other.uid || !isNumber(now) || !isNumber(before)) return false;
  return now.length === before.length ? now < before : now.length < before.length;
};

const isNumber = (version: string | undefined): version is string => version !== undefined && /^[1-9][0-9]*$/.test(version);

// Objects of one kind in memory, by namespace: of each only what its caller makes of it, and nothing of those that say nothing.
export interface NamespaceInformerOptions<Raw extends KubeObject, T> {
  readonly client: KubeClient;
  /** Of the collection over all namespaces, such as /api/v1/limitranges. */
  readonly path: string;
  /** What of an object stays in memory; undefined: nothing. */
  readonly transform: (object: Raw) => T | undefined;
  /** Told once when it stops working, and once (undefined) when it works again. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly times?: Partial<ReflectorTimes> | undefined;
}

export interface NamespaceInformer<T> {
  /** In the order of their names. */
  readonly list: (namespace: string) => readonly T[];
  /** A whole list has been read. */
  readonly synced: () => boolean;
  readonly close: () => Promise<void>;
}

/** Starts to follow a collection at once; failures are retried for ever. */
export function startNamespaceInformer<Raw extends KubeObject, T>(
  options: NamespaceInformerOptions<Raw, T>,
): NamespaceInformer<T> {
  const { transform: keep, ...rest } = options;
  const known = new Map<string, ReadonlyMap<string, T>>();
  const found = new Map<string, readonly T[]>();
  const objects = startInformer<Raw, T | undefined>({
    ...rest,
    transform: keep,
    onChange: (key, _, after) => {
      const [namespace = '', name = ''] = key.split('/');
      const inside = new Map(known.get(namespace));
      if (after === undefined) inside.delete(name);
      else inside.set(name, after);
      if (inside.size === 0) {
        known.delete(namespace);
        found.delete(namespace);
        return;
      }
      const sorted = new Map([...inside].sort(([one], [other]) => (one < other ? -1 : 1)));
      known.set(namespace, sorted);
      found.set(namespace, [...sorted.values()]);
    },
  });
  return {
    list: (namespace) => found.get(namespace) ?? NONE,
    synced: objects.synced,
    close: objects.close,
  };
}

const NONE: readonly never[] = [];
