// The memory that unfinished bodies of all clients share. Who sends slowly gives way when it runs short, and large bodies never
// take the part that is kept for small ones: a client that sends megabytes and stalls keeps no ordinary review out.
import type { Place } from './in-flight.ts';

export interface BodyMemory {
  /** More memory for the body at a place. False when there is not so much, not even by turning slow ones away; then nothing was taken. */
  take(place: Place, bytes: number): boolean;
  /** Everything that the body at a place has taken. */
  give(place: Place): void;
}

export interface MemoryLimits {
  readonly maxBufferedBytes: number;
  readonly smallBodyBytes: number;
  readonly smallBodiesShare: number;
  readonly slowRequestMs: number;
}

/** Counts bytes; `clock` gives milliseconds of performance.now. */
export function bodyMemory(limits: MemoryLimits, clock: () => number = () => performance.now()): BodyMemory {
  // In the order of arrival of the first byte.
  const held = new Map<Place, number>();
  let all = 0;
  let large = 0;
  const isLarge = (bytes: number): boolean => bytes > limits.smallBodyBytes;
  const fits = (before: number, after: number): boolean => {
    if (all + after - before > limits.maxBufferedBytes) return false;
    if (!isLarge(after)) return true;
    return large + after - (isLarge(before) ? before : 0) <= limits.maxBufferedBytes * (1 - limits.smallBodiesShare);
  };
  const set = (place: Place, before: number, after: number): void => {
    all += after - before;
    large += (isLarge(after) ? after : 0) - (isLarge(before) ? before : 0);
    if (after === 0) held.delete(place);
    else held.set(place, after);
  };
  const give = (place: Place): void => set(place, held.get(place) ?? 0, 0);
  /** The oldest slow body, among the large ones when the memory is wanted by one; undefined when the wanting one is older. */
  const toEvict = (wanting: Place, onlyLarge: boolean): Place | undefined => {
    const now = clock();
    for (const [place, bytes] of held) {
      if (place === wanting || now - place.since < limits.slowRequestMs) return undefined;
      if (!onlyLarge || isLarge(bytes)) return place;
    }
    return undefined;
  };
  return {
    take(place, bytes) {
      const before = held.get(place) ?? 0;
      const after = before + bytes;
      while (!fits(before, after)) {
        const victim = toEvict(place, isLarge(after));
        if (!victim) return false;
        give(victim);
        victim.evict();
      }
      set(place, before, after);
      return true;
    },
    give,
  };
}
