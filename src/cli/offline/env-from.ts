// Variables from secrets that override keys of ConfigMaps and Secrets in `envFrom`. The webhook does not read those objects; offline they
// may be among the manifests.
import { objectAt, objectsOf, textOf, type JsonObject } from '../../json/json.ts';
import { VARIABLES_VOLUME } from '../../pod/native/variables.ts';
import type { DataOf } from './convert-pod.ts';

export interface Overridden {
  readonly container: string;
  readonly name: string;
  /** As in `ConfigMap settings`. */
  readonly object: string;
}

const SOURCES = [
  ['ConfigMap', 'configMapRef'],
  ['Secret', 'secretRef'],
] as const;

/** The keys that variables of an injected pod override. */
export function overriddenKeys(injected: JsonObject, dataOf: DataOf): readonly Overridden[] {
  const spec = objectAt(injected, 'spec');
  return [...objectsOf(spec?.['initContainers']), ...objectsOf(spec?.['containers'])].flatMap((container) => {
    const sources = objectsOf(container['envFrom']);
    if (sources.length === 0) return [];
    const ours = new Set(
      objectsOf(container['env'])
        .filter((entry) => textOf(objectAt(objectAt(entry, 'valueFrom'), 'fileKeyRef'), 'volumeName') === VARIABLES_VOLUME)
        .map((entry) => textOf(entry, 'name') ?? ''),
    );
    return sources.flatMap((source) =>
      SOURCES.flatMap(([kind, field]) => {
        const object = textOf(objectAt(source, field), 'name');
        const keys = object === undefined ? [] : [...(dataOf(kind, object)?.keys() ?? [])];
        return keys
          .map((key) => `${textOf(source, 'prefix') ?? ''}${key}`)
          .filter((name) => ours.has(name))
          .map((name) => ({ container: textOf(container, 'name') ?? '', name, object: `${kind} ${object ?? ''}` }));
      }),
    );
  });
}
