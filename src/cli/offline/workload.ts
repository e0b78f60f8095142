// The pods in a manifest, and requests for injection that are in none of them.
import { allNames, annotationName, nameWithin } from '../../annotations/names.ts';
import { isObject, objectAt, textMap, textOf, type Json, type JsonObject } from '../../json/json.ts';
import { GROUP, ROLLOUT_ANNOTATION } from '../../resources/kinds.ts';
import { INJECT_LABEL } from '../../selection/decide.ts';
import type { Path } from '../../yaml/documents.ts';
import { groupOf, hasNoTemplates, templatesOf, type GivenPath } from './template-paths.ts';
import type { TemplateNote } from '../../pod/template-kinds.ts';

export interface Workload {
  /** Path of the object in its document; empty unless the document is a List. */
  readonly objectPath: Path;
  /** Path of its pod in the document. */
  readonly path: Path;
  readonly kind: string;
  readonly namespace: string;
  /** Name, or generateName with `*`; empty without either. */
  readonly name: string;
  /** Path of the template in the object, if the object has more than one: `spec.tasks.0.template`. */
  readonly part: string;
  readonly pod: JsonObject;
  /** Our annotations and label on the workload itself, where they have no effect. */
  readonly misplaced: readonly string[];
  /** What the API of its kind makes of an injected template. */
  readonly note?: TemplateNote | undefined;
}

export interface Workloads {
  readonly workloads: readonly Workload[];
  /** Sentences that begin with the object. */
  readonly warnings: readonly string[];
  /** Number of Kubernetes objects, those without a pod included. */
  readonly objects: number;
  /** The given paths that led to a template. */
  readonly used: ReadonlySet<GivenPath>;
}

/** Every pod of a document, also in nested Lists. `namespace` is the namespace of objects without one. */
export function workloadsOf(value: Json, namespace: string, given: readonly GivenPath[] = []): Workloads {
  const workloads: Workload[] = [];
  const warnings: string[] = [];
  const used = new Set<GivenPath>();
  let objects = 0;
  const visit = (object: Json | undefined, path: Path): void => {
    if (!isObject(object)) {
      if (object !== null && object !== undefined) warnings.push(`${path.join('.')}: not a Kubernetes object`);
      return;
    }
    const kind = textOf(object, 'kind');
    const items = object['items'];
    if (kind?.endsWith('List') === true && Array.isArray(items)) {
      for (const [index, item] of items.entries()) visit(item as Json, [...path, 'items', index]);
      return;
    }
    objects += 1;
    if (kind === undefined) warnings.push(`${path.length === 0 ? 'the document' : path.join('.')} has no kind`);
    else {
      const found = workloadsAt({ object, kind, path, namespace, given });
      workloads.push(...found.workloads);
      warnings.push(...found.warnings);
      for (const each of found.used) used.add(each);
    }
  };
  visit(value, []);
  return { workloads, warnings, objects, used };
}

/** As in `Deployment shop/web`; with the path of the template if the object has several. */
export function titleOf({ kind, namespace, name, part }: Pick<Workload, 'kind' | 'namespace' | 'name' | 'part'>): string {
  return `${kind} ${namespace}/${name === '' ? '(no name)' : name}${part === '' ? '' : ` ${part}`}`;
}

interface VisitedObject {
  readonly object: JsonObject;
  readonly kind: string;
  readonly path: Path;
  /** Of objects without one. */
  readonly namespace: string;
  readonly given: readonly GivenPath[];
}

const workloadsAt = ({
  object,
  kind,
  path,
  namespace,
  given,
}: VisitedObject): Pick<Workloads, 'workloads' | 'warnings'> & { readonly used: readonly GivenPath[] } => {
  const metadata = objectAt(object, 'metadata');
  const named = { kind, namespace: textOf(metadata, 'namespace') || namespace, name: nameOf(metadata), part: '' };
  const { templates, missing, used } = templatesOf(object, kind, given, (template) => namesOn(template).length > 0);
  const workloads = templates.map(
    (template): Workload => ({
      ...named,
      part: templates.length > 1 ? template.path.join('.') : '',
      objectPath: path,
      path: [...path, ...template.path],
      pod: template.pod,
      misplaced: misplacedOn(object, template.pod, template.path),
      note: template.note,
    }),
  );
  const warnings = missing === undefined ? [] : [`${titleOf(named)}: ${missing} is not an object: there is no pod to inject`];
  const unreached = unreachedNames(
    object,
    kind,
    templates.map((template) => template.path),
  );
  const [first] = unreached;
  if (first !== undefined)
    warnings.push(`${titleOf(named)}: ${first} is in no pod template that this command finds: ${remedyOf(object, kind)}`);
  return { workloads, warnings, used };
};

const remedyOf = (object: JsonObject, kind: string): string =>
  hasNoTemplates(object, kind)
    ? `a ${kind} has no pod template, so apply it as it is and let the webhook inject its pods`
    : 'set -template-path to the path of the template if the object has one; otherwise let the webhook inject the pods';

const nameOf = (metadata: JsonObject | undefined): string => {
  const name = textOf(metadata, 'name') ?? '';
  const generated = textOf(metadata, 'generateName') ?? '';
  return name === '' && generated !== '' ? `${generated}*` : name;
};

const valueAt = (object: JsonObject, path: Path): JsonObject | undefined => {
  const value = path.reduce<Json | undefined>(
    (found, key) => (isObject(found) || Array.isArray(found) ? (found as Record<string | number, Json>)[key] : undefined),
    object,
  );
  return isObject(value) ? value : undefined;
};

/** The objects around a template, the outermost first. */
const around = (path: Path): readonly Path[] => path.map((_, depth) => path.slice(0, depth));

/** Names above the pod template; a name on both is deliberate. */
const misplacedOn = (object: JsonObject, pod: JsonObject, template: Path): string[] => {
  const own = new Set(namesOn(pod));
  const above = around(template).map((path) => valueAt(object, path));
  return [...new Set(above.flatMap(namesOn))].filter((name) => !own.has(name));
};

const namesOn = (object: JsonObject | undefined): string[] => {
  const metadata = objectAt(object, 'metadata');
  return [...annotationsIn(metadata?.['annotations']), ...labelsIn(metadata?.['labels'])];
};

/** The controller keeps the state of a rollout on the workload itself. */
const annotationsIn = (map: Json | undefined): string[] =>
  isObject(map) ? Object.keys(map).filter((name) => nameWithin(name) !== undefined && name !== ROLLOUT_ANNOTATION) : [];
const labelsIn = (map: Json | undefined): string[] => [...textMap(map).keys()].filter((name) => name === INJECT_LABEL);

/** Kinds whose own annotations and labels the webhook reads. */
const isLayer = (object: JsonObject, kind: string): boolean => {
  const group = groupOf(object);
  return group === GROUP || (group === '' && (kind === 'Namespace' || kind === 'ServiceAccount'));
};

/** A line of YAML within a text, such as the values of a chart in an Argo CD Application, or a manifest in a ConfigMap. */
const REQUEST_LINE = new RegExp(`^[ \\t]*["']?(?:${allNames('agentInject').join('|').replaceAll('.', '\\.')})["']?[ \\t]*:`, 'm');

/**
 * Our annotations and labels in any map of annotations or labels of the object that injection does not read, as
 * `spec.podMetadata.annotations.vault.hashicorp.com/agent-inject`. Those above a template are misplaced and reported with it.
 */
const unreachedNames = (object: JsonObject, kind: string, templates: readonly Path[]): readonly string[] => {
  const read = new Set(templates.flatMap((path) => [...around(path), path]).map((path) => [...path, 'metadata'].join('\0')));
  if (isLayer(object, kind)) read.add('metadata');
  const found: string[] = [];
  const visit = (value: Json | undefined, path: Path): void => {
    if (read.has(path.join('\0'))) return;
    if (Array.isArray(value)) for (const [index, member] of value.entries()) visit(member as Json, [...path, index]);
    if (typeof value === 'string' && REQUEST_LINE.test(value))
      found.push(`the text ${path.join('.')} with ${annotationName('agentInject')}`);
    if (!isObject(value)) return;
    for (const [key, member] of Object.entries(value)) {
      const names = /annotations$/i.test(key) ? annotationsIn(member) : /(?<!match)labels$/i.test(key) ? labelsIn(member) : [];
      found.push(...names.map((name) => [...path, key, name].join('.')));
      visit(member, [...path, key]);
    }
  };
  visit(object, []);
  return found;
};
