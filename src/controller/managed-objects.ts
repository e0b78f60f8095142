// Kubernetes objects that the controller manages for a backend: created or applied with a label, and deleted only with that
// label.
import { type AppliedObject, applyObject, deleteObject } from '../kube/apply.ts';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { type GroupVersionResource, objectPath, type ObjectRef } from '../kube/object-ref.ts';

export const SERVICE_ACCOUNTS: GroupVersionResource = { group: '', version: 'v1', plural: 'serviceaccounts' };
export const SECRETS: GroupVersionResource = { group: '', version: 'v1', plural: 'secrets' };
const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' };
export const CLUSTER_ROLES: GroupVersionResource = { ...RBAC, plural: 'clusterroles' };
export const CLUSTER_ROLE_BINDINGS: GroupVersionResource = { ...RBAC, plural: 'clusterrolebindings' };

/** The recommended label of Kubernetes; an object without it is never deleted. */
const MANAGED_BY = { name: 'app.kubernetes.io/managed-by', value: 'vault-auth-injector' };

export interface ManagedObject extends AppliedObject {
  readonly [field: string]: unknown;
}

interface LabelledObject {
  readonly metadata: { readonly uid: string; readonly labels?: Readonly<Record<string, string>> };
}

/** An object of the API server, or undefined. Throws a KubeError. */
export function readObject<T>(client: KubeClient, ref: ObjectRef, signal?: AbortSignal): Promise<T | undefined> {
  return client.request<T>({ method: 'GET', path: objectPath(ref), signal }).catch((error: unknown) => {
    if (isKubeError(error, 'NotFound')) return undefined;
    throw error;
  });
}

/**
 * Applies the object unless the API server has all of its fields already; returns it as the API server has it. Throws a
 * KubeError.
 */
export async function ensureObject<T>(
  client: KubeClient,
  ref: ObjectRef,
  object: ManagedObject,
  signal?: AbortSignal,
): Promise<T> {
  const { metadata } = object;
  const labels = { ...metadata.labels, [MANAGED_BY.name]: MANAGED_BY.value };
  const desired = { ...object, metadata: { ...metadata, labels } };
  const found = await readObject<T>(client, ref, signal);
  if (found !== undefined && contains(found, { ...desired, apiVersion: undefined, kind: undefined })) return found;
  return applyObject<T>(client, ref, desired, { force: true, signal });
}

/** Creates the object if there is none; an existing one stays as it is, with or without the label. Throws a KubeError. */
export async function createObject<T>(
  client: KubeClient,
  ref: ObjectRef,
  object: ManagedObject,
  signal?: AbortSignal,
): Promise<T> {
  return (await readObject<T>(client, ref, signal)) ?? ensureObject<T>(client, ref, object, signal);
}

/**
 * Deletes the object if it has the label. Throws a KubeError, except when it may not be read: then the controller did not
 * create it.
 */
export async function deleteManagedObject(client: KubeClient, ref: ObjectRef, signal?: AbortSignal): Promise<void> {
  const found = await readObject<LabelledObject>(client, ref, signal).catch((error: unknown) => {
    if (isKubeError(error, 'Forbidden')) return undefined;
    throw error;
  });
  if (found?.metadata.labels?.[MANAGED_BY.name] !== MANAGED_BY.value) return;
  await deleteObject(client, ref, { uid: found.metadata.uid, signal });
}

/** Whether `found` has everything that is desired; lists must be equal in length and order. */
const contains = (found: unknown, desired: unknown): boolean => {
  if (desired === undefined) return true;
  if (Array.isArray(desired))
    return (
      Array.isArray(found) && found.length === desired.length && desired.every((item, index) => contains(found[index], item))
    );
  if (typeof desired === 'object' && desired !== null)
    return (
      typeof found === 'object' &&
      found !== null &&
      Object.entries(desired).every(([name, value]) => contains(Object.getOwnPropertyDescriptor(found, name)?.value, value))
    );
  return found === desired;
};
