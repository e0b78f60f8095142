// What injection has left in a pod of a cluster.
import { annotationName } from '../../annotations/name.ts';
import { AGENT_NAME } from '../../pod/compat/container.ts';
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../../json/json.ts';
import { SERVICE_ACCOUNT_DIRECTORY, TOKEN_VOLUME } from '../../pod/token.ts';

export interface Present {
  /** It has an agent or a token of ours. */
  readonly injected: boolean;
  /** The pod without agents, their volumes, and the mounts of those: what injection added shows against it. */
  readonly without: JsonObject;
}

const LISTS = ['initContainers', 'containers'] as const;
/** Names of the volumes that injection makes; an agent may mount volumes of its pod as well. */
const OURS = /^(?:vault-|home-(?:init|sidecar)$|extra-secrets$)/;
const STATUS = /\/agent-inject-status$/;

/** Agents and volumes are told by what they are and what they are called. */
export function presentIn(pod: JsonObject): Present {
  const spec = objectAt(pod, 'spec') ?? {};
  const annotations = Object.keys(objectAt(objectAt(pod, 'metadata'), 'annotations') ?? {});
  const isMarked = annotations.some((name) => STATUS.test(name) || name === annotationName('agentConfig'));
  const isAgent = (container: JsonObject): boolean => hasOwnToken(container) || (isMarked && hasAgentName(container));
  const agents = LISTS.flatMap((list) => objectsOf(spec[list]).filter(isAgent));
  const volumes = new Set([TOKEN_VOLUME, ...agents.flatMap(volumesOf).filter((name) => OURS.test(name))]);
  const isOurs = (object: Json): boolean => isObject(object) && volumes.has(textOf(object, 'name') ?? '');
  const lists = LISTS.filter((list) => Array.isArray(spec[list])).map((list) => [
    list,
    objectsOf(spec[list])
      .filter((container) => !isAgent(container))
      .map((container) => ({
        ...container,
        volumeMounts: objectsOf(container['volumeMounts']).filter((mount) => !isOurs(mount)),
      })),
  ]);
  const kept = objectsOf(spec['volumes']).filter((volume) => !isOurs(volume));
  return {
    injected: agents.length > 0 || objectsOf(spec['volumes']).some((volume) => textOf(volume, 'name') === TOKEN_VOLUME),
    without: { ...pod, spec: { ...spec, ...(Object.fromEntries(lists) as JsonObject), volumes: kept } },
  };
}

const volumesOf = (container: JsonObject): readonly string[] =>
  objectsOf(container['volumeMounts']).map((mount) => textOf(mount, 'name') ?? '');

/** In mode token apps have the volume too, but not at this path. */
const hasOwnToken = (container: JsonObject): boolean =>
  objectsOf(container['volumeMounts']).some(
    (mount) => textOf(mount, 'name') === TOKEN_VOLUME && textOf(mount, 'mountPath') === SERVICE_ACCOUNT_DIRECTORY,
  );

const hasAgentName = (container: JsonObject): boolean => Object.values(AGENT_NAME).includes(textOf(container, 'name') ?? '');
