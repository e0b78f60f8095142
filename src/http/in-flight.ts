// The requests that are being read or answered. Their number is bounded, and a slow request gives its slot to a new one, so
// that clients that send a byte per second cannot keep others out.

/** One request in flight. */
export interface Slot {
  /** When the request arrived, in milliseconds of performance.now. */
  readonly since: number;
  /** Answers 503 and stops reading. */
  evict(): void;
}

export interface InFlight {
  /** False when all slots are taken by requests that are not slow. */
  acquire(slot: Slot): boolean;
  release(slot: Slot): void;
  readonly count: () => number;
}

/** Slots for `limit` requests; when all are taken, the oldest is evicted if it is older than `slowMs`. */
export function inFlight(limit: number, slowMs: number): InFlight {
  // A set keeps the order of arrival: the first is the oldest.
  const slots = new Set<Slot>();
  const evictOldest = (now: number): boolean => {
    const [oldest] = slots;
    if (!oldest || now - oldest.since < slowMs) return false;
    slots.delete(oldest);
    oldest.evict();
    return true;
  };
  return {
    acquire(slot) {
      if (slots.size >= limit && !evictOldest(slot.since)) return false;
      slots.add(slot);
      return true;
    },
    release: (slot) => void slots.delete(slot),
    count: () => slots.size,
  };
}
