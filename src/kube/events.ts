// Events (events.k8s.io) on objects, for whoever runs `kubectl describe`: told once and then counted, few per object, never waited for.
import { randomBytes } from 'node:crypto';
import type { KubeClient } from './client.ts';
import { isKubeError } from './errors.ts';
import { resourcePath, objectPath } from './object-ref.ts';

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
  /** What was being done, in the same form. */
  readonly action: string;
  readonly note: string;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** Qualified name of who reports, such as example.org/controller. */
  readonly controller: string;
  /** Which of its processes. */
  readonly instance: string;
  /** Told of an event that could not be written. */
  readonly onProblem: (problem: string) => void;
  /** Asked before each write; it throws when nothing may be written. */
  readonly fence?: () => void;
  readonly now?: () => number;
}

export interface EventRecorder {
  /** Returns at once; the event is written soon, or counted, or dropped. */
  readonly record: (subject: EventSubject, text: EventText) => void;
  /** Resolves when nothing is under way any more; what was not yet written is dropped. */
  readonly close: () => Promise<void>;
}

/** The same event within this time is the same Event, with a higher count. */
const SERIES_MS = 600_000;
/** The count is written this often at the most. */
const RECOUNT_MS = 60_000;
/** As client-go's filter against floods: so many of one object at once, and then one in so many milliseconds. */
const BURST = 25;
const REFILL_MS = 300_000;
/** Series and objects that are remembered; the oldest are forgotten. */
const REMEMBERED = 4096;
const WAITING = 256;
/** Limit of the API, in bytes. */
const NOTE_BYTES = 1024;

interface Series {
  readonly namespace: string;
  readonly name: string;
  count: number;
  lastAt: number;
  writtenAt: number;
}

/** A recorder; nothing is sent until something is recorded. */
export function eventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, controller, instance, onProblem, fence = () => undefined, now = Date.now } = options;
  const series = new Map<string, Series>();
  const budgets = new Map<string, { tokens: number; at: number }>();
  const waiting: (() => Promise<void>)[] = [];
  let working: Promise<void> | undefined;
  let isClosed = false;

  const hasBudget = (subject: string, at: number): boolean => {
    const { tokens, at: before } = budgets.get(subject) ?? { tokens: BURST, at };
    const left = Math.min(BURST, tokens + (at - before) / REFILL_MS);
    remember(budgets, subject, { tokens: left < 1 ? left : left - 1, at });
    return left >= 1;
  };
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      await next().catch((error: unknown) => onProblem(error instanceof Error ? error.message : String(error)));
    working = undefined;
  };
  const enqueue = (write: () => Promise<void>): void => {
    if (waiting.length >= WAITING) return onProblem('too many events at once: one was dropped');
    waiting.push(write);
    working ??= work();
  };

  const create = async (subject: EventSubject, text: EventText, { namespace, name }: Series, at: number): Promise<void> => {
    fence();
    await client.request({
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
      // Events live for an hour: what is gone needs no count.
      .catch((error: unknown) => {
        if (!isKubeError(error, 'NotFound')) throw error;
      });
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
      if (!hasBudget(id, at)) return;
      // An event belongs to the namespace of its object; those of the cluster are in `default`.
      const place = { namespace: namespace ?? 'default', name: `${name.slice(0, 200)}.${randomBytes(8).toString('hex')}` };
      const fresh: Series = { ...place, count: 1, lastAt: at, writtenAt: at };
      remember(series, key, fresh);
      enqueue(() => create(subject, text, fresh, at));
    },
    close: async () => {
      isClosed = true;
      waiting.length = 0;
      await working;
    },
  };
}

const EVENTS = { group: 'events.k8s.io', version: 'v1', plural: 'events' };

const microTime = (at: number): string => new Date(at).toISOString().replace('Z', '000Z');

const shortened = (note: string): string => {
  const bytes = Buffer.from(note);
  if (bytes.length <= NOTE_BYTES) return note;
  // A cut character would become a replacement mark of three bytes.
  return `${bytes
    .subarray(0, NOTE_BYTES - 6)
    .toString('utf8')
    .replace(/\uFFFD$/, '')}…`;
};

/** Sets an entry as the youngest one, and forgets the oldest when there are too many. */
const remember = <V>(map: Map<string, V>, key: string, value: V): void => {
  map.delete(key);
  map.set(key, value);
  if (map.size <= REMEMBERED) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
};
