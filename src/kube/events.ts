// Events (events.k8s.io) on objects, as `kubectl describe` shows them: created once and then counted, limited per object, in the background.
import { createHash, randomBytes } from 'node:crypto';
import { type TokenBucket, tokenBucket } from '../net/rate-limit.ts';
import type { KubeClient } from './client.ts';
import { messageOf, undefinedOn } from './errors.ts';
import { objectPath, resourcePath } from './object-ref.ts';

export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly uid?: string | undefined;
    readonly resourceVersion?: string | undefined;
  };
}

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** One word in CamelCase. */
  readonly reason: string;
  /** What the controller was doing, in the same form. */
  readonly action: string;
  readonly note: string;
  /** Several processes report this: the first one creates the Event, under a name that follows from its subject and reason. */
  readonly isShared?: boolean;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** Qualified name of the reporting controller, such as example.org/controller. */
  readonly controller: string;
  /** The name of its process, for example of its pod. */
  readonly instance: string;
  /** Receives the reason when an event could not be written. */
  readonly onProblem: (problem: string) => void;
  /** Called before each write; throws when this process may not write. */
  readonly fence?: () => void;
  readonly now?: () => number;
}

export interface EventRecorder {
  /** Returns at once; the event is written in the background, or counted, or dropped by the rate limit. */
  readonly record: (subject: EventSubject, text: EventText) => void;
  /** Drops what waits, and resolves when no request is in flight. */
  readonly close: () => Promise<void>;
}

/** The same event within this time is the same Event, with a higher count. */
const SERIES_MS = 600_000;
/** The count is written at most this often. */
const RECOUNT_MS = 60_000;
/** As the spam filter of client-go: so many of one object at once, then one in so many milliseconds. */
const BURST = 25;
const REFILL_MS = 300_000;
/** Series and objects in the cache; the oldest are evicted. */
const MAX_CACHED = 4096;
const MAX_QUEUED = 256;
/** Limit of the API, in bytes. */
const NOTE_BYTES = 1024;

interface Series {
  readonly namespace: string;
  readonly name: string;
  count: number;
  lastAt: number;
  writtenAt: number;
}

/** A recorder that sends nothing until its first event. */
export function eventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, controller, instance, onProblem, fence = () => undefined, now = Date.now } = options;
  const series = new Map<string, Series>();
  const buckets = new Map<string, TokenBucket>();
  const queue: (() => Promise<void>)[] = [];
  let working: Promise<void> | undefined;
  let isClosed = false;

  const takeToken = (subject: string): boolean => {
    const bucket = buckets.get(subject) ?? tokenBucket(BURST, REFILL_MS, now);
    cache(buckets, subject, bucket);
    return bucket.take();
  };
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift())
      await next().catch((error: unknown) => onProblem(messageOf(error)));
    working = undefined;
  };
  const enqueue = (write: () => Promise<void>): void => {
    if (queue.length >= MAX_QUEUED) return onProblem('too many events at once: one was dropped');
    queue.push(write);
    working ??= work();
  };

  const create = async (
    subject: EventSubject,
    { isShared, ...text }: EventText,
    { namespace, name }: Series,
    at: number,
  ): Promise<void> => {
    fence();
    const request = client.request({
      method: 'POST',
      path: resourcePath(EVENTS, namespace),
      body: {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { namespace, name },
        eventTime: microTime(at),
        reportingController: controller,
        reportingInstance: instance.slice(0, 128),
        ...text,
        note: shortened(text.note),
        regarding: { apiVersion: subject.apiVersion, kind: subject.kind, ...subject.metadata },
      },
    });
    await (isShared === true ? request.catch(undefinedOn('AlreadyExists')) : request);
  };
  const recount = async ({ namespace, name, count, lastAt }: Series): Promise<void> => {
    fence();
    await client
      .request({
        method: 'PATCH',
        path: objectPath({ ...EVENTS, namespace, name }),
        contentType: 'application/merge-patch+json',
        body: { series: { count, lastObservedTime: microTime(lastAt) } },
      })
      // The API server deletes Events after an hour: the count of a deleted one is not an error.
      .catch(undefinedOn('NotFound'));
  };

  return {
    record: (subject, text) => {
      if (isClosed) return;
      const at = now();
      const { uid, namespace, name } = subject.metadata;
      const id = `${subject.kind}/${namespace ?? ''}/${name}/${uid ?? ''}`;
      const key = JSON.stringify([id, text.type, text.reason, text.action, text.note]);
      const same = series.get(key);
      if (same && at - same.lastAt < SERIES_MS) {
        same.count += 1;
        same.lastAt = at;
        if (at - same.writtenAt < RECOUNT_MS) return;
        same.writtenAt = at;
        return enqueue(() => recount(same));
      }
      if (!takeToken(id)) return;
      // An Event is in the namespace of its object; that of a cluster-scoped object is in `default`.
      const unique = text.isShared === true ? createHash('sha256').update(`${id} ${text.reason}`).digest() : randomBytes(8);
      const metadata = {
        namespace: namespace ?? 'default',
        name: `${name.slice(0, 200)}.${unique.toString('hex', 0, 8)}`,
      };
      const fresh: Series = { ...metadata, count: 1, lastAt: at, writtenAt: at };
      cache(series, key, fresh);
      enqueue(() => create(subject, text, fresh, at));
    },
    close: async () => {
      isClosed = true;
      queue.length = 0;
      await working;
    },
  };
}

const EVENTS = { group: 'events.k8s.io', version: 'v1', plural: 'events' };

const microTime = (at: number): string => new Date(at).toISOString().replace('Z', '000Z');

const shortened = (note: string): string => {
  const bytes = Buffer.from(note);
  if (bytes.length <= NOTE_BYTES) return note;
  // A character cut in half would become a replacement character of three bytes.
  return `${bytes
    .subarray(0, NOTE_BYTES - 6)
    .toString('utf8')
    .replace(/\uFFFD$/, '')}…`;
};

/** Sets an entry as the youngest one, and evicts the oldest when there are too many. */
const cache = <V>(map: Map<string, V>, key: string, value: V): void => {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_CACHED) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
};
