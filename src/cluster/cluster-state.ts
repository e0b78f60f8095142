// Manifest files in place of an API server (-cluster-state): Namespaces, ServiceAccounts, LimitRanges and the vaultauth.dev kinds, read
// once by a command or watched by a server.
import { statSync, watch, type FSWatcher } from 'node:fs';
import type { LabelsAndAnnotations } from '../admission/admit.ts';
import type { LinkLister } from '../admission/roles/resolve.ts';
import { isObject, objectAt, textMap, textOf, type Json, type JsonObject } from '../json/json.ts';
import { limitRangeOf, type LimitRange } from '../pod/limit-range.ts';
import { kinds } from '../resources/kinds.ts';
import { kindOf, readResource } from '../resources/read-resource.ts';
import { readDocuments, type SourceText } from '../yaml/documents.ts';
import { manifestsAt, readSource, reasonOf } from '../yaml/sources.ts';
import { NO_CLUSTER, type CachedCluster } from './admission-context.ts';
import { cachedObject, LINKED_KINDS, linkCache } from './link-cache.ts';

export interface FileCluster extends CachedCluster {
  /** automountServiceAccountToken of a service account; undefined: not set. */
  readonly automountsToken: (namespace: string, name: string) => boolean | undefined;
}

/** Without files the cache is empty. */
export const NO_FILES: FileCluster = { ...NO_CLUSTER, automountsToken: () => undefined };

/** The objects of one file, by a key that is unique in the cluster. */
export type FileObjects = ReadonlyMap<string, JsonObject>;

/** The objects of a text that belong into the cache; other kinds are ignored. Each problem has file and line. */
export function clusterObjects(source: SourceText): { readonly objects: FileObjects; readonly problems: readonly string[] } {
  const { documents, problems: unread } = readDocuments(source);
  const objects = new Map<string, JsonObject>();
  const problems = [...unread];
  for (const { value, lineOf, start } of documents)
    for (const [key, object] of keyedObjects(value)) {
      const stored = asStored(object);
      if ('problems' in stored) problems.push(...stored.problems.map((what) => `${source.file}:${lineOf(start)}: ${what}`));
      else objects.set(key, stored.object);
    }
  return { objects, problems };
}

/** Objects with a schema get its defaults, as from the API server. */
const asStored = (object: JsonObject): { readonly object: JsonObject } | { readonly problems: readonly string[] } => {
  const kind = kindOf(object);
  if (kind === undefined) return { object };
  const reading = readResource(kind, object);
  const name = textOf(objectAt(object, 'metadata'), 'name') ?? 'without name';
  if (!reading.ok) return { problems: reading.problems.map((problem) => `${kind} ${name}: ${problem}`) };
  return { object: { ...object, spec: reading.resource.spec } };
};

/** The cluster of several files; of two objects with the same key the later one counts. */
export function fileCluster(files: readonly FileObjects[]): FileCluster {
  const objects = new Map(files.flatMap((file) => [...file]));
  const limitRanges = limitRangesOf(objects.values());
  const metadata = (key: string): LabelsAndAnnotations | undefined => {
    const found = objects.get(key);
    const own = objectAt(found, 'metadata');
    return found && { labels: textMap(own?.['labels']), annotations: textMap(own?.['annotations']) };
  };
  return {
    namespace: (name) => metadata(namespaceKey(name)),
    serviceAccount: (namespace, name) => metadata(accountKey(namespace, name)),
    limitRanges: (namespace) => limitRanges.get(namespace) ?? [],
    links: linksOf(objects.values()),
    automountsToken: (namespace, name) => {
      const value = objects.get(accountKey(namespace, name))?.['automountServiceAccountToken'];
      return typeof value === 'boolean' ? value : undefined;
    },
  };
}

/** The status in a file counts, for example of a dump; a missing one means that the state of the role is unknown. */
const linksOf = (objects: Iterable<JsonObject>): LinkLister => {
  const cache = linkCache();
  for (const object of objects) {
    const kind = LINKED_KINDS.find((each) => each === kindOf(object));
    const cached = kind && cachedObject(kind, object, false);
    if (cached) cache.set(cached);
  }
  return cache;
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

/** kubectl's default namespace. */
const namespaceOf = (metadata: JsonObject | undefined): string => textOf(metadata, 'namespace') ?? 'default';

/** Names contain no space, so that keys are unique. */
const namespaceKey = (name: string): string => `Namespace ${name}`;
const accountKey = (namespace: string, name: string): string => `ServiceAccount ${namespace} ${name}`;
const limitRangeKey = (namespace: string, name: string): string => `LimitRange ${namespace} ${name}`;

const keyedObjects = (value: Json): (readonly [string, JsonObject])[] => {
  if (!isObject(value)) return [];
  const { kind, items } = value;
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items))
    return items.flatMap((item) => keyedObjects(item as Json));
  const metadata = objectAt(value, 'metadata');
  const name = textOf(metadata, 'name');
  const customKind = kindOf(value);
  if (customKind !== undefined) {
    const scope = kinds[customKind].scope === 'Namespaced' ? `${namespaceOf(metadata)} ` : '';
    return [[`${customKind} ${scope}${name ?? ''}`, value]];
  }
  if (textOf(value, 'apiVersion') !== 'v1' || name === undefined) return [];
  if (kind === 'Namespace') return [[namespaceKey(name), value]];
  if (kind === 'ServiceAccount') return [[accountKey(namespaceOf(metadata), name), value]];
  return kind === 'LimitRange' ? [[limitRangeKey(namespaceOf(metadata), name), value]] : [];
};

export interface ReadClusterState {
  /** From the valid files. */
  readonly cluster: FileCluster;
  /** One line each, with file and line. */
  readonly problems: readonly string[];
}

/** Reads one file, or every *.yaml, *.yml and *.json below a directory. */
export function readClusterState(directory: string): ReadClusterState {
  const files = new Map<string, CachedFile>();
  const { problems } = refresh(directory, files);
  return { cluster: clusterOfFiles(files), problems };
}

export interface WatchedClusterState {
  /** The cluster of the files as they are now; for an invalid file, of its last valid contents. */
  readonly current: () => FileCluster;
  readonly close: () => Promise<void>;
}

/** Editors and kubelets change a file in several steps: one read after the last of them is enough. */
const DEBOUNCE_MS = 100;
/** Network file systems do not report changes. */
const POLL_INTERVAL_MS = 5000;

/** As readClusterState, refreshed within about a second of a change. Each problem is reported once; none ends the watch. */
export function watchClusterState(directory: string, onProblem: (problem: string) => void): WatchedClusterState {
  const files = new Map<string, CachedFile>();
  let cluster = NO_FILES;
  let reported = '';
  const poll = (): void => {
    const { changed, problems } = refresh(directory, files);
    if (changed) cluster = clusterOfFiles(files);
    // A missing directory is a problem in every poll, a file only in the poll after its change.
    const lines = problems.join('\n');
    if (lines !== reported && lines !== '') for (const problem of problems) onProblem(problem);
    if (lines !== '' || changed) reported = lines;
  };
  poll();
  let debouncing: NodeJS.Timeout | undefined;
  const watcher = watchDirectory(directory, () => {
    debouncing ??= setTimeout(() => {
      debouncing = undefined;
      poll();
    }, DEBOUNCE_MS).unref();
  });
  const interval = setInterval(poll, POLL_INTERVAL_MS).unref();
  return {
    current: () => cluster,
    close: () => {
      clearTimeout(debouncing);
      clearInterval(interval);
      watcher?.close();
      return Promise.resolve();
    },
  };
}

interface CachedFile {
  /** Differs after every change of the file. */
  readonly stamp: string;
  readonly objects: FileObjects;
}

const clusterOfFiles = (files: ReadonlyMap<string, CachedFile>): FileCluster =>
  fileCluster([...files.values()].map(({ objects }) => objects));

/** Reads new and changed files, and removes deleted ones; an invalid file keeps its last valid contents. */
const refresh = (
  directory: string,
  files: Map<string, CachedFile>,
): { readonly changed: boolean; readonly problems: readonly string[] } => {
  const problems: string[] = [];
  let changed = false;
  let present: readonly string[];
  try {
    present = manifestsAt(directory);
  } catch (error) {
    return { changed, problems: [`${directory}: ${reasonOf(error)}`] };
  }
  for (const file of present) {
    const stamp = stampOf(file);
    const before = files.get(file);
    if (before?.stamp === stamp) continue;
    const source = readSource(file);
    const read = typeof source === 'string' ? { objects: new Map(), problems: [source] } : clusterObjects(source);
    problems.push(...read.problems);
    files.set(file, { stamp, objects: read.problems.length > 0 && before ? before.objects : read.objects });
    changed = true;
  }
  for (const file of files.keys()) if (!present.includes(file)) changed = files.delete(file);
  if (changed) sortByName(files);
  return { changed, problems };
};

/** The order of the files decides between two objects with the same key. */
const sortByName = (files: Map<string, CachedFile>): void => {
  const sorted = [...files].sort(([one], [other]) => (one < other ? -1 : 1));
  files.clear();
  for (const [name, file] of sorted) files.set(name, file);
};

const stampOf = (file: string): string => {
  try {
    const { mtimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return 'missing';
  }
};

/** Undefined if the system has no recursive watches: polling is enough then. */
const watchDirectory = (directory: string, onChange: () => void): FSWatcher | undefined => {
  try {
    const watcher = watch(directory, { recursive: true, persistent: false }, onChange);
    watcher.on('error', onChange);
    return watcher;
  } catch {
    return undefined;
  }
};
