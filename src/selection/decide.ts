// Selection: is this pod injected, and why (not). Evaluated top to bottom; the first match wins.
import { flag, INVALID, readText } from '../annotations/value-kinds.ts';

/** Values of a metric label and a log field, and headings of the documentation. */
export type SelectionReason =
  | 'excluded-namespace'
  | 'namespace-stopped'
  | 'mirror-pod'
  | 'windows-pod'
  | 'not-a-pod'
  | 'not-created'
  | 'not-pending'
  | 'already-injected'
  | 'pod-label'
  | 'pod-label-disabled'
  | 'pod-annotation'
  | 'pod-annotation-false'
  | 'pod-annotation-invalid'
  | 'namespace-label'
  | 'namespace-label-disabled'
  | 'cluster-default'
  | 'not-requested'
  | 'pod-malformed';

/** The rules of selection, from the operator's settings. */
export interface SelectionPolicy {
  readonly excludedNamespaces: ReadonlySet<string>;
  /** Read the labels of pods and namespaces, and the annotation of the same name. vault-k8s reads only its own annotation. */
  readonly labels: boolean;
  /** Skip mirror pods and Windows pods. vault-k8s does not check for them. */
  readonly skipUnsuitable: boolean;
  /** Skip a pod whose status annotation says `injected`, as vault-k8s does. */
  readonly trustStatus: boolean;
  /** Inject every pod that does not opt out. */
  readonly cluster: boolean;
}

export interface SelectionInput {
  readonly namespace: string;
  readonly namespaceLabels: ReadonlyMap<string, string>;
  readonly podLabels: ReadonlyMap<string, string>;
  readonly podAnnotations: ReadonlyMap<string, string>;
  /** Values of the inject annotation under each prefix. */
  readonly requests: readonly string[];
  /** Value of the status annotation. */
  readonly status: string | undefined;
  readonly phase: string | undefined;
  readonly operatingSystem: string | undefined;
}

export interface Selection {
  readonly inject: boolean;
  readonly reason: SelectionReason;
  /** The pod itself requests injection, even with an invalid value: it must not start without its agent. */
  readonly explicit: boolean;
  /** Labels whose value is neither enabled nor disabled. They count as absent. */
  readonly invalidLabels: readonly string[];
  /** Label and annotation of the pod contradict each other. */
  readonly contradiction: boolean;
}

/** A label of namespaces and pods. Pods can also have it as an annotation, with the same values. */
export const INJECT_LABEL = 'vaultauth.dev/inject';
export const ADMISSION_LABEL = 'vaultauth.dev/admission';
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

type LabelRequest = 'enabled' | 'disabled' | 'invalid' | undefined;

const labelRequest = (labels: ReadonlyMap<string, string>, name: string): LabelRequest => {
  const value = labels.get(name);
  return value === undefined || value === 'enabled' || value === 'disabled' ? value : 'invalid';
};

/** The request of the annotations; `invalid` for an invalid value or two annotations that contradict each other. */
const annotationRequest = (requests: readonly string[], own: string | undefined): boolean | 'invalid' | undefined => {
  const values = requests.map((raw) => readText(flag, raw).value);
  if (own !== undefined) values.push(own === 'enabled' || (own === 'disabled' ? false : INVALID));
  if (values.some((value) => value === INVALID || value !== values[0])) return 'invalid';
  return values[0] as boolean | undefined;
};

type Match = readonly [inject: boolean, reason: SelectionReason, explicit: boolean];

const fromPod = (label: LabelRequest, annotation: ReturnType<typeof annotationRequest>): Match | undefined => {
  if (label === 'disabled') return [false, 'pod-label-disabled', false];
  if (label === 'enabled') return [true, 'pod-label', true];
  if (annotation === 'invalid') return [true, 'pod-annotation-invalid', true];
  if (annotation === false) return [false, 'pod-annotation-false', false];
  if (annotation === true) return [true, 'pod-annotation', true];
  return undefined;
};

const fromNamespace = (label: LabelRequest, policy: SelectionPolicy): Match => {
  if (label === 'disabled') return [false, 'namespace-label-disabled', false];
  if (label === 'enabled') return [true, 'namespace-label', false];
  return policy.cluster ? [true, 'cluster-default', false] : [false, 'not-requested', false];
};

const excluded = (input: SelectionInput, policy: SelectionPolicy): SelectionReason | undefined => {
  if (policy.excludedNamespaces.has(input.namespace)) return 'excluded-namespace';
  if (policy.labels && input.namespaceLabels.get(ADMISSION_LABEL) === 'disabled') return 'namespace-stopped';
  if (!policy.skipUnsuitable) return undefined;
  if (input.podAnnotations.has(MIRROR_ANNOTATION)) return 'mirror-pod';
  return input.operatingSystem === 'windows' ? 'windows-pod' : undefined;
};

/** A running pod cannot get containers, and one with an agent needs none. */
const notInjectable = (input: SelectionInput, policy: SelectionPolicy): SelectionReason | undefined => {
  if (input.phase !== undefined && input.phase !== '' && input.phase !== 'Pending') return 'not-pending';
  return policy.trustStatus && input.status === 'injected' ? 'already-injected' : undefined;
};

/** The decision about one pod. Invalid values are part of the result. */
export function decide(input: SelectionInput, policy: SelectionPolicy): Selection {
  const podLabel = policy.labels ? labelRequest(input.podLabels, INJECT_LABEL) : undefined;
  const namespaceLabel = policy.labels ? labelRequest(input.namespaceLabels, INJECT_LABEL) : undefined;
  const annotation = annotationRequest(input.requests, policy.labels ? input.podAnnotations.get(INJECT_LABEL) : undefined);
  const exclusion = excluded(input, policy);
  const match = fromPod(podLabel, annotation) ?? fromNamespace(namespaceLabel, policy);
  const [inject, reason, explicit] = match;
  const obstacle = exclusion ?? (inject && reason !== 'pod-annotation-invalid' ? notInjectable(input, policy) : undefined);
  return {
    inject: inject && obstacle === undefined,
    reason: obstacle ?? reason,
    explicit,
    invalidLabels: podLabel === 'invalid' || namespaceLabel === 'invalid' ? [INJECT_LABEL] : [],
    contradiction: (podLabel === 'enabled' && annotation === false) || (podLabel === 'disabled' && annotation === true),
  };
}
