// The pods in a manifest: where each kind of workload keeps its pod template.
import { nameWithin } from '../../annotations/names.ts';
import { isObject, objectAt, textMap, textOf, type Json, type JsonObject } from '../../json/json.ts';
import { INJECT_LABEL } from '../../selection/decide.ts';
import type { Path } from '../../yaml/documents.ts';

export interface Workload {
  /** Path of the object in its document; empty unless the document is a List. */
  readonly objectPath: Path;
  /** Path of its pod in the document. */
  readonly path: Path;
  readonly kind: string;
  readonly namespace: string;
  /** Name, or generateName with `*`; empty without either. */
  readonly name: string;
  readonly pod: JsonObject;
  /** Our annotations and label on the workload itself, where they have no effect. */
  readonly misplaced: readonly string[];
}

export interface Workloads {
  readonly workloads: readonly Workload[];
  /** Sentences that begin with the object. */
  readonly warnings: readonly string[];
  /** Number of Kubernetes objects, those without a pod included. */
  readonly objects: number;
}

interface KindRow {
  /** API groups that have the kind; other groups have other kinds of the same name. */
  readonly groups: readonly string[];
  readonly template: readonly string[];
}

const CORE = '';
const TEMPLATE = ['spec', 'template'];

const KINDS: Readonly<Record<string, KindRow>> = {
  Pod: { groups: [CORE], template: [] },
  PodTemplate: { groups: [CORE], template: ['template'] },
  ReplicationController: { groups: [CORE], template: TEMPLATE },
  Deployment: { groups: ['apps', 'extensions'], template: TEMPLATE },
  ReplicaSet: { groups: ['apps', 'extensions'], template: TEMPLATE },
  DaemonSet: { groups: ['apps', 'extensions'], template: TEMPLATE },
  StatefulSet: { groups: ['apps'], template: TEMPLATE },
  Job: { groups: ['batch'], template: TEMPLATE },
  CronJob: { groups: ['batch'], template: ['spec', 'jobTemplate', 'spec', 'template'] },
};

/** Every pod of a document, also in nested Lists. `namespace` is the namespace of objects without one. */
export function workloadsOf(value: Json, namespace: string): Workloads {
  const workloads: Workload[] = [];
  const warnings: string[] = [];
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
      const found = workloadAt(object, kind, path, namespace);
      if (typeof found === 'string') warnings.push(found);
      else if (found) workloads.push(found);
    }
  };
  visit(value, []);
  return { workloads, warnings, objects };
}

/** As in `Deployment shop/web`. */
export function titleOf({ kind, namespace, name }: Pick<Workload, 'kind' | 'namespace' | 'name'>): string {
  return `${kind} ${namespace}/${name === '' ? '(no name)' : name}`;
}

const workloadAt = (object: JsonObject, kind: string, path: Path, defaultNamespace: string): Workload | string | undefined => {
  const row = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  const version = textOf(object, 'apiVersion') ?? '';
  const group = version.includes('/') ? version.slice(0, version.indexOf('/')) : CORE;
  if (!row?.groups.includes(group)) return undefined;
  const metadata = objectAt(object, 'metadata');
  const namespace = textOf(metadata, 'namespace') ?? '';
  const named = { kind, namespace: namespace === '' ? defaultNamespace : namespace, name: nameOf(metadata) };
  const pod = row.template.reduce<JsonObject | undefined>(objectAt, object);
  if (!pod) return `${titleOf(named)}: ${row.template.join('.')} is not an object: there is no pod to inject`;
  return {
    ...named,
    objectPath: path,
    path: [...path, ...row.template],
    pod,
    misplaced: kind === 'Pod' ? [] : misplacedOn(object, pod, row.template),
  };
};

const nameOf = (metadata: JsonObject | undefined): string => {
  const name = textOf(metadata, 'name') ?? '';
  const generated = textOf(metadata, 'generateName') ?? '';
  return name === '' && generated !== '' ? `${generated}*` : name;
};

/** Names above the pod template; a name on both is deliberate. */
const misplacedOn = (object: JsonObject, pod: JsonObject, template: readonly string[]): string[] => {
  const own = new Set(namesOn(pod));
  const above = template.map((_, depth) => template.slice(0, depth).reduce<JsonObject | undefined>(objectAt, object));
  return [...new Set(above.flatMap(namesOn))].filter((name) => !own.has(name));
};

const namesOn = (object: JsonObject | undefined): string[] => {
  const metadata = objectAt(object, 'metadata');
  const labels = [...textMap(metadata?.['labels']).keys()].filter((name) => name === INJECT_LABEL);
  return [...Object.keys(objectAt(metadata, 'annotations') ?? {}).filter((name) => nameWithin(name) !== undefined), ...labels];
};
