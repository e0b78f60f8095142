// What Namespaces, ServiceAccounts, LimitRanges and our own objects of manifest files say, in the form in which an API server's would be asked.
import { limitRangeOf, type LimitRange } from '../../pod/limit-range.ts';
import { isObject, objectAt, textMap, textOf, type Json, type JsonObject } from '../../json/json.ts';
import type { CachedMetadata } from '../../admission/admit.ts';
import type { RoleLister } from '../../admission/roles/resolve.ts';
import { kinds } from '../../resources/kinds.ts';
import { kindOf, readResource } from '../../resources/read-resource.ts';
import type { Cluster } from '../context.ts';
import { factOf, LINKED_KINDS, roleStore } from '../role-store.ts';
import { readDocuments, type SourceText } from '../../yaml/document.ts';

export interface ManifestCluster extends Cluster {
  /** What automountServiceAccountToken of a service account says; undefined: nothing. */
  readonly automountsToken: (namespace: string, name: string) => boolean | undefined;
}

/** Objects of one file, by a key that is unique in the cluster. */
export type FileObjects = ReadonlyMap<string, JsonObject>;

/** No files, nothing known. */
export const NO_MANIFESTS: ManifestCluster = {
  namespace: () => undefined,
  serviceAccount: () => undefined,
  automountsToken: () => undefined,
};

/** The objects of one text that a cluster is made of. */
export function objectsIn(source: SourceText): { readonly objects: FileObjects; readonly problems: readonly string[] } {
  const { documents, problems: unread } = readDocuments(source);
  const objects = new Map<string, JsonObject>();
  const problems = [...unread];
  for (const { value, lineOf, start } of documents)
    for (const [key, object] of known(value)) {
      const stored = asStored(object);
      if ('problems' in stored) problems.push(...stored.problems.map((what) => `${source.file}:${lineOf(start)}: ${what}`));
      else objects.set(key, stored.object);
    }
  return { objects, problems };
}

/** Ours with the defaults that the API server would fill in, others as they are. */
const asStored = (object: JsonObject): { readonly object: JsonObject } | { readonly problems: readonly string[] } => {
  const kind = kindOf(object);
  if (kind === undefined) return { object };
  const reading = readResource(kind, object);
  const name = textOf(objectAt(object, 'metadata'), 'name') ?? 'without name';
  if (!reading.ok) return { problems: reading.problems.map((problem) => `${kind} ${name}: ${problem}`) };
  return { object: { ...object, spec: reading.resource.spec } };
};

/** One view of several files; of two objects of one name the later one counts. */
export function clusterOf(files: readonly FileObjects[]): ManifestCluster {
  const objects = new Map(files.flatMap((file) => [...file]));
  const limitRanges = limitRangesOf(objects.values());
  const roles = rolesOf(objects.values());
  const metadata = (key: string): CachedMetadata | undefined => {
    const found = objects.get(key);
    const own = objectAt(found, 'metadata');
    return found && { labels: textMap(own?.['labels']), annotations: textMap(own?.['annotations']) };
  };
  return {
    namespace: (name) => metadata(namespaceKey(name)),
    serviceAccount: (namespace, name) => metadata(accountKey(namespace, name)),
    limitRanges: (namespace) => limitRanges.get(namespace) ?? [],
    roles,
    automountsToken: (namespace, name) => {
      const value = objects.get(accountKey(namespace, name))?.['automountServiceAccountToken'];
      return typeof value === 'boolean' ? value : undefined;
    },
  };
}

/** What a file says of a status counts, as of a dump; what it does not say is not known. */
const rolesOf = (objects: Iterable<JsonObject>): RoleLister => {
  const store = roleStore();
  for (const object of objects) {
    const kind = LINKED_KINDS.find((each) => each === kindOf(object));
    const fact = kind && factOf(kind, object, false);
    if (fact) store.put(fact);
  }
  return store;
};

/** LimitRanges that bound something, by namespace. */
const limitRangesOf = (objects: Iterable<JsonObject>): ReadonlyMap<string, readonly LimitRange[]> => {
  const byNamespace = new Map<string, LimitRange[]>();
  for (const object of objects) {
    const found = object['kind'] === 'LimitRange' ? limitRangeOf(object) : undefined;
    const namespace = namespaceOf(objectAt(object, 'metadata'));
    if (found) byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), found]);
  }
  return byNamespace;
};

/** kubectl puts an object that names no namespace into this one. */
const namespaceOf = (metadata: JsonObject | undefined): string => textOf(metadata, 'namespace') ?? 'default';

/** Names hold no blank, so that these are unambiguous. */
const namespaceKey = (name: string): string => `Namespace ${name}`;
const accountKey = (namespace: string, name: string): string => `ServiceAccount ${namespace} ${name}`;
const limitRangeKey = (namespace: string, name: string): string => `LimitRange ${namespace} ${name}`;

const known = (value: Json): (readonly [string, JsonObject])[] => {
  if (!isObject(value)) return [];
  const { kind, items } = value;
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items))
    return items.flatMap((item) => known(item as Json));
  const metadata = objectAt(value, 'metadata');
  const name = textOf(metadata, 'name');
  const ours = kindOf(value);
  if (ours !== undefined) {
    const scope = kinds[ours].scope === 'Namespaced' ? `${namespaceOf(metadata)} ` : '';
    return [[`${ours} ${scope}${name ?? ''}`, value]];
  }
  if (textOf(value, 'apiVersion') !== 'v1' || name === undefined) return [];
  if (kind === 'Namespace') return [[namespaceKey(name), value]];
  if (kind === 'ServiceAccount') return [[accountKey(namespaceOf(metadata), name), value]];
  return kind === 'LimitRange' ? [[limitRangeKey(namespaceOf(metadata), name), value]] : [];
};
