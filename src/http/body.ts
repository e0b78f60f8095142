// Reads one request body within bounds: its size, the memory that all unfinished bodies share, and the number of its values.
// Express' own reader would parse what is handed on as bytes, and has no bound over all clients together.
import type { IncomingMessage } from 'node:http';
import type { Slot } from './in-flight.ts';

export type Body =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'no_memory' }
  /** The client closed the connection. */
  | { readonly kind: 'gone' };

/**
 * Reads the body and calls `done` once, with the whole body or with the reason why there is none. A declared length above
 * `maxBytes` is refused unread; what arrives is counted whatever was declared. The returned function stops reading, and
 * `done` is not called.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  memory: BodyMemory,
  slot: Slot,
  done: (body: Body) => void,
): () => void {
  const chunks: Buffer[] = [];
  let length = 0;
  let isOver = false;
  const stop = (): void => {
    isOver = true;
    memory.release(slot);
    chunks.length = 0;
  };
  const finish = (body: Body): void => {
    stop();
    done(body);
  };
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
    done({ kind: 'too_large' });
    return stop;
  }
  request.on('data', (chunk: Buffer) => {
    if (isOver) return;
    if (length + chunk.length > maxBytes) return finish({ kind: 'too_large' });
    if (!memory.reserve(slot, chunk.length)) return finish({ kind: 'no_memory' });
    length += chunk.length;
    chunks.push(chunk);
  });
  request.on('end', () => {
    if (!isOver) finish({ kind: 'whole', bytes: Buffer.concat(chunks, length) });
  });
  request.on('close', () => {
    if (!isOver) finish({ kind: 'gone' });
  });
  return stop;
}

export interface MemoryLimits {
  readonly maxBufferedBytes: number;
  readonly smallBodyBytes: number;
  readonly smallBodiesShare: number;
  readonly slowRequestMs: number;
}

/** The memory budget of unfinished bodies. */
export interface BodyMemory {
  /** More bytes for the body of a slot. False, and nothing reserved, when not even evicting slow requests frees enough. */
  reserve(slot: Slot, bytes: number): boolean;
  /** Releases everything that the body of a slot has reserved. */
  release(slot: Slot): void;
}

/**
 * A budget of maxBufferedBytes, of which large bodies leave a share to small ones: a client that sends megabytes and stalls
 * must not keep ordinary reviews out. When the budget runs short, the oldest slow request is evicted. `clock` returns
 * milliseconds of performance.now.
 */
export function bodyMemory(limits: MemoryLimits, clock: () => number = () => performance.now()): BodyMemory {
  // In the order in which the first bytes arrived.
  const reserved = new Map<Slot, number>();
  let all = 0;
  let large = 0;
  const isLarge = (bytes: number): boolean => bytes > limits.smallBodyBytes;
  const fits = (before: number, after: number): boolean => {
    if (all + after - before > limits.maxBufferedBytes) return false;
    if (!isLarge(after)) return true;
    return large + after - (isLarge(before) ? before : 0) <= limits.maxBufferedBytes * (1 - limits.smallBodiesShare);
  };
  const set = (slot: Slot, before: number, after: number): void => {
    all += after - before;
    large += (isLarge(after) ? after : 0) - (isLarge(before) ? before : 0);
    if (after === 0) reserved.delete(slot);
    else reserved.set(slot, after);
  };
  const release = (slot: Slot): void => set(slot, reserved.get(slot) ?? 0, 0);
  /** The oldest slow request other than the requesting one, which must not evict younger requests than itself. */
  const toEvict = (requesting: Slot, onlyLarge: boolean): Slot | undefined => {
    const now = clock();
    for (const [slot, bytes] of reserved) {
      if (slot === requesting || now - slot.since < limits.slowRequestMs) return undefined;
      if (!onlyLarge || isLarge(bytes)) return slot;
    }
    return undefined;
  };
  return {
    reserve(slot, bytes) {
      const before = reserved.get(slot) ?? 0;
      const after = before + bytes;
      while (!fits(before, after)) {
        const victim = toEvict(slot, isLarge(after));
        if (!victim) return false;
        release(victim);
        victim.evict();
      }
      set(slot, before, after);
      return true;
    },
    release,
  };
}

/**
 * True when a JSON text has more than `limit` of `{`, `[` and `,` outside of its strings, which is about its number of values.
 * Without this bound 7 MiB of `{},` would take some 200 MiB once parsed: the size of a body does not bound what it costs.
 */
export function hasMoreValues(json: Uint8Array, limit: number): boolean {
  if (json.length <= limit) return false;
  let count = 0;
  let isString = false;
  for (let index = 0; index < json.length; index += 1) {
    const byte = json[index];
    if (byte === QUOTE) isString = !isString;
    else if (isString) {
      // An escaped quote does not end the string.
      if (byte === BACKSLASH) index += 1;
    } else if (byte === COMMA || byte === OBJECT || byte === ARRAY) {
      count += 1;
      if (count > limit) return true;
    }
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OBJECT = 0x7b;
const ARRAY = 0x5b;
