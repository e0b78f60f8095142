// Where an object is on the API server.

export interface GroupVersionResource {
  /** Empty: the core group. */
  readonly group: string;
  readonly version: string;
  /** Lower case, in the plural. */
  readonly plural: string;
}

export interface ObjectRef extends GroupVersionResource {
  /** Undefined for objects of the cluster. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** The path of a collection: of one namespace, or of all. */
export function resourcePath({ group, version, plural }: GroupVersionResource, namespace?: string): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

/** The path of one object. */
export function objectPath({ namespace, name, ...collection }: ObjectRef): string {
  return `${resourcePath(collection, namespace)}/${encodeURIComponent(name)}`;
}
