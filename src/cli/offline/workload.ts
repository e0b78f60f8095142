// The pods in a manifest: where each kind of workload keeps its pod template.
import { nameWithin } from '../../annotations/prefix.ts';
import { isObject, objectAt, textMap, textOf, type Json, type JsonObject } from '../../json/json.ts';
import { INJECT_LABEL } from '../../selection/decide.ts';
import type { Path } from '../../yaml/document.ts';

export interface Workload {
  /** Where the object is in the document; empty for a document that is one object. */
  readonly place: Path;
  /** Where its pod is in the document. */
  readonly path: Path;
  readonly kind: string;
  readonly namespace: string;
  /** Name, or generateName with a star; empty without either. */
  readonly name: string;
  readonly pod: JsonObject;
  /** Annotations and labels of ours that stand on the workload, where nobody reads them. */
  readonly misplaced: readonly string[];
}

export interface Workloads {
  readonly workloads: readonly Workload[];
  /** What is odd about the document, as sentences that begin with the object. */
  readonly oddities: readonly string[];
  /** How many Kubernetes objects the document holds, those without a pod included. */
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

/** Every pod of a document, lists within lists included. `namespace` is that of objects that name none. */
export function workloadsOf(value: Json, namespace: string): Workloads {
  const workloads: Workload[] = [];
  const oddities: string[] = [];
  let objects = 0;
  const take = (object: Json | undefined, path: Path): void => {
    if (!isObject(object)) {
      if (object !== null && object !== undefined) oddities.push(`${path.join('.')}: is no Kubernetes object`);
      return;
    }
    const kind = textOf(object, 'kind');
    const items = object['items'];
    if (kind?.endsWith('List') === true && Array.isArray(items)) {
      for (const [index, item] of items.entries()) take(item as Json, [...path, 'items', index]);
      return;
    }
    objects += 1;
    if (kind === undefined) oddities.push(`${path.length === 0 ? 'the document' : path.join('.')} has no kind`);
    else {
      const found = workloadAt(object, kind, path, namespace);
      if (typeof found === 'string') oddities.push(found);
      else if (found) workloads.push(found);
    }
  };
  take(value, []);
  return { workloads, oddities, objects };
}

/** Kind, namespace and name in the form that people say them. */
export function titleOf({ kind, namespace, name }: Pick<Workload, 'kind' | 'namespace' | 'name'>): string {
  return `${kind} ${namespace}/${name === '' ? '(no name)' : name}`;
}

const workloadAt = (object: JsonObject, kind: string, path: Path, standard: string): Workload | string | undefined => {
  const row = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  const version = textOf(object, 'apiVersion') ?? '';
  const group = version.includes('/') ? version.slice(0, version.indexOf('/')) : CORE;
  if (!row?.groups.includes(group)) return undefined;
  const metadata = objectAt(object, 'metadata');
  const namespace = textOf(metadata, 'namespace') ?? '';
  const named = { kind, namespace: namespace === '' ? standard : namespace, name: nameOf(metadata) };
  const pod = row.template.reduce<JsonObject | undefined>(objectAt, object);
  if (!pod) return `${titleOf(named)}: ${row.template.join('.')} is no object, so that there is no pod to look at`;
  return {
    ...named,
    place: path,
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

/** Ours above the template and not on it as well: people who copy them to both places know what they do. */
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
