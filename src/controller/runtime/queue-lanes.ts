// The items of the queue that could run now: which of them is next, so that changes pass routine looks and nobody waits for ever.

/** A `change` was asked for now, so that somebody may wait for it; a `routine` run was asked for at a time. */
export type Cause = 'change' | 'routine';

export interface Turn {
  readonly item: string;
  readonly cause: Cause;
}

export interface QueueLanes {
  /** The item could run now. */
  readonly put: (item: string, cause: Cause) => void;
  /** An item that waits for a routine run is asked for now; nothing happens to others. */
  readonly hasten: (item: string) => void;
  /** The next item that may run, which counts as running from now on; undefined: none. */
  readonly take: () => Turn | undefined;
  /** A run is over. */
  readonly ended: (turn: Turn) => void;
  /** How many wait. */
  readonly ready: () => number;
  readonly clear: () => void;
}

/** The items of one lane, in the order in which they came. */
interface Lane {
  readonly change: Set<string>;
  readonly routine: Set<string>;
  running: number;
  /** Changes begun since the last routine run, while one waited. */
  changesInARow: number;
}

/** So many changes may pass a routine run that waits. */
const CHANGES_IN_A_ROW = 9;

/**
 * Without items. Lanes take turns; one of them never has the last free worker where there are several. Routine runs have at most
 * half of the workers: they hang when a server is slow or its rate is used up, and changes shall not wait for that.
 */
export function queueLanes(workers: number, laneOf?: (item: string) => string): QueueLanes {
  const mostOfLane = laneOf && workers > 1 ? workers - 1 : workers;
  const mostRoutine = Math.ceil(workers / 2);
  const lanes = new Map<string, Lane>();
  let routineRunning = 0;

  const lane = (item: string): Lane => {
    const name = laneOf?.(item) ?? '';
    const known = lanes.get(name) ?? { change: new Set(), routine: new Set(), running: 0, changesInARow: 0 };
    lanes.set(name, known);
    return known;
  };
  const takeFrom = (own: Lane): Turn | undefined => {
    if (own.running >= mostOfLane) return undefined;
    const mayLook = own.routine.size > 0 && routineRunning < mostRoutine;
    const cause: Cause = mayLook && (own.change.size === 0 || own.changesInARow >= CHANGES_IN_A_ROW) ? 'routine' : 'change';
    const [item] = own[cause];
    if (item === undefined) return undefined;
    own[cause].delete(item);
    own.running += 1;
    if (cause === 'routine') {
      routineRunning += 1;
      own.changesInARow = 0;
    } else if (mayLook) own.changesInARow += 1;
    return { item, cause };
  };

  return {
    put: (item, cause) => void lane(item)[cause].add(item),
    hasten: (item) => {
      const { change, routine } = lane(item);
      if (routine.delete(item)) change.add(item);
    },
    take: () => {
      for (const [name, own] of lanes) {
        const turn = takeFrom(own);
        if (!turn) continue;
        // To the end of the turn.
        lanes.delete(name);
        lanes.set(name, own);
        return turn;
      }
      return undefined;
    },
    ended: ({ item, cause }) => {
      lane(item).running -= 1;
      if (cause === 'routine') routineRunning -= 1;
    },
    ready: () => [...lanes.values()].reduce((sum, { change, routine }) => sum + change.size + routine.size, 0),
    clear: () => lanes.clear(),
  };
}
