// One pod, one decision: the middle of everything. Pure: surroundings and settings are arguments.
import { allNames } from '../annotations/name.ts';
import type { Baseline, Options, Parsed } from '../annotations/parse.ts';
import type { ReadYaml } from '../annotations/secret-list.ts';
import { checkPod } from '../pod/check.ts';
import { injectCompat } from '../pod/compat/inject.ts';
import { injectNative } from '../pod/native/inject.ts';
import type { Injection, OperatorInput } from '../pod/draft.ts';
import type { LimitRange } from '../pod/limit-range.ts';
import { isObject, objectAt, textMap, textOf, type Json, type JsonObject } from '../json/json.ts';
import { podTokenOf } from '../pod/token.ts';
import { injectToken } from '../pod/token-mode.ts';
import type { PatchOperation } from '../pod/patch.ts';
import { decide, INJECT_LABEL, type Selection, type SelectionPolicy, type SelectionReason } from '../selection/decide.ts';
import type { SelectionProblem } from '../selection/selection-problems.ts';
import { allowedNames, guardFindings, patchFindings, withoutGuarded } from './guard.ts';
import { parseKnown } from './known-pods.ts';
import type { KnownRoles } from './roles/find.ts';
import type { Judgement } from './roles/judge.ts';
import { linkPod, type Linked, type PodToken } from './roles/link.ts';
import type { Problem } from './problems.ts';

/** Labels and annotations of a namespace or service account; what injection knows of it. */
export interface ObjectMetadata {
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
}

/** What is known besides the pod. Look-ups are in memory and never wait. */
export interface AdmissionContext {
  readonly baseline: Baseline;
  readonly operator: OperatorInput;
  readonly policy: SelectionPolicy;
  /** A pod that asks in an excluded namespace is refused rather than left alone (Q17). */
  readonly denyExcluded: boolean;
  /** Guarded annotations that pods may use everywhere, by name; * for all. */
  readonly allow: readonly string[];
  readonly namespace: (name: string) => ObjectMetadata | undefined;
  readonly serviceAccount: (namespace: string, name: string) => ObjectMetadata | undefined;
  /** Our objects, which say where pods log in and as what; undefined: there are none, or none are known. */
  readonly roles?: KnownRoles | undefined;
  /** Of a namespace, as far as they bound containers and pods. */
  readonly limitRanges: (namespace: string) => readonly LimitRange[];
  /** Reads the annotation that declares secrets as a list. */
  readonly readYaml: ReadYaml;
}

export interface Outcome {
  readonly decision: 'injected' | 'skipped' | 'denied';
  /** Stable word: why the pod was chosen or left alone; also the metric label. */
  readonly reason: SelectionReason;
  /** Empty when there is nothing (more) to add. */
  readonly patch: readonly PatchOperation[];
  readonly kind?: Injection['kind'];
  /** Why the pod was denied, or why one that did not ask was left alone: all of them. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** What became of what is amiss with its role; absent where nothing is. */
  readonly judgements?: readonly Judgement[] | undefined;
}

const PROFILE = { compat: injectCompat, native: injectNative } as const;

const inject = (pod: JsonObject, parsed: Parsed, operator: OperatorInput): Injection =>
  parsed.options.mode === 'token' ? injectToken(pod, parsed, operator) : PROFILE[parsed.options.profile](pod, parsed, operator);

const REQUEST_NAMES = allNames('agentInject');
const STATUS_NAMES = allNames('agentInjectStatus');
const NO_TEXTS: ReadonlyMap<string, string> = new Map();
/** What an absent serviceAccountName means. */
const DEFAULT_SERVICE_ACCOUNT = 'default';

const valuesOf = (annotations: ReadonlyMap<string, string>, names: readonly string[]): string[] => {
  const values: string[] = [];
  for (const name of names) {
    const value = annotations.get(name);
    if (value !== undefined) values.push(value);
  }
  return values;
};

const select = (
  pod: JsonObject,
  annotations: ReadonlyMap<string, string>,
  namespace: string,
  context: AdmissionContext,
): Selection => {
  const spec = objectAt(pod, 'spec');
  return decide(
    {
      namespace,
      namespaceLabels: context.policy.labels ? (context.namespace(namespace)?.labels ?? NO_TEXTS) : NO_TEXTS,
      podLabels: context.policy.labels ? textMap(objectAt(pod, 'metadata')?.['labels']) : NO_TEXTS,
      podAnnotations: annotations,
      requests: valuesOf(annotations, REQUEST_NAMES),
      status: valuesOf(annotations, STATUS_NAMES)[0],
      phase: textOf(objectAt(pod, 'status'), 'phase'),
      operatingSystem: textOf(objectAt(spec, 'os'), 'name'),
    },
    context.policy,
  );
};

const selectionWarnings = (selection: Selection): SelectionProblem[] => [
  ...selection.unknownLabels.map((label): SelectionProblem => ({ code: 'label-value', label })),
  ...(selection.contradiction ? [{ code: 'label-contradiction', label: INJECT_LABEL } as const] : []),
  ...(selection.reason === 'windows-pod' && selection.explicit ? [{ code: 'windows-unsupported' } as const] : []),
];

const skipped = (selection: Selection, namespace: string, denyExcluded: boolean): Outcome => {
  const warnings = selectionWarnings(selection);
  const asked = selection.explicit && selection.reason === 'excluded-namespace';
  if (asked && denyExcluded)
    return {
      decision: 'denied',
      reason: selection.reason,
      patch: [],
      problems: [{ code: 'namespace-excluded', namespace }],
      warnings,
    };
  return { decision: 'skipped', reason: selection.reason, patch: [], problems: [], warnings };
};

/** Options of a pod from namespace, service account and its own annotations: without what our objects give it. */
export function parsePod(
  pod: JsonObject,
  annotations: ReadonlyMap<string, string>,
  namespace: string,
  context: AdmissionContext,
): Parsed {
  return parseKnown(
    {
      namespace: context.namespace(namespace)?.annotations ?? NO_TEXTS,
      serviceaccount: context.serviceAccount(namespace, accountOf(pod))?.annotations ?? NO_TEXTS,
      pod: annotations,
    },
    context.baseline,
    context.readYaml,
  );
}

const accountOf = (pod: JsonObject): string => textOf(objectAt(pod, 'spec'), 'serviceAccountName') ?? DEFAULT_SERVICE_ACCOUNT;

/** What our objects make of these options; undefined where they have nothing to say. */
export function linkedPod(pod: JsonObject, own: Parsed, namespace: string, context: AdmissionContext): Linked | undefined {
  if (!context.roles?.inUse()) return undefined;
  const account = accountOf(pod);
  const namespaceLabels = context.namespace(namespace)?.labels ?? NO_TEXTS;
  const accountAnnotations = context.serviceAccount(namespace, account)?.annotations ?? NO_TEXTS;
  const podToken = (options: Options): PodToken | undefined => podTokenOf(pod, options);
  return linkPod(own, { namespace, account, namespaceLabels, accountAnnotations, podToken }, context.roles);
}

/** A pod that is told why it has no role need not be told that it has none. */
const withLinked = (found: readonly Problem[], linked: Linked): readonly Problem[] => {
  const { problems } = linked.judged;
  const isExplained = problems.some(({ code }) => code === 'vault-role-ambiguous' || code === 'vault-object-missing');
  return [...(isExplained ? found.filter(({ code }) => code !== 'role-missing') : found), ...problems];
};

/** Two annotations of different names that say opposite things; every other mess was found when they were read. */
const disagreement = (annotations: ReadonlyMap<string, string>, found: readonly Problem[]): Problem[] => {
  if (found.some(({ code }) => code === 'annotation-value' || code === 'annotation-conflict')) return [];
  const other = REQUEST_NAMES.find((name) => annotations.has(name)) ?? '';
  return [{ code: 'annotation-conflict', annotation: INJECT_LABEL, other }];
};

/** Annotations of the pod itself. */
export function annotationsOf(pod: JsonObject): ReadonlyMap<string, string> {
  return textMap(objectAt(pod, 'metadata')?.['annotations']);
}

/** A pod that asked is told what is wrong with it; one that did not ask is nobody's problem here. */
const unfit = (problems: readonly Problem[], { explicit }: Selection): Outcome =>
  explicit
    ? { decision: 'denied', reason: 'pod-malformed', patch: [], problems, warnings: [] }
    : { decision: 'skipped', reason: 'pod-malformed', patch: [], problems, warnings: problems };

/** The API server refuses more, but only after us: without this bound a pod could make us work for it. */
const MOST_ANNOTATION_CHARACTERS = 262_144;

const checkAnnotations = (annotations: ReadonlyMap<string, string>): Problem[] => {
  let characters = 0;
  for (const [name, value] of annotations) characters += name.length + value.length;
  return characters > MOST_ANNOTATION_CHARACTERS ? [{ code: 'annotations-too-large', limit: MOST_ANNOTATION_CHARACTERS }] : [];
};

/**
 * Decides about one raw pod. A pod that asked and cannot be served is denied with all its problems; one that did not ask is
 * left alone with the same findings as warnings.
 */
export function admitPod(object: Json | undefined, namespace: string, context: AdmissionContext): Outcome {
  if (!isObject(object))
    return { decision: 'denied', reason: 'pod-malformed', patch: [], problems: checkPod(object), warnings: [] };
  const annotations = annotationsOf(object);
  const selection = select(object, annotations, namespace, context);
  if (!selection.inject) return skipped(selection, namespace, context.denyExcluded);
  const malformed = [...checkPod(object), ...checkAnnotations(annotations)];
  if (malformed.length > 0) return unfit(malformed, selection);
  const own = parsePod(object, annotations, namespace, context);
  const linked = linkedPod(object, own, namespace, context);
  const parsed = linked?.parsed ?? own;
  const allowed = allowedNames(context.allow, parsed.options.allow);
  const guarded = guardFindings(parsed, context.baseline.options, allowed);
  // What is not allowed is not even tried: a refused patch could be written to keep us busy.
  const limitRanges = context.limitRanges(namespace);
  const trusting = linked?.ca === undefined ? context.operator : { ...context.operator, caBytes: linked.ca };
  const operator = limitRanges.length === 0 ? trusting : { ...trusting, limitRanges };
  const injection = inject(object, withoutGuarded(parsed, guarded, context.baseline.options), operator);
  const problems = [
    ...(linked ? withLinked(injection.problems, linked) : injection.problems),
    ...(selection.reason === 'pod-annotation-invalid' ? disagreement(annotations, injection.problems) : []),
    ...guarded,
    ...patchFindings(injection.reached, parsed, allowed),
  ];
  const warnings = [...selectionWarnings(selection), ...injection.warnings, ...(linked?.judged.warnings ?? [])];
  const { reason } = selection;
  const judgements = linked?.judged.judgements;
  if (problems.length === 0) return { ...injection, decision: 'injected', reason, problems: [], warnings, judgements };
  if (!selection.explicit)
    return {
      decision: 'skipped',
      reason,
      patch: [],
      problems,
      warnings: [...warnings, ...problems],
      judgements,
    };
  return { decision: 'denied', reason, patch: [], problems, warnings, judgements };
}
