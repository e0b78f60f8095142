// One review over HTTP: checks, body, reviewer, answer. The reviewer is synchronous, so whatever is in flight is still
// arriving, and an answer is written in the same turn of the event loop as the last byte was read.
import type { Reply, Reviewer } from '../admission/review.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics, ShedCause } from '../observe/metrics.ts';
import { answer, busy, type Handler, type Refusal, refuse } from './answer.ts';
import { type Body, type BodyMemory, readBody } from './body.ts';
import { timeoutOf } from './deadline.ts';
import type { InFlight, Place } from './in-flight.ts';
import type { ServerLimits } from './limits.ts';
import { framesOf, type Recorder } from './record.ts';

export interface ReviewHandlerOptions {
  readonly reviewer: Reviewer;
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
export const reviewHandler = (options: ReviewHandlerOptions): Handler => {
  const { limits, inFlight, metrics } = options;
  return (request, response) => {
    const refusal = refusalOf(request, options.compat);
    if (refusal) return turnAway(refusal);
    const place: Place = { since: performance.now(), evict };
    if (!inFlight.enter(place)) return shed('in_flight', 'too many reviews at once');
    const stop = readBody(request, limits.maxBodyBytes, options.memory, (body) => {
      inFlight.leave(place);
      onBody(body);
      options.finished(performance.now() - place.since);
    });

    function onBody(body: Body): void {
      switch (body.kind) {
        case 'gone':
          return;
        case 'too_large':
          return turnAway({ status: 413, text: `the request body is larger than ${limits.maxBodyBytes} bytes`, close: true });
        case 'no_memory':
          return shed('memory', 'too many bytes of reviews at once');
        case 'whole':
          return body.bytes.length === 0 ? turnAway({ status: 400, text: 'the request has no body' }) : onBytes(body.bytes);
      }
    }
    function onBytes(bytes: Buffer): void {
      const start = performance.now();
      const timeout = timeoutOf(request.url ?? '');
      if (timeout !== undefined && start - place.since > timeout)
        return shed('deadline', 'the review came too late to be answered in time');
      const reply = review(options, bytes);
      const end = performance.now();
      const type = reply.status === 200 ? 'application/json' : 'text/plain; charset=utf-8';
      answer(response, reply.status, type, reply.body, options.lastAnswer(request, end));
      options.record(reply, end - start, bytes.length);
    }
    function evict(): void {
      stop();
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
};

const review = ({ reviewer, metrics, log }: ReviewHandlerOptions, bytes: Buffer): Reply => {
  try {
    return reviewer(bytes);
  } catch (error) {
    metrics.failed();
    log.error(
      { frames: framesOf(error) },
      'a review failed by a fault of this program; the failurePolicy of the webhook decides',
    );
    return { status: 500, body: 'internal error\n', record: undefined };
  }
};

const refusalOf = (request: Parameters<Handler>[0], compat: boolean): Refusal | undefined => {
  if (!compat && request.method !== 'POST') return { status: 405, text: 'only POST is served here', headers: ['allow', 'POST'] };
  if (isJson(request.headers['content-type'])) return undefined;
  return { status: compat ? 400 : 415, text: 'the content type must be application/json' };
};

/** The media type application/json in any case, with any parameters. */
const isJson = (header: string | undefined): boolean =>
  header === 'application/json' || header?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
