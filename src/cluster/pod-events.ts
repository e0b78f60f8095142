// Events on the owners of pods that were denied or admitted with warnings: `kubectl describe` of the workload shows them. Callers of
// the webhook are not authenticated, so what they can cause is limited by namespace and in total.
import type { PodReport, Reply } from '../admission/review.ts';
import type { EventRecorder } from '../kube/events.ts';
import { type TokenBucket, tokenBucket } from '../net/rate-limit.ts';

/** So many of one namespace at once, then one in so many milliseconds. */
const NAMESPACE_BURST = 20;
const NAMESPACE_REFILL_MS = 30_000;
/** As above, of all namespaces. */
const TOTAL_BURST = 200;
const TOTAL_REFILL_MS = 1000;
/** Namespaces in the cache; all start again when there are more. */
const MAX_NAMESPACES = 4096;
/** No name in Kubernetes is longer. A longer one is made up, and must not become part of an Event. */
const MAX_NAME = 253;

type AnyReview = (body: Buffer, timeLeftMs: number | undefined) => Reply | Promise<Reply>;

/** Returns a review that also records Events. The response does not wait for them. */
export function withPodEvents(
  review: AnyReview,
  recorder: Pick<EventRecorder, 'record'>,
  now: () => number = () => performance.now(),
): AnyReview {
  const total = tokenBucket(TOTAL_BURST, TOTAL_REFILL_MS, now);
  const namespaces = new Map<string, TokenBucket>();
  const bucketOf = (namespace: string): TokenBucket => {
    const present = namespaces.get(namespace);
    if (present) return present;
    if (namespaces.size >= MAX_NAMESPACES) namespaces.clear();
    const bucket = tokenBucket(NAMESPACE_BURST, NAMESPACE_REFILL_MS, now);
    namespaces.set(namespace, bucket);
    return bucket;
  };
  const report = (reply: Reply): Reply => {
    if (!reply.report) return reply;
    const found = reply.report();
    if (found && isRealistic(found) && bucketOf(found.namespace).take() && total.take()) record(recorder, found);
    return reply;
  };
  return (body, timeLeftMs) => {
    const reply = review(body, timeLeftMs);
    return reply instanceof Promise ? reply.then(report) : report(reply);
  };
}

const isRealistic = ({ namespace, owner }: PodReport): boolean =>
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace) &&
  /^[a-z0-9][-.a-z0-9]*$/.test(owner.name) &&
  [owner.name, owner.kind, owner.apiVersion, owner.uid].every((text) => text.length <= MAX_NAME);

const record = (recorder: Pick<EventRecorder, 'record'>, { namespace, owner, denied, note }: PodReport): void => {
  const { apiVersion, kind, name, uid } = owner;
  recorder.record(
    { apiVersion, kind, metadata: { name, namespace, uid } },
    { type: 'Warning', reason: denied ? 'InjectionDenied' : 'InjectionWarning', action: 'Admission', note },
  );
};
