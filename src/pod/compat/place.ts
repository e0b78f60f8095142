// Puts volumes, mounts and agent containers into the pod: adds what is missing, leaves what is there, reports what is in the way.
import type { PodFinding } from '../finding.ts';
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../manifest.ts';
import { pointer, type PatchBuilder } from '../patch.ts';
import { AGENT_NAME } from './container.ts';
import { HOME_DIRECTORY, HOME_VOLUME, type AgentKind } from './volumes.ts';

const KINDS: readonly AgentKind[] = ['init', 'sidecar'];
const LIST: Readonly<Record<AgentKind, 'initContainers' | 'containers'>> = { init: 'initContainers', sidecar: 'containers' };

const listAt = (pod: JsonObject, key: string): readonly JsonObject[] => objectsOf(objectAt(pod, 'spec')?.[key]);
const hasList = (pod: JsonObject, key: string): boolean => Array.isArray(objectAt(pod, 'spec')?.[key]);

/** True when `have` says everything that `want` says; the API server may have added defaults. */
const covers = (have: Json | undefined, want: Json): boolean =>
  isObject(want)
    ? isObject(have) && Object.entries(want).every(([key, value]) => value === undefined || covers(have[key], value))
    : have === want;

/** Adds the volumes that are missing. A volume of the same name but of another kind is a problem (Q13). */
export const placeVolumes = (pod: JsonObject, wanted: readonly JsonObject[], builder: PatchBuilder): PodFinding[] => {
  const present = new Map(listAt(pod, 'volumes').map((volume) => [textOf(volume, 'name'), volume]));
  const missing: JsonObject[] = [];
  const taken: PodFinding[] = [];
  for (const volume of wanted) {
    const name = textOf(volume, 'name') ?? '';
    const other = present.get(name);
    if (!other) missing.push(volume);
    else if (!covers(other, volume)) taken.push({ code: 'volume-taken', volume: name });
  }
  builder.append('/spec/volumes', hasList(pod, 'volumes'), missing);
  return taken;
};

/** Who gets the secrets: the named app containers, or all; init containers when an agent runs before them. */
export interface Recipients {
  readonly chosen: ReadonlySet<string> | undefined;
  readonly initContainers: boolean;
}

/** Adds the mounts to every recipient that is not an agent of ours. */
export const patchMounts = (
  pod: JsonObject,
  mounts: readonly JsonObject[],
  { chosen, initContainers }: Recipients,
  builder: PatchBuilder,
): PodFinding[] => {
  const taken: PodFinding[] = [];
  const kinds: readonly AgentKind[] = initContainers ? ['sidecar', 'init'] : ['sidecar'];
  for (const kind of kinds)
    for (const [index, container] of listAt(pod, LIST[kind]).entries()) {
      const name = textOf(container, 'name') ?? '';
      if (name === AGENT_NAME[kind]) continue;
      if (kind === 'sidecar' && chosen && !chosen.has(name)) continue;
      const missing = mounts.filter((mount) => {
        const path = textOf(mount, 'mountPath') ?? '';
        const other = objectsOf(container['volumeMounts']).find((one) => textOf(one, 'mountPath') === path);
        if (other && textOf(other, 'name') !== textOf(mount, 'name')) taken.push({ code: 'mount-taken', container: name, path });
        return !other;
      });
      builder.append(pointer('spec', LIST[kind], index, 'volumeMounts'), Array.isArray(container['volumeMounts']), missing);
    }
  return taken;
};

/** An agent of ours has its home directory on our volume, or stands in a pod that says that it was injected before. */
const isOurs = (container: JsonObject, kind: AgentKind, wasInjected: boolean): boolean =>
  wasInjected ||
  objectsOf(container['volumeMounts']).some(
    (mount) => textOf(mount, 'name') === HOME_VOLUME[kind] && textOf(mount, 'mountPath') === HOME_DIRECTORY,
  );

export interface Placement {
  /** The init agent goes before the other init containers. */
  readonly first: boolean;
  /** The pod carries a status annotation, whatever it says. */
  readonly wasInjected: boolean;
  /** The status says that the agents are up to date; else agents that are there are replaced (Q32). */
  readonly isCurrent: boolean;
}

/** Adds the agents, or replaces those of an earlier injection; a container of the same name that is not ours is a problem (Q13). */
export const placeContainers = (
  pod: JsonObject,
  agents: ReadonlyMap<AgentKind, JsonObject>,
  placement: Placement,
  builder: PatchBuilder,
): PodFinding[] => {
  const taken: PodFinding[] = [];
  for (const kind of KINDS) {
    const agent = agents.get(kind);
    if (!agent) continue;
    const name = textOf(agent, 'name') ?? '';
    const elsewhere = listAt(pod, LIST[kind === 'init' ? 'sidecar' : 'init']).some(
      (container) => textOf(container, 'name') === name,
    );
    const index = listAt(pod, LIST[kind]).findIndex((container) => textOf(container, 'name') === name);
    const present = listAt(pod, LIST[kind])[index];
    if (elsewhere || (present && !isOurs(present, kind, placement.wasInjected)))
      taken.push({ code: 'container-taken', container: name });
    else if (present) {
      if (!placement.isCurrent) builder.replace(pointer('spec', LIST[kind], index), agent);
    } else if (kind === 'init' && placement.first)
      builder.prepend('/spec/initContainers', hasList(pod, 'initContainers'), [agent]);
    else builder.append(`/spec/${LIST[kind]}`, hasList(pod, LIST[kind]), [agent]);
  }
  return taken;
};
