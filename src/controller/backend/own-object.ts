// Kubernetes objects that a backend needs beside itself: service account, token Secret, rights. Applied, and taken back when no longer needed.
import { type AppliedObject, applyObject, deleteObject } from '../../kube/apply.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { type GroupVersionResource, type ObjectRef, objectPath } from '../../kube/object-ref.ts';

export const SERVICE_ACCOUNTS: GroupVersionResource = { group: '', version: 'v1', plural: 'serviceaccounts' };
export const SECRETS: GroupVersionResource = { group: '', version: 'v1', plural: 'secrets' };
const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' };
export const CLUSTER_ROLES: GroupVersionResource = { ...RBAC, plural: 'clusterroles' };
export const CLUSTER_ROLE_BINDINGS: GroupVersionResource = { ...RBAC, plural: 'clusterrolebindings' };

/** Marks what a controller made; nothing without this mark is ever deleted. */
const MANAGED_BY = { name: 'app.kubernetes.io/managed-by', value: 'vault-auth-injector' };

export interface OwnObject extends AppliedObject {
  readonly [field: string]: unknown;
}

interface Found {
  readonly metadata: { readonly uid: string; readonly labels?: Readonly<Record<string, string>> };
}

/** An object as it is on the API server, or undefined. Throws a KubeError. */
export function readObject<T>(kube: KubeClient, place: ObjectRef, signal?: AbortSignal): Promise<T | undefined> {
  return kube.request<T>({ method: 'GET', path: objectPath(place), signal }).catch((error: unknown) => {
    if (isKubeError(error, 'NotFound')) return undefined;
    throw error;
  });
}

/** Makes the object or brings it back to what is given, with no write when it is so already; gives it as it is. Throws a KubeError. */
export async function keepObject<T>(kube: KubeClient, place: ObjectRef, object: OwnObject, signal?: AbortSignal): Promise<T> {
  const { metadata } = object;
  const labels = { ...metadata.labels, [MANAGED_BY.name]: MANAGED_BY.value };
  const wanted = { ...object, metadata: { ...metadata, labels } };
  const found = await readObject<T>(kube, place, signal);
  if (found !== undefined && holds(found, { ...wanted, apiVersion: undefined, kind: undefined })) return found;
  return applyObject<T>(kube, place, wanted, { force: true, signal });
}

/** Makes the object where there is none; what is there stays as it is, somebody's or ours. Gives what is there. Throws a KubeError. */
export async function makeObject<T>(kube: KubeClient, place: ObjectRef, object: OwnObject, signal?: AbortSignal): Promise<T> {
  return (await readObject<T>(kube, place, signal)) ?? keepObject<T>(kube, place, object, signal);
}

/** Deletes the object if it is there and is ours; what we may not even read we cannot have made. Throws a KubeError. */
export async function dropObject(kube: KubeClient, place: ObjectRef, signal?: AbortSignal): Promise<void> {
  const found = await readObject<Found>(kube, place, signal).catch((error: unknown) => {
    if (isKubeError(error, 'Forbidden')) return undefined;
    throw error;
  });
  if (found?.metadata.labels?.[MANAGED_BY.name] !== MANAGED_BY.value) return;
  await deleteObject(kube, place, { uid: found.metadata.uid, signal });
}

/** Whether everything that is wanted is there; lists must be equal in length and order. */
const holds = (found: unknown, wanted: unknown): boolean => {
  if (wanted === undefined) return true;
  if (Array.isArray(wanted))
    return Array.isArray(found) && found.length === wanted.length && wanted.every((item, index) => holds(found[index], item));
  if (typeof wanted === 'object' && wanted !== null)
    return (
      typeof found === 'object' &&
      found !== null &&
      Object.entries(wanted).every(([name, value]) => holds(Object.getOwnPropertyDescriptor(found, name)?.value, value))
    );
  return found === wanted;
};
