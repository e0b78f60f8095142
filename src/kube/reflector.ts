// The reflector: lists one collection of the API server, watches it, and retries after every failure. Its store decides what is kept.
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../net/backoff.ts';
import type { KubeClient } from './client.ts';
import { isKubeError, KubeError, messageOf } from './errors.ts';

/** The part of an object that the reflector reads. */
export interface VersionedObject {
  readonly metadata: { readonly resourceVersion?: string | undefined };
}

/** A list that is being read, page by page. It takes effect with `finish`; after a failure in the middle it is dropped. */
export interface Replacement<T> {
  add(object: T): void;
  finish(): void;
}

/** Where the objects go. None of these may throw or wait. */
export interface ReflectorStore<T> {
  /** Begins to replace all objects. */
  replace(): Replacement<T>;
  set(object: T): void;
  delete(object: T): void;
}

/** Media types of a list and of the objects of a watch. */
export interface MediaTypes {
  readonly list: string;
  readonly one: string;
}

/** Whole objects. */
export const WHOLE_OBJECTS: MediaTypes = { list: 'application/json', one: 'application/json' };
/** Their metadata alone (PartialObjectMetadata). */
export const METADATA_ONLY: MediaTypes = {
  list: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  one: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
};

export interface ReflectorOptions<T> {
  readonly client: KubeClient;
  /** Of the collection, such as /api/v1/namespaces. */
  readonly path: string;
  readonly mediaTypes: MediaTypes;
  /** Default: all objects. */
  readonly labelSelector?: string | undefined;
  readonly store: ReflectorStore<T>;
  /** Called once when the watch fails, and once (undefined) when it works again. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly times?: Partial<ReflectorTimes> | undefined;
}

/** Milliseconds, except for `streamSeconds`. */
export interface ReflectorTimes {
  /** How long the API server keeps a watch open. It sends a bookmark shortly before, so that the resourceVersion stays fresh. */
  readonly streamSeconds: number;
  /** How long after that a watch without an end counts as a dead connection. */
  readonly graceMs: number;
  /** The resync interval: everything is listed again, in case an event was lost. */
  readonly relistMs: number;
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
}

export interface Reflector {
  /** A whole list has been read. */
  readonly synced: () => boolean;
  /** The API server rejected the last request (401 or 403): only an operator can change that. */
  readonly forbidden: () => boolean;
  /** Of the API server, in milliseconds of `performance.now()`; undefined: none yet. */
  readonly lastActivity: () => number | undefined;
  /** Aborts the current request, and resolves when the store receives no more calls. */
  readonly close: () => Promise<void>;
}

const TIMES: ReflectorTimes = {
  streamSeconds: 25,
  graceMs: 10_000,
  relistMs: 600_000,
  firstBackoffMs: 500,
  maxBackoffMs: 30_000,
};
/** A watch lasts up to so many times as long as requested, so that replicas that started together do not reconnect together. */
const MAX_STREAM_FACTOR = 1.25;
/** The page size of client-go: a few hundred kilobytes of metadata, or two megabytes of our own objects. */
const PAGE_SIZE = 500;
/**
 * A larger page is requested again with fewer objects: an object can have 1.5 MiB, and 500 such objects of one namespace must not
 * keep all others from being listed. Parsed, a page takes several times as much memory as it has bytes.
 */
const MAX_PAGE_BYTES = 6 * 1024 * 1024;
/** By how much a page is made smaller; one object always fits. */
const PAGE_DIVISOR = 8;
const PAGE_TIMEOUT_MS = 30_000;
/** After so many failures in a row at one resourceVersion it is dropped: after a restored backup the API server may not have it. */
const FAILURES_PER_VERSION = 3;
/** A watch that ends sooner, without an event, counts as a failure: otherwise it would be repeated in a tight loop. */
const MIN_STREAM_MS = 1000;

/** The silence after which a cache is stale: three watches of the longest duration, since each end of a watch is activity. */
export function staleAfterMs(times: Partial<ReflectorTimes> = {}): number {
  const { streamSeconds, graceMs } = { ...TIMES, ...times };
  return 3 * (streamSeconds * MAX_STREAM_FACTOR * 1000 + graceMs);
}

/** Starts at once; retries failures without end, with exponential back-off. */
export function startReflector<T extends VersionedObject>(options: ReflectorOptions<T>): Reflector {
  const { client, path, mediaTypes, store, onProblem } = options;
  const selected = options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector };
  const times: ReflectorTimes = { ...TIMES, ...options.times };
  const backoff = { firstMs: times.firstBackoffMs, maxMs: times.maxBackoffMs };
  const closing = new AbortController();
  let lastActivity: number | undefined;
  let synced = false;
  /** When the next list is due although the watch works. */
  let relistAt = 0;
  /** Where the next watch begins; undefined: it needs a list first. */
  let version: string | undefined;
  let failures = 0;
  let isReported = false;
  let forbidden = false;
  const succeeded = (): void => {
    lastActivity = performance.now();
    if (isReported) onProblem(undefined);
    isReported = false;
    forbidden = false;
    failures = 0;
  };

  /** A page of at most `size` objects, or of as many as fit. */
  const readPage = async (next: string | undefined, size: number, signal: AbortSignal): Promise<FittingPage<T>> => {
    try {
      const page = await client.request<Page<T>>({
        method: 'GET',
        path,
        accept: mediaTypes.list,
        query: { ...selected, limit: size, ...(next === undefined ? {} : { continue: next }) },
        timeoutMs: PAGE_TIMEOUT_MS,
        maxResponseBytes: MAX_PAGE_BYTES,
        signal,
      });
      return { page, fitted: size };
    } catch (error) {
      if (size === 1 || !isKubeError(error, 'TooLarge')) throw error;
      return readPage(next, Math.max(1, Math.floor(size / PAGE_DIVISOR)), signal);
    }
  };

  const list = async (signal: AbortSignal): Promise<void> => {
    // If this list fails, the watch goes on, and the next list comes sooner than after a success.
    relistAt = performance.now() + times.relistMs / 10;
    const replacement = store.replace();
    let next: string | undefined;
    let latest: string;
    let size = PAGE_SIZE;
    do {
      const { page, fitted }: FittingPage<T> = await readPage(next, size, signal);
      size = fitted;
      lastActivity = performance.now();
      for (const object of page.items ?? []) replacement.add(object);
      next = page.metadata.continue || undefined;
      latest = page.metadata.resourceVersion;
    } while (next !== undefined);
    // No watch can begin there, so the next list would follow at once.
    if (!latest) throw new KubeError(0, 'Unreadable', `GET ${path}: the list has no resourceVersion`);
    replacement.finish();
    version = latest;
    synced = true;
    relistAt = performance.now() + times.relistMs;
    succeeded();
  };

  const watch = async (resourceVersion: string, signal: AbortSignal): Promise<void> => {
    const began = performance.now();
    let lines = 0;
    const timeoutSeconds = Math.ceil(times.streamSeconds * (1 + Math.random() * (MAX_STREAM_FACTOR - 1)));
    await client.request({
      method: 'GET',
      path,
      accept: mediaTypes.one,
      query: { ...selected, watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds },
      timeoutMs: timeoutSeconds * 1000 + times.graceMs,
      signal,
      untilLine: (line) => {
        lines += 1;
        version = applyEvent(line, store) ?? version;
        succeeded();
        return false;
      },
    });
    const isShort = performance.now() - began < Math.min(MIN_STREAM_MS, times.streamSeconds * 500);
    if (lines === 0 && isShort) throw new KubeError(0, 'Cut', `GET ${path}: the watch ended as soon as it began`);
    succeeded();
    // A server that sends one event and closes the watch would otherwise be asked in a tight loop.
    if (isShort) await sleep(times.firstBackoffMs, undefined, { signal });
  };

  const step = async (signal: AbortSignal): Promise<void> => {
    if (version === undefined || performance.now() >= relistAt) await list(signal);
    else await watch(version, signal);
  };
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted)
      await withOwnSignal(closing.signal, step).catch((error: unknown) => {
        if (closing.signal.aborted) return undefined;
        failures += 1;
        forbidden = isForbidden(error);
        if (isExpired(error) || failures % FAILURES_PER_VERSION === 0) version = undefined;
        if (!isReported && !isExpired(error)) onProblem(messageOf(error));
        isReported ||= !isExpired(error);
        return sleep(backoffMs(failures, backoff), undefined, { signal: closing.signal }).catch(() => undefined);
      });
  };
  const running = run();
  return {
    synced: () => synced,
    forbidden: () => forbidden,
    lastActivity: () => lastActivity,
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

interface FittingPage<T> {
  readonly page: Page<T>;
  /** The size of pages that fits. */
  readonly fitted: number;
}

type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: T }
  | { readonly type: 'ERROR'; readonly object: { readonly code?: number; readonly reason?: string; readonly message?: string } };

/** Applies one line of a watch to the store and returns its resourceVersion. Throws for an ERROR event, and for what is not an event. */
const applyEvent = <T extends VersionedObject>(line: string, store: ReflectorStore<T>): string | undefined => {
  if (line === '') return undefined;
  const event: WatchEvent<T> = JSON.parse(line);
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

const errorOf = ({ code, reason, message }: Extract<WatchEvent<never>, { readonly type: 'ERROR' }>['object']): KubeError =>
  new KubeError(code ?? 0, reason ?? 'Error', message ?? 'the watch ended with an error');

const isForbidden = (error: unknown): boolean => error instanceof KubeError && (error.status === 401 || error.status === 403);

/** 410: the resourceVersion, or the continue token of the next page, is older than the history of the API server. */
const isExpired = (error: unknown): boolean => error instanceof KubeError && error.status === 410;

/** Runs one step with a signal of its own: listeners on a signal that lives as long as the process would pile up. */
const withOwnSignal = async (outer: AbortSignal, run: (signal: AbortSignal) => Promise<void>): Promise<void> => {
  const inner = new AbortController();
  const abort = (): void => inner.abort();
  outer.addEventListener('abort', abort, { once: true });
  try {
    await run(inner.signal);
  } finally {
    outer.removeEventListener('abort', abort);
  }
};
