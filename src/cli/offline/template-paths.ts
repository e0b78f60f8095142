// Where objects keep pod templates: known kinds, paths from the command line, and a search for the shape of a template.
import { isObject, objectAt, type Json, type JsonObject } from '../../json/json.ts';
import { CORE, KINDS, type TemplateNote } from '../../pod/template-kinds.ts';
import type { Path } from '../../yaml/documents.ts';

/** Kinds with pods but without pod templates: their controllers build the pods from fields of their own. */
const WITHOUT_TEMPLATE: Readonly<Record<string, readonly string[]>> = {
  'argoproj.io': ['Workflow', 'WorkflowTemplate', 'ClusterWorkflowTemplate', 'CronWorkflow'],
  'sparkoperator.k8s.io': ['SparkApplication', 'ScheduledSparkApplication'],
  'monitoring.coreos.com': ['Prometheus', 'PrometheusAgent', 'Alertmanager', 'ThanosRuler'],
  'tekton.dev': ['Task', 'TaskRun', 'Pipeline', 'PipelineRun'],
};

/** A path of -template-path: keys from the object, `*` for every member of a list or map. */
export interface GivenPath {
  /** As given. */
  readonly text: string;
  readonly kind: string | undefined;
  readonly keys: readonly string[];
}

/** Reads `[KIND=]PATH`, such as `RayCluster=spec.workerGroupSpecs[].template`; undefined if it cannot be read. */
export function givenPath(text: string): GivenPath | undefined {
  const match = /^(?:([A-Za-z][A-Za-z0-9]*)=)?\.?([^=]+)$/.exec(text.trim());
  const keys = (match?.[2] ?? '').replaceAll(/\[\*?\]/g, '.*').split('.');
  return keys.every((key) => /^(?:\*|[A-Za-z0-9_-]+)$/.test(key)) ? { text, kind: match?.[1], keys } : undefined;
}

export interface FoundTemplate {
  /** From the object. */
  readonly path: Path;
  readonly pod: JsonObject;
  readonly note?: TemplateNote | undefined;
}

export interface FoundTemplates {
  readonly templates: readonly FoundTemplate[];
  /** The path at which an object of a known kind must have its template, and has none. */
  readonly missing?: string;
  /** The given paths that led to one of them. */
  readonly used: readonly GivenPath[];
}

/** The pod templates of an object. `isRequesting`: whether a template of an unknown kind has a request for the injector. */
export function templatesOf(
  object: JsonObject,
  kind: string,
  given: readonly GivenPath[],
  isRequesting: (template: JsonObject) => boolean,
): FoundTemplates {
  const group = groupOf(object);
  const row = (Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined)?.find(({ groups }) => groups.includes(group));
  const own = row && row.template.reduce<JsonObject | undefined>(objectAt, object);
  const fixed: FoundTemplate[] = row && own ? [{ path: row.template, pod: own, note: row.note }] : [];
  const matches = given
    .filter((path) => path.kind === undefined || path.kind === kind)
    .map((path) => ({ path, at: row && path.kind === undefined ? [] : matching(object, path.keys, []) }));
  const named = matches.flatMap(({ at }) => at);
  const searched = row ? [] : searchIn(object, [], isRequesting);
  const templates = unique([...fixed, ...named, ...searched]);
  return {
    templates,
    used: matches.filter(({ at }) => at.length > 0).map(({ path }) => path),
    ...(row && !own && row.isOptional !== true ? { missing: row.template.join('.') } : {}),
  };
}

/** Whether the pods of a kind have no template, so that only the webhook can inject them. */
export function hasNoTemplates(object: JsonObject, kind: string): boolean {
  return (WITHOUT_TEMPLATE[groupOf(object)] ?? []).includes(kind);
}

/** The API group of an object; empty for the core group. */
export function groupOf({ apiVersion }: JsonObject): string {
  return typeof apiVersion === 'string' && apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : CORE;
}

const unique = (templates: readonly FoundTemplate[]): readonly FoundTemplate[] => {
  const seen = new Set<JsonObject>();
  return templates.filter(({ pod }) => {
    const isNew = !seen.has(pod);
    seen.add(pod);
    return isNew;
  });
};

const membersOf = (value: Json | undefined): readonly (readonly [string | number, Json | undefined])[] =>
  Array.isArray(value)
    ? value.map((member: Json, index) => [index, member] as const)
    : isObject(value)
      ? Object.entries(value)
      : [];

const matching = (value: Json | undefined, [key, ...rest]: readonly string[], path: Path): readonly FoundTemplate[] => {
  if (key === undefined) return isObject(value) ? [{ path, pod: value }] : [];
  if (key === '*') return membersOf(value).flatMap(([name, member]) => matching(member, rest, [...path, name]));
  return isObject(value) && Object.hasOwn(value, key) ? matching(value[key], rest, [...path, key]) : [];
};

/**
 * Every object below this one that has the shape of a pod template and requests injection: `metadata` and `spec.containers`. Without
 * a request it can be anything, such as the pattern of a policy.
 */
const searchIn = (
  value: Json | undefined,
  path: Path,
  isRequesting: (template: JsonObject) => boolean,
): readonly FoundTemplate[] => {
  if (isObject(value) && path.length > 0 && isTemplate(value) && isRequesting(value)) return [{ path, pod: value }];
  return membersOf(value).flatMap(([name, member]) => searchIn(member, [...path, name], isRequesting));
};

const isTemplate = (value: JsonObject): boolean => {
  const containers = objectAt(value, 'spec')?.['containers'];
  return (
    objectAt(value, 'metadata') !== undefined && Array.isArray(containers) && containers.length > 0 && containers.every(isObject)
  );
};
