// Puts volumes, mounts and agents into a pod: adds what is missing, leaves what is there, reports what is in the way.
import type { PodProblem } from './pod-problems.ts';
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../json/json.ts';
import type { PatchBuilder } from './patch.ts';

export type ContainerList = 'containers' | 'initContainers';
const LISTS: readonly ContainerList[] = ['containers', 'initContainers'];

const listAt = (pod: JsonObject, key: string): readonly JsonObject[] => objectsOf(objectAt(pod, 'spec')?.[key]);
const hasList = (pod: JsonObject, key: string): boolean => Array.isArray(objectAt(pod, 'spec')?.[key]);

/** True when `have` says everything that `want` says; the API server may have added defaults. */
const covers = (have: Json | undefined, want: Json | undefined): boolean => {
  if (Array.isArray(want))
    return (
      Array.isArray(have) &&
      have.length === want.length &&
      want.every((member: Json, index) => covers(have[index] as Json, member))
    );
  if (isObject(want))
    return isObject(have) && Object.entries(want).every(([key, value]) => value === undefined || covers(have[key], value));
  return have === want;
};

/** Adds the volumes that are missing. A volume of the same name but of another kind is a problem (Q13). */
export function placeVolumes(pod: JsonObject, wanted: readonly JsonObject[], builder: PatchBuilder): PodProblem[] {
  const present = new Map(listAt(pod, 'volumes').map((volume) => [textOf(volume, 'name'), volume]));
  const missing: JsonObject[] = [];
  const taken: PodProblem[] = [];
  for (const volume of wanted) {
    const name = textOf(volume, 'name') ?? '';
    const other = present.get(name);
    if (!other) missing.push(volume);
    else if (!covers(other, volume)) taken.push({ code: 'volume-conflict', volume: name });
  }
  builder.append('/spec/volumes', hasList(pod, 'volumes'), missing);
  return taken;
}

/** Directories times containers; a pod of this many mounts is no pod, and the patch would outgrow what sent it. */
const MOST_MOUNTS = 2000;

const bare = (path: string): string => (path.endsWith('/') ? path.replace(/(?<=.)\/+$/, '') : path);

const samePath = (one: string | undefined, other: string): boolean => bare(one ?? '') === bare(other);

/** Says which containers get mounts, by name and list; a path, where there is one, may be for some of them alone. */
export type Receives = (name: string, list: ContainerList, path?: string) => boolean;

/** Adds the mounts to every container that receives them. A path where something else is mounted is a problem (Q13). */
export function placeMounts(
  pod: JsonObject,
  mounts: readonly JsonObject[],
  receives: Receives,
  builder: PatchBuilder,
): PodProblem[] {
  const count = mounts.length * LISTS.reduce((sum, list) => sum + listAt(pod, list).length, 0);
  if (count > MOST_MOUNTS) return [{ code: 'mounts-too-many', count, limit: MOST_MOUNTS }];
  const taken: PodProblem[] = [];
  for (const list of LISTS)
    for (const [index, container] of listAt(pod, list).entries()) {
      const name = textOf(container, 'name') ?? '';
      const missing = mounts.filter((mount) => {
        const path = textOf(mount, 'mountPath') ?? '';
        if (!receives(name, list, path)) return false;
        const other = objectsOf(container['volumeMounts']).find((one) => samePath(textOf(one, 'mountPath'), path));
        if (other && textOf(other, 'name') !== textOf(mount, 'name'))
          taken.push({ code: 'mount-conflict', container: name, path });
        return !other;
      });
      builder.append(`/spec/${list}/${index}/volumeMounts`, Array.isArray(container['volumeMounts']), missing);
    }
  return taken;
}

export interface AgentPlace {
  readonly list: ContainerList;
  /** Before the other containers of its list. */
  readonly first: boolean;
  /** Tells an agent of an earlier injection from a container that the pod's author gave its name. */
  readonly isOurs: (container: JsonObject) => boolean;
  /** What is there is up to date, whatever others made of it since; else it is replaced when it differs (Q32). */
  readonly isCurrent: boolean;
}

/** Adds an agent, or replaces the one of an earlier injection; a container of its name that is not ours is a problem (Q13). */
export function placeAgent(
  pod: JsonObject,
  agent: JsonObject,
  { list, first, isOurs, isCurrent }: AgentPlace,
  builder: PatchBuilder,
): PodProblem[] {
  const name = textOf(agent, 'name') ?? '';
  const isNamed = (container: JsonObject): boolean => textOf(container, 'name') === name;
  const elsewhere = LISTS.some((other) => other !== list && listAt(pod, other).some(isNamed));
  const index = listAt(pod, list).findIndex(isNamed);
  const present = listAt(pod, list)[index];
  if (elsewhere || (present && !isOurs(present))) return [{ code: 'container-conflict', container: name }];
  if (present) {
    if (!isCurrent && !covers(present, agent)) builder.replace(`/spec/${list}/${index}`, agent);
  } else if (first) builder.prepend(`/spec/${list}`, hasList(pod, list), [agent]);
  else builder.append(`/spec/${list}`, hasList(pod, list), [agent]);
  return [];
}
