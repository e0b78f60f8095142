// Paths that the agent cannot reach: without a finding its template fails for ever, and the pod waits without a word.
import { objectAt, textOf, type JsonObject } from '../json/json.ts';
import type { NewVolume } from './add.ts';
import { filesOf, mountsOf, volumesByName, type Mount } from './container-mounts.ts';
import type { Draft } from './draft.ts';
import { pathMentions, type PathMention } from './path-mentions.ts';
import { resolvedPath, withAncestors } from './paths.ts';
import type { PodProblem } from './pod-problems.ts';
import { CONTAINER_LISTS, type Pod } from './pod.ts';

/** Directories and files that the image of any agent may have, or that the container's runtime adds. */
const OF_IMAGE =
  /^\/(?:bin|dev|lib|lib64|proc|sbin|sys|usr|etc\/(?:ssl|pki|ca-certificates|crypto-policies|passwd|group|hosts|hostname|resolv\.conf|os-release|nsswitch\.conf|services|protocols|localtime|timezone))\//;
/** Of those, what a process can write to: /dev/stdout, /dev/shm, /proc/1/fd/1. */
const WRITABLE = /^\/(?:dev|proc)\//;
/** The mount that holds a path: the longest one, since it hides the others. */
const mountAt = (mounts: readonly Mount[], path: string): Mount | undefined =>
  mounts.filter((mount) => path.startsWith(mount.path)).toSorted((one, other) => other.path.length - one.path.length)[0];

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

/** Resolved mount paths of containers that are no agents, without `/`; the first container of each path. */
const mountedPaths = ({ spec }: Pod, agents: ReadonlySet<string>): ReadonlyMap<string, string> => {
  const containers = new Map<string, string>();
  for (const list of CONTAINER_LISTS)
    for (const { name, volumeMounts } of spec[list] ?? [])
      for (const { mountPath } of agents.has(name ?? '') ? [] : (volumeMounts ?? [])) {
        const path = resolvedPath(mountPath ?? '');
        if (path !== '/' && !containers.has(path)) containers.set(path, name ?? '');
      }
  return containers;
};

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
  const names = new Set(agents.map((agent) => textOf(agent, 'name') ?? ''));
  const mounted = mountedPaths(pod, names);
  const mentions = pathMentions(draft, mounted);
  const volumes = mentions.length === 0 ? new Map() : volumesByName(pod, added);
  const containers = mentions.length === 0 ? [] : agents.map((agent) => ({ agent, mounts: mountsOf(agent, volumes) }));
  const unmounted: PodProblem[] = [];
  const unwritable: PodProblem[] = [];
  for (const mention of mentions) {
    if (containers.every(({ agent, mounts }) => isReachable(agent, mounts, mention))) continue;
    const { annotation, path, use } = mention;
    const { profile, secretVolumePath } = draft.parsed.options;
    if (use === 'write') unwritable.push({ code: 'path-unwritable', annotation, path, directory: secretVolumePath });
    else {
      const kind = use === 'login' && profile === 'native' ? 'login' : use === 'command' ? 'command' : 'file';
      const directory = withAncestors(resolvedPath(path)).findLast((one) => mounted.has(one));
      const container = directory === undefined ? undefined : mounted.get(directory);
      unmounted.push({ code: 'path-unmounted', annotation, path, container, use: kind });
    }
  }
  return { unmounted, unwritable };
}
