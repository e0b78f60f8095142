// What injection added to a pod of a cluster, and the pod without it.
import { annotationName } from '../../annotations/names.ts';
import { AGENT_NAME } from '../../pod/compat/container.ts';
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../../json/json.ts';
import { SERVICE_ACCOUNT_DIRECTORY, TOKEN_VOLUME } from '../../pod/token.ts';

const LISTS = ['initContainers', 'containers'] as const;
/** Names of volumes that injection adds; an agent may mount other volumes of its pod as well. */
const ADDED_VOLUME = /^(?:vault-|home-(?:init|sidecar)$|extra-secrets$)/;
const STATUS = /\/agent-inject-status$/;

/**
 * The pod without agents, their volumes, and the mounts of those volumes. `injected`: it has an agent or a token volume of the
 * injector. Agents are recognised by their token mount, or by their name if the pod has an annotation that injection writes.
 */
export function originalPod(pod: JsonObject): { readonly injected: boolean; readonly original: JsonObject } {
  const spec = objectAt(pod, 'spec') ?? {};
  const annotations = Object.keys(objectAt(objectAt(pod, 'metadata'), 'annotations') ?? {});
  const isMarked = annotations.some((name) => STATUS.test(name) || name === annotationName('agentConfig'));
  const isAgent = (container: JsonObject): boolean => hasOwnToken(container) || (isMarked && hasAgentName(container));
  const agents = LISTS.flatMap((list) => objectsOf(spec[list]).filter(isAgent));
  const volumes = new Set([TOKEN_VOLUME, ...agents.flatMap(volumesOf).filter((name) => ADDED_VOLUME.test(name))]);
  const isAdded = (object: Json): boolean => isObject(object) && volumes.has(textOf(object, 'name') ?? '');
  const lists = LISTS.filter((list) => Array.isArray(spec[list])).map((list) => [
    list,
    objectsOf(spec[list])
      .filter((container) => !isAgent(container))
      .map((container) => ({
        ...container,
        volumeMounts: objectsOf(container['volumeMounts']).filter((mount) => !isAdded(mount)),
        ...(Array.isArray(container['env'])
          ? { env: objectsOf(container['env']).filter((entry) => !volumes.has(volumeOfVariable(entry))) }
          : {}),
      })),
  ]);
  const kept = objectsOf(spec['volumes']).filter((volume) => !isAdded(volume));
  return {
    injected: agents.length > 0 || objectsOf(spec['volumes']).some((volume) => textOf(volume, 'name') === TOKEN_VOLUME),
    original: { ...pod, spec: { ...spec, ...(Object.fromEntries(lists) as JsonObject), volumes: kept } },
  };
}

const volumesOf = (container: JsonObject): readonly string[] =>
  objectsOf(container['volumeMounts']).map((mount) => textOf(mount, 'name') ?? '');

/** The volume with the file of a variable; empty for other variables. */
const volumeOfVariable = (entry: JsonObject): string =>
  textOf(objectAt(objectAt(entry, 'valueFrom'), 'fileKeyRef'), 'volumeName') ?? '';

/** In mode token apps have the volume too, but not at this path. */
const hasOwnToken = (container: JsonObject): boolean =>
  objectsOf(container['volumeMounts']).some(
    (mount) => textOf(mount, 'name') === TOKEN_VOLUME && textOf(mount, 'mountPath') === SERVICE_ACCOUNT_DIRECTORY,
  );

const hasAgentName = (container: JsonObject): boolean => Object.values(AGENT_NAME).includes(textOf(container, 'name') ?? '');
