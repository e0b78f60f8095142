// A Pod with the fields that injection reads. readPod checks their types once. The object stays raw JSON, so that unknown fields
// survive and the paths of a patch are those of the received object.
import { isObject, objectAt, objectsOf, textMap, textOf, type Json, type JsonObject } from '../json/json.ts';
import { operatingSystemOf } from './operating-system.ts';
import type { PodProblem } from './pod-problems.ts';

/** The type of a field: a scalar, a list, an object with some known fields, or (`*`) a map of one type. */
type Shape = 'string' | 'number' | 'boolean' | 'quantity' | readonly [Shape] | { readonly [field: string]: Shape };

/** The TypeScript type of a shape. Every field can be absent or null, which mean the same to the API server. */
type Shaped<S> = S extends 'string'
  ? string
  : S extends 'number'
    ? number
    : S extends 'boolean'
      ? boolean
      : S extends 'quantity'
        ? string | number
        : S extends readonly [infer Member]
          ? readonly Shaped<Member>[]
          : S extends { readonly '*': infer Value }
            ? Readonly<Record<string, Shaped<Value>>>
            : { readonly [Field in keyof S]?: Shaped<S[Field]> | null };

const VOLUME = {
  name: 'string',
  projected: { sources: [{ serviceAccountToken: { path: 'string', audience: 'string' } }] },
  secret: {},
} as const satisfies Shape;

const VOLUME_MOUNT = {
  name: 'string',
  mountPath: 'string',
  readOnly: 'boolean',
  subPath: 'string',
  subPathExpr: 'string',
  mountPropagation: 'string',
} as const satisfies Shape;

const USER_AND_GROUP = { runAsUser: 'number', runAsGroup: 'number' } as const satisfies Shape;

const SECURITY_CONTEXT = {
  ...USER_AND_GROUP,
  privileged: 'boolean',
  capabilities: { add: ['string'], drop: ['string'] },
} as const satisfies Shape;

const POD_SECURITY_CONTEXT = {
  ...USER_AND_GROUP,
  fsGroup: 'number',
  supplementalGroups: ['number'],
} as const satisfies Shape;

const CONTAINER = {
  name: 'string',
  imagePullPolicy: 'string',
  restartPolicy: 'string',
  env: [{ name: 'string', value: 'string', valueFrom: {} }],
  resources: { requests: { '*': 'quantity' }, limits: { '*': 'quantity' } },
  securityContext: SECURITY_CONTEXT,
  volumeMounts: [VOLUME_MOUNT],
} as const satisfies Shape;

const METADATA = {
  name: 'string',
  annotations: { '*': 'string' },
  labels: { '*': 'string' },
  ownerReferences: [{ kind: 'string', controller: 'boolean' }],
} as const satisfies Shape;

const SPEC = {
  serviceAccountName: 'string',
  volumes: [VOLUME],
  initContainers: [CONTAINER],
  containers: [CONTAINER],
  resources: {},
  securityContext: POD_SECURITY_CONTEXT,
  shareProcessNamespace: 'boolean',
} as const satisfies Shape;

export type Volume = Shaped<typeof VOLUME>;
export type VolumeMount = Shaped<typeof VOLUME_MOUNT>;
export type Container = Shaped<typeof CONTAINER>;

export interface Pod {
  readonly metadata: Shaped<typeof METADATA>;
  readonly spec: Shaped<typeof SPEC>;
}

export type ContainerList = 'containers' | 'initContainers';
export const CONTAINER_LISTS: readonly ContainerList[] = ['containers', 'initContainers'];

export type PodReading =
  | { readonly ok: true; readonly pod: Pod }
  | { readonly ok: false; readonly problems: readonly PodProblem[] };

/** The same object as a Pod, or every field that is not of its type as a problem `pod-malformed`. */
export function readPod(object: JsonObject): PodReading {
  const faults = faultsOfPod(object);
  return faults.length === 0
    ? { ok: true, pod: object as unknown as Pod }
    : { ok: false, problems: faults.map((fault) => ({ code: 'pod-malformed', ...fault })) };
}

/** A field of another type: `spec.containers[0].env` must be `a list`. */
interface Fault {
  readonly path: string;
  readonly expected: string;
}

const NO_FAULTS: readonly Fault[] = [];

const faultsOfPod = (object: JsonObject): readonly Fault[] =>
  Object.entries({ metadata: METADATA, spec: SPEC }).flatMap(([field, shape]): readonly Fault[] =>
    isObject(object[field])
      ? faultsOf(object[field], shape).map(({ path, expected }) => ({ path: field + path, expected }))
      : [{ path: field, expected: 'an object' }],
  );

/** Paths are built on the way back: few Pods have a fault, and a large one has hundreds of fields. */
const faultsOf = (value: Json | undefined, shape: Shape): readonly Fault[] => {
  if (value === undefined || value === null) return NO_FAULTS;
  if (typeof shape === 'string') return isScalar(value, shape) ? NO_FAULTS : [{ path: '', expected: expectedOf(shape) }];
  if (isListShape(shape)) return Array.isArray(value) ? faultsOfMembers(value, shape[0]) : [{ path: '', expected: 'a list' }];
  if (!isObject(value)) return [{ path: '', expected: 'an object' }];
  const faults: Fault[] = [];
  const ofAll = shape['*'];
  for (const field in ofAll ? value : shape)
    for (const { path, expected } of faultsOf(value[field], ofAll ?? shape[field] ?? {}))
      faults.push({ path: `${ofAll ? `[${JSON.stringify(field)}]` : `.${field}`}${path}`, expected });
  return faults;
};

const faultsOfMembers = (list: readonly Json[], shape: Shape): readonly Fault[] => {
  const faults: Fault[] = [];
  for (const [index, member] of list.entries())
    for (const { path, expected } of member === null ? [{ path: '', expected: expectedOf(shape) }] : faultsOf(member, shape))
      faults.push({ path: `[${index}]${path}`, expected });
  return faults;
};

const isListShape = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape);

const isScalar = (value: Json, shape: string): boolean =>
  shape === 'quantity' ? typeof value === 'string' || typeof value === 'number' : typeof value === shape;

const expectedOf = (shape: Shape): string => {
  if (typeof shape !== 'string') return isListShape(shape) ? 'a list' : 'an object';
  return { string: 'text', number: 'a number', boolean: 'true or false', quantity: 'a quantity' }[shape];
};

/** The API server's default of serviceAccountName. */
const DEFAULT_SERVICE_ACCOUNT = 'default';

export function serviceAccountOf({ spec }: Pod): string {
  return spec.serviceAccountName ?? DEFAULT_SERVICE_ACCOUNT;
}

/** What selection and the log read of an object that may not be a valid Pod: a field of another type counts as absent. */
export interface PodHeader {
  readonly name: string;
  readonly generateName: string;
  /** Kind and name of the controlling owner, such as ReplicaSet/web-7d9c5; empty without one. */
  readonly owner: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly phase: string | undefined;
  /** Of the nodes that the pod can run on; undefined: not decided. */
  readonly operatingSystem: string | undefined;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** The controlling owner of any JSON object. */
export function controllerOf(object: Json | undefined): OwnerReference | undefined {
  const metadata = isObject(object) ? objectAt(object, 'metadata') : undefined;
  const owner = objectsOf(metadata?.['ownerReferences']).find((reference) => reference['controller'] === true);
  const [apiVersion, kind, name, uid] = ['apiVersion', 'kind', 'name', 'uid'].map((key) => textOf(owner, key));
  return apiVersion && kind && name && uid ? { apiVersion, kind, name, uid } : undefined;
}

/** The header of any JSON object. */
export function podHeader(object: JsonObject): PodHeader {
  const metadata = objectAt(object, 'metadata');
  const owner = objectsOf(metadata?.['ownerReferences']).find((reference) => reference['controller'] === true);
  return {
    name: textOf(metadata, 'name') ?? '',
    generateName: textOf(metadata, 'generateName') ?? '',
    owner: owner ? `${textOf(owner, 'kind') ?? ''}/${textOf(owner, 'name') ?? ''}` : '',
    labels: textMap(metadata?.['labels']),
    annotations: textMap(metadata?.['annotations']),
    phase: textOf(objectAt(object, 'status'), 'phase'),
    operatingSystem: operatingSystemOf(objectAt(object, 'spec')),
  };
}
