// Reads objects that a review needs and the cache does not have yet, typically a service account or VaultAuthRole that was created
// together with its pod. Bounded in time and number; the pod is then reviewed again.
import type { MissingObject } from '../admission/admit.ts';
import type { Reply, Review } from '../admission/review.ts';
import type { Metrics } from '../observe/metrics.ts';

/** A look-up takes a few milliseconds; an API server that takes longer is in trouble, and must not delay pods. */
const MAX_LOOK_UP_MS = 1000;
/** With less time than this the answer would come too late. */
const MIN_LOOK_UP_MS = 50;
/** Of the time that the caller still waits; the rest is for the second review and the response. */
const LOOK_UP_SHARE = 0.5;
/** A rollout into a new namespace needs the same few objects; more at once are made-up names. */
const MAX_LOOK_UPS = 20;
/** Pause after a failure: reviews continue with the cache alone. */
const PAUSE_MS = 5000;

/**
 * Returns a review that looks up the objects that the given one needs, then reviews again. A review that needs nothing is answered
 * synchronously. `read` resolves once an object is in the cache, or does not exist.
 * `timeoutMs`: how long the caller still waits, undefined if its URL has no timeout.
 */
export function withLookUps(
  review: Review,
  read: (object: MissingObject, timeoutMs: number) => Promise<void>,
  metrics: Pick<Metrics, 'lookedUp'>,
): (body: Buffer, timeoutMs: number | undefined) => Reply | Promise<Reply> {
  const inFlight = new Map<string, Promise<void>>();
  let failedAt = -Infinity;

  /** Resolves once the object is in the cache, or cannot be read. */
  const lookUp = (object: MissingObject, timeoutMs: number): Promise<void> => {
    const key = `${object.kind} ${object.kind === 'Namespace' ? '' : object.namespace} ${object.name}`;
    const same = inFlight.get(key);
    if (same) return same;
    if (inFlight.size >= MAX_LOOK_UPS || performance.now() - failedAt < PAUSE_MS || timeoutMs < MIN_LOOK_UP_MS) {
      metrics.lookedUp('skipped');
      return Promise.resolve();
    }
    const request = read(object, timeoutMs)
      .then(
        () => metrics.lookedUp('answered'),
        () => {
          failedAt = performance.now();
          metrics.lookedUp('failed');
        },
      )
      .finally(() => inFlight.delete(key));
    inFlight.set(key, request);
    return request;
  };

  return (body, callerTimeoutMs) => {
    const reply = review(body);
    const needs = (reply.needs ?? []).filter(hasValidNames);
    if (needs.length === 0) return reply;
    const timeoutMs = Math.min(MAX_LOOK_UP_MS, (callerTimeoutMs ?? Infinity) * LOOK_UP_SHARE);
    return Promise.all(needs.map((object) => lookUp(object, timeoutMs))).then(() => review(body));
  };
}

/** Callers are not authenticated: a name that Kubernetes would reject must not become part of a path. */
const hasValidNames = (object: MissingObject): boolean =>
  isName(object.name) && (object.kind === 'Namespace' || isName(object.namespace));
const isName = (text: string): boolean => /^[a-z0-9][-.a-z0-9]{0,252}$/.test(text);
