// Objects of one kind in memory, by namespace: of each only what its caller makes of it, and nothing of those that say nothing.
import type { KubeClient } from './client.ts';
import { watchObjects, type WatchedObject } from './objects.ts';
import type { WatchTimes } from './collection.ts';

export interface ByNamespaceOptions<Raw extends WatchedObject, T> {
  readonly client: KubeClient;
  /** Of the collection over all namespaces, such as /api/v1/limitranges. */
  readonly path: string;
  /** What of an object stays in memory; undefined: nothing. */
  readonly keep: (object: Raw) => T | undefined;
  /** Told once when it stops working, and once (undefined) when it works again. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly times?: Partial<WatchTimes> | undefined;
}

export interface ByNamespace<T> {
  /** In the order of their names. */
  readonly find: (namespace: string) => readonly T[];
  /** A whole list has been read. */
  readonly listed: () => boolean;
  readonly close: () => Promise<void>;
}

/** Starts to follow a collection at once; failures are retried for ever. */
export function watchByNamespace<Raw extends WatchedObject, T>(options: ByNamespaceOptions<Raw, T>): ByNamespace<T> {
  const { keep, ...rest } = options;
  const known = new Map<string, ReadonlyMap<string, T>>();
  const found = new Map<string, readonly T[]>();
  const objects = watchObjects<Raw, T | undefined>({
    ...rest,
    keep,
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
    find: (namespace) => found.get(namespace) ?? NONE,
    listed: objects.listed,
    close: objects.close,
  };
}

const NONE: readonly never[] = [];
