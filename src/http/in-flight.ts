// The requests that are being read or answered. Their number is bounded, and a slow one gives its place to a newcomer, so
// that clients that dribble cannot keep others out.

/** One request: when it came (milliseconds of performance.now) and how to turn it away. */
export interface Place {
  readonly since: number;
  evict(): void;
}

export interface InFlight {
  /** False when there is no place, not even by turning a slow request away. */
  enter(place: Place): boolean;
  leave(place: Place): void;
  readonly count: () => number;
}

/** Places for `limit` requests; one older than `slowMs` is evicted when its place is wanted. */
export function inFlight(limit: number, slowMs: number): InFlight {
  // A set keeps the order of arrival: the first is the oldest.
  const places = new Set<Place>();
  const makeRoom = (now: number): boolean => {
    const [oldest] = places;
    if (!oldest || now - oldest.since < slowMs) return false;
    places.delete(oldest);
    oldest.evict();
    return true;
  };
  return {
    enter(place) {
      if (places.size >= limit && !makeRoom(place.since)) return false;
      places.add(place);
      return true;
    },
    leave: (place) => void places.delete(place),
    count: () => places.size,
  };
}
