// Writes status and finalizers of the controller's objects: only when they change, and never onto another object of the same
// name.
import { isDeepStrictEqual } from 'node:util';
import { applyStatus, patchFinalizers } from '../../kube/apply.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { type Informer, keyOf } from '../../kube/informer.ts';
import type { ObjectRef } from '../../kube/object-ref.ts';
import type { PendingDeletion } from '../../resources/backend.ts';
import { FINALIZER, GROUP, type KindName, kinds, type Resource, VERSION } from '../../resources/kinds.ts';

type AnyResource = Resource<unknown, unknown>;

export interface ObjectWriterOptions {
  /** One that writes only while this process leads. */
  readonly client: KubeClient;
  readonly informers: Readonly<Record<KindName, Informer<AnyResource, AnyResource>>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Without a change, times of observation are written only after this long: 10,000 objects cost one write in two seconds. */
const REFRESH_MS = 6 * 3_600_000;

/** See ControllerKube. */
export interface StatusWriter {
  readonly writeStatus: (kind: KindName, object: AnyResource, status: object) => Promise<void>;
  readonly changePendingDeletions: (backend: string, change: PendingDeletionsChange) => Promise<boolean>;
}

type PendingDeletionsChange = (before: readonly PendingDeletion[]) => readonly PendingDeletion[];

/** Writes to one object are serial, each on top of the one before. */
export function statusWriter({ client, informers, now }: ObjectWriterOptions): StatusWriter {
  const serially = serialByName();
  /** Changes that wait for their write: thousands of roles can be deleted at once, and each write has all entries. */
  const gathered = new Map<string, { readonly changes: PendingDeletionsChange[]; readonly done: Promise<boolean> }>();
  const apply = async (kind: KindName, object: AnyResource, status: object): Promise<void> => {
    const informer = informers[kind];
    try {
      informer.recordWrite(await applyStatus<AnyResource>(client, refOf(kind, object), object, status));
    } catch (error) {
      if (isKubeError(error, 'NotFound') || isReplaced(error, informer, object)) return;
      throw error;
    }
  };
  return {
    writeStatus: (kind, object, status) =>
      serially(`${kind}/${keyOf(object)}`, async () => {
        const current = informers[kind].get(keyOf(object));
        // The caller's object may be older than the last write.
        const before = current?.metadata.uid === object.metadata.uid ? current.status : object.status;
        const whole = kind === 'VaultAuthBackend' ? { ...status, pendingDeletions: pendingDeletionsOf(before) } : status;
        if (!isUpToDate(whole, before, now())) await apply(kind, object, whole);
      }),
    changePendingDeletions: (name, change) => {
      const waiting = gathered.get(name);
      if (waiting) {
        waiting.changes.push(change);
        return waiting.done;
      }
      const changes = [change];
      const done = serially(`VaultAuthBackend/${name}`, async () => {
        gathered.delete(name);
        const backend = informers.VaultAuthBackend.get(name);
        if (!backend) return false;
        const before = pendingDeletionsOf(backend.status) ?? [];
        const pendingDeletions = changes.reduce((deletions, each) => each(deletions), before);
        const status = { ...(typeof backend.status === 'object' ? backend.status : {}), pendingDeletions };
        if (!isDeepStrictEqual(pendingDeletions, before)) await apply('VaultAuthBackend', backend, status);
        return true;
      });
      gathered.set(name, { changes, done });
      return done;
    },
  };
}

/** See ControllerKube. */
export interface FinalizerWriter {
  readonly addFinalizer: (kind: KindName, object: AnyResource) => Promise<void>;
  readonly removeFinalizer: (kind: KindName, object: AnyResource) => Promise<void>;
}

/** Patches finalizers with the resourceVersion that the informer has, so that a concurrent change is a Conflict. */
export function finalizerWriter({ client, informers }: Omit<ObjectWriterOptions, 'now'>): FinalizerWriter {
  const change = async (
    kind: KindName,
    object: AnyResource,
    next: (before: readonly string[]) => readonly string[],
  ): Promise<void> => {
    const informer = informers[kind];
    // A status write has changed the resourceVersion since the caller read its object.
    const cached = informer.get(keyOf(object));
    const { metadata } = cached?.metadata.uid === object.metadata.uid ? cached : object;
    const before = metadata.finalizers ?? [];
    const finalizers = next(before);
    if (finalizers.length === before.length) return;
    const written = await patchFinalizers<AnyResource>(client, refOf(kind, object), metadata, finalizers);
    if (written) informer.recordWrite(written);
  };
  return {
    addFinalizer: (kind, object) =>
      change(kind, object, (before) => (before.includes(FINALIZER) ? before : [...before, FINALIZER])),
    removeFinalizer: (kind, object) =>
      change(kind, object, (before) => before.filter((finalizer) => finalizer !== FINALIZER)).catch((error: unknown) => {
        if (!isReplaced(error, informers[kind], object)) throw error;
      }),
  };
}

/** The write failed because another object has the name by now. */
const isReplaced = (error: unknown, informer: Informer<AnyResource, AnyResource>, object: AnyResource): boolean =>
  isKubeError(error, 'Conflict', 'Invalid') && informer.get(keyOf(object))?.metadata.uid !== object.metadata.uid;

const pendingDeletionsOf = (status: unknown): readonly PendingDeletion[] | undefined => {
  if (typeof status !== 'object' || status === null || !('pendingDeletions' in status)) return undefined;
  return status.pendingDeletions as readonly PendingDeletion[] | undefined;
};

/** Runs functions of the same name one after the other, in the order of the calls. */
const serialByName = (): (<T>(name: string, run: () => Promise<T>) => Promise<T>) => {
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

/** The reference of one of the controller's objects. */
export function refOf(
  kind: KindName,
  { metadata: { name, namespace } }: { readonly metadata: { readonly name: string; readonly namespace?: string } },
): ObjectRef {
  return { group: GROUP, version: VERSION, plural: kinds[kind].plural, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** Whether `before` equals `status` in all but times of observation that are recent. */
const isUpToDate = (status: object, before: unknown, now: number): boolean => {
  if (typeof before !== 'object' || before === null) return false;
  const [next, current] = [splitTimes(status), splitTimes(before)];
  if (!isDeepStrictEqual(next.rest, current.rest)) return false;
  return next.times.every(
    ([path, time]) => now - Date.parse(current.times.find(([same]) => same === path)?.[1] ?? time) < REFRESH_MS,
  );
};

interface SplitStatus {
  readonly rest: unknown;
  readonly times: readonly (readonly [path: string, time: string])[];
}

/**
 * A status as JSON has it, without its times of observation, and these by path. Transition times of conditions stay: they mark
 * changes.
 */
const splitTimes = (value: unknown): SplitStatus => {
  const times: [string, string][] = [];
  const walk = (part: unknown, path: string): unknown => {
    if (Array.isArray(part)) return part.map((each, index) => walk(each, `${path}/${index}`));
    if (typeof part !== 'object' || part === null) return part;
    const rest: Record<string, unknown> = {};
    for (const [name, inner] of Object.entries(part)) {
      if (typeof inner === 'string' && OBSERVATION_TIMES.has(name)) times.push([`${path}/${name}`, inner]);
      else if (inner !== undefined) rest[name] = walk(inner, `${path}/${name}`);
    }
    return rest;
  };
  return { rest: walk(value, ''), times };
};

const OBSERVATION_TIMES: ReadonlySet<string> = new Set(['lastSyncTime', 'lastContactTime', 'lastSync', 'time']);
