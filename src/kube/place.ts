// Where an object is on the API server.

export interface Collection {
  /** Empty: the core group. */
  readonly group: string;
  readonly version: string;
  /** Lower case, in the plural. */
  readonly plural: string;
}

export interface ObjectPlace extends Collection {
  /** Undefined for objects of the cluster. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** The path of a collection: of one namespace, or of all. */
export function collectionPath({ group, version, plural }: Collection, namespace?: string): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

/** The path of one object. */
export function pathOf({ namespace, name, ...collection }: ObjectPlace): string {
  return `${collectionPath(collection, namespace)}/${encodeURIComponent(name)}`;
}
