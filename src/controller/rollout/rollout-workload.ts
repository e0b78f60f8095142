// A Deployment, StatefulSet or DaemonSet and its pods as a rollout sees them, and the writes of a rollout.
import { isObject, type JsonObject, objectAt, objectsOf, textMap, textOf, textsOf } from '../../json/json.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError, undefinedOn } from '../../kube/errors.ts';
import type { EventSubject } from '../../kube/events.ts';
import { objectPath, resourcePath } from '../../kube/object-ref.ts';
import { ROLLOUT_ANNOTATION, SECRET_VERSIONS_ANNOTATION } from '../../resources/kinds.ts';
import type { WorkloadKind } from './pods.ts';

/** Versions by endpoint and path. */
export type Versions = Readonly<Record<string, number>>;

/** How far the controller has got, kept in an annotation of the workload: another leader goes on from it. */
export interface RolloutState {
  /** Every pod was started with these versions, or later ones. */
  readonly versions: Versions;
  /** The rollout that runs; absent: none. */
  readonly running?: RunningRollout | undefined;
}

export interface RunningRollout {
  readonly target: Versions;
  /** `FirstPod`: one pod is replaced and must become available. `Rest`: the template has changed. */
  readonly phase: 'FirstPod' | 'Rest';
  /** Milliseconds since 1970, by the controller's clock. */
  readonly since: number;
  /** Of the phase FirstPod: the pod to evict, the creation of the youngest pod before (API server's clock), and how many must be available. */
  readonly first?:
    | { readonly name: string; readonly uid: string; readonly after: number; readonly available: number }
    | undefined;
  /** An Event has reported that it does not get on. */
  readonly isStopped?: boolean | undefined;
}

export interface Workload {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  readonly subject: EventSubject;
  /** Its controller has seen the current template. */
  readonly isObserved: boolean;
  readonly desired: number;
  readonly updated: number;
  readonly available: number;
  /** Pods of earlier templates, of a Deployment. */
  readonly outdated: number;
  readonly isPaused: boolean;
  /** Its pods are replaced only when a user deletes them. */
  readonly isOnDelete: boolean;
  /** Of a StatefulSet: pods with a lower ordinal keep the earlier template. */
  readonly partition: number;
  readonly minReadyMs: number;
  /** Selects its pods. */
  readonly selector: string;
  readonly state: RolloutState | undefined;
}

/** A pod as the API server has it now. */
export interface WorkloadPod {
  readonly name: string;
  readonly uid: string;
  readonly createdAt: number;
  readonly isDeleting: boolean;
  /** Ready for as long as minReadySeconds requires. */
  readonly isAvailable: boolean;
}

const PLURALS: Readonly<Record<WorkloadKind, string>> = {
  Deployment: 'deployments',
  StatefulSet: 'statefulsets',
  DaemonSet: 'daemonsets',
};
const FIELD_MANAGER = 'vault-auth-injector-rollout';
const PAGE = 250;

const isWorkloadKind = (kind: string): kind is WorkloadKind => Object.hasOwn(PLURALS, kind);

/** Reads a workload by its key, such as `Deployment/shop/web`; undefined: there is none. Throws KubeError. */
export async function readWorkload(client: KubeClient, key: string, signal: AbortSignal): Promise<Workload | undefined> {
  const [kind = '', namespace = '', name = ''] = key.split('/');
  if (!isWorkloadKind(kind)) return undefined;
  const path = pathOf({ kind, namespace, name });
  const object = await client.request<JsonObject>({ method: 'GET', path, signal }).catch(undefinedOn('NotFound'));
  return object && workloadFrom(kind, object);
}

const pathOf = ({ kind, namespace, name }: Pick<Workload, 'kind' | 'namespace' | 'name'>): string =>
  objectPath({ group: 'apps', version: 'v1', plural: PLURALS[kind], namespace, name });

/** The parts of an object of the API server that a rollout needs. */
export function workloadFrom(kind: WorkloadKind, object: JsonObject): Workload {
  const [metadata, spec, status] = [objectAt(object, 'metadata'), objectAt(object, 'spec'), objectAt(object, 'status')];
  const [name, namespace] = [textOf(metadata, 'name') ?? '', textOf(metadata, 'namespace') ?? ''];
  const strategy = objectAt(spec, 'updateStrategy');
  const isDaemonSet = kind === 'DaemonSet';
  const updated = numberAt(status, isDaemonSet ? 'updatedNumberScheduled' : 'updatedReplicas');
  return {
    kind,
    namespace,
    name,
    subject: {
      apiVersion: 'apps/v1',
      kind,
      metadata: { name, namespace, uid: textOf(metadata, 'uid'), resourceVersion: textOf(metadata, 'resourceVersion') },
    },
    isObserved: numberAt(status, 'observedGeneration') >= numberAt(metadata, 'generation'),
    desired: isDaemonSet ? numberAt(status, 'desiredNumberScheduled') : numberAt(spec, 'replicas', 1),
    updated,
    available: numberAt(status, isDaemonSet ? 'numberAvailable' : 'availableReplicas'),
    outdated: kind === 'Deployment' ? Math.max(0, numberAt(status, 'replicas') - updated) : 0,
    isPaused: spec?.['paused'] === true,
    isOnDelete: textOf(strategy, 'type') === 'OnDelete',
    partition: kind === 'StatefulSet' ? numberAt(objectAt(strategy, 'rollingUpdate'), 'partition') : 0,
    minReadyMs: numberAt(spec, 'minReadySeconds') * 1000,
    selector: selectorText(objectAt(spec, 'selector')),
    state: readState(textOf(objectAt(metadata, 'annotations'), ROLLOUT_ANNOTATION)),
  };
}

const numberAt = (object: JsonObject | undefined, key: string, otherwise = 0): number => {
  const value = object?.[key];
  return typeof value === 'number' ? value : otherwise;
};

const selectorText = (selector: JsonObject | undefined): string =>
  [
    ...[...textMap(selector?.['matchLabels'])].map(([key, value]) => `${key}=${value}`),
    ...objectsOf(selector?.['matchExpressions']).map((expression) => {
      const [key, values] = [textOf(expression, 'key') ?? '', textsOf(expression['values']).join(',')];
      const forms: Readonly<Record<string, string>> = {
        In: `${key} in (${values})`,
        NotIn: `${key} notin (${values})`,
        Exists: key,
        DoesNotExist: `!${key}`,
      };
      return forms[textOf(expression, 'operator') ?? ''] ?? key;
    }),
  ].join(',');

/** Undefined for a text that the controller did not write: the workload starts afresh. */
const readState = (text: string | undefined): RolloutState | undefined => {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || !isVersions(value['versions'])) return undefined;
    const running = value['running'];
    const isValid =
      isObject(running) && isVersions(running['target']) && (running['phase'] === 'Rest' || isObject(running['first']));
    return isValid ? (value as unknown as RolloutState) : { versions: value['versions'] };
  } catch {
    return undefined;
  }
};

/** Versions in an annotation of a pod template; empty for a text that the controller did not write. */
export function readVersionsOf(text: string | undefined): Versions {
  return readState(`{"versions":${text ?? '{}'}}`)?.versions ?? {};
}

const isVersions = (value: unknown): value is Versions =>
  isObject(value) && Object.values(value).every((version) => typeof version === 'number');

/** The pods of a workload, without those that other objects own. Throws KubeError. */
export async function readPods(
  client: KubeClient,
  workload: Workload,
  now: number,
  signal: AbortSignal,
): Promise<readonly WorkloadPod[]> {
  const { namespace, selector } = workload;
  if (selector === '') return [];
  const pods: WorkloadPod[] = [];
  let next: string | undefined = '';
  while (next !== undefined) {
    const page: JsonObject = await client.request<JsonObject>({
      method: 'GET',
      path: resourcePath({ group: '', version: 'v1', plural: 'pods' }, namespace),
      query: { labelSelector: selector, limit: PAGE, ...(next === '' ? {} : { continue: next }) },
      signal,
    });
    for (const pod of objectsOf(page['items'])) if (isOwned(pod, workload)) pods.push(podFrom(pod, workload, now));
    next = textOf(objectAt(page, 'metadata'), 'continue') || undefined;
  }
  return pods;
}

const isOwned = (pod: JsonObject, { kind, name, subject }: Workload): boolean => {
  const owner = objectsOf(objectAt(pod, 'metadata')?.['ownerReferences']).find((reference) => reference['controller'] === true);
  return kind === 'Deployment'
    ? owner?.['kind'] === 'ReplicaSet' && (textOf(owner, 'name') ?? '').startsWith(`${name}-`)
    : owner?.['uid'] === subject.metadata.uid;
};

const podFrom = (pod: JsonObject, { minReadyMs }: Workload, now: number): WorkloadPod => {
  const metadata = objectAt(pod, 'metadata');
  const ready = objectsOf(objectAt(pod, 'status')?.['conditions']).find(({ type }) => type === 'Ready');
  const since = Date.parse(textOf(ready, 'lastTransitionTime') ?? '') || 0;
  return {
    name: textOf(metadata, 'name') ?? '',
    uid: textOf(metadata, 'uid') ?? '',
    createdAt: Date.parse(textOf(metadata, 'creationTimestamp') ?? '') || 0,
    isDeleting: metadata?.['deletionTimestamp'] !== undefined,
    isAvailable: ready?.['status'] === 'True' && now - since >= minReadyMs,
  };
};

/**
 * Writes the state; with `restarts`, also the versions into the template in the same request, which restarts the workload. No
 * other field changes. A workload that was deleted or replaced is not an error. Throws KubeError.
 */
export async function writeState(
  client: KubeClient,
  workload: Workload,
  state: RolloutState,
  restarts: Versions | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { uid } = workload.subject.metadata;
  await client
    .request({
      method: 'PATCH',
      path: pathOf(workload),
      query: { fieldManager: FIELD_MANAGER },
      contentType: 'application/merge-patch+json',
      body: {
        metadata: { uid, annotations: { [ROLLOUT_ANNOTATION]: JSON.stringify(state) } },
        ...(restarts === undefined
          ? {}
          : { spec: { template: { metadata: { annotations: { [SECRET_VERSIONS_ANNOTATION]: JSON.stringify(restarts) } } } } }),
      },
      signal,
    })
    .catch(undefinedOn('NotFound'));
}

/**
 * Evicts a pod, so that PodDisruptionBudgets hold. Returns why not now; undefined: it is going, or gone. Throws KubeError.
 */
export async function evictPod(
  client: KubeClient,
  namespace: string,
  { name, uid }: Pick<WorkloadPod, 'name' | 'uid'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = `${objectPath({ group: '', version: 'v1', plural: 'pods', namespace, name })}/eviction`;
  const metadata = { name, namespace };
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata, deleteOptions: { preconditions: { uid } } };
  try {
    await client.request({ method: 'POST', path, body, signal });
    return undefined;
  } catch (error) {
    // Another pod has its name by now.
    if (isKubeError(error, 'NotFound', 'Conflict')) return undefined;
    if (isKubeError(error, 'TooManyRequests')) return error.message;
    throw error;
  }
}
