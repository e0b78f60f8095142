// Writes the status of our objects: only when it says something new, and never onto another object of the same name.
import { isDeepStrictEqual } from 'node:util';
import { applyStatus } from '../../kube/apply.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { keyOf, type Informer } from '../../kube/informer.ts';
import type { PendingDeletion } from '../../resources/backend.ts';
import { GROUP, type KindName, kinds, VERSION, type Resource } from '../../resources/kinds.ts';

type Any = Resource<unknown, unknown>;

export interface StatusWriterOptions {
  /** One that writes only while this process leads. */
  readonly client: KubeClient;
  readonly stores: Readonly<Record<KindName, Informer<Any, Any>>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Times that say no more than that somebody looked are written after this long: 10,000 objects cost one write in two seconds. */
const REFRESH_MS = 6 * 3_600_000;

export interface StatusWriter {
  /** See ControllerKube. */
  readonly writeStatus: (kind: KindName, object: Any, status: object) => Promise<void>;
  /** See ControllerKube. */
  readonly changePendingDeletions: (backend: string, change: PendingDeletionsChange) => Promise<boolean>;
}

type PendingDeletionsChange = (before: readonly PendingDeletion[]) => readonly PendingDeletion[];

/** Writes of one object come after one another, each on what the one before has left. */
export function statusWriter({ client, stores, now }: StatusWriterOptions): StatusWriter {
  const inTurn = turns();
  /** Changes of tombstones that wait for their turn: thousands of objects can go at once, and each write is of all of them. */
  const gathered = new Map<string, { readonly changes: PendingDeletionsChange[]; readonly done: Promise<boolean> }>();
  const apply = async (kind: KindName, object: Any, status: object): Promise<void> => {
    const store = stores[kind];
    try {
      store.recordWrite(await applyStatus<Any>(client, placeOf(kind, object), object, status));
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return;
      // The object of this name is another one by now.
      if (isKubeError(error, 'Conflict', 'Invalid') && store.get(keyOf(object))?.metadata.uid !== object.metadata.uid) return;
      throw error;
    }
  };
  return {
    writeStatus: (kind, object, status) =>
      inTurn(`${kind}/${keyOf(object)}`, async () => {
        const current = stores[kind].get(keyOf(object));
        // What was gathered may be older than what has been written since.
        const before = current?.metadata.uid === object.metadata.uid ? current.status : object.status;
        const whole = kind === 'VaultAuthBackend' ? { ...status, pendingDeletions: pendingDeletionsOf(before) } : status;
        if (!isSaid(whole, before, now())) await apply(kind, object, whole);
      }),
    changePendingDeletions: (name, change) => {
      const waiting = gathered.get(name);
      if (waiting) {
        waiting.changes.push(change);
        return waiting.done;
      }
      const changes = [change];
      const done = inTurn(`VaultAuthBackend/${name}`, async () => {
        gathered.delete(name);
        const backend = stores.VaultAuthBackend.get(name);
        if (!backend) return false;
        const before = pendingDeletionsOf(backend.status) ?? [];
        const pendingDeletions = changes.reduce((tombstones, each) => each(tombstones), before);
        const status = { ...(typeof backend.status === 'object' ? backend.status : {}), pendingDeletions };
        if (!isDeepStrictEqual(pendingDeletions, before)) await apply('VaultAuthBackend', backend, status);
        return true;
      });
      gathered.set(name, { changes, done });
      return done;
    },
  };
}

const pendingDeletionsOf = (status: unknown): readonly PendingDeletion[] | undefined => {
  if (typeof status !== 'object' || status === null || !('pendingDeletions' in status)) return undefined;
  return status.pendingDeletions as readonly PendingDeletion[] | undefined;
};

/** Runs what has the same name one after the other, in the order of asking. */
const turns = (): (<T>(name: string, run: () => Promise<T>) => Promise<T>) => {
  const last = new Map<string, Promise<unknown>>();
  return async (name, run) => {
    const mine = (last.get(name) ?? Promise.resolve()).then(run, run);
    last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (last.get(name) === mine) last.delete(name);
    }
  };
};

/** Where an object of ours is on the API server. */
export function placeOf(
  kind: KindName,
  { metadata: { name, namespace } }: { readonly metadata: { readonly name: string; readonly namespace?: string } },
) {
  return {
    group: GROUP,
    version: VERSION,
    plural: kinds[kind].plural,
    name,
    namespace,
  };
}

/** Whether `before` says what `status` says: all but times that are not much older. */
const isSaid = (status: object, before: unknown, now: number): boolean => {
  if (typeof before !== 'object' || before === null) return false;
  const [one, other] = [apart(status), apart(before)];
  if (!isDeepStrictEqual(one.rest, other.rest)) return false;
  return one.times.every(
    ([path, time]) => now - Date.parse(other.times.find(([same]) => same === path)?.[1] ?? time) < REFRESH_MS,
  );
};

interface Apart {
  readonly rest: unknown;
  readonly times: readonly (readonly [path: string, time: string])[];
}

/** A status as JSON would have it, and apart from it the times of looking; those of conditions tell of changes and stay in it. */
const apart = (value: unknown): Apart => {
  const times: [string, string][] = [];
  const walk = (part: unknown, path: string): unknown => {
    if (Array.isArray(part)) return part.map((each, index) => walk(each, `${path}/${index}`));
    if (typeof part !== 'object' || part === null) return part;
    const rest: Record<string, unknown> = {};
    for (const [name, inner] of Object.entries(part)) {
      if (typeof inner === 'string' && LOOKS.has(name)) times.push([`${path}/${name}`, inner]);
      else if (inner !== undefined) rest[name] = walk(inner, `${path}/${name}`);
    }
    return rest;
  };
  return { rest: walk(value, ''), times };
};

/** When something was looked at, with the same outcome as before. */
const LOOKS: ReadonlySet<string> = new Set(['lastSyncTime', 'lastContactTime', 'lastSync', 'time']);
