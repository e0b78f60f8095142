// Mounts of an app inside of read-only secrets: the container's runtime cannot make their directory, so the container never starts.
import type { JsonObject } from '../json/json.ts';
import { containerCount, MAX_MOUNTS, type NewMount, type Receives } from './add.ts';
import { mountsOf } from './container-mounts.ts';
import { resolvedPath, withAncestors } from './paths.ts';
import { CONTAINER_LISTS, type Pod } from './pod.ts';

export interface NestedMountsInput {
  readonly pod: Pod;
  /** The finished agents. */
  readonly agents: readonly JsonObject[];
  /** Mounts of the secrets in app containers. */
  readonly secrets: readonly NewMount[];
  readonly receives: Receives;
}

/** A mount of an app at `path`, inside of the secrets at `outer`. */
export interface NestedMount {
  readonly container: string;
  readonly path: string;
  readonly outer: string;
}

/**
 * The first such mount of each container and directory. In volumes of ConfigMaps, Secrets and projections the kubelet makes the directories, and in
 * those of the secrets the runtime makes those of the agent's own mounts: the agent starts first, and mounts the secrets writable.
 */
export function nestedMounts({ pod, agents, secrets, receives }: NestedMountsInput): readonly NestedMount[] {
  if (secrets.length * containerCount(pod.spec) > MAX_MOUNTS) return [];
  const outers = new Map(
    secrets.filter(({ readOnly }) => readOnly === true).map(({ mountPath }) => [resolvedPath(mountPath), mountPath]),
  );
  const made = new Set(agents.flatMap((agent) => mountsOf(agent, new Map()).map(({ path }) => path)));
  return CONTAINER_LISTS.flatMap((list) =>
    (pod.spec[list] ?? []).flatMap((container) => {
      const name = container.name ?? '';
      const found = new Map<string, NestedMount>();
      for (const { mountPath } of container.volumeMounts ?? []) {
        const path = resolvedPath(mountPath ?? '');
        const outer = withAncestors(path).findLast((one) => one !== path && outers.has(one));
        const directory = outer === undefined ? undefined : outers.get(outer);
        if (directory === undefined || found.has(directory) || made.has(path) || !receives(name, list, directory)) continue;
        found.set(directory, { container: name, path: path.slice(0, -1), outer: directory });
      }
      return [...found.values()];
    }),
  );
}
