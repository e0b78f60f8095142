// The user and group of the agent in profile native: those of the containers that get the secrets.
import type { OptionKey } from '../../annotations/table.ts';
import type { Draft } from '../draft.ts';
import { CONTAINER_LISTS, type Container } from '../pod.ts';
import { effectiveId, isRestricted, type Owner, type Reader } from '../readers.ts';
import type { SecretFile } from '../secrets.ts';
import { isAgent } from './container.ts';

export interface AgentUser extends Owner {
  /** The pod had one user, and the agent runs as another: the kubelet makes token files readable by every user of the pod. */
  readonly loosens: boolean;
  /** The pod's one user is root. */
  readonly isRootPod: boolean;
  /** An annotation chose the user, so it does not follow the containers. */
  readonly isAnnotated: boolean;
}

/**
 * The user is the one of an annotation, or of the containers that get the secrets: the first that is known and not root.
 * Containers with files that not every user can read go first, app containers before init containers. The agent runs as root only if
 * an annotation or setting requires it. The kubelet keeps the mode 0600 of token files only if all containers have one user.
 */
export function agentUser({ pod, files, parsed: { options, origins } }: Draft, readers: readonly Reader[]): AgentUser {
  const isFromAnnotation = (key: OptionKey): boolean => origins.get(key)?.annotation !== undefined;
  const isAnnotated = isFromAnnotation('agentRunAsUser');
  const all = CONTAINER_LISTS.flatMap((list) => pod.spec[list] ?? []).filter((container) => !isAgent(container));
  const model = candidates(files, readers, all).find((container) => (effectiveId(pod, container, 'runAsUser') ?? 0) !== 0);
  const user = isAnnotated || !model ? options.agentRunAsUser : (effectiveId(pod, model, 'runAsUser') ?? options.agentRunAsUser);
  const group = model && effectiveId(pod, model, 'runAsGroup');
  const isOwnGroup = !isFromAnnotation('agentRunAsGroup') && model && effectiveId(pod, model, 'runAsUser') === user;
  const users = new Set(all.map((container) => effectiveId(pod, container, 'runAsUser')));
  const [common] = users.size === 1 ? users : [];
  return {
    user,
    group: isOwnGroup && group !== undefined && group !== 0 ? group : options.agentRunAsGroup,
    loosens: common !== undefined && common !== user,
    isRootPod: common === 0,
    isAnnotated,
  };
}

/** Containers whose user the agent can have, the first choice first. */
const candidates = (
  files: readonly SecretFile[],
  readers: readonly Reader[],
  all: readonly Container[],
): readonly Container[] => {
  const restricted = new Set(files.filter(isRestricted).map(({ directory }) => directory));
  const first = readers.filter(({ directories }) => [...restricted].some((directory) => directories.has(directory)));
  const apps = readers.filter(({ list }) => list === 'containers');
  return [...[...first, ...apps, ...readers].map(({ container }) => container), ...(readers.length === 0 ? all : [])];
};

/**
 * The user and group that the agent's process has; undefined if the image or the pod author's patch decides. A pod-level user applies
 * to an agent without a security context of its own.
 */
export function agentIdentity({ pod: { spec }, parsed: { options } }: Draft, user: AgentUser): Owner | undefined {
  const patches = JSON.stringify([options.agentJsonPatch, options.agentInitJsonPatch]);
  if (patches.includes('securityContext')) return undefined;
  if (options.agentSetSecurityContext) return user;
  const common = spec.securityContext?.runAsUser ?? undefined;
  return common === undefined ? undefined : { user: common, group: spec.securityContext?.runAsGroup ?? 0 };
}
