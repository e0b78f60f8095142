// Adds volumes, mounts and agents to a Pod: what is missing is added, what is there stays, and a conflict is a problem.
import { isObject, textOf, type Json, type JsonObject } from '../json/json.ts';
import type { PatchBuilder } from './patch.ts';
import type { PodProblem } from './pod-problems.ts';
import { CONTAINER_LISTS, type Container, type ContainerList, type Pod } from './pod.ts';

/** A volume that injection adds. */
export interface NewVolume extends JsonObject {
  readonly name: string;
}

/** A mount that injection adds. */
export interface NewMount extends JsonObject {
  readonly name: string;
  readonly mountPath: string;
}

/** True when `present` has everything that `desired` has; the API server may have added defaults. */
const covers = (present: Json | undefined, desired: Json | undefined): boolean => {
  if (Array.isArray(desired))
    return (
      Array.isArray(present) &&
      present.length === desired.length &&
      desired.every((member: Json, index) => covers(present[index] as Json, member))
    );
  if (isObject(desired))
    return (
      isObject(present) && Object.entries(desired).every(([key, value]) => value === undefined || covers(present[key], value))
    );
  return present === desired;
};

/** Adds the volumes that are missing. A different volume of the same name is a problem (Q13). */
export function addVolumes({ spec }: Pod, desired: readonly NewVolume[], builder: PatchBuilder): PodProblem[] {
  const present = new Map((spec.volumes ?? []).map((volume) => [volume.name ?? undefined, volume]));
  const missing: NewVolume[] = [];
  const problems: PodProblem[] = [];
  for (const volume of desired) {
    const other = present.get(volume.name);
    if (!other) missing.push(volume);
    else if (!covers(other, volume)) problems.push({ code: 'volume-conflict', volume: volume.name });
  }
  builder.append('/spec/volumes', Boolean(spec.volumes), missing);
  return problems;
}

/** Without this limit a small pod with many directories and many containers would get a patch of many megabytes. */
export const MAX_MOUNTS = 2000;

const withoutTrailingSlash = (path: string): string => (path.endsWith('/') ? path.replace(/(?<=.)\/+$/, '') : path);

const isSamePath = (one: string, other: string): boolean => withoutTrailingSlash(one) === withoutTrailingSlash(other);

/** Whether a container gets the secrets, by its name and list; `path` asks for one directory. */
export type Receives = (name: string, list: ContainerList, path?: string) => boolean;

/** How many containers and init containers a pod has. */
export function containerCount(spec: Pod['spec']): number {
  return CONTAINER_LISTS.reduce((sum, list) => sum + (spec[list] ?? []).length, 0);
}

/** Adds the mounts to every container that receives them. Another volume at the same path is a problem (Q13). */
export function addMounts(
  { spec }: Pod,
  mounts: readonly NewMount[],
  receives: Receives,
  builder: PatchBuilder,
): readonly PodProblem[] {
  const count = mounts.length * containerCount(spec);
  if (count > MAX_MOUNTS) return [{ code: 'mounts-too-many', count, limit: MAX_MOUNTS }];
  const problems: PodProblem[] = [];
  for (const list of CONTAINER_LISTS)
    for (const [index, { name, volumeMounts }] of (spec[list] ?? []).entries()) {
      const missing = mounts.filter((mount) => {
        if (!receives(name ?? '', list, mount.mountPath)) return false;
        const other = (volumeMounts ?? []).find(({ mountPath }) => isSamePath(mountPath ?? '', mount.mountPath));
        if (other && other.name !== mount.name)
          problems.push({ code: 'mount-conflict', container: name ?? '', path: mount.mountPath });
        return !other;
      });
      builder.append(`/spec/${list}/${index}/volumeMounts`, Boolean(volumeMounts), missing);
    }
  return problems;
}

export interface AgentPosition {
  readonly list: ContainerList;
  /** How many of the list's containers are before it. */
  readonly index: number;
  /** Whether a container of its name is an agent of an earlier injection; otherwise it belongs to the pod author. */
  readonly isAgent: (container: Container) => boolean;
  /** The pod's status is `injected`: an agent that another webhook has changed since is not replaced (Q32). */
  readonly isCurrent: boolean;
}

/** Adds an agent, or replaces the one of an earlier injection. Another container of its name is a problem (Q13). */
export function addAgent(
  { spec }: Pod,
  agent: JsonObject,
  { list, index, isAgent, isCurrent }: AgentPosition,
  builder: PatchBuilder,
): readonly PodProblem[] {
  const name = textOf(agent, 'name') ?? '';
  const containers = spec[list] ?? [];
  const presentIndex = containers.findIndex((container) => container.name === name);
  const present = containers[presentIndex];
  const isInOtherList = CONTAINER_LISTS.some(
    (other) => other !== list && (spec[other] ?? []).some((container) => container.name === name),
  );
  if (isInOtherList || (present && !isAgent(present))) return [{ code: 'container-conflict', container: name }];
  if (present) {
    if (!isCurrent && !covers(present, agent)) builder.replace(`/spec/${list}/${presentIndex}`, agent);
  } else if (index < containers.length) builder.insert(`/spec/${list}`, index, agent);
  else builder.append(`/spec/${list}`, Boolean(spec[list]), [agent]);
  return [];
}
