// One review over HTTP: checks, body, decision, response, and its line in the log and counts in the metrics. The decision is
// synchronous but for rare exceptions, so nearly every request in flight is one whose body is still arriving.
import type { IncomingMessage } from 'node:http';
import type { Reply, ReviewRecord } from '../admission/review.ts';
import type { CompatMetrics } from '../observe/compat-metrics.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics, ShedCause } from '../observe/metrics.ts';
import { answer, busy, type Handler, type Refusal, refuse } from './answer.ts';
import { type Body, type BodyMemory, hasMoreValues, readBody } from './body.ts';
import type { InFlight, Slot } from './in-flight.ts';
import type { ServerLimits } from './limits.ts';

/**
 * A review of one body, asynchronous where a pod needs an object that is not cached. The second argument is how many milliseconds the
 * API server still waits; undefined when it gave no timeout.
 */
export type AsyncReview = (body: Buffer, timeLeftMs: number | undefined) => Reply | Promise<Reply>;

export interface ReviewHandlerOptions {
  readonly review: AsyncReview;
  readonly limits: ServerLimits;
  readonly inFlight: InFlight;
  readonly memory: BodyMemory;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Serve as vault-k8s does: any method, 400 for a wrong content type, and its metrics. */
  readonly compat: CompatMetrics | undefined;
  /** Records the time of a request: draining ends once none has come for a while. */
  readonly noteRequest: (now: number) => void;
  /** Counts a response on its connection; true if it must be the last one there. Called once per response. */
  readonly countResponse: (request: IncomingMessage, now: number) => boolean;
}

/** The handler of the review path. */
export function reviewHandler(options: ReviewHandlerOptions): Handler {
  const { limits, inFlight, metrics, compat } = options;
  return (request, response) => {
    const refusal = refusalOf(request, compat !== undefined);
    if (refusal) return reject(refusal);
    const slot: Slot = { since: performance.now(), evict };
    if (!inFlight.acquire(slot)) return shed('in_flight', 'too many reviews at once');
    const stop = readBody(request, limits.maxBodyBytes, options.memory, slot, (body) => {
      inFlight.release(slot);
      if (body.kind === 'whole' && body.bytes.length > 0) void onBytes(body.bytes).finally(processed);
      else {
        onNoBytes(body);
        processed();
      }
    });

    function onNoBytes(body: Body): void {
      switch (body.kind) {
        case 'gone':
          return;
        case 'too_large':
          return reject({ status: 413, text: `the request body is larger than ${limits.maxBodyBytes} bytes`, close: true });
        case 'no_memory':
          return shed('memory', 'too many bytes of reviews at once');
        case 'whole':
          return reject({ status: 400, text: 'the request has no body' });
      }
    }
    async function onBytes(bytes: Buffer): Promise<void> {
      const start = performance.now();
      if (hasMoreValues(bytes, limits.maxValues))
        return reject({ status: 413, text: `the review has more than ${limits.maxValues} lists, objects and values` });
      const timeout = timeoutOf(request.url ?? '');
      const timeLeft = timeout === undefined ? undefined : timeout - (start - slot.since);
      if (timeLeft !== undefined && timeLeft < 0) return shed('deadline', 'the review arrived too late to be answered in time');
      const reply = await reviewOrFail(options, bytes, timeLeft);
      const end = performance.now();
      const type = reply.status === 200 ? 'application/json' : 'text/plain; charset=utf-8';
      answer(response, reply.status, type, reply.body, mustClose(end));
      record(options, reply, end - start, bytes.length);
    }
    function mustClose(now: number): boolean {
      options.noteRequest(now);
      return options.countResponse(request, now);
    }
    function evict(): void {
      stop();
      inFlight.release(slot);
      shed('slow', 'the request body arrived too slowly while other requests waited');
      processed();
    }
    function processed(): void {
      compat?.processed(performance.now() - slot.since);
    }
    function shed(cause: ShedCause, text: string): void {
      metrics.shed(cause);
      refuse(request, response, busy(text), limits.lingerMs);
    }
    function reject(refused: Refusal): void {
      metrics.rejected(refused.status);
      const close = refused.close || mustClose(performance.now());
      refuse(request, response, { ...refused, close }, limits.lingerMs);
    }
  };
}

const reviewOrFail = async (options: ReviewHandlerOptions, bytes: Buffer, timeLeftMs: number | undefined): Promise<Reply> => {
  try {
    return await options.review(bytes, timeLeftMs);
  } catch (error) {
    options.metrics.failed();
    options.log.error({ frames: framesOf(error) }, 'internal error in a review; the failurePolicy of the webhook applies');
    return { status: 500, body: 'internal error\n', record: undefined };
  }
};

/** The frames of a stack without the message, which may quote the request. */
const framesOf = (error: unknown): string =>
  error instanceof Error ? `${error.name} ${(error.stack ?? '').split('\n').filter(isFrame).join('')}` : typeof error;

const isFrame = (line: string): boolean => /^\s+at /.test(line);

const refusalOf = (request: IncomingMessage, isCompat: boolean): Refusal | undefined => {
  if (!isCompat && request.method !== 'POST')
    return { status: 405, text: 'only POST is served here', headers: { allow: 'POST' } };
  // In any case, with any parameters.
  const mediaType = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType === 'application/json') return undefined;
  return { status: isCompat ? 400 : 415, text: 'the content type must be application/json' };
};

/**
 * Milliseconds of the `timeout` in the query of a request target, which API servers write as a Go duration (`?timeout=5s`,
 * `1m30s`, `500ms`); undefined when there is none or it is not a duration.
 */
export function timeoutOf(url: string): number | undefined {
  const query = url.indexOf('?');
  const text = query < 0 ? undefined : new URLSearchParams(url.slice(query + 1)).get('timeout');
  return text ? durationMs(text) : undefined;
}

/** Milliseconds of a Go duration without sign, or undefined. */
const durationMs = (text: string): number | undefined => {
  if (!DURATION.test(text)) return undefined;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(PART)) sum += Number(number) * (UNIT_MS[unit ?? ''] ?? 0);
  return sum;
};

const DURATION = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h))+$/;
const PART = /(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h)/g;
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Logs and counts an answered review, from the fields of its record alone: nothing else of the request is logged. */
const record = ({ log, metrics, compat }: ReviewHandlerOptions, reply: Reply, milliseconds: number, bytes: number): void => {
  const { status, record: reviewed } = reply;
  if (!reviewed) {
    metrics.rejected(status);
    log.warn({ status, bytes }, 'request rejected');
    return;
  }
  metrics.reviewed(reviewed.decision, reviewed.reason, milliseconds / 1000, bytes);
  if (reviewed.decision === 'injected') compat?.injected(reviewed.namespace, reviewed.injectionType ?? 'init_and_sidecar');
  if (reviewed.decision === 'denied') compat?.denied(reviewed.namespace);
  for (const { code, effect } of reviewed.roleProblems ?? []) metrics.roleProblem(code, effect);
  const fields = {
    uid: bounded(reviewed.uid),
    namespace: bounded(reviewed.namespace),
    kind: reviewed.kind === undefined ? undefined : bounded(reviewed.kind),
    name: bounded(reviewed.name),
    owner: bounded(reviewed.owner) || undefined,
    decision: reviewed.decision,
    reason: reviewed.reason,
    codes: reviewed.codes.length > 0 ? reviewed.codes.join(',') : undefined,
    dryRun: reviewed.dryRun || undefined,
    durationMs: Math.round(milliseconds * 1000) / 1000,
  };
  if (reviewed.decision === 'error') log.error(fields, 'review failed');
  else if (isUnasked(reviewed)) log.debug(fields, 'review answered');
  else log.info(fields, 'review answered');
};

/**
 * A pod that requested nothing and got nothing, not even a warning, or a workload whose pods cause no warning. Most pods of a cluster are such pods: on level info their
 * lines would hide those of injected pods, and each line costs a fifth of such a review.
 */
const isUnasked = ({ decision, reason, codes }: ReviewRecord): boolean =>
  codes.length === 0 && (decision === 'judged' || reason === 'not-requested');

/** No name in Kubernetes is longer than 253 characters; a longer one is not from an API server. */
const bounded = (text: string): string => (text.length <= 300 ? text : `${text.slice(0, 300)}…`);
