// The containers that get secrets, and whether each of them can read the files that the agent writes for it.
import { posix } from 'node:path';
import type { Receives } from './add.ts';
import { originOf, type Draft } from './draft.ts';
import { isMeshContainer } from './mesh.ts';
import { CONTAINER_LISTS, type Container, type ContainerList, type Pod } from './pod.ts';
import type { PodProblem } from './pod-problems.ts';
import type { SecretFile } from './secrets.ts';

/** A container that gets secrets. */
export interface Reader {
  readonly container: Container;
  readonly list: ContainerList;
  /** The files in the directories that it mounts. */
  readonly files: readonly SecretFile[];
}

/**
 * The containers that get secrets, app containers first. Containers of a service mesh get the mounts too, but they read no secret of
 * the app: they count only if an annotation names them.
 */
export function readersOf(
  { pod: { spec }, parsed, files }: Draft,
  receives: Receives,
  isAgent: (container: Container) => boolean,
): readonly Reader[] {
  const { options, families } = parsed;
  const named = new Set([
    ...(options.agentInjectContainers ?? []),
    ...(options.initContainers ?? []),
    ...[...families.containers.values()].flatMap(({ value }) => value),
  ]);
  return CONTAINER_LISTS.flatMap((list) =>
    (spec[list] ?? []).flatMap((container) => {
      const name = container.name ?? '';
      if (isAgent(container) || (isMeshContainer(container) && !named.has(name))) return [];
      const own = files.filter(({ directory }) => receives(name, list, directory));
      return own.length > 0 || receives(name, list, options.secretVolumePath) ? [{ container, list, files: own }] : [];
    }),
  );
}

/** A field of the container's security context, or of the pod's if the container has none; undefined: the image decides. */
export function effectiveId({ spec }: Pod, { securityContext }: Container, key: 'runAsUser' | 'runAsGroup'): number | undefined {
  return securityContext?.[key] ?? spec.securityContext?.[key] ?? undefined;
}

/** The mode of a file's annotation, such as "0400"; undefined: the agent's default of 0644, or a text that is not a mode. */
const modeOf = (permissions: string): number | undefined =>
  /^[0-7]{3,4}$/.test(permissions) ? Number.parseInt(permissions, 8) : undefined;

const OTHERS_READ = 0o004;
const GROUP_READS = 0o040;
const OWNER_READS = 0o400;

/** Whether the file is not for every user of the pod. */
export function isRestricted({ permissions }: SecretFile): boolean {
  const mode = modeOf(permissions);
  return mode !== undefined && (mode & OTHERS_READ) === 0;
}

const hasFileCapability = (list: readonly string[] | null | undefined): boolean =>
  (list ?? []).some((name) => ['ALL', 'DAC_OVERRIDE', 'CAP_DAC_OVERRIDE'].includes(name.toUpperCase()));

/** Root reads every file, unless it has dropped the capability for it. */
const readsEverything = ({ securityContext }: Container): boolean =>
  securityContext?.privileged === true ||
  hasFileCapability(securityContext?.capabilities?.add) ||
  !hasFileCapability(securityContext?.capabilities?.drop);

/** User and group of the agent, which own the files. */
export interface Owner {
  readonly user: number;
  readonly group: number;
}

/**
 * Whether a container can read a file of a mode; undefined: its image decides. Memory volumes belong to the pod's fsGroup, and all
 * containers have this group.
 */
export function canRead(pod: Pod, container: Container, mode: number, owner: Owner): boolean | undefined {
  if ((mode & OTHERS_READ) !== 0) return true;
  const user = effectiveId(pod, container, 'runAsUser');
  if (user === 0 && readsEverything(container)) return true;
  if (user === owner.user) return (mode & OWNER_READS) !== 0;
  const { fsGroup, supplementalGroups } = pod.spec.securityContext ?? {};
  const isGroupReadable = (mode & GROUP_READS) !== 0;
  if (isGroupReadable && typeof fsGroup === 'number') return true;
  if (user === undefined) return undefined;
  if (!isGroupReadable) return false;
  if ((supplementalGroups ?? []).includes(owner.group)) return true;
  const group = effectiveId(pod, container, 'runAsGroup');
  return group === undefined ? undefined : group === owner.group;
}

/** Mode of the token file: the agent's default for files of a sink. */
const TOKEN_MODE = 0o640;

interface Checked {
  readonly path: string;
  readonly mode: number;
  /** The annotation that sets the mode; undefined for the token file. */
  readonly annotation: string | undefined;
  readonly readers: readonly Container[];
}

const checkedFiles = ({ parsed: { families, options }, files }: Draft, readers: readonly Reader[]): readonly Checked[] => {
  const checked = files.flatMap((file): Checked[] => {
    const mode = modeOf(file.permissions);
    if (mode === undefined) return [];
    const own = readers.filter((reader) => reader.files.includes(file)).map(({ container }) => container);
    return [{ path: file.destination, mode, annotation: families.perms.get(file.name)?.annotation, readers: own }];
  });
  const token = posix.join(options.secretVolumePath, 'token');
  return options.agentInjectToken
    ? [...checked, { path: token, mode: TOKEN_MODE, annotation: undefined, readers: readers.map(({ container }) => container) }]
    : checked;
};

/**
 * A warning for each set of containers that cannot read a file, or that may not: one for all files of the same mode. The pod author
 * did not choose the mode of the token file, so containers whose user is not known cause no warning about it.
 */
export function unreadableFiles(draft: Draft, readers: readonly Reader[], owner: Owner, follows: boolean): readonly PodProblem[] {
  const { pod, parsed } = draft;
  const found = new Map<string, Extract<PodProblem, { readonly code: 'file-unreadable' | 'file-user-unknown' }>>();
  for (const { path, mode, annotation, readers: own } of checkedFiles(draft, readers))
    for (const [code, result] of [['file-unreadable', false] as const, ['file-user-unknown', undefined] as const]) {
      if (result === undefined && annotation === undefined) continue;
      const containers = own.filter((container) => canRead(pod, container, mode, owner) === result).map(({ name }) => name ?? '');
      if (containers.length === 0) continue;
      const key = [code, mode, ...containers].join();
      const earlier = found.get(key);
      const first = {
        code,
        path,
        others: 0,
        mode: mode.toString(8).padStart(4, '0'),
        user: owner.user,
        group: (mode & GROUP_READS) === 0 ? undefined : (pod.spec.securityContext?.fsGroup ?? owner.group),
        containers,
        annotation,
        hasGroup: typeof pod.spec.securityContext?.fsGroup === 'number',
        userAnnotation: follows ? undefined : originOf(parsed, 'agentRunAsUser'),
      };
      found.set(key, earlier ? { ...earlier, others: earlier.others + 1 } : first);
    }
  return [...found.values()];
}
