// The end of one request: after a time, or when its caller gives up.

export interface Deadline {
  readonly signal: AbortSignal;
  /** The time was over first. */
  readonly isOver: () => boolean;
  /** To be called when the request is over, whatever became of it. */
  readonly end: () => void;
}

/**
 * By hand, because AbortSignal.any leaves some bytes of each request with the caller's signal, and that can live as long as the
 * process (Node 20: 56 bytes, which were 200 MB a day for a busy controller).
 */
export function deadline(timeoutMs: number, caller: AbortSignal | undefined): Deadline {
  const ending = new AbortController();
  let isOver = false;
  const giveUp = (): void => ending.abort(caller?.reason);
  const timer = setTimeout(() => {
    isOver = true;
    ending.abort();
  }, Math.ceil(timeoutMs));
  if (caller?.aborted) giveUp();
  else caller?.addEventListener('abort', giveUp, { once: true });
  return {
    signal: ending.signal,
    isOver: () => isOver,
    end: () => {
      clearTimeout(timer);
      caller?.removeEventListener('abort', giveUp);
    },
  };
}
