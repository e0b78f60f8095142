// Layers of annotations → typed options, or every problem they have. The only reader of raw annotations.
import { FAMILY_ORDER, families, type Families, type FamilyKey } from './families.ts';
import type { AnnotationProblem } from './annotation-problems.ts';
import { UNREADABLE, type ValueOf } from './kind.ts';
import { nameWithin, OWN_PREFIX } from './prefix.ts';
import { ANNOTATION_LAYERS, kebab, type AnnotationLayer, type Layer, type Row } from './row.ts';
import { LISTED_FIELDS, readSecretList, type ReadYaml } from './secret-list.ts';
import { nearestName } from './suggest.ts';
import { table, type OptionKey, type Table } from './table.ts';

type Value<K extends OptionKey> = ValueOf<Table[K]['kind']>;

/** The options of one pod: a row with a default always has a value. */
export type Options = { readonly [K in OptionKey]: Table[K] extends { default: unknown } ? Value<K> : Value<K> | undefined };

/** What the operator's settings say, by row; the layer between built-in defaults and annotations. */
export type OperatorOptions = { readonly [K in OptionKey]?: Value<K> };

/** Who gave an option its value; `annotation` is the full name as written, `object` the name of one of ours. */
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
  /** Only for options that are not at their built-in default. */
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

/** Merges built-in defaults with the operator's settings. */
export function baseline(operator: OperatorOptions): Baseline {
  const options: Record<string, unknown> = {};
  const origins = new Map<OptionKey, Origin>();
  for (const key of PLAIN_KEYS.values()) {
    const set = operator[key];
    options[key] = set === undefined ? (table[key] as Row<unknown>).default : set;
    if (set !== undefined) origins.set(key, { layer: 'settings' });
  }
  return { options: options as Options, origins };
}

interface Draft {
  readonly options: Record<string, unknown>;
  readonly origins: Map<OptionKey, Origin>;
  readonly families: { [K in FamilyKey]: Map<string, FamilyEntry<unknown>> };
  readonly problems: AnnotationProblem[];
  readonly warnings: AnnotationProblem[];
}

const emptyFamilies = (): Draft['families'] =>
  Object.fromEntries(FAMILY_ORDER.map((key) => [key, new Map()])) as Draft['families'];

/** Reads one value; undefined when the row treats it as not set, or when it is a problem (which is noted). */
const read = (row: Row<unknown>, annotation: string, raw: string, draft: Draft): unknown => {
  if (raw === '' && row.empty) {
    if (row.empty === 'unset-warn') draft.warnings.push({ code: 'annotation-empty', annotation });
    return undefined;
  }
  const value = row.kind.read(raw);
  if (value !== UNREADABLE) return value;
  draft.problems.push({ code: 'annotation-value', annotation, value: raw, expected: row.kind.wanted, example: row.example });
  return undefined;
};

/** Names of ours mean nothing under the prefix of another product. */
const isForeign = (row: Row<unknown>, annotation: string): boolean => row.own === true && !annotation.startsWith(OWN_PREFIX);

const takePlain = (key: OptionKey, annotation: string, raw: string, layer: AnnotationLayer, draft: Draft): void => {
  const row: Row<unknown> = table[key];
  if ((row.podOnly && layer !== 'pod') || (row.namespaceOnly && layer !== 'namespace')) {
    draft.warnings.push({ code: 'annotation-layer', annotation, layer, only: row.podOnly ? 'pod' : 'namespace' });
    return;
  }
  const value = read(row, annotation, raw, draft);
  if (value === undefined) return;
  if (row.deprecated !== undefined) draft.warnings.push({ code: 'annotation-deprecated', annotation, reason: row.deprecated });
  draft.options[key] = value;
  draft.origins.set(key, { layer, annotation });
};

const takeFamily = (name: string, annotation: string, raw: string, draft: Draft): boolean => {
  for (const key of FAMILY_ORDER) {
    const family = families[key];
    const suffix = name.startsWith(`${family.name}-`) ? name.slice(family.name.length + 1) : '';
    if (suffix === '' || isForeign(family, annotation)) continue;
    const value = read(family, annotation, raw, draft);
    if (value !== undefined) draft.families[key].set(suffix, { value, annotation });
    return true;
  }
  return false;
};

const unknown = (annotation: string, nearest: string | undefined): AnnotationProblem => ({
  code: 'annotation-unknown',
  annotation,
  nearest,
});

/** A name of ours under a foreign prefix, whose right form is known. */
const foreignName = (name: string, annotation: string): boolean => {
  const key = PLAIN_KEYS.get(name);
  return key !== undefined && isForeign(table[key], annotation);
};

/** Secrets of the list, as if they were written one by one on the same object; there each of them is declared one way only. */
const takeSecrets = (annotations: ReadonlyMap<string, string>, annotation: string, readYaml: ReadYaml, draft: Draft): void => {
  const { secrets, problems } = readSecretList(annotation, annotations.get(annotation) ?? '', readYaml);
  draft.problems.push(...problems);
  for (const { name, place, fields } of secrets) {
    const singles = Object.values(LISTED_FIELDS).map((key) => draft.families[key].get(name)?.annotation);
    // An entry of an earlier layer is no contradiction: it gives way.
    const other = singles.find((single) => single !== undefined && annotations.has(single));
    if (other !== undefined) draft.problems.push({ code: 'secret-duplicate', annotation: place, other, name });
    for (const [field, value] of fields)
      draft.families[LISTED_FIELDS[field]].set(name, { value, annotation: `${place}.${field}` });
  }
};

const takeObject = (annotations: ReadonlyMap<string, string>, layer: AnnotationLayer, readYaml: ReadYaml, draft: Draft): void => {
  const seen = new Map<string, string>();
  for (const [annotation, raw] of annotations) {
    const name = nameWithin(annotation);
    if (name === undefined) continue;
    if (foreignName(name, annotation)) {
      draft.warnings.push(unknown(annotation, `${OWN_PREFIX}${name}`));
      continue;
    }
    const other = seen.get(name);
    if (other !== undefined) {
      if (annotations.get(other) !== raw) draft.problems.push({ code: 'annotation-conflict', annotation, other });
      continue;
    }
    seen.set(name, annotation);
    const key = PLAIN_KEYS.get(name);
    if (key !== undefined) takePlain(key, annotation, raw, layer, draft);
    else if (!takeFamily(name, annotation, raw, draft)) draft.warnings.push(unknown(annotation, nearestName(name)));
  }
  const list = draft.origins.get('secrets');
  if (list?.layer === layer && list.annotation !== undefined) takeSecrets(annotations, list.annotation, readYaml, draft);
};

/**
 * Options of a pod from its layers; later layers win. `readYaml` is asked only when a layer declares secrets as a list. Total:
 * problems are in the answer, nothing is thrown.
 */
export function parseAnnotations(layers: LayeredAnnotations, base: Baseline, readYaml: ReadYaml): Parsed {
  const draft: Draft = {
    options: { ...base.options },
    origins: new Map(base.origins),
    families: emptyFamilies(),
    problems: [],
    warnings: [],
  };
  for (const layer of ANNOTATION_LAYERS) {
    const annotations = layers[layer];
    if (annotations) takeObject(annotations, layer, readYaml, draft);
  }
  return draft as unknown as Parsed;
}
