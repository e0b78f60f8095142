// Writes of objects: server-side apply of objects and statuses, finalizers with a precondition, deletion with a precondition.
import type { KubeClient } from './client.ts';
import { undefinedOn } from './errors.ts';
import { type ObjectRef, objectPath } from './object-ref.ts';

/** The field manager of every write that does not name another one. */
export const FIELD_MANAGER = 'vault-auth-injector';

export interface AppliedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    /** If set, the API server rejects the write (`Conflict` or `Invalid`) when the object was replaced by another of its name. */
    readonly uid?: string | undefined;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly object[];
  };
}

export interface ApplyOptions {
  readonly fieldManager?: string;
  /** Takes over fields of other managers; without it they are a `Conflict`. */
  readonly force?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Applies a whole object (server-side apply): fields that this manager applied before and that are absent now are removed.
 * Returns the object as stored. Throws KubeError.
 */
export function applyObject<T>(
  client: KubeClient,
  ref: ObjectRef,
  object: AppliedObject,
  { fieldManager = FIELD_MANAGER, force = false, signal }: ApplyOptions = {},
): Promise<T> {
  return client.request<T>({
    method: 'PATCH',
    path: objectPath(ref),
    query: { fieldManager, force },
    contentType: 'application/apply-patch+yaml',
    body: object,
    signal,
  });
}

/**
 * Applies the status of an existing object, and takes over fields of other managers. Throws KubeError: `NotFound` when there is
 * no object, `Conflict` or `Invalid` when it has another uid.
 */
export function applyStatus<T>(
  client: KubeClient,
  ref: ObjectRef,
  { apiVersion, kind, metadata: { name, namespace, uid } }: AppliedObject,
  status: object,
  { fieldManager = FIELD_MANAGER, signal }: ApplyOptions = {},
): Promise<T> {
  return client.request<T>({
    method: 'PATCH',
    path: `${objectPath(ref)}/status`,
    query: { fieldManager, force: true },
    contentType: 'application/apply-patch+yaml',
    body: { apiVersion, kind, metadata: { name, namespace, uid }, status },
    signal,
  });
}

/**
 * Replaces the finalizers of the resourceVersion that was read, and returns the object as stored; undefined when it is deleted,
 * for example because another client removed the last finalizer. Throws KubeError: `Conflict` when it has changed, read it again.
 */
export function patchFinalizers<T>(
  client: KubeClient,
  ref: ObjectRef,
  { uid, resourceVersion }: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined },
  finalizers: readonly string[],
  signal?: AbortSignal,
): Promise<T | undefined> {
  return client
    .request<T>({
      method: 'PATCH',
      path: objectPath(ref),
      query: { fieldManager: FIELD_MANAGER },
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid, resourceVersion, finalizers } },
      signal,
    })
    .catch(undefinedOn('NotFound'));
}

/** Deletes an object, with a uid only that one; false when it does not exist. Throws KubeError: `Conflict` when its uid is another. */
export async function deleteObject(
  client: KubeClient,
  ref: ObjectRef,
  { uid, signal }: { readonly uid?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<boolean> {
  const deleted = await client
    .request({
      method: 'DELETE',
      path: objectPath(ref),
      body: {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        propagationPolicy: 'Background',
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      },
      signal,
    })
    .then(() => true)
    .catch(undefinedOn('NotFound'));
  return deleted ?? false;
}
