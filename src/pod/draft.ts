// An injection in the making: what every profile needs to know, check and add, whatever its agents look like.
import { posix } from 'node:path';
import { annotationName } from '../annotations/name.ts';
import type { AnnotationProblem } from '../annotations/annotation-problems.ts';
import type { Parsed } from '../annotations/parse.ts';
import type { OptionKey } from '../annotations/table.ts';
import type { PodProblem } from './pod-problems.ts';
import type { LimitRange } from './limit-range.ts';
import { isObject, objectAt, objectsOf, textOf, type JsonObject } from '../json/json.ts';
import { patchBuilder, pointer, type PatchBuilder, type PatchOperation } from './patch.ts';
import type { ContainerList, Receives } from './place.ts';
import { directoryContainers, secretFiles, type SecretFile } from './secrets.ts';
import type { Reached } from './native/reach.ts';
import { telemetry, type Telemetry } from './telemetry.ts';

type InjectionProblem = AnnotationProblem | PodProblem;

export interface Injection {
  readonly patch: readonly PatchOperation[];
  /** Which agent containers the pod gets; absent where it gets none. */
  readonly kind?: 'init_only' | 'sidecar_only' | 'init_and_sidecar';
  readonly problems: readonly InjectionProblem[];
  readonly warnings: readonly InjectionProblem[];
  /** Guarded options whose effect the user's own patch of the configuration has; absent: none. */
  readonly reached?: readonly Reached[];
}

/** What an injection knows besides the pod and its options. */
export interface OperatorInput {
  /** PEM of Vault's CA from the settings; empty for none. */
  readonly caBytes: string;
  /** Of the pod's namespace; none unless told. */
  readonly limitRanges?: readonly LimitRange[];
  /** The nodes run init containers that go on beside the app (Kubernetes 1.29 and later); so it is unless told. */
  readonly nativeSidecars?: boolean;
}

export interface Draft {
  readonly pod: JsonObject;
  readonly parsed: Parsed;
  readonly files: readonly SecretFile[];
  readonly telemetry: Telemetry['block'];
  readonly operator: OperatorInput;
  readonly builder: PatchBuilder;
  readonly problems: InjectionProblem[];
  readonly warnings: InjectionProblem[];
}

/** Value of the status annotation of a pod that has its agent. */
const STATUS_INJECTED = 'injected';

/** A draft with everything that the annotations alone say. */
export function draftOf(pod: JsonObject, parsed: Parsed, operator: OperatorInput): Draft {
  const secrets = secretFiles(parsed.families, parsed.options);
  const measured = telemetry(parsed.families.telemetry);
  const draft: Draft = {
    pod,
    parsed,
    files: secrets.files,
    telemetry: measured.block,
    operator,
    builder: patchBuilder(),
    problems: [...parsed.problems, ...secrets.problems, ...measured.problems],
    warnings: [...parsed.warnings, ...secrets.warnings, ...measured.warnings],
  };
  checkRequired(draft);
  if (parsed.options.secretVolumePath === '')
    draft.warnings.push({ code: 'path-empty', annotation: originOf(draft.parsed, 'secretVolumePath') });
  for (const { value, annotation } of parsed.families.volumePath.values())
    if (value === '') draft.warnings.push({ code: 'path-empty', annotation });
  return draft;
}

/** What has to be there before an agent can log in. A ConfigMap brings its own configuration. */
const checkRequired = ({ parsed: { options, families }, problems }: Draft): void => {
  if (options.mode === 'agent' && (options.agentImage ?? '') === '') problems.push({ code: 'image-missing' });
  if (options.agentConfigmap !== '') return;
  if ((options.service ?? '') === '') problems.push({ code: 'address-missing' });
  const role = options.role === '' ? (families.authConfig.get('role')?.value ?? '') : options.role;
  if (options.authType === 'kubernetes' && role === '') problems.push({ code: 'role-missing' });
};

/** The annotation that gave an option its value, or the one that could. */
export function originOf({ origins }: Parsed, key: OptionKey): string {
  return origins.get(key)?.annotation ?? annotationName(key);
}

/** A finding, and not what was to be made. */
export function isProblem(value: object): value is PodProblem {
  return 'code' in value;
}

/** Keeps a value, or notes why there is none. */
export function keep<T extends object>(value: T | PodProblem | undefined, draft: Draft): T | undefined {
  if (value === undefined || !isProblem(value)) return value;
  draft.problems.push(value);
  return undefined;
}

/** Names that the pod does not have earn a warning (Q14): another webhook may still add them. */
const warnOfUnknown = (draft: Draft, wanted: readonly string[], annotation: string, lists: readonly ContainerList[]): void => {
  const spec = objectAt(draft.pod, 'spec');
  const known = new Set(lists.flatMap((list) => objectsOf(spec?.[list]).map((container) => textOf(container, 'name'))));
  for (const container of wanted)
    if (!known.has(container)) draft.warnings.push({ code: 'container-unknown', annotation, container });
};

/** App containers that are to get the secrets, by name; undefined: all of them. */
const chosenContainers = (draft: Draft): ReadonlySet<string> | undefined => {
  const wanted = draft.parsed.options.agentInjectContainers;
  if (!wanted) return undefined;
  warnOfUnknown(draft, wanted, originOf(draft.parsed, 'agentInjectContainers'), ['containers']);
  return new Set(wanted);
};

/** Directories that are for some containers alone, and those; undefined: there are none. */
const restrictedDirectories = (draft: Draft): ReadonlyMap<string, readonly string[]> | undefined => {
  const { containers } = draft.parsed.families;
  if (containers.size === 0) return undefined;
  for (const { value, annotation } of containers.values())
    warnOfUnknown(draft, value, annotation, ['containers', 'initContainers']);
  return directoryContainers(draft.files);
};

/** Which containers get the secrets, as far as their names decide. A directory's own list replaces the common choice. */
export function recipients(draft: Draft): Receives {
  const { options } = draft.parsed;
  const chosen = chosenContainers(draft);
  const initChosen = options.initContainers && new Set(options.initContainers);
  const skipped = new Set(options.skipContainers);
  const restricted = restrictedDirectories(draft);
  return (name, list, path) => {
    if (skipped.has(name)) return false;
    const only = path === undefined ? undefined : restricted?.get(posix.join(path, '/'));
    if (only) return only.includes(name);
    return list === 'containers' ? !chosen || chosen.has(name) : !initChosen || initChosen.has(name);
  };
}

/** Mounts of the container that `agent-copy-volume-mounts` names, without service-account tokens. */
export function copiedMounts(draft: Draft): readonly JsonObject[] {
  const container = draft.parsed.options.agentCopyVolumeMounts;
  if (container === '') return [];
  const spec = objectAt(draft.pod, 'spec');
  const source = [...objectsOf(spec?.['containers']), ...objectsOf(spec?.['initContainers'])].find(
    (one) => textOf(one, 'name') === container,
  );
  if (!source)
    draft.warnings.push({ code: 'container-unknown', annotation: originOf(draft.parsed, 'agentCopyVolumeMounts'), container });
  return objectsOf(source?.['volumeMounts']).filter((mount) => !/serviceaccount/i.test(textOf(mount, 'mountPath') ?? ''));
}

/** Two mounts of one path cannot be; the earlier one, which the agent needs, stays. */
export function uniquePaths(mounts: readonly JsonObject[]): JsonObject[] {
  const seen = new Set<string>();
  return mounts.filter((mount) => {
    const path = textOf(mount, 'mountPath') ?? '';
    const isNew = !seen.has(path);
    seen.add(path);
    return isNew;
  });
}

/** Sets the field when the pod does not speak of it; a pod's own false is a problem, its own true stays (Q01, Q33). */
export function shareProcessNamespace({ pod, parsed, builder, problems, warnings }: Draft): void {
  const wanted = parsed.options.agentShareProcessNamespace;
  const current = objectAt(pod, 'spec')?.['shareProcessNamespace'];
  if (wanted === undefined || wanted === current) return;
  if (wanted && current === false) problems.push({ code: 'process-namespace-refused' });
  else if (!wanted && current === true) warnings.push({ code: 'process-namespace-kept' });
  else builder.set('/spec', true, 'shareProcessNamespace', wanted);
}

/** The pod carries a status annotation, whatever it says: it was injected at least once. */
export function wasInjected({ parsed }: Draft): boolean {
  return parsed.options.agentInjectStatus !== undefined;
}

/** The status says that what is there is up to date. */
export function isCurrent({ parsed }: Draft): boolean {
  return parsed.options.agentInjectStatus === STATUS_INJECTED;
}

/** Sets an annotation of the pod, unless it says so already. */
export function setAnnotation({ pod, builder }: Draft, name: string, value: string): void {
  const annotations = objectAt(pod, 'metadata')?.['annotations'];
  if (isObject(annotations) && annotations[name] === value) return;
  builder.set(pointer('metadata', 'annotations'), isObject(annotations), name, value);
}

/** Writes down that the pod has its agent, where vault-k8s and people look for it. */
export function markInjected(draft: Draft): void {
  setAnnotation(draft, originOf(draft.parsed, 'agentInjectStatus'), STATUS_INJECTED);
}
