// Paths that the agent cannot reach: without a finding its template fails for ever, and the pod waits without a word.
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../json/json.ts';
import type { NewVolume } from './add.ts';
import type { Draft } from './draft.ts';
import { pathMentions, type PathMention } from './path-mentions.ts';
import { resolvedPath } from './paths.ts';
import type { PodProblem } from './pod-problems.ts';
import { CONTAINER_LISTS, type Pod } from './pod.ts';

/** Directories and files that the image of any agent may have, or that the container's runtime adds. */
const OF_IMAGE =
  /^\/(?:bin|dev|lib|lib64|proc|sbin|sys|usr|etc\/(?:ssl|pki|ca-certificates|crypto-policies|passwd|group|hosts|hostname|resolv\.conf|os-release|nsswitch\.conf|services|protocols|localtime|timezone))\//;
/** Of those, what a process can write to: /dev/stdout, /dev/shm, /proc/1/fd/1. */
const WRITABLE = /^\/(?:dev|proc)\//;
/** Kinds of volumes that are read-only in every container. */
const READ_ONLY_KINDS = ['configMap', 'secret', 'projected', 'downwardAPI'] as const;

interface Mount {
  readonly path: string;
  readonly volume: JsonObject | undefined;
  readonly readOnly: boolean;
  /** A part of the volume is mounted, under another name. */
  readonly isPart: boolean;
}

const mountsOf = (container: JsonObject, volumes: ReadonlyMap<string, JsonObject>): readonly Mount[] =>
  objectsOf(container['volumeMounts']).map((mount) => {
    const volume = volumes.get(textOf(mount, 'name') ?? '');
    return {
      path: resolvedPath(textOf(mount, 'mountPath') ?? ''),
      volume,
      readOnly: mount['readOnly'] === true || READ_ONLY_KINDS.some((kind) => volume?.[kind] !== undefined),
      isPart: mount['subPath'] !== undefined || mount['subPathExpr'] !== undefined,
    };
  });

/** The mount that holds a path: the longest one, since it hides the others. */
const mountAt = (mounts: readonly Mount[], path: string): Mount | undefined =>
  mounts.filter((mount) => path.startsWith(mount.path)).toSorted((one, other) => other.path.length - one.path.length)[0];

/** Files of a volume, without their directory; undefined if they are not known. */
const filesOf = (volume: JsonObject | undefined): readonly string[] | undefined => {
  const sources = volume?.['projected'] === undefined ? [volume] : objectsOf(objectAt(volume, 'projected')?.['sources']);
  const files: string[] = [];
  for (const source of sources) {
    const token =
      textOf(objectAt(source, 'serviceAccountToken'), 'path') ?? textOf(objectAt(source, 'clusterTrustBundle'), 'path');
    const items = (['configMap', 'secret', 'downwardAPI'] as const).flatMap((kind) =>
      objectsOf(objectAt(source, kind)?.['items']),
    );
    if (token === undefined && items.length === 0) return undefined;
    files.push(...(token === undefined ? [] : [token]), ...items.map((item) => textOf(item, 'path') ?? ''));
  }
  return files;
};

const lacksFile = ({ path: directory, volume, isPart }: Mount, path: string): boolean => {
  const files = isPart ? undefined : filesOf(volume);
  const relative = path.slice(directory.length);
  return files !== undefined && relative !== '' && !files.some((file) => `${file}/`.startsWith(relative));
};

/** Whether a container can do with the path what the annotation asks for. */
const isReachable = (container: JsonObject, mounts: readonly Mount[], { path, use }: PathMention): boolean => {
  const target = resolvedPath(path);
  const mount = mountAt(mounts, target);
  if (use === 'write') {
    const hasWritableRoot = objectAt(container, 'securityContext')?.['readOnlyRootFilesystem'] !== true;
    return mount ? !mount.readOnly : hasWritableRoot || WRITABLE.test(target);
  }
  return mount ? !lacksFile(mount, target) : OF_IMAGE.test(target);
};

/** A container of the pod whose mounts hold the path. */
const containerWith = ({ spec }: Pod, path: string, agents: ReadonlySet<string>): string | undefined =>
  CONTAINER_LISTS.flatMap((list) => spec[list] ?? []).find(
    ({ name, volumeMounts }) =>
      !agents.has(name ?? '') &&
      (volumeMounts ?? []).some(({ mountPath }) => {
        const directory = resolvedPath(mountPath ?? '');
        return directory !== '/' && resolvedPath(path).startsWith(directory);
      }),
  )?.name ?? undefined;

/**
 * Paths that at least one of the finished agent containers cannot reach. `added` are the volumes that injection adds. The agent's image
 * may contain a file, so only paths that it cannot write to are as certain as a problem.
 */
export function pathFindings(
  draft: Draft,
  agents: readonly JsonObject[],
  added: readonly NewVolume[],
): { readonly unmounted: readonly PodProblem[]; readonly unwritable: readonly PodProblem[] } {
  const { pod } = draft;
  const present = (pod.spec.volumes ?? []).map((volume) => volume as Json).filter(isObject);
  const volumes = new Map([...present, ...added].map((volume) => [textOf(volume, 'name') ?? '', volume]));
  const names = new Set(agents.map((agent) => textOf(agent, 'name') ?? ''));
  const mounted = CONTAINER_LISTS.flatMap((list) => pod.spec[list] ?? [])
    .flatMap(({ volumeMounts }) => volumeMounts ?? [])
    .map(({ mountPath }) => resolvedPath(mountPath ?? ''))
    .filter((path) => path !== '/');
  const containers = agents.map((agent) => ({ agent, mounts: mountsOf(agent, volumes) }));
  const unmounted: PodProblem[] = [];
  const unwritable: PodProblem[] = [];
  for (const mention of pathMentions(draft, mounted)) {
    if (containers.every(({ agent, mounts }) => isReachable(agent, mounts, mention))) continue;
    const { annotation, path, use } = mention;
    const { profile, secretVolumePath } = draft.parsed.options;
    if (use === 'write') unwritable.push({ code: 'path-unwritable', annotation, path, directory: secretVolumePath });
    else {
      const kind = use === 'login' && profile === 'native' ? 'login' : use === 'command' ? 'command' : 'file';
      unmounted.push({ code: 'path-unmounted', annotation, path, container: containerWith(pod, path, names), use: kind });
    }
  }
  return { unmounted, unwritable };
}
