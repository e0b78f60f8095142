// One review over HTTP: checks, body, reviewer, answer. The reviewer is synchronous but for rare exceptions, so whatever is in
// flight is still arriving, and an answer is written in the same turn of the event loop as the last byte was read.
import type { Reply } from '../admission/review.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics, ShedCause } from '../observe/metrics.ts';
import { answer, busy, type Handler, type Refusal, refuse } from './answer.ts';
import { type Body, readBody } from './body.ts';
import type { BodyMemory } from './body-memory.ts';
import { timeoutOf } from './deadline.ts';
import type { InFlight, Place } from './in-flight.ts';
import type { ServerLimits } from './limits.ts';
import { framesOf, type Recorder } from './record.ts';
import { hasMoreValues } from './structure.ts';

/**
 * A reviewer that may take its time where a pod cannot be judged without it. The second argument is how many milliseconds the
 * caller still waits, undefined when it did not say.
 */
export type ServingReviewer = (body: Buffer, patienceMs: number | undefined) => Reply | Promise<Reply>;

export interface ReviewHandlerOptions {
  readonly reviewer: ServingReviewer;
  readonly limits: ServerLimits;
  readonly inFlight: InFlight;
  readonly memory: BodyMemory;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly record: Recorder;
  /** As vault-k8s: any method, and 400 for a wrong content type. */
  readonly compat: boolean;
  /** True when an answer is to be the last on its connection; asked once per answer. */
  readonly lastAnswer: (request: Parameters<Handler>[0], now: number) => boolean;
  /** Told of each finished request on this path, with its milliseconds. */
  readonly finished: (milliseconds: number) => void;
}

/** The handler of the review path. */
export function reviewHandler(options: ReviewHandlerOptions): Handler {
  const { limits, inFlight, metrics } = options;
  return (request, response) => {
    const refusal = refusalOf(request, options.compat);
    if (refusal) return turnAway(refusal);
    const place: Place = { since: performance.now(), evict };
    if (!inFlight.enter(place)) return shed('in_flight', 'too many reviews at once');
    const stop = readBody(request, limits.maxBodyBytes, options.memory, place, (body) => {
      inFlight.leave(place);
      if (body.kind === 'whole' && body.bytes.length > 0) onBytes(body.bytes);
      else {
        onNoBytes(body);
        options.finished(performance.now() - place.since);
      }
    });

    function onNoBytes(body: Body): void {
      switch (body.kind) {
        case 'gone':
          return;
        case 'too_large':
          return turnAway({ status: 413, text: `the request body is larger than ${limits.maxBodyBytes} bytes`, close: true });
        case 'no_memory':
          return shed('memory', 'too many bytes of reviews at once');
        case 'whole':
          return turnAway({ status: 400, text: 'the request has no body' });
      }
    }
    function onBytes(bytes: Buffer): void {
      const start = performance.now();
      if (hasMoreValues(bytes, limits.maxValues)) {
        turnAway({ status: 413, text: `the review has more than ${limits.maxValues} lists, objects and values` });
        options.finished(performance.now() - place.since);
        return;
      }
      const timeout = timeoutOf(request.url ?? '');
      const patience = timeout === undefined ? undefined : timeout - (start - place.since);
      const respond = (reply: Reply): void => {
        const end = performance.now();
        const type = reply.status === 200 ? 'application/json' : 'text/plain; charset=utf-8';
        answer(response, reply.status, type, reply.body, options.lastAnswer(request, end));
        options.record(reply, end - start, bytes.length);
        options.finished(end - place.since);
      };
      if (patience !== undefined && patience < 0) {
        shed('deadline', 'the review came too late to be answered in time');
        options.finished(performance.now() - place.since);
        return;
      }
      const reply = review(options, bytes, patience);
      if (reply instanceof Promise) void reply.then(respond);
      else respond(reply);
    }
    function evict(): void {
      stop();
      inFlight.leave(place);
      shed('slow', 'the request body came too slowly while others waited');
      options.finished(performance.now() - place.since);
    }
    function shed(cause: ShedCause, text: string): void {
      metrics.shed(cause);
      refuse(request, response, busy(text), limits.lingerMs);
    }
    function turnAway(refused: Refusal): void {
      metrics.rejected(refused.status);
      refuse(
        request,
        response,
        { ...refused, close: refused.close || options.lastAnswer(request, performance.now()) },
        limits.lingerMs,
      );
    }
  };
}

const review = (options: ReviewHandlerOptions, bytes: Buffer, patienceMs: number | undefined): Reply | Promise<Reply> => {
  try {
    const reply = options.reviewer(bytes, patienceMs);
    return reply instanceof Promise ? reply.catch((error: unknown) => fault(options, error)) : reply;
  } catch (error) {
    return fault(options, error);
  }
};

const fault = ({ metrics, log }: ReviewHandlerOptions, error: unknown): Reply => {
  metrics.failed();
  log.error({ frames: framesOf(error) }, 'a review failed by a fault of this program; the failurePolicy of the webhook decides');
  return { status: 500, body: 'internal error\n', record: undefined };
};

const refusalOf = (request: Parameters<Handler>[0], compat: boolean): Refusal | undefined => {
  if (!compat && request.method !== 'POST') return { status: 405, text: 'only POST is served here', headers: ['allow', 'POST'] };
  if (isJson(request.headers['content-type'])) return undefined;
  return { status: compat ? 400 : 415, text: 'the content type must be application/json' };
};

/** The media type application/json in any case, with any parameters. */
const isJson = (header: string | undefined): boolean =>
  header === 'application/json' || header?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
