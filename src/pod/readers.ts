// The containers that get secrets, and whether each of them can read the files that the agent writes for it.
import { posix } from 'node:path';
import { containerCount, MAX_MOUNTS, type Receives } from './add.ts';
import { originOf, type Draft } from './draft.ts';
import { isMeshContainer } from './mesh.ts';
import { CONTAINER_LISTS, type Container, type ContainerList, type Pod } from './pod.ts';
import type { PodProblem } from './pod-problems.ts';
import type { SecretFile } from './secrets.ts';

/** A container that gets secrets. */
export interface Reader {
  readonly container: Container;
  readonly list: ContainerList;
  /** Directories of the secrets that it mounts. */
  readonly directories: ReadonlySet<string>;
}

/**
 * The containers that get secrets, app containers first. Containers of a service mesh get the mounts too, but they read no secret of
 * the app: they count only if an annotation names them. None, if the pod has too many mounts to be injected.
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
  const directories = [...new Set([options.secretVolumePath, ...files.map(({ directory }) => directory)])];
  if (directories.length * containerCount(spec) > MAX_MOUNTS) return [];
  return CONTAINER_LISTS.flatMap((list) =>
    (spec[list] ?? []).flatMap((container) => {
      const name = container.name ?? '';
      if (isAgent(container) || (isMeshContainer(container) && !named.has(name))) return [];
      const own = directories.filter((directory) => receives(name, list, directory));
      return own.length === 0 ? [] : [{ container, list, directories: new Set(own) }];
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

/** Whether a file is not for every user of the pod. */
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

/** Files of one directory with the same users: the first of them, and the number of the others. */
interface Checked {
  readonly directory: string;
  readonly path: string;
  others: number;
  readonly mode: number;
  /** The annotation that sets the mode; undefined for the token file. */
  readonly annotation: string | undefined;
}

const checkedFiles = ({ parsed: { families, options }, files }: Draft): readonly Checked[] => {
  const found = new Map<string, Checked>();
  for (const { name, directory, destination, permissions } of files) {
    const mode = modeOf(permissions);
    if (mode === undefined) continue;
    const key = `${mode & (OWNER_READS | GROUP_READS | OTHERS_READ)} ${directory}`;
    const first = found.get(key);
    if (first) first.others += 1;
    else found.set(key, { directory, path: destination, others: 0, mode, annotation: families.perms.get(name)?.annotation });
  }
  const directory = options.secretVolumePath;
  const token = { directory, path: posix.join(directory, 'token'), others: 0, mode: TOKEN_MODE, annotation: undefined };
  return [...found.values(), ...(options.agentInjectToken ? [token] : [])];
};

/**
 * A warning for the containers that cannot read a file, and for those that may not: one for all files of a directory with the same
 * users. The pod author did not choose the mode of the token file, so containers whose user is not known cause no warning about it.
 */
export function unreadableFiles(draft: Draft, readers: readonly Reader[], owner: Owner, follows: boolean): readonly PodProblem[] {
  const { pod, parsed } = draft;
  const { fsGroup } = pod.spec.securityContext ?? {};
  return checkedFiles(draft).flatMap(({ directory, path, others, mode, annotation }) => {
    const own = readers.filter(({ directories }) => directories.has(directory));
    const namesOf = (result: boolean | undefined): readonly string[] =>
      own.flatMap(({ container }) => (canRead(pod, container, mode, owner) === result ? [container.name ?? ''] : []));
    const common = {
      path,
      others,
      mode: mode.toString(8).padStart(4, '0'),
      user: owner.user,
      group: (mode & GROUP_READS) === 0 ? undefined : (fsGroup ?? owner.group),
      annotation,
      hasGroup: typeof fsGroup === 'number',
      userAnnotation: follows ? undefined : originOf(parsed, 'agentRunAsUser'),
    };
    const [excluded, unknown] = [namesOf(false), annotation === undefined ? [] : namesOf(undefined)];
    return [
      ...(excluded.length === 0 ? [] : [{ code: 'file-unreadable', containers: excluded, ...common } as const]),
      ...(unknown.length === 0 ? [] : [{ code: 'file-user-unknown', containers: unknown, ...common } as const]),
    ];
  });
}
