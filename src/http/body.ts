// Reads one request body into memory, within bounds. Express' own reader is not used: it parses what is to be handed on
// as bytes, and knows no bound over all clients together.
import type { IncomingMessage } from 'node:http';
import type { BodyMemory } from './body-memory.ts';
import type { Place } from './in-flight.ts';

export type Body =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'no_memory' }
  | { readonly kind: 'gone' };

/**
 * Reads the body and calls `done` once: with all of it, or with why it is not to be had. The declared length is looked at
 * first, what arrives is counted whatever was declared. The returned function gives up silently.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  memory: BodyMemory,
  place: Place,
  done: (body: Body) => void,
): () => void {
  const chunks: Buffer[] = [];
  let length = 0;
  // Listeners stay and do nothing when it is over: taking three off each request costs as much as a review's log line.
  let isOver = false;
  const stop = (): void => {
    isOver = true;
    memory.give(place);
    chunks.length = 0;
  };
  const finish = (body: Body): void => {
    stop();
    done(body);
  };
  const onData = (chunk: Buffer): void => {
    if (isOver) return;
    if (length + chunk.length > maxBytes) return finish({ kind: 'too_large' });
    if (!memory.take(place, chunk.length)) return finish({ kind: 'no_memory' });
    length += chunk.length;
    chunks.push(chunk);
  };
  const onEnd = (): void => {
    if (isOver) return;
    const [only] = chunks;
    finish({ kind: 'whole', bytes: chunks.length === 1 && only ? only : Buffer.concat(chunks, length) });
  };
  const onClose = (): void => {
    if (!isOver) finish({ kind: 'gone' });
  };
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) done({ kind: 'too_large' });
  else request.on('data', onData).on('end', onEnd).on('close', onClose);
  return stop;
}
