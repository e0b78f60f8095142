// Is this pod injected, and why (not): the truth table, first match wins.
import { flag, INVALID } from '../annotations/kinds.ts';

/** Closed list: metric label, log field and heading of the documentation. */
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

/** What counts when pods are chosen; from the operator's settings. */
export interface SelectionPolicy {
  readonly excludedNamespaces: ReadonlySet<string>;
  /** Labels of pods and namespaces count, and the annotation of the same name. vault-k8s knows only the annotation. */
  readonly labels: boolean;
  /** Mirror and Windows pods are left alone. vault-k8s does not know them. */
  readonly skipUnsuitable: boolean;
  /** The status annotation alone says that a pod is injected, as vault-k8s has it. */
  readonly trustStatus: boolean;
  /** Pods that nobody asked about are injected. */
  readonly cluster: boolean;
}

export interface SelectionInput {
  readonly namespace: string;
  readonly namespaceLabels: ReadonlyMap<string, string>;
  readonly podLabels: ReadonlyMap<string, string>;
  readonly podAnnotations: ReadonlyMap<string, string>;
  /** Values of the inject annotation under every prefix that carries it. */
  readonly requests: readonly string[];
  /** Value of the status annotation, if there is one. */
  readonly status: string | undefined;
  readonly phase: string | undefined;
  readonly operatingSystem: string | undefined;
}

export interface Selection {
  readonly inject: boolean;
  readonly reason: SelectionReason;
  /** The pod itself asked (or tried to): it gets an answer rather than silence. One that said no did not ask. */
  readonly explicit: boolean;
  /** Full names of labels whose value is neither enabled nor disabled: they count as absent. */
  readonly unknownLabels: readonly string[];
  /** Label and annotation of the pod say opposite things. */
  readonly contradiction: boolean;
}

/** Also an annotation of pods, with the same values, for those who cannot set labels. */
export const INJECT_LABEL = 'vaultauth.dev/inject';
export const ADMISSION_LABEL = 'vaultauth.dev/admission';
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

type Wish = 'enabled' | 'disabled' | 'unknown' | undefined;

const labelWish = (labels: ReadonlyMap<string, string>, name: string): Wish => {
  const value = labels.get(name);
  return value === undefined || value === 'enabled' || value === 'disabled' ? value : 'unknown';
};

/** One readable wish, or none, or a mess: an unreadable value, or two annotations that disagree. */
const annotationWish = (requests: readonly string[], own: string | undefined): boolean | 'invalid' | undefined => {
  const wishes = requests.map((raw) => flag.read(raw));
  if (own !== undefined) wishes.push(own === 'enabled' || (own === 'disabled' ? false : INVALID));
  if (wishes.some((wish) => wish === INVALID || wish !== wishes[0])) return 'invalid';
  return wishes[0] as boolean | undefined;
};

type Verdict = readonly [inject: boolean, reason: SelectionReason, explicit: boolean];

const fromPod = (label: Wish, annotation: ReturnType<typeof annotationWish>): Verdict | undefined => {
  if (label === 'disabled') return [false, 'pod-label-disabled', false];
  if (label === 'enabled') return [true, 'pod-label', true];
  if (annotation === 'invalid') return [true, 'pod-annotation-invalid', true];
  if (annotation === false) return [false, 'pod-annotation-false', false];
  if (annotation === true) return [true, 'pod-annotation', true];
  return undefined;
};

const fromSurroundings = (label: Wish, policy: SelectionPolicy): Verdict => {
  if (label === 'disabled') return [false, 'namespace-label-disabled', false];
  if (label === 'enabled') return [true, 'namespace-label', false];
  return policy.cluster ? [true, 'cluster-default', false] : [false, 'not-requested', false];
};

const stopped = (input: SelectionInput, policy: SelectionPolicy): SelectionReason | undefined => {
  if (policy.excludedNamespaces.has(input.namespace)) return 'excluded-namespace';
  if (policy.labels && input.namespaceLabels.get(ADMISSION_LABEL) === 'disabled') return 'namespace-stopped';
  if (!policy.skipUnsuitable) return undefined;
  if (input.podAnnotations.has(MIRROR_ANNOTATION)) return 'mirror-pod';
  return input.operatingSystem === 'windows' ? 'windows-pod' : undefined;
};

/** Only a pod that does not run yet can get containers; a chosen one may have its agent already. */
const unfit = (input: SelectionInput, policy: SelectionPolicy): SelectionReason | undefined => {
  if (input.phase !== undefined && input.phase !== '' && input.phase !== 'Pending') return 'not-pending';
  return policy.trustStatus && input.status === 'injected' ? 'already-injected' : undefined;
};

/** The decision about one pod. Total: what cannot be read is in the answer. */
export function decide(input: SelectionInput, policy: SelectionPolicy): Selection {
  const podLabel = policy.labels ? labelWish(input.podLabels, INJECT_LABEL) : undefined;
  const namespaceLabel = policy.labels ? labelWish(input.namespaceLabels, INJECT_LABEL) : undefined;
  const annotation = annotationWish(input.requests, policy.labels ? input.podAnnotations.get(INJECT_LABEL) : undefined);
  const stop = stopped(input, policy);
  const wanted: Verdict = fromPod(podLabel, annotation) ?? fromSurroundings(namespaceLabel, policy);
  const [inject, reason, explicit] = wanted;
  const hindrance = stop ?? (inject && reason !== 'pod-annotation-invalid' ? unfit(input, policy) : undefined);
  return {
    inject: inject && hindrance === undefined,
    reason: hindrance ?? reason,
    explicit,
    unknownLabels: podLabel === 'unknown' || namespaceLabel === 'unknown' ? [INJECT_LABEL] : [],
    contradiction: (podLabel === 'enabled' && annotation === false) || (podLabel === 'disabled' && annotation === true),
  };
}
