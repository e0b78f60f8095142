// References to objects of the API server, and their paths.

export interface GroupVersionResource {
  /** Empty: the core group. */
  readonly group: string;
  readonly version: string;
  /** Lower case, for example `vaultauthroles`. */
  readonly plural: string;
}

export interface ObjectRef extends GroupVersionResource {
  /** Undefined for cluster-scoped objects. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** The path of a collection, for example `/apis/coordination.k8s.io/v1/namespaces/team/leases`; without a namespace: of all. */
export function resourcePath({ group, version, plural }: GroupVersionResource, namespace?: string): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

/** The path of one object. */
export function objectPath({ namespace, name, ...resource }: ObjectRef): string {
  return `${resourcePath(resource, namespace)}/${encodeURIComponent(name)}`;
}
