// Our finalizer: it holds an object that stands for something in Vault until that is gone or remembered elsewhere.
import { patchFinalizers } from '../../kube/apply.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { keyOf, type Informer } from '../../kube/informer.ts';
import { FINALIZER, type KindName, type Resource } from '../../resources/kinds.ts';
import { placeOf } from './object-writer.ts';

type Any = Resource<unknown, unknown>;

export interface FinalizerOptions {
  /** One that writes only while this process leads. */
  readonly client: KubeClient;
  readonly stores: Readonly<Record<KindName, Informer<Any, Any>>>;
}

export interface FinalizerWriter {
  readonly addFinalizer: (kind: KindName, object: Any) => Promise<void>;
  readonly removeFinalizer: (kind: KindName, object: Any) => Promise<void>;
}

/** See ControllerKube. */
export function finalizerWriter({ client, stores }: FinalizerOptions): FinalizerWriter {
  /** Decides on the newest that is known; status that was just written has made what the caller holds an old version. */
  const change = async (kind: KindName, object: Any, wanted: (before: readonly string[]) => readonly string[]): Promise<void> => {
    const store = stores[kind];
    const known = store.get(keyOf(object));
    const current = known?.metadata.uid === object.metadata.uid ? known : object;
    const before = current.metadata.finalizers ?? [];
    const finalizers = wanted(before);
    if (finalizers.length === before.length) return;
    const answer = await patchFinalizers<Any>(client, placeOf(kind, object), current.metadata, finalizers);
    if (answer) store.recordWrite(answer);
  };
  return {
    addFinalizer: (kind, object) =>
      change(kind, object, (before) => (before.includes(FINALIZER) ? before : [...before, FINALIZER])),
    removeFinalizer: (kind, object) =>
      change(kind, object, (before) => before.filter((finalizer) => finalizer !== FINALIZER)).catch((error: unknown) => {
        // Another one has its name by now: this one is gone.
        if (isKubeError(error, 'Conflict', 'Invalid') && stores[kind].get(keyOf(object))?.metadata.uid !== object.metadata.uid)
          return;
        throw error;
      }),
  };
}
