// Decides about one pod: is it injected, is it allowed, and what patch does it get. Pure: settings and cluster state are arguments.
import { allNames } from '../annotations/names.ts';
import { parseAnnotations, type Baseline, type Options, type Parsed } from '../annotations/parse.ts';
import type { ReadYaml } from '../annotations/secret-list.ts';
import { isObject, textMap, type Json, type JsonObject } from '../json/json.ts';
import { injectCompat } from '../pod/compat/inject.ts';
import { injectNative } from '../pod/native/inject.ts';
import type { Injection, InjectionContext } from '../pod/draft.ts';
import type { LimitRange } from '../pod/limit-range.ts';
import { inNamespace, namespaceRanges } from '../pod/openshift.ts';
import { podHeader, readPod, serviceAccountOf, type Pod, type PodHeader } from '../pod/pod.ts';
import { MAX_ANNOTATION_BYTES } from '../pod/pod-problems.ts';
import { podTokenOf } from '../pod/token.ts';
import { injectToken } from '../pod/token-mode.ts';
import type { PatchOperation } from '../pod/patch.ts';
import { decide, INJECT_LABEL, type Selection, type SelectionPolicy, type SelectionReason } from '../selection/decide.ts';
import type { SelectionProblem } from '../selection/selection-problems.ts';
import { allowedNames, guardProblemsOf, patchProblemsOf, withoutGuarded } from './guard.ts';
import type { Problem } from './problems.ts';
import { linkPod, type LinkedPod } from './roles/link.ts';
import type { RoleProblemEffect } from './roles/modes.ts';
import type { LinkLister } from './roles/resolve.ts';

/** Labels and annotations of a namespace or service account in the cache. */
export interface LabelsAndAnnotations {
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
}

/** Settings and cluster state. All getters read the cache; none waits or remembers the call. */
export interface AdmissionContext {
  readonly baseline: Baseline;
  readonly injection: InjectionContext;
  readonly policy: SelectionPolicy;
  /** Deny an explicit request in an excluded namespace instead of ignoring it (Q17). */
  readonly denyExcluded: boolean;
  /** Guarded annotations that every pod may use, by name; * for all. */
  readonly allow: readonly string[];
  readonly namespace: (name: string) => LabelsAndAnnotations | undefined;
  readonly serviceAccount: (namespace: string, name: string) => LabelsAndAnnotations | undefined;
  /** VaultAuthRoles and the objects that they reference; undefined: there are none, or they are not in the cache. */
  readonly links?: LinkLister | undefined;
  /** Of a namespace, without those that bound neither containers nor pods. */
  readonly limitRanges: (namespace: string) => readonly LimitRange[];
  /** Reads the annotation that declares secrets as a list. */
  readonly readYaml: ReadYaml;
}

/** An object that is not in the cache and could change the result. */
export type MissingObject =
  | { readonly kind: 'Namespace'; readonly name: string }
  | { readonly kind: 'ServiceAccount' | 'VaultAuthRole'; readonly namespace: string; readonly name: string };

export interface AdmissionResult {
  readonly decision: 'injected' | 'skipped' | 'denied';
  /** Why injection was requested or not; also the metric label. */
  readonly reason: SelectionReason;
  /** Empty if there is nothing (more) to add. */
  readonly patch: readonly PatchOperation[];
  readonly injectionType?: Injection['injectionType'];
  /** All problems that deny the pod, or that leave it without an agent if injection was not requested explicitly. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** What each problem of the pod's role led to; absent if no role concerns the pod. */
  readonly roleProblems?: readonly RoleProblemEffect[] | undefined;
  /** Admit the pod again once these are in the cache. */
  readonly needs: readonly MissingObject[];
}

const PROFILE = { compat: injectCompat, native: injectNative } as const;

const inject = (pod: Pod, parsed: Parsed, context: InjectionContext): Injection =>
  parsed.options.mode === 'token' ? injectToken(pod, parsed, context) : PROFILE[parsed.options.profile](pod, parsed, context);

const REQUEST_NAMES = allNames('agentInject');
const STATUS_NAMES = allNames('agentInjectStatus');
const NO_TEXTS: ReadonlyMap<string, string> = new Map();

/**
 * Decides about one raw pod. If injection was requested and is impossible, the pod is denied with all its problems; otherwise it
 * is left unchanged, with the same problems as warnings.
 */
export function admitPod(object: Json | undefined, namespace: string, context: AdmissionContext): AdmissionResult {
  if (!isObject(object))
    return { ...DENIED, reason: 'pod-malformed', problems: [{ code: 'pod-malformed', path: 'object', expected: 'an object' }] };
  const header = podHeader(object);
  const { annotations } = header;
  const cached = context.namespace(namespace);
  const missingNamespace: readonly MissingObject[] = cached ? [] : [{ kind: 'Namespace', name: namespace }];
  const selection = select(header, namespace, cached, context.policy);
  if (!selection.inject) return notSelected(selection, namespace, context.denyExcluded, missingNamespace);
  const reading = readPod(object);
  const tooLarge = checkAnnotations(annotations);
  if (!reading.ok) return malformedPod([...reading.problems, ...tooLarge], selection, missingNamespace);
  if (tooLarge.length > 0) return malformedPod(tooLarge, selection, missingNamespace);
  const { pod } = reading;

  const { own, linked } = podOptions(pod, namespace, context);
  const parsed = linked?.parsed ?? own;
  const allowed = allowedNames(context.allow, parsed.options.allow);
  const guarded = guardProblemsOf(parsed, context.baseline.options, allowed);
  // Options that are not allowed are not used at all: applying a large patch only to deny it would cost CPU time.
  const usable = withoutGuarded(parsed, guarded, context.baseline.options);
  const completed = inNamespace(pod, usable, namespaceRanges(cached?.annotations));
  const injection = inject(completed.pod, completed.parsed, injectionContext(linked, namespace, context));
  // injection.problems includes the problems of `parsed`: draftOf (pod/draft) copies them.
  const problems = [
    ...(linked ? withRoleProblems(injection.problems, linked) : injection.problems),
    ...(selection.reason === 'pod-annotation-invalid' ? injectConflict(annotations, injection.problems) : []),
    ...guarded,
    ...patchProblemsOf(injection.guardedChanges, parsed, allowed),
  ];
  const warnings = [
    ...selectionWarnings(selection),
    ...completed.warnings,
    ...injection.warnings,
    ...(linked?.result.warnings ?? []),
  ];
  const result = {
    reason: selection.reason,
    warnings,
    roleProblems: linked?.result.effects,
    needs: [...missingServiceAccount(pod, namespace, context), ...missingNamespace, ...missingRole(linked)],
  };
  if (problems.length === 0) return { ...result, ...injection, decision: 'injected', problems, warnings };
  if (selection.explicit) return { ...result, decision: 'denied', patch: [], problems };
  return { ...result, decision: 'skipped', patch: [], problems, warnings: [...warnings, ...problems] };
}

const DENIED = { decision: 'denied', patch: [], warnings: [], needs: [] } as const;
const SKIPPED = { decision: 'skipped', patch: [], problems: [], warnings: [], needs: [] } as const;

/** Annotations of the pod itself. */
export function annotationsOf({ metadata }: Pod): ReadonlyMap<string, string> {
  return textMap(metadata.annotations);
}

/**
 * Options of a pod from its namespace, service account and annotations (`own`), and the pod with the login of its VaultAuthRole
 * (`linked`; undefined: no role concerns it).
 */
export function podOptions(
  pod: Pod,
  namespace: string,
  context: AdmissionContext,
): { readonly own: Parsed; readonly linked: LinkedPod | undefined } {
  const account = serviceAccountOf(pod);
  const cachedNamespace = context.namespace(namespace);
  const cachedAccount = context.serviceAccount(namespace, account);
  const own = parseAnnotations(
    {
      namespace: cachedNamespace?.annotations ?? NO_TEXTS,
      serviceaccount: cachedAccount?.annotations ?? NO_TEXTS,
      pod: annotationsOf(pod),
    },
    context.baseline,
    context.readYaml,
  );
  if (!context.links?.inUse()) return { own, linked: undefined };
  const input = {
    namespace,
    serviceAccount: account,
    namespaceLabels: cachedNamespace?.labels ?? NO_TEXTS,
    serviceAccountAnnotations: cachedAccount?.annotations ?? NO_TEXTS,
    podToken: (options: Options) => podTokenOf(pod, options),
  };
  return { own, linked: linkPod(own, input, context.links) };
}

const missingServiceAccount = (pod: Pod, namespace: string, context: AdmissionContext): readonly MissingObject[] => {
  const name = serviceAccountOf(pod);
  return context.serviceAccount(namespace, name) ? [] : [{ kind: 'ServiceAccount', namespace, name }];
};

/** A role that was applied together with its pod may not be in the cache yet: it must not deny the pod. */
const missingRole = (linked: LinkedPod | undefined): readonly MissingObject[] =>
  (linked?.result.problems ?? []).flatMap((problem) =>
    problem.code === 'vault-role-missing'
      ? [{ kind: 'VaultAuthRole', namespace: problem.namespace, name: problem.role } as const]
      : [],
  );

const injectionContext = (linked: LinkedPod | undefined, namespace: string, context: AdmissionContext): InjectionContext => {
  const limitRanges = context.limitRanges(namespace);
  return {
    ...context.injection,
    ...(linked?.ca === undefined ? {} : { caBytes: linked.ca }),
    ...(linked?.rollouts === undefined ? {} : { rollouts: linked.rollouts }),
    ...(limitRanges.length === 0 ? {} : { limitRanges }),
  };
};

const valuesOf = (annotations: ReadonlyMap<string, string>, names: readonly string[]): string[] =>
  names.flatMap((name) => annotations.get(name) ?? []);

const select = (
  { labels, annotations, phase, operatingSystem }: PodHeader,
  namespace: string,
  cached: LabelsAndAnnotations | undefined,
  policy: SelectionPolicy,
): Selection => {
  return decide(
    {
      namespace,
      namespaceLabels: policy.labels ? (cached?.labels ?? NO_TEXTS) : NO_TEXTS,
      podLabels: policy.labels ? labels : NO_TEXTS,
      podAnnotations: annotations,
      requests: valuesOf(annotations, REQUEST_NAMES),
      status: valuesOf(annotations, STATUS_NAMES)[0],
      phase,
      operatingSystem,
    },
    policy,
  );
};

/** Whether a pod is selected, from its metadata alone: it has no phase then, and counts as one that is created now. */
export function selects(object: JsonObject, namespace: string, context: AdmissionContext): boolean {
  return select(podHeader(object), namespace, context.namespace(namespace), context.policy).inject;
}

const selectionWarnings = (selection: Selection): SelectionProblem[] => [
  ...selection.invalidLabels.map((label): SelectionProblem => ({ code: 'label-value', label })),
  ...(selection.contradiction ? [{ code: 'label-conflict', label: INJECT_LABEL } as const] : []),
  ...(selection.reason === 'windows-pod' && selection.explicit ? [{ code: 'windows-unsupported' } as const] : []),
];

const notSelected = (
  selection: Selection,
  namespace: string,
  denyExcluded: boolean,
  missingNamespace: readonly MissingObject[],
): AdmissionResult => {
  const { reason, explicit } = selection;
  const warnings = selectionWarnings(selection);
  if (explicit && reason === 'excluded-namespace' && denyExcluded)
    return { ...DENIED, reason, problems: [{ code: 'namespace-excluded', namespace }], warnings };
  // Only the label of the namespace could request injection.
  return { ...SKIPPED, reason, warnings, needs: reason === 'not-requested' ? missingNamespace : [] };
};

const malformedPod = (
  problems: readonly Problem[],
  { explicit }: Selection,
  missingNamespace: readonly MissingObject[],
): AdmissionResult =>
  explicit
    ? { ...DENIED, reason: 'pod-malformed', problems, needs: missingNamespace }
    : { ...SKIPPED, reason: 'pod-malformed', problems, warnings: problems };

/** A problem that explains why the pod has no role replaces the one that only reports that it has none. */
const withRoleProblems = (found: readonly Problem[], { result: { problems } }: LinkedPod): readonly Problem[] => {
  const isExplained = problems.some(({ code }) => code === 'vault-role-ambiguous' || code === 'vault-object-missing');
  return [...(isExplained ? found.filter(({ code }) => code !== 'role-missing') : found), ...problems];
};

/** The annotations inject and agent-inject contradict each other; parsing reports every other contradiction. */
const injectConflict = (annotations: ReadonlyMap<string, string>, found: readonly Problem[]): Problem[] => {
  if (found.some(({ code }) => code === 'annotation-value' || code === 'annotation-conflict')) return [];
  const other = REQUEST_NAMES.find((name) => annotations.has(name)) ?? '';
  return [{ code: 'annotation-conflict', annotation: INJECT_LABEL, other }];
};

/**
 * The API server checks its limit only after the webhooks: without this check, parsing larger annotations would cost CPU time. Counts
 * UTF-16 code units, which are never more than the bytes that the API server counts.
 */
const checkAnnotations = (annotations: ReadonlyMap<string, string>): Problem[] => {
  let characters = 0;
  for (const [name, value] of annotations) characters += name.length + value.length;
  return characters > MAX_ANNOTATION_BYTES ? [{ code: 'annotations-too-large', limit: MAX_ANNOTATION_BYTES }] : [];
};
