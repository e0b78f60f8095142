// Writes of objects: server-side apply, of status too, finalizers with the version that was read, deletion of what was meant.
import type { KubeClient } from './client.ts';
import { isKubeError } from './errors.ts';
import { type ObjectRef, objectPath } from './object-ref.ts';

/** The owner of every field that we apply, unless a part has reason to own its fields apart. */
export const FIELD_MANAGER = 'vault-auth-injector';

export interface AppliedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    /** Given, the write is refused (`Conflict` or `Invalid`) when the object is no longer that one. */
    readonly uid?: string | undefined;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly object[];
  };
}

export interface ApplyOptions {
  readonly fieldManager?: string;
  /** Takes over fields that somebody else owns; without it that is a `Conflict`. */
  readonly force?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Applies an object whole: fields that we applied before and that are absent now go away. Gives what is there now. Throws a KubeError. */
export function applyObject<T>(
  client: KubeClient,
  place: ObjectRef,
  object: AppliedObject,
  { fieldManager = FIELD_MANAGER, force = false, signal }: ApplyOptions = {},
): Promise<T> {
  return client.request<T>({
    method: 'PATCH',
    path: objectPath(place),
    query: { fieldManager, force },
    contentType: 'application/apply-patch+yaml',
    body: object,
    signal,
  });
}

/** Applies the status of an object that exists: `NotFound` otherwise, `Conflict` or `Invalid` when its uid is another. Takes fields over. */
export function applyStatus<T>(
  client: KubeClient,
  place: ObjectRef,
  { apiVersion, kind, metadata: { name, namespace, uid } }: AppliedObject,
  status: object,
  { fieldManager = FIELD_MANAGER, signal }: ApplyOptions = {},
): Promise<T> {
  return client.request<T>({
    method: 'PATCH',
    path: `${objectPath(place)}/status`,
    query: { fieldManager, force: true },
    contentType: 'application/apply-patch+yaml',
    body: { apiVersion, kind, metadata: { name, namespace, uid }, status },
    signal,
  });
}

/**
 * Replaces the finalizers of the very version that was read, and gives the object as it is now; undefined when it is gone,
 * as an object is whose last finalizer was dropped elsewhere. Throws `Conflict` when it has changed: read again.
 */
export function patchFinalizers<T>(
  client: KubeClient,
  place: ObjectRef,
  { uid, resourceVersion }: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined },
  finalizers: readonly string[],
  signal?: AbortSignal,
): Promise<T | undefined> {
  return client
    .request<T>({
      method: 'PATCH',
      path: objectPath(place),
      query: { fieldManager: FIELD_MANAGER },
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid, resourceVersion, finalizers } },
      signal,
    })
    .catch((error: unknown) => {
      if (isKubeError(error, 'NotFound')) return undefined;
      throw error;
    });
}

/** Deletes an object, only that one if a uid is given; false when it is not there. Throws `Conflict` when another has its name. */
export function deleteObject(
  client: KubeClient,
  place: ObjectRef,
  { uid, signal }: { readonly uid?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<boolean> {
  return client
    .request({
      method: 'DELETE',
      path: objectPath(place),
      body: {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        propagationPolicy: 'Background',
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      },
      signal,
    })
    .then(
      () => true,
      (error: unknown) => {
        if (isKubeError(error, 'NotFound')) return false;
        throw error;
      },
    );
}
