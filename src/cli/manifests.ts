// A directory of manifests in place of an API server, read once for a command or followed for a server.
import { statSync, watch, type FSWatcher } from 'node:fs';
import { clusterOf, objectsIn, type FileObjects, type ManifestCluster } from './offline/cluster.ts';
import { filesBelow, readSource, reasonOf } from './offline/sources.ts';

export interface ReadManifests {
  readonly cluster: ManifestCluster;
  /** One line each, with file and line. What could be read is in the cluster all the same. */
  readonly problems: readonly string[];
}

export interface WatchedManifests {
  /** What the files say now; of a file that cannot be read, what it said before. */
  cluster(): ManifestCluster;
  close(): Promise<void>;
}

/** Editors and kubelets change a file in several steps; one look after the last of them is enough. */
const SETTLE_MILLISECONDS = 100;
/** Changes that nobody tells of, as on network file systems, are found by looking. */
const POLL_MILLISECONDS = 5000;

/** Reads Namespaces, ServiceAccounts and LimitRanges from every *.yaml, *.yml and *.json below a directory. Other kinds are ignored. */
export function readManifests(directory: string): ReadManifests {
  const files = new Map<string, KnownFile>();
  const problems = refresh(directory, files).problems;
  return { cluster: clusterOf([...files.values()].map(({ objects }) => objects)), problems };
}

/** The same, read again within a second or so of a change. Each problem is told once per change; none ends the watch. */
export function watchManifests(directory: string, onProblem: (problem: string) => void): WatchedManifests {
  const files = new Map<string, KnownFile>();
  let cluster = clusterOf([]);
  let told = '';
  const look = (): void => {
    const { changed, problems } = refresh(directory, files);
    if (changed) cluster = clusterOf([...files.values()].map(({ objects }) => objects));
    // A directory that is away is a problem at every look; a file is only looked at when it changed.
    const words = problems.join('\n');
    if (words !== told && words !== '') for (const problem of problems) onProblem(problem);
    if (words !== '' || changed) told = words;
  };
  look();
  let settling: NodeJS.Timeout | undefined;
  const watcher = watchDirectory(directory, () => {
    settling ??= setTimeout(() => {
      settling = undefined;
      look();
    }, SETTLE_MILLISECONDS).unref();
  });
  const poll = setInterval(look, POLL_MILLISECONDS).unref();
  return {
    cluster: () => cluster,
    close: () => {
      clearTimeout(settling);
      clearInterval(poll);
      watcher?.close();
      return Promise.resolve();
    },
  };
}

interface KnownFile {
  /** Changes whenever the file does. */
  readonly stamp: string;
  readonly objects: FileObjects;
}

/** Reads what is new or changed, forgets what is gone, keeps what cannot be read. */
const refresh = (
  directory: string,
  files: Map<string, KnownFile>,
): { readonly changed: boolean; readonly problems: readonly string[] } => {
  const problems: string[] = [];
  let changed = false;
  let present: readonly string[];
  try {
    present = filesBelow(directory);
  } catch (error) {
    return { changed, problems: [`${directory}: ${reasonOf(error)}`] };
  }
  for (const file of present) {
    const stamp = stampOf(file);
    const before = files.get(file);
    if (before?.stamp === stamp) continue;
    const source = readSource(file);
    const read = typeof source === 'string' ? { objects: new Map(), problems: [source] } : objectsIn(source);
    problems.push(...read.problems);
    // In the order of the files, which decides between two objects of one name.
    files.set(file, { stamp, objects: read.problems.length > 0 && before ? before.objects : read.objects });
    changed = true;
  }
  for (const file of files.keys()) if (!present.includes(file)) changed = files.delete(file);
  if (changed) sortByKey(files);
  return { changed, problems };
};

const sortByKey = (files: Map<string, KnownFile>): void => {
  const sorted = [...files].sort(([one], [other]) => (one < other ? -1 : 1));
  files.clear();
  for (const [file, known] of sorted) files.set(file, known);
};

const stampOf = (file: string): string => {
  try {
    const { mtimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return 'away';
  }
};

/** Undefined where the system cannot watch: then looking at times has to do. */
const watchDirectory = (directory: string, onChange: () => void): FSWatcher | undefined => {
  try {
    const watcher = watch(directory, { recursive: true, persistent: false }, onChange);
    watcher.on('error', onChange);
    return watcher;
  } catch {
    return undefined;
  }
};
