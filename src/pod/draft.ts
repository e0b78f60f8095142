// An injection in progress: its options, patch, problems and warnings, and the checks that all profiles share.
import { posix } from 'node:path';
import type { AnnotationProblem } from '../annotations/annotation-problems.ts';
import { allNames, annotationName } from '../annotations/names.ts';
import type { Parsed } from '../annotations/parse.ts';
import type { Row } from '../annotations/row.ts';
import { table, type OptionKey } from '../annotations/table.ts';
import { durationSeconds } from '../annotations/value-kinds.ts';
import type { Receives } from './add.ts';
import type { LimitRange } from './limit-range.ts';
import type { GuardedChange } from './user-patch.ts';
import { patchBuilder, pointer, type PatchBuilder, type PatchOperation } from './patch.ts';
import type { PodProblem } from './pod-problems.ts';
import type { ContainerList, Pod } from './pod.ts';
import { envVariables, type EnvVariable } from './env-variables.ts';
import { directoryContainers, secretFiles, type SecretFile } from './secrets.ts';
import { telemetry, type Telemetry } from './telemetry.ts';

type InjectionProblem = AnnotationProblem | PodProblem;

export interface Injection {
  readonly patch: readonly PatchOperation[];
  /** Which agent containers the pod gets; absent if it gets none. */
  readonly injectionType?: 'init_only' | 'sidecar_only' | 'init_and_sidecar';
  readonly problems: readonly InjectionProblem[];
  readonly warnings: readonly InjectionProblem[];
  /** Guarded options that the user's own patch of the configuration changes; absent: none. */
  readonly guardedChanges?: readonly GuardedChange[];
}

/** Nodes whose kubelet is older than what an injection may use. Absent: none. */
export interface OldNodes {
  /** It sets no environment variables from files. */
  readonly envFiles?: OldKubelets;
  /** It does not restart all containers of a pod after an exit code: the scheduler places no pod there that needs it. */
  readonly containerRestarts?: OldKubelets;
}

export interface OldKubelets {
  /** Name of one of the nodes, and the version of its kubelet. */
  readonly name: string;
  readonly version: string;
  readonly count: number;
}

/** What an injection reads besides the pod and its options. */
export interface InjectionContext {
  /** PEM of Vault's CA; empty for none. */
  readonly caBytes: string;
  /** LimitRanges of the pod's namespace; absent: none. */
  readonly limitRanges?: readonly LimitRange[];
  /** The nodes run native sidecars (Kubernetes 1.29 and later); absent: true. */
  readonly nativeSidecars?: boolean;
  /** Actions that pods may request for changes of secrets; absent: all. */
  readonly onChangeActions?: readonly string[];
  /** Whether the controller of the pod's VaultEndpoint does rollouts; absent: not known. */
  readonly rollouts?: boolean;
  /** An exit code can restart all containers of a pod (Kubernetes 1.36 and later); absent: true. */
  readonly containerRestarts?: boolean;
  /** The cluster sets environment variables from files (Kubernetes 1.35 and later); absent: true. */
  readonly envFiles?: boolean;
  /** Absent: none, or unknown. */
  readonly oldNodes?: OldNodes;
  /** Version of the API server, such as v1.36.3; absent: unknown. */
  readonly version?: string;
}

export interface Draft {
  readonly pod: Pod;
  readonly parsed: Parsed;
  readonly files: readonly SecretFile[];
  /** Environment variables from secrets, by name. */
  readonly variables: readonly EnvVariable[];
  readonly telemetry: Telemetry['block'];
  readonly context: InjectionContext;
  readonly builder: PatchBuilder;
  readonly problems: InjectionProblem[];
  readonly warnings: InjectionProblem[];
}

/** The agent's own back-off of a login. */
const AGENT_BACKOFF = { min: '1s', max: '5m' } as const;

/** Value of the status annotation of an injected pod. */
const STATUS_INJECTED = 'injected';

/** A draft with an empty patch, and with the problems and warnings of the annotations. */
export function draftOf(pod: Pod, parsed: Parsed, context: InjectionContext): Draft {
  const secrets = secretFiles(parsed.families, parsed.options);
  const environment = envVariables(parsed.families);
  const measured = telemetry(parsed.families.telemetry);
  const draft: Draft = {
    pod,
    parsed,
    files: secrets.files,
    variables: environment.variables,
    telemetry: measured.block,
    context,
    builder: patchBuilder(),
    problems: [...parsed.problems, ...secrets.problems, ...environment.problems, ...measured.problems],
    warnings: [...parsed.warnings, ...secrets.warnings, ...measured.warnings],
  };
  checkRequired(draft);
  checkProfile(draft);
  checkBackoff(draft);
  return draft;
}

/** Annotations that only another profile uses, with values that turn something on. Mode token has no agent, and no profile. */
const checkProfile = ({ parsed: { options, origins }, problems, warnings }: Draft): void => {
  if (options.mode === 'token') return;
  for (const [key, { annotation }] of origins) {
    const { profile, default: initial }: Row<unknown> = table[key];
    if (annotation === undefined || profile === undefined || profile.only === options.profile) continue;
    // An option that is off by default, and off.
    if ((options[key] === '' || options[key] === false) && initial !== true) continue;
    const only = profile.only;
    if (profile.elsewhere === 'denied') problems.push({ code: 'profile-unsupported', annotation, profile: options.profile });
    else warnings.push({ code: 'profile-ignored', annotation, only });
  }
};

/** The agent ends if its minimum back-off is above its maximum. It reads 0 as its default. */
const checkBackoff = ({ parsed, problems }: Draft): void => {
  const { authMinBackoff, authMaxBackoff } = parsed.options;
  if (authMinBackoff === '' && authMaxBackoff === '') return;
  const minimum = durationSeconds(authMinBackoff) > 0 ? authMinBackoff : AGENT_BACKOFF.min;
  const maximum = durationSeconds(authMaxBackoff) > 0 ? authMaxBackoff : AGENT_BACKOFF.max;
  if (durationSeconds(minimum) <= durationSeconds(maximum)) return;
  const annotation = originOf(parsed, authMinBackoff === '' ? 'authMaxBackoff' : 'authMinBackoff');
  problems.push({ code: 'backoff-order', annotation, minimum, maximum });
};

/** Image, address and role. A ConfigMap contains its own configuration, with address and role. */
const checkRequired = ({ parsed: { options, families, problems: found }, problems }: Draft): void => {
  // An invalid value is not used, and is not missing either.
  const isInvalid = (key: OptionKey): boolean =>
    found.some((problem) => problem.code === 'annotation-value' && allNames(key).includes(problem.annotation));
  if (options.mode === 'agent' && (options.agentImage ?? '') === '' && !isInvalid('agentImage'))
    problems.push({ code: 'image-missing' });
  if (options.agentConfigmap !== '') return;
  if ((options.service ?? '') === '' && !isInvalid('service')) problems.push({ code: 'address-missing' });
  const role = options.role === '' ? (families.authConfig.get('role')?.value ?? '') : options.role;
  if (options.authType === 'kubernetes' && role === '' && !isInvalid('role')) problems.push({ code: 'role-missing' });
};

/** The annotation that set an option, or the one that could. */
export function originOf({ origins }: Parsed, key: OptionKey): string {
  return origins.get(key)?.annotation ?? annotationName(key);
}

/** Whether a result is a problem instead of a value. */
export function isProblem(result: object): result is PodProblem {
  return 'code' in result;
}

/** The result without its problem, which goes to the draft's problems. */
export function accept<T extends object>(draft: Draft, result: T | PodProblem | undefined): T | undefined {
  if (result === undefined || !isProblem(result)) return result;
  draft.problems.push(result);
  return undefined;
}

/** Warns about names that the pod does not have (Q14). They are no problem, since a later webhook can add the container. */
export function warnAboutUnknown(
  { pod, warnings }: Draft,
  names: readonly string[],
  annotation: string,
  lists: readonly ContainerList[],
): void {
  const present = new Set(lists.flatMap((list) => (pod.spec[list] ?? []).map(({ name }) => name)));
  for (const container of names) if (!present.has(container)) warnings.push({ code: 'container-unknown', annotation, container });
}

/** App containers that get the secrets, by name; undefined: all of them. */
const selectedContainers = (draft: Draft): ReadonlySet<string> | undefined => {
  const names = draft.parsed.options.agentInjectContainers;
  if (!names) return undefined;
  warnAboutUnknown(draft, names, originOf(draft.parsed, 'agentInjectContainers'), ['containers']);
  return new Set(names);
};

/** Directories that only some containers get, with the names of these; undefined: there are none. */
const restrictedDirectories = (draft: Draft): ReadonlyMap<string, readonly string[]> | undefined => {
  const { containers } = draft.parsed.families;
  if (containers.size === 0) return undefined;
  for (const { value, annotation } of containers.values())
    warnAboutUnknown(draft, value, annotation, ['containers', 'initContainers']);
  return directoryContainers(draft.files);
};

/** Which containers get the secrets, by their names. A directory with its own list of containers ignores the common selection. */
export function receivesSecrets(draft: Draft): Receives {
  const { options } = draft.parsed;
  const selected = selectedContainers(draft);
  const initContainers = options.initContainers && new Set(options.initContainers);
  const skipped = new Set(options.skipContainers);
  const restricted = restrictedDirectories(draft);
  return (name, list, path) => {
    if (skipped.has(name)) return false;
    const only = path === undefined ? undefined : restricted?.get(posix.join(path, '/'));
    if (only) return only.includes(name);
    return list === 'containers' ? !selected || selected.has(name) : !initContainers || initContainers.has(name);
  };
}

/** Sets shareProcessNamespace if the pod does not. The pod's own false is a problem, its own true stays (Q01, Q33). */
export function shareProcessNamespace({ pod, parsed, builder, problems, warnings }: Draft): void {
  const requested = parsed.options.agentShareProcessNamespace;
  const present = pod.spec.shareProcessNamespace;
  if (requested === undefined || requested === present) return;
  if (requested && present === false) problems.push({ code: 'process-namespace-conflict' });
  else if (!requested && present === true) warnings.push({ code: 'process-namespace-kept' });
  else builder.set('/spec', true, 'shareProcessNamespace', requested);
}

/** The pod has a status annotation, with any value: it was injected before. */
export function wasInjected({ parsed }: Draft): boolean {
  return parsed.options.agentInjectStatus !== undefined;
}

/** The status annotation says that the pod is injected. */
export function isCurrent({ parsed }: Draft): boolean {
  return parsed.options.agentInjectStatus === STATUS_INJECTED;
}

/** Sets an annotation of the pod, unless it has this value already. */
export function setAnnotation({ pod: { metadata }, builder }: Draft, name: string, value: string): void {
  if (metadata.annotations?.[name] === value) return;
  builder.set(pointer('metadata', 'annotations'), Boolean(metadata.annotations), name, value);
}

/** Sets the status annotation that vault-k8s sets too. */
export function markInjected(draft: Draft): void {
  setAnnotation(draft, originOf(draft.parsed, 'agentInjectStatus'), STATUS_INJECTED);
}
