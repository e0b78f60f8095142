// Layers of annotations → typed options, problems and warnings. The only reader of raw annotations.
import { FAMILY_ORDER, families, type Families, type FamilyKey } from './families.ts';
import type { AnnotationProblem } from './annotation-problems.ts';
import type { SecretKey } from './secret-key.ts';
import { INVALID, readText, type ValueOf } from './value-kinds.ts';
import { kebab, nameWithin, OWN_PREFIX } from './names.ts';
import { LISTED_FIELDS, readSecretList, type ReadYaml } from './secret-list.ts';
import { lookalike, nearestName } from './suggest.ts';
import { ANNOTATION_LAYERS, type AnnotationLayer, type Row } from './row.ts';
import { table, type OptionKey, type Table } from './table.ts';

/** The controller's objects that define a pod's login. They override settings, and annotations except in admission mode Disabled. */
export const OBJECT_LAYERS = ['VaultEndpoint', 'VaultAuthBackend', 'VaultAuthRole'] as const;

/** Every layer that can set an option. */
export type Layer = 'built-in' | 'settings' | (typeof OBJECT_LAYERS)[number] | AnnotationLayer;

type Value<K extends OptionKey> = ValueOf<Table[K]['kind']>;

/** The options of one pod. An option whose row has a default is never undefined. */
export type Options = { readonly [K in OptionKey]: Table[K] extends { default: unknown } ? Value<K> : Value<K> | undefined };

/** Options from settings: the layer between built-in defaults and annotations. */
export type SettingOptions = { readonly [K in OptionKey]?: Value<K> };

/** The layer that set an option; `annotation` is the full name as written, `object` the name of the controller's object. */
export interface Origin {
  readonly layer: Layer;
  readonly annotation?: string;
  readonly object?: string;
}

export interface FamilyEntry<T> {
  readonly value: T;
  readonly annotation: string;
}
export type FamilyOptions = { readonly [K in FamilyKey]: ReadonlyMap<string, FamilyEntry<ValueOf<Families[K]['kind']>>> };

export interface Parsed {
  readonly options: Options;
  readonly families: FamilyOptions;
  /** Without the options that have their built-in default. */
  readonly origins: ReadonlyMap<OptionKey, Origin>;
  readonly problems: readonly AnnotationProblem[];
  readonly warnings: readonly AnnotationProblem[];
}

/** Raw annotations of the namespace, the service account and the pod. */
export type LayeredAnnotations = Readonly<Partial<Record<AnnotationLayer, ReadonlyMap<string, string>>>>;

/** Built-in defaults and settings, merged once per process. */
export interface Baseline {
  readonly options: Options;
  readonly origins: ReadonlyMap<OptionKey, Origin>;
}

const PLAIN_KEYS = new Map<string, OptionKey>((Object.keys(table) as OptionKey[]).map((key) => [kebab(key), key]));

/** Merges built-in defaults with the options from settings, which win. */
export function baseline(settings: SettingOptions): Baseline {
  const options: Record<string, unknown> = {};
  const origins = new Map<OptionKey, Origin>();
  for (const key of PLAIN_KEYS.values()) {
    const set = settings[key];
    options[key] = set === undefined ? (table[key] as Row<unknown>).default : set;
    if (set !== undefined) origins.set(key, { layer: 'settings' });
  }
  return { options: options as Options, origins };
}

interface ParseState {
  readonly options: Record<string, unknown>;
  readonly origins: Map<OptionKey, Origin>;
  readonly families: { [K in FamilyKey]: Map<string, FamilyEntry<unknown>> };
  readonly problems: AnnotationProblem[];
  readonly warnings: AnnotationProblem[];
}

const emptyFamilies = (): ParseState['families'] =>
  Object.fromEntries(FAMILY_ORDER.map((key) => [key, new Map()])) as ParseState['families'];

/** Reads one value; undefined if it counts as absent, or is invalid (which is reported). */
const readValue = (row: Row<unknown>, annotation: string, written: string, state: ParseState): unknown => {
  const { raw, value, meant } = readText(row.kind, written);
  if (raw === '' && row.empty) {
    if (row.empty === 'unset-warn') state.warnings.push({ code: 'annotation-empty', annotation });
    return undefined;
  }
  if (meant !== undefined) state.warnings.push({ code: 'annotation-corrected', annotation, value: raw, meant });
  if (value !== INVALID) return value;
  state.problems.push({ code: 'annotation-value', annotation, value: raw, expected: row.kind.expected, example: row.example });
  return undefined;
};

/** Our own annotations have no meaning under the prefix of another product. */
const isForeign = (row: Row<unknown>, annotation: string): boolean => row.own === true && !annotation.startsWith(OWN_PREFIX);

const readPlain = (key: OptionKey, annotation: string, raw: string, layer: AnnotationLayer, state: ParseState): void => {
  const row: Row<unknown> = table[key];
  if ((row.podOnly && layer !== 'pod') || (row.namespaceOnly && layer !== 'namespace')) {
    state.warnings.push({ code: 'annotation-layer', annotation, layer, only: row.podOnly ? 'pod' : 'namespace' });
    return;
  }
  const value = readValue(row, annotation, raw, state);
  if (value === undefined) return;
  if (row.deprecated !== undefined) state.warnings.push({ code: 'annotation-deprecated', annotation, reason: row.deprecated });
  state.options[key] = value;
  state.origins.set(key, { layer, annotation });
};

const readFamily = (name: string, annotation: string, raw: string, state: ParseState): boolean => {
  for (const key of FAMILY_ORDER) {
    const family = families[key];
    const suffix = name.startsWith(`${family.name}-`) ? name.slice(family.name.length + 1) : '';
    if (suffix === '' || isForeign(family, annotation)) continue;
    const value = readValue(family, annotation, raw, state);
    if (value !== undefined) state.families[key].set(suffix, { value, annotation });
    const other = lookalike(name);
    if (other !== undefined) state.warnings.push({ code: 'annotation-lookalike', annotation, name: suffix, other });
    return true;
  }
  return false;
};

const unknownAnnotation = (annotation: string, nearest: string | undefined): AnnotationProblem => ({
  code: 'annotation-unknown',
  annotation,
  nearest,
});

/** The nearest name, with our own prefix if it does not exist under the prefix of the annotation. */
const suggestion = (name: string, annotation: string): string | undefined => {
  const nearest = nearestName(name);
  return nearest !== undefined && hasForeignPrefix(nearest, annotation) ? `${OWN_PREFIX}${nearest}` : nearest;
};

/** Our own name under the prefix of another product: the correct name is known. */
const hasForeignPrefix = (name: string, annotation: string): boolean => {
  const key = PLAIN_KEYS.get(name);
  return key !== undefined && isForeign(table[key], annotation);
};

/** Secrets of the list, as if each had its own annotations on the same object. Declared in both ways, a secret is a problem. */
const readSecrets = (
  annotations: ReadonlyMap<string, string>,
  annotation: string,
  readYaml: ReadYaml,
  state: ParseState,
): void => {
  const { secrets, problems, warnings } = readSecretList(annotation, annotations.get(annotation) ?? '', readYaml);
  state.problems.push(...problems);
  state.warnings.push(...warnings);
  for (const { name, location, fields, variables } of secrets) {
    for (const [variable, value] of variables)
      setVariable(variable, { value, annotation: `${location}.env.${variable}` }, annotations, state);
    const singles = Object.values(LISTED_FIELDS).map((key) => state.families[key].get(name)?.annotation);
    // An annotation of an earlier layer is overridden, so it is no duplicate.
    const other = singles.find((single) => single !== undefined && annotations.has(single));
    if (other !== undefined) state.problems.push({ code: 'secret-duplicate', annotation: location, other, name });
    for (const [field, value] of fields)
      state.families[LISTED_FIELDS[field]].set(name, { value, annotation: `${location}.${field}` });
  }
};

/** A variable of the list. An annotation of an earlier layer is overridden; a second one of this layer is a problem. */
const setVariable = (
  name: string,
  entry: FamilyEntry<SecretKey>,
  annotations: ReadonlyMap<string, string>,
  state: ParseState,
): void => {
  const other = [state.families.env.get(name), state.families.envTemplate.get(name)].find(
    (set) => set !== undefined && annotations.has(set.annotation.replace(/\[.*$/, '')),
  );
  if (other) state.problems.push({ code: 'env-duplicate', annotation: entry.annotation, other: other.annotation, name });
  state.families.env.set(name, entry);
};

const readLayer = (
  annotations: ReadonlyMap<string, string>,
  layer: AnnotationLayer,
  readYaml: ReadYaml,
  state: ParseState,
): void => {
  const seen = new Map<string, string>();
  for (const [annotation, raw] of annotations) {
    const name = nameWithin(annotation);
    if (name === undefined) continue;
    if (hasForeignPrefix(name, annotation)) {
      state.warnings.push(unknownAnnotation(annotation, `${OWN_PREFIX}${name}`));
      continue;
    }
    const other = seen.get(name);
    if (other !== undefined) {
      if (annotations.get(other)?.trim() !== raw.trim()) state.problems.push({ code: 'annotation-conflict', annotation, other });
      continue;
    }
    seen.set(name, annotation);
    const key = PLAIN_KEYS.get(name);
    if (key !== undefined) readPlain(key, annotation, raw, layer, state);
    else if (!readFamily(name, annotation, raw, state))
      state.warnings.push(unknownAnnotation(annotation, suggestion(name, annotation)));
  }
  const list = state.origins.get('secrets');
  if (list?.layer === layer && list.annotation !== undefined) readSecrets(annotations, list.annotation, readYaml, state);
};

/**
 * Options of a pod from its layers; a later layer overrides an earlier one. `readYaml` is called only for a layer with a secrets list.
 * Never throws.
 */
export function parseAnnotations(layers: LayeredAnnotations, base: Baseline, readYaml: ReadYaml): Parsed {
  const state: ParseState = {
    options: { ...base.options },
    origins: new Map(base.origins),
    families: emptyFamilies(),
    problems: [],
    warnings: [],
  };
  for (const layer of ANNOTATION_LAYERS) {
    const annotations = layers[layer];
    if (annotations) readLayer(annotations, layer, readYaml, state);
  }
  return state as unknown as Parsed;
}
