// Follows one collection of the API server: lists it, watches it, and after whatever happens goes on by itself. What of its
// objects is asked for, and where it is kept, is the caller's.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';

/** What the loop itself needs of an object. */
export interface VersionedObject {
  readonly metadata: { readonly resourceVersion?: string | undefined };
}

/** A whole list on its way in, page by page; it counts from `finish` on, and one that is never finished is forgotten. */
export interface Replacement<T> {
  add(object: T): void;
  finish(): void;
}

/** Where what is heard is kept. None of these may throw or wait. */
export interface ReflectorStore<T> {
  replace(): Replacement<T>;
  set(object: T): void;
  delete(object: T): void;
}

/** Media types of a list and of one object of a stream. */
export interface MediaTypes {
  readonly list: string;
  readonly one: string;
}

export interface ReflectorOptions<T> {
  readonly client: KubeClient;
  /** Of the collection, such as /api/v1/namespaces. */
  readonly path: string;
  readonly mediaTypes: MediaTypes;
  /** Only objects with these labels; all unless told. */
  readonly labelSelector?: string | undefined;
  readonly store: ReflectorStore<T>;
  /** Told once when it stops working, and once (undefined) when it works again. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly times?: Partial<ReflectorTimes> | undefined;
}

/** Milliseconds, except for `streamSeconds`. */
export interface ReflectorTimes {
  /** How long the API server keeps a stream. It sends a bookmark shortly before, so that the version never grows old. */
  readonly streamSeconds: number;
  /** How much longer we wait for its end before the connection counts as dead. */
  readonly graceMs: number;
  /** After so long everything is listed again, against events that got lost. */
  readonly relistMs: number;
  /** First and longest wait after a failure. */
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
}

export interface Reflector {
  /** A whole list has been read. */
  readonly synced: () => boolean;
  /** The API server was asked and does not let us read the collection: waiting for a list is waiting for somebody's hand. */
  readonly forbidden: () => boolean;
  /** When the API server last said anything, in milliseconds of `performance.now()`; undefined: never. */
  readonly lastActivity: () => number | undefined;
  /** Ends what is under way, and resolves when nothing more will be told to the store. */
  readonly close: () => Promise<void>;
}

const TIMES: ReflectorTimes = {
  streamSeconds: 25,
  graceMs: 10_000,
  relistMs: 600_000,
  firstBackoffMs: 500,
  maxBackoffMs: 30_000,
};
/** Streams are ended and begun anew all the time, and each end is heard of: who is silent for three of them is not there. */
export function staleAfterMs(given: Partial<ReflectorTimes> = {}): number {
  const { streamSeconds, graceMs } = { ...TIMES, ...given };
  return 3 * (streamSeconds * LONGEST_STREAM * 1000 + graceMs);
}
/** Streams are up to so many times as long as asked for, so that replicas that started together do not stay together. */
const LONGEST_STREAM = 1.25;
/** As client-go; of metadata such a page has a few hundred kilobytes, of our own objects two megabytes. */
const PAGE = 500;
const PAGE_MS = 30_000;
/** A version that fails so often in a row may be one that the API server does not know, as after a restored backup. */
const FAILURES_PER_VERSION = 3;
/** A stream that ends sooner than this without a word is no answer to a watch. */
const SHORT_MS = 1000;

/** Starts at once. Failures are retried for ever, with growing waits. */
export function startReflector<T extends VersionedObject>(options: ReflectorOptions<T>): Reflector {
  const { client, path, mediaTypes: form, store, onProblem, times: given } = options;
  const selected = options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector };
  const times: ReflectorTimes = { ...TIMES, ...given };
  const closing = new AbortController();
  let heard: number | undefined;
  let listed = false;
  /** When the next list is due although all is well. */
  let due = 0;
  /** Where the next stream begins; undefined: only a list can tell. */
  let version: string | undefined;
  let failures = 0;
  let isTold = false;
  let refused = false;
  const worked = (): void => {
    heard = performance.now();
    if (isTold) onProblem(undefined);
    isTold = false;
    refused = false;
    failures = 0;
  };

  const list = async (signal: AbortSignal): Promise<void> => {
    // A list that fails though a stream would do is tried again soon, but the stream goes on meanwhile.
    due = performance.now() + times.relistMs / 10;
    const listing = store.replace();
    let next: string | undefined;
    let latest: string;
    do {
      const page: Page<T> = await client.request({
        method: 'GET',
        path,
        accept: form.list,
        query: { ...selected, limit: PAGE, ...(next === undefined ? {} : { continue: next }) },
        timeoutMs: PAGE_MS,
        signal,
      });
      heard = performance.now();
      for (const object of page.items ?? []) listing.add(object);
      next = page.metadata.continue || undefined;
      latest = page.metadata.resourceVersion;
    } while (next !== undefined);
    // Nothing can be watched from there, and the next list would follow at once.
    if (!latest) throw new KubeError(0, 'Unreadable', `GET ${path}: the list has no resourceVersion`);
    listing.finish();
    version = latest;
    listed = true;
    due = performance.now() + times.relistMs;
    worked();
  };

  const stream = async (resourceVersion: string, signal: AbortSignal): Promise<void> => {
    const began = performance.now();
    let lines = 0;
    const timeoutSeconds = Math.ceil(times.streamSeconds * (1 + Math.random() * (LONGEST_STREAM - 1)));
    await client.request({
      method: 'GET',
      path,
      accept: form.one,
      query: { ...selected, watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds },
      timeoutMs: timeoutSeconds * 1000 + times.graceMs,
      signal,
      untilLine: (line) => {
        lines += 1;
        version = take(line, store) ?? version;
        worked();
        return false;
      },
    });
    const isShort = performance.now() - began < Math.min(SHORT_MS, times.streamSeconds * 500);
    if (lines === 0 && isShort) throw new KubeError(0, 'Cut', `GET ${path}: the watch ended as soon as it began`);
    worked();
    // A server that says a word and hangs up is not asked again and again without a pause.
    if (isShort) await sleep(times.firstBackoffMs, undefined, { signal });
  };

  const round = async (signal: AbortSignal): Promise<void> => {
    if (version === undefined || performance.now() >= due) await list(signal);
    else await stream(version, signal);
  };
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted)
      await within(closing.signal, round).catch((error: unknown) => {
        if (closing.signal.aborted) return undefined;
        failures += 1;
        refused = isRefusal(error);
        if (isGone(error) || failures % FAILURES_PER_VERSION === 0) version = undefined;
        if (!isTold && !isGone(error)) onProblem(error instanceof Error ? error.message : String(error));
        isTold ||= !isGone(error);
        const wait = Math.min(times.maxBackoffMs, times.firstBackoffMs * 2 ** Math.min(failures - 1, 10));
        return sleep(wait * (0.5 + Math.random() / 2), undefined, { signal: closing.signal }).catch(() => undefined);
      });
  };
  const running = run();
  return {
    synced: () => listed,
    forbidden: () => refused,
    lastActivity: () => heard,
    close: () => {
      closing.abort();
      return running;
    },
  };
}

interface Page<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items?: readonly T[];
}

type Event<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: T }
  | { readonly type: 'ERROR'; readonly object: { readonly code?: number; readonly reason?: string; readonly message?: string } };

/** Works one line of a stream off and gives the version that it brings. Throws what ends the stream: an ERROR, or what is no event. */
const take = <T extends VersionedObject>(line: string, store: ReflectorStore<T>): string | undefined => {
  if (line === '') return undefined;
  const event: Event<T> = JSON.parse(line);
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
      store.set(event.object);
      break;
    case 'DELETED':
      store.delete(event.object);
      break;
    case 'BOOKMARK':
      break;
    case 'ERROR':
      throw errorOf(event.object);
  }
  return event.object.metadata.resourceVersion;
};

const errorOf = ({ code, reason, message }: Extract<Event<never>, { readonly type: 'ERROR' }>['object']): KubeError =>
  new KubeError(code ?? 0, reason ?? 'Error', message ?? 'the watch ended with an error');

/** We are nobody to the API server, or nobody who may do this. */
const isRefusal = (error: unknown): boolean => error instanceof KubeError && (error.status === 401 || error.status === 403);

/** The version, or the next page, is older than what the API server remembers. */
const isGone = (error: unknown): boolean => error instanceof KubeError && error.status === 410;

/** One step with a signal of its own: listeners on one that lives as long as the process would pile up. */
const within = async (outer: AbortSignal, step: (signal: AbortSignal) => Promise<void>): Promise<void> => {
  const inner = new AbortController();
  const stop = (): void => inner.abort();
  outer.addEventListener('abort', stop, { once: true });
  try {
    await step(inner.signal);
  } finally {
    outer.removeEventListener('abort', stop);
  }
};

// Follows the metadata of one collection of the API server.
/** The metadata of one object; all that is asked for. */
export interface ObjectMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Where what is heard is kept. None of these may throw or wait. */
export type MetadataStore = ReflectorStore<ObjectMetadata>;

export interface MetadataReflectorOptions extends Omit<ReflectorOptions<never>, 'mediaTypes' | 'store'> {
  readonly store: MetadataStore;
}

/** Asks for no more of objects than their metadata. */
export const METADATA_ONLY: MediaTypes = {
  list: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  one: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
};

/** Starts at once. Failures are retried for ever, with growing waits. */
export function startMetadataReflector({ store, ...options }: MetadataReflectorOptions): Reflector {
  return startReflector<{ readonly metadata: ObjectMetadata }>({
    ...options,
    mediaTypes: METADATA_ONLY,
    store: {
      replace: () => {
        const listing = store.replace();
        return { add: ({ metadata }) => listing.add(metadata), finish: () => listing.finish() };
      },
      set: ({ metadata }) => store.set(metadata),
      delete: ({ metadata }) => store.delete(metadata),
    },
  });
}
