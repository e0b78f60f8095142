// The explanation of one pod as data: printed by `explain -o json`, and as text by explanation-text.ts.
import type { Layer } from '../../annotations/parse.ts';
import { objectAt, objectsOf, textOf, type Json, type JsonObject } from '../../json/json.ts';
import type { SelectionReason } from '../../selection/decide.ts';
import type { Diagnostic, EvaluatedPod, Evaluation } from './evaluate.ts';
import type { RunningVersions } from '../live/running-versions.ts';
import { decisionSentence, liveSentence } from './reason-sentences.ts';
import { hasVolume, nameOf, requestedBy } from './requested.ts';

export interface OptionExplanation {
  /** Name without prefix. */
  readonly name: string;
  readonly value: Json;
  readonly layer: Layer;
  /** The annotation, flag or object (as namespace/name) that sets it; empty for a built-in default. */
  readonly from: string;
  /** The value is the built-in default. */
  readonly default: boolean;
}

/** A guarded annotation that a pod or its service account uses. */
export interface GuardedExplanation {
  /** The name for -allow and the annotation of the namespace. */
  readonly name: string;
  readonly annotation: string;
  readonly layer: Layer;
  /** none: the pod is denied. */
  readonly allowedBy: 'settings' | 'namespace' | 'none';
}

export interface SecretExplanation {
  readonly name: string;
  /** Path in Vault; empty when only a template declares the secret. */
  readonly path: string;
  readonly file: string;
  /** The annotation that declares it. */
  readonly from: string;
  readonly layer: Layer;
  readonly template: 'default' | 'inline' | 'file';
  /** Name of the default template, where that one is used. */
  readonly format: string;
  readonly templateFile: string;
  readonly permissions: string;
  readonly command: string;
}

/** An environment variable from a secret. */
export interface VariableExplanation {
  readonly name: string;
  /** Path and key in Vault; empty for a template. */
  readonly source: string;
  /** Absent: the pod waits without a value. Empty: the variable is optional. */
  readonly default?: string;
  /** The annotation that declares it. */
  readonly from: string;
  readonly layer: Layer;
  /** Containers that get it. */
  readonly containers: readonly string[];
}

export interface ContainerExplanation {
  readonly name: string;
  readonly list: 'initContainers' | 'containers';
  readonly image: string;
  /** Injection adds it. */
  readonly added: boolean;
  /** An added container that runs as long as its pod. */
  readonly sidecar: boolean;
  /** Only for an added container. */
  readonly user?: number;
  readonly group?: number;
  readonly resources?: Json;
  /** Mounts that injection adds, or all of an added container. */
  readonly mounts: readonly { readonly volume: string; readonly path: string }[];
}

export interface TokenExplanation {
  /** Empty if the API server has not added it yet. */
  readonly volume: string;
  readonly path: string;
  readonly from: 'injection' | 'api-server' | 'manifest';
  /** Only for a token that injection adds. */
  readonly audience?: string;
  readonly expirationSeconds?: number;
}

/** State of a pod in a cluster. */
export interface LiveExplanation {
  readonly phase: string;
  readonly injected: boolean;
  /** Fields that a new pod would have with another value: settings or annotations have changed since. */
  readonly differs: readonly string[];
  /** Absent if the pod requests no rollouts. */
  readonly versions?: RunningVersions | undefined;
}

/** A pod that was read from a cluster. */
export interface LivePod {
  readonly phase: string;
  /** It has an agent or a token volume of the injector. */
  readonly injected: boolean;
  /** The pod without what injection added to it. */
  readonly original: JsonObject;
  readonly versions?: RunningVersions | undefined;
}

export interface Explanation {
  /** Source and line; line 0 for a pod of a cluster. */
  readonly file: string;
  readonly line: number;
  /** Only for a pod of a cluster. */
  readonly live?: LiveExplanation;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Path of the pod template, if the object has several; otherwise empty. */
  readonly part: string;
  readonly decision: 'injected' | 'skipped' | 'denied';
  readonly reason: SelectionReason;
  readonly sentence: string;
  readonly injectionType: string;
  readonly serviceAccount: string;
  /** Absent, like all that follows, if injection is not requested. */
  readonly login?: {
    readonly address: string;
    readonly authType: string;
    readonly mount: string;
    readonly role: string;
    readonly namespace: string;
  };
  readonly token?: TokenExplanation;
  readonly options: readonly OptionExplanation[];
  readonly guarded: readonly GuardedExplanation[];
  readonly secrets: readonly SecretExplanation[];
  readonly variables: readonly VariableExplanation[];
  readonly containers: readonly ContainerExplanation[];
  /** Names of all containers after injection, in start order. */
  readonly result: { readonly initContainers: readonly string[]; readonly containers: readonly string[] };
  /** Volumes that injection adds. */
  readonly volumes: readonly string[];
  readonly warnings: readonly Omit<Diagnostic, 'level'>[];
  readonly problems: readonly Omit<Diagnostic, 'level'>[];
}

const LISTS = ['initContainers', 'containers'] as const;

/** Describes an evaluated pod; `live` for a pod of a cluster. */
export function explanationOf(evaluated: EvaluatedPod, { settings, context }: Evaluation, live?: LivePod): Explanation {
  const { document, workload, line, result, injected } = evaluated;
  const { kind, namespace, name, part } = workload;
  const pod = live?.original ?? workload.pod;
  const isCurrent = result.decision === 'injected' && injected === workload.pod;
  const differs = live?.injected && result.decision === 'injected' ? result.patch.map(({ path }) => fieldOf(path)) : [];
  const versions = live?.versions && { versions: live.versions };
  const state = live && { phase: live.phase, injected: live.injected, differs, ...versions };
  const isRequested = result.decision !== 'skipped' || result.impossible;
  const diagnostics = (wanted: Diagnostic['level']): Omit<Diagnostic, 'level'>[] =>
    evaluated.diagnostics
      .filter(({ level }) => level === wanted)
      .map(({ line, code, sentence, remedy }) => ({ line: live ? 0 : line, code, sentence, remedy }));
  return {
    file: document.source.file,
    line: live ? 0 : line,
    ...(state ? { live: state } : {}),
    kind,
    namespace,
    name,
    part,
    decision: result.decision,
    reason: result.reason,
    sentence: state ? liveSentence(result, state) : decisionSentence(result, isCurrent),
    injectionType: result.injectionType ?? '',
    serviceAccount: textOf(objectAt(pod, 'spec'), 'serviceAccountName') ?? 'default',
    ...(isRequested ? requestedBy(evaluated, settings, context) : { options: [], guarded: [], secrets: [], variables: [] }),
    containers: containersOf(pod, injected),
    result: { initContainers: namesIn(injected, 'initContainers'), containers: namesIn(injected, 'containers') },
    volumes: objectsOf(objectAt(injected, 'spec')?.['volumes'])
      .map(nameOf)
      .filter((volume) => !hasVolume(pod, volume)),
    warnings: diagnostics('warning'),
    problems: diagnostics('error'),
  };
}

/** As in `metadata.annotations.example.com/a`. */
const fieldOf = (path: string): string =>
  path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');

const namesIn = (pod: JsonObject, list: (typeof LISTS)[number]): readonly string[] =>
  objectsOf(objectAt(pod, 'spec')?.[list]).map(nameOf);

/** Containers that injection adds to or changes, in the order of the pod. */
const containersOf = (pod: JsonObject, injected: JsonObject): ContainerExplanation[] =>
  LISTS.flatMap((list) => {
    const before = new Map(objectsOf(objectAt(pod, 'spec')?.[list]).map((container) => [nameOf(container), container]));
    return objectsOf(objectAt(injected, 'spec')?.[list]).map((container) => {
      const old = before.get(nameOf(container));
      const had = new Set(mountsOf(old).map(({ path }) => path));
      const mounts = mountsOf(container).filter(({ path }) => !had.has(path));
      const common = { name: nameOf(container), list, image: textOf(container, 'image') ?? '', mounts };
      return old ? { ...common, added: false, sidecar: false } : { ...common, added: true, ...runningOf(container) };
    });
  }).filter(({ added, mounts }) => added || mounts.length > 0);

/** How an added container runs. */
const runningOf = (container: JsonObject): Pick<ContainerExplanation, 'sidecar' | 'user' | 'group' | 'resources'> => {
  const context = objectAt(container, 'securityContext');
  const [user, group] = [context?.['runAsUser'], context?.['runAsGroup']];
  return {
    sidecar: container['restartPolicy'] === 'Always',
    ...(typeof user === 'number' ? { user } : {}),
    ...(typeof group === 'number' ? { group } : {}),
    ...(container['resources'] === undefined ? {} : { resources: container['resources'] }),
  };
};

const mountsOf = (container: JsonObject | undefined): { readonly volume: string; readonly path: string }[] =>
  objectsOf(container?.['volumeMounts']).map((mount) => ({ volume: nameOf(mount), path: textOf(mount, 'mountPath') ?? '' }));
