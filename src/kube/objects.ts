// Objects of one collection in memory, by name: listed, watched, and what we have written ourselves.
import type { KubeClient } from './client.ts';
import { followCollection, type Form, type WatchTimes } from './collection.ts';
import { METADATA_FORM } from './watch.ts';

/** What is needed of an object to keep it. */
export interface WatchedObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly uid?: string | undefined;
    readonly resourceVersion?: string | undefined;
  };
}

export interface ObjectStore<T> {
  /** By `namespace/name`, or `name` where there is no namespace. */
  readonly get: (key: string) => T | undefined;
  readonly list: () => readonly T[];
  readonly keys: () => readonly string[];
  /** A whole list has been read. */
  readonly listed: () => boolean;
  /** When the API server last said anything, in milliseconds of `performance.now()`; undefined: never. */
  readonly heard: () => number | undefined;
  readonly close: () => Promise<void>;
}

/** A store that is also told what its owner has written, so that nobody decides on what was there before. */
export interface WritableStore<Raw, T> extends ObjectStore<T> {
  /** Takes the API server's answer to a write. Of objects that are not there (any more) it makes nothing, and nothing of what is older. */
  wrote(answer: Raw): void;
}

export interface ObjectOptions<Raw, T> {
  readonly client: KubeClient;
  /** Of the collection, such as /apis/vaultauth.dev/v1alpha1/vaultauthroles. */
  readonly path: string;
  /** Only objects with these labels; all unless told. */
  readonly labelSelector?: string | undefined;
  /** Asks for no more than metadata. */
  readonly metadataOnly?: boolean;
  /** What of an object stays in memory. */
  readonly keep: (object: Raw) => T;
  /** Told of each change, also of those that a list brings to light and of our own; `before` and `after` never are the same. Must not throw. */
  readonly onChange: (key: string, before: T | undefined, after: T | undefined) => void;
  /** Told once when it stops working, and once (undefined) when it works again. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly times?: Partial<WatchTimes> | undefined;
}

/** Starts to follow a collection at once; failures are retried for ever. */
export function watchObjects<Raw extends WatchedObject, T>(options: ObjectOptions<Raw, T>): WritableStore<Raw, T> {
  const { client, path, labelSelector, keep, onChange, onProblem, times } = options;
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
  const watch = followCollection<Raw>({
    client,
    path,
    form: options.metadataOnly ? METADATA_FORM : WHOLE_FORM,
    labelSelector,
    onProblem,
    times,
    store: {
      list: () => {
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
      remove: (object) => {
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
    listed: watch.listed,
    heard: watch.heard,
    close: watch.close,
    wrote(answer) {
      const key = keyOf(answer);
      if (known.get(key)?.uid !== answer.metadata.uid) return;
      written.add(key);
      set(answer);
    },
  };
}

/** `namespace/name`, or `name`. */
export function keyOf({ metadata: { namespace, name } }: WatchedObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The whole object but for the record of who set which field, which can be larger than all the rest. */
export function withoutManagedFields<T extends { readonly metadata: object }>(object: T): T {
  // Not `delete`, which makes of an object a table several times as large.
  const { managedFields: _, ...metadata }: { readonly managedFields?: unknown } = object.metadata;
  return { ...object, metadata };
}

const WHOLE_FORM: Form = { list: 'application/json', one: 'application/json' };

interface Entry<T> {
  readonly uid: string | undefined;
  readonly version: string | undefined;
  readonly value: T;
}

const versionOf = ({ metadata }: WatchedObject): Omit<Entry<unknown>, 'value'> => ({
  uid: metadata.uid,
  version: metadata.resourceVersion,
});

const entryOf = <Raw extends WatchedObject, T>(object: Raw, keep: (object: Raw) => T): Entry<T> => ({
  ...versionOf(object),
  value: keep(object),
});

const isSame = ({ uid, version }: Entry<unknown>, { metadata }: WatchedObject): boolean =>
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
