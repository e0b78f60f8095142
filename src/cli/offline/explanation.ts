// Everything that explain says about one pod, as data: what `-o json` prints and the text is made of.
import type { Layer } from '../../annotations/row.ts';
import { checkPod } from '../../pod/check.ts';
import { objectAt, objectsOf, textOf, type Json, type JsonObject } from '../../json/json.ts';
import type { SelectionReason } from '../../selection/decide.ts';
import type { Judged, Note } from './judge.ts';
import type { Explained } from './prepare.ts';
import { liveSentenceOf, sentenceOf } from './reason.ts';
import { hasVolume, nameOf, wishes } from './wishes.ts';

export interface OptionExplanation {
  /** Name without prefix. */
  readonly name: string;
  readonly value: Json;
  readonly layer: Layer;
  /** The annotation, flag or object (as namespace/name) that says so; empty for what is built in. */
  readonly from: string;
  /** It is as built in, whoever says so. */
  readonly standard: boolean;
}

/** A guarded annotation that a pod or its service account uses. */
export interface GuardedExplanation {
  /** What an allowance has to name. */
  readonly name: string;
  readonly annotation: string;
  readonly layer: Layer;
  /** Who allows it; none: it is refused. */
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

export interface ContainerExplanation {
  readonly name: string;
  readonly list: 'initContainers' | 'containers';
  readonly image: string;
  /** Not in the manifest: injection adds it. */
  readonly added: boolean;
  /** Of an added container: it runs as long as its pod. */
  readonly sidecar: boolean;
  /** Of an added container, where they are set. */
  readonly user?: number;
  readonly group?: number;
  readonly resources?: Json;
  /** Mounts that injection adds, or all of an added container. */
  readonly mounts: readonly { readonly volume: string; readonly path: string }[];
}

export interface TokenExplanation {
  /** Empty when the API server is still to add it. */
  readonly volume: string;
  readonly path: string;
  readonly from: 'injection' | 'api-server' | 'manifest';
  /** Only of a token that injection adds. */
  readonly audience?: string;
  readonly expirationSeconds?: number;
}

/** What a pod of a cluster has, beside what it would get. */
export interface LiveExplanation {
  readonly phase: string;
  readonly injected: boolean;
  /** Fields that injection would set otherwise now: its settings or annotations have changed since. */
  readonly differs: readonly string[];
}

export interface Explanation {
  /** Where it was read from, and the line; 0 where there are no lines. */
  readonly file: string;
  readonly line: number;
  /** Only of a pod of a cluster. */
  readonly live?: LiveExplanation;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly decision: 'injected' | 'skipped' | 'denied';
  readonly reason: SelectionReason;
  readonly sentence: string;
  readonly injectionType: string;
  readonly serviceAccount: string;
  /** Absent for a pod that is left alone without being asked about, like everything below it. */
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
  readonly containers: readonly ContainerExplanation[];
  /** Names of all containers of the pod as it will be, each list in its order. */
  readonly result: { readonly initContainers: readonly string[]; readonly containers: readonly string[] };
  /** Volumes that injection adds. */
  readonly volumes: readonly string[];
  readonly warnings: readonly Omit<Note, 'level'>[];
  readonly problems: readonly Omit<Note, 'level'>[];
}

const LISTS = ['initContainers', 'containers'] as const;

/** What is known about a pod that was judged. */
export function explanationOf(
  judged: Judged,
  { settings, context, live }: Pick<Explained, 'settings' | 'context' | 'live'>,
): Explanation {
  const { document, workload, line, outcome, seen, injected, notes } = judged;
  const { kind, namespace, name } = workload;
  const pod = live?.without ?? workload.pod;
  const told = (wanted: Note['level']): Omit<Note, 'level'>[] =>
    notes.filter(({ level }) => level === wanted).map((note) => withoutLevel(live ? { ...note, line: 0 } : note));
  const isCurrent = outcome.decision === 'injected' && injected === workload.pod;
  const differs = live?.injected && outcome.decision === 'injected' ? outcome.patch.map(({ path }) => fieldOf(path)) : [];
  const said = live && { phase: live.phase, injected: live.injected, differs };
  const isConcerned = outcome.decision !== 'skipped' || outcome.hindered;
  return {
    file: document.source.file,
    line: live ? 0 : line,
    ...(said ? { live: said } : {}),
    kind,
    namespace,
    name,
    decision: outcome.decision,
    reason: outcome.reason,
    sentence: said
      ? liveSentenceOf(outcome.decision, outcome.reason, outcome.hindered, said)
      : sentenceOf(outcome.decision, outcome.reason, isCurrent, outcome.hindered),
    injectionType: outcome.kind ?? '',
    serviceAccount: textOf(objectAt(pod, 'spec'), 'serviceAccountName') ?? 'default',
    ...(isConcerned && checkPod(seen).length === 0
      ? wishes(judged, settings, context)
      : { options: [], guarded: [], secrets: [] }),
    containers: containersOf(pod, injected),
    result: { initContainers: namesIn(injected, 'initContainers'), containers: namesIn(injected, 'containers') },
    volumes: objectsOf(objectAt(injected, 'spec')?.['volumes'])
      .map(nameOf)
      .filter((volume) => !hasVolume(pod, volume)),
    warnings: told('warning'),
    problems: told('error'),
  };
}

const withoutLevel = ({ line, code, sentence, remedy }: Note): Omit<Note, 'level'> => ({ line, code, sentence, remedy });

/** A field of a patch as people write it. */
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
