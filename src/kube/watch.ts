// Follows one collection of the API server: lists it, watches it, and after whatever happens goes on by itself.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from './client.ts';
import { KubeError } from './error.ts';

/** The metadata of one object; all that is asked for. */
export interface WatchedMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A whole list on its way in, page by page; it counts from `finish` on, and one that is never finished is forgotten. */
export interface Listing {
  add(object: WatchedMetadata): void;
  finish(): void;
}

/** Where what is heard is kept. None of these may throw or wait. */
export interface WatchStore {
  list(): Listing;
  set(object: WatchedMetadata): void;
  remove(object: WatchedMetadata): void;
}

export interface WatchOptions {
  readonly client: KubeClient;
  /** Of the collection, such as /api/v1/namespaces. */
  readonly path: string;
  readonly store: WatchStore;
  /** Told once when it stops working, and once (undefined) when it works again. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly times?: Partial<WatchTimes>;
}

/** Milliseconds, except for `streamSeconds`. */
export interface WatchTimes {
  /** How long the API server keeps a stream. It sends a bookmark shortly before, so that the version never grows old. */
  readonly streamSeconds: number;
  /** How much longer we wait for its end before the connection counts as dead. */
  readonly graceMs: number;
  /** After so long everything is listed again, against events that got lost. */
  readonly relistMs: number;
  /** First and longest wait after a failure. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
}

export interface Watch {
  /** A whole list has been read. */
  readonly listed: () => boolean;
  /** When the API server last said anything, in milliseconds of `performance.now()`; undefined: never. */
  readonly heard: () => number | undefined;
  /** Ends what is under way, and resolves when nothing more will be told to the store. */
  readonly close: () => Promise<void>;
}

const TIMES: WatchTimes = { streamSeconds: 25, graceMs: 10_000, relistMs: 600_000, firstWaitMs: 500, longestWaitMs: 30_000 };
/** As client-go; a page of metadata of this size has a few hundred kilobytes. */
const PAGE = 500;
const PAGE_MS = 30_000;
/** A version that fails so often in a row may be one that the API server does not know, as after a restored backup. */
const FAILURES_PER_VERSION = 3;
/** A stream that ends sooner than this without a word is no answer to a watch. */
const SHORT_MS = 1000;
const METADATA = ';g=meta.k8s.io;v=v1';

/** Starts at once. Failures are retried for ever, with growing waits. */
export const watchCollection = ({ client, path, store, onProblem, times: given }: WatchOptions): Watch => {
  const times: WatchTimes = { ...TIMES, ...given };
  const closing = new AbortController();
  let heard: number | undefined;
  let listed = false;
  /** When the next list is due although all is well. */
  let due = 0;
  /** Where the next stream begins; undefined: only a list can tell. */
  let version: string | undefined;
  let failures = 0;
  let isTold = false;
  const worked = (): void => {
    heard = performance.now();
    if (isTold) onProblem(undefined);
    isTold = false;
    failures = 0;
  };

  const list = async (signal: AbortSignal): Promise<void> => {
    // A list that fails though a stream would do is tried again soon, but the stream goes on meanwhile.
    due = performance.now() + times.relistMs / 10;
    const listing = store.list();
    let next: string | undefined;
    let latest: string;
    do {
      const page: Page = await client.request({
        method: 'GET',
        path,
        accept: `application/json;as=PartialObjectMetadataList${METADATA}`,
        query: { limit: PAGE, ...(next === undefined ? {} : { continue: next }) },
        timeoutMs: PAGE_MS,
        signal,
      });
      heard = performance.now();
      for (const { metadata } of page.items ?? []) listing.add(metadata);
      next = page.metadata.continue || undefined;
      latest = page.metadata.resourceVersion;
    } while (next !== undefined);
    listing.finish();
    version = latest;
    listed = true;
    due = performance.now() + times.relistMs;
    worked();
  };

  const stream = async (resourceVersion: string, signal: AbortSignal): Promise<void> => {
    const began = performance.now();
    let lines = 0;
    // Replicas that started together do not stay together.
    const timeoutSeconds = Math.ceil(times.streamSeconds * (1 + Math.random() / 4));
    await client.request({
      method: 'GET',
      path,
      accept: `application/json;as=PartialObjectMetadata${METADATA}`,
      query: { watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds },
      timeoutMs: timeoutSeconds * 1000 + times.graceMs,
      signal,
      untilLine: (line) => {
        lines += 1;
        version = take(line, store) ?? version;
        worked();
        return false;
      },
    });
    if (lines === 0 && performance.now() - began < Math.min(SHORT_MS, times.streamSeconds * 500))
      throw new KubeError(0, 'Cut', `GET ${path}: the watch ended as soon as it began`);
    worked();
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
        if (isGone(error) || failures % FAILURES_PER_VERSION === 0) version = undefined;
        if (!isTold && !isGone(error)) onProblem(error instanceof Error ? error.message : String(error));
        isTold ||= !isGone(error);
        const wait = Math.min(times.longestWaitMs, times.firstWaitMs * 2 ** Math.min(failures - 1, 10));
        return sleep(wait * (0.5 + Math.random() / 2), undefined, { signal: closing.signal }).catch(() => undefined);
      });
  };
  const running = run();
  return {
    listed: () => listed,
    heard: () => heard,
    close: () => {
      closing.abort();
      return running;
    },
  };
};

interface Page {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items?: readonly { readonly metadata: WatchedMetadata }[];
}

interface Event {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: {
    readonly metadata: WatchedMetadata;
    readonly code?: number;
    readonly reason?: string;
    readonly message?: string;
  };
}

/** Works one line of a stream off and gives the version that it brings. Throws what ends the stream: an ERROR, or what is no event. */
const take = (line: string, store: WatchStore): string | undefined => {
  if (line === '') return undefined;
  const { type, object }: Event = JSON.parse(line);
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      store.set(object.metadata);
      break;
    case 'DELETED':
      store.remove(object.metadata);
      break;
    case 'BOOKMARK':
      break;
    case 'ERROR':
      throw new KubeError(object.code ?? 0, object.reason ?? 'Error', object.message ?? 'the watch ended with an error');
  }
  return object.metadata.resourceVersion;
};

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
