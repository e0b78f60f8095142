// Mounts of a container as JSON: where they are, whether they are read-only, and what their volume contains.
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../json/json.ts';
import type { NewVolume } from './add.ts';
import type { Pod } from './pod.ts';
import { resolvedPath } from './paths.ts';

/** Kinds of volumes that are read-only in every container. */
const READ_ONLY_KINDS = ['configMap', 'secret', 'projected', 'downwardAPI'] as const;

/** A volume mount of a container. */
export interface Mount {
  /** Resolved, with a slash at its end. */
  readonly path: string;
  /** Name of the volume. */
  readonly name: string;
  readonly volume: JsonObject | undefined;
  readonly readOnly: boolean;
  /** A part of the volume is mounted, under another name. */
  readonly isPart: boolean;
}

/** The mounts of a container; `volumes` are those of its pod, by name. */
export function mountsOf(container: JsonObject, volumes: ReadonlyMap<string, JsonObject>): readonly Mount[] {
  return objectsOf(container['volumeMounts']).map((mount) => {
    const name = textOf(mount, 'name') ?? '';
    const volume = volumes.get(name);
    return {
      path: resolvedPath(textOf(mount, 'mountPath') ?? ''),
      name,
      volume,
      readOnly: mount['readOnly'] === true || READ_ONLY_KINDS.some((kind) => volume?.[kind] !== undefined),
      isPart: mount['subPath'] !== undefined || mount['subPathExpr'] !== undefined,
    };
  });
}

/** Files of a volume, without their directory; undefined if they are not known. */
export function filesOf(volume: JsonObject | undefined): readonly string[] | undefined {
  const sources = volume?.['projected'] === undefined ? [volume] : objectsOf(objectAt(volume, 'projected')?.['sources']);
  const files: string[] = [];
  for (const source of sources) {
    const token =
      textOf(objectAt(source, 'serviceAccountToken'), 'path') ?? textOf(objectAt(source, 'clusterTrustBundle'), 'path');
    const items = (['configMap', 'secret', 'downwardAPI'] as const).flatMap((kind) =>
      objectsOf(objectAt(source, kind)?.['items']),
    );
    if (token === undefined && items.length === 0) return undefined;
    files.push(...(token === undefined ? [] : [token]), ...items.map((item) => textOf(item, 'path') ?? ''));
  }
  return files;
}

/** The volumes of a pod and those that injection adds, by name. */
export function volumesByName({ spec }: Pod, added: readonly NewVolume[]): ReadonlyMap<string, JsonObject> {
  const present = (spec.volumes ?? []).map((volume) => volume as Json).filter(isObject);
  return new Map([...present, ...added].map((volume) => [textOf(volume, 'name') ?? '', volume]));
}
