// Follows the metadata of one collection of the API server.
import { type CollectionOptions, type CollectionStore, followCollection, type Form, type Watch } from './collection.ts';

export type { Watch, WatchTimes } from './collection.ts';

/** The metadata of one object; all that is asked for. */
export interface WatchedMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Where what is heard is kept. None of these may throw or wait. */
export type WatchStore = CollectionStore<WatchedMetadata>;

export interface WatchOptions extends Omit<CollectionOptions<never>, 'form' | 'store'> {
  readonly store: WatchStore;
}

/** Asks for no more of objects than their metadata. */
export const METADATA_FORM: Form = {
  list: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  one: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
};

/** Starts at once. Failures are retried for ever, with growing waits. */
export function watchCollection({ store, ...options }: WatchOptions): Watch {
  return followCollection<{ readonly metadata: WatchedMetadata }>({
    ...options,
    form: METADATA_FORM,
    store: {
      list: () => {
        const listing = store.list();
        return { add: ({ metadata }) => listing.add(metadata), finish: () => listing.finish() };
      },
      set: ({ metadata }) => store.set(metadata),
      remove: ({ metadata }) => store.remove(metadata),
    },
  });
}
