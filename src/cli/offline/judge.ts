// What the admission core says about every pod of a document. Shared by inject and explain.
import { nameWithin } from '../../annotations/prefix.ts';
import { admitPod, type AdmissionContext, type AdmissionResult } from '../../admission/admit.ts';
import { wordsOf, type Problem } from '../../admission/problems.ts';
import { objectAt, textOf, type JsonObject } from '../../json/json.ts';
import { patchedPod } from '../../pod/patch.ts';
import { INJECT_LABEL } from '../../selection/decide.ts';
import type { FileCluster } from '../../cluster/cluster-state.ts';
import { lineOfPath, type YamlDocument } from '../../yaml/document.ts';
import { withTokenVolume } from './token-volume.ts';
import { titleOf, type Workload } from './workload.ts';

/** Something to tell a person, with the place that it is about. */
export interface Note {
  readonly level: 'error' | 'warning';
  readonly line: number;
  readonly code: string;
  readonly sentence: string;
  readonly remedy: string;
}

export interface Judged {
  readonly document: YamlDocument;
  readonly workload: Workload;
  readonly line: number;
  readonly outcome: Pick<AdmissionResult, 'decision' | 'reason' | 'kind' | 'patch'> & {
    /** The pod was chosen and is left alone because of problems, since it did not ask itself. */
    readonly hindered: boolean;
  };
  /** The pod as the webhook would see it. */
  readonly seen: JsonObject;
  /** The pod as it should stand in the manifest; the same object when nothing changes. */
  readonly injected: JsonObject;
  readonly notes: readonly Note[];
}

const DEFAULT_SERVICE_ACCOUNT = 'default';

/** Decides about one pod as the webhook will, and applies what it would add. */
export function judge(document: YamlDocument, workload: Workload, context: AdmissionContext, cluster: FileCluster): Judged {
  const { pod, place, path, namespace } = workload;
  const line = lineOfPath(document, place);
  const common = { document, workload, line };
  const misplaced = workload.misplaced.map((name) => misplacedNote(name, workload, line));
  const unquoted = unquotedNames(pod);
  if (unquoted.length > 0) {
    const notes = unquoted.map(([list, name, value]) =>
      unquotedNote(name, value, lineOfPath(document, [...path, 'metadata', list, name])),
    );
    return {
      ...common,
      outcome: { decision: 'denied', reason: 'pod-malformed', patch: [], hindered: false },
      seen: pod,
      injected: pod,
      notes: [...misplaced, ...notes],
    };
  }
  const account = textOf(objectAt(pod, 'spec'), 'serviceAccountName') ?? DEFAULT_SERVICE_ACCOUNT;
  const prepared = withTokenVolume(pod, cluster.automountsToken(namespace, account));
  const outcome = admitPod(prepared.pod, namespace, context);
  const noteOf =
    (level: Note['level']) =>
    (finding: Problem): Note => ({
      level,
      line: lineOfFinding(finding, document, path, line),
      code: finding.code,
      ...wordsOf(finding),
    });
  // A pod that did not ask is left alone, and its problems are among the warnings.
  const errors = outcome.decision === 'denied' ? outcome.problems.map(noteOf('error')) : [];
  return {
    ...common,
    outcome: { ...outcome, hindered: outcome.decision === 'skipped' && outcome.problems.length > 0 },
    seen: prepared.pod,
    injected: outcome.patch.length === 0 ? pod : prepared.restore(patchedPod(prepared.pod, outcome.patch)),
    notes: [...misplaced, ...outcome.warnings.map(noteOf('warning')), ...errors],
  };
}

const lineOfFinding = (finding: Problem, document: YamlDocument, path: Workload['path'], otherwise: number): number => {
  if (!('annotation' in finding) || finding.annotation === undefined) return otherwise;
  // A place within a list is in brackets after its name.
  const annotation = finding.annotation.replace(/\[.*$/, '');
  return objectAt(objectAt(templateOf(document, path), 'metadata'), 'annotations')?.[annotation] === undefined
    ? otherwise
    : lineOfPath(document, [...path, 'metadata', 'annotations', annotation]);
};

const templateOf = (document: YamlDocument, path: Workload['path']): JsonObject | undefined =>
  path.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], document.value) as
    | JsonObject
    | undefined;

const misplacedNote = (name: string, workload: Workload, line: number): Note => ({
  level: 'warning',
  line,
  code: 'annotation-misplaced',
  sentence: `${name} stands on the ${workload.kind} and has no effect there`,
  remedy: `move it to the metadata of ${workload.path.slice(workload.place.length).join('.')}`,
});

/** Ours with a value that is no text: `agent-inject: true` is the mistake that everybody makes once. */
const unquotedNames = (pod: JsonObject): (readonly [list: string, name: string, value: unknown])[] =>
  ['annotations', 'labels'].flatMap((list) =>
    Object.entries(objectAt(objectAt(pod, 'metadata'), list) ?? {})
      .filter(
        ([name, value]) =>
          typeof value !== 'string' && (list === 'annotations' ? nameWithin(name) !== undefined : name === INJECT_LABEL),
      )
      .map(([name, value]) => [list, name, value] as const),
  );

const unquotedNote = (name: string, value: unknown, line: number): Note => ({
  level: 'error',
  line,
  code: 'pod-malformed',
  sentence: `${name} is ${value === null ? 'empty' : typeof value === 'object' ? 'no text' : JSON.stringify(value)}, and the API server takes only text there`,
  remedy:
    value === null || typeof value === 'object'
      ? 'give it a text'
      : `put the value in quotes: ${JSON.stringify(JSON.stringify(value))}`,
});

/** A note as one line that editors can jump to. */
export function lineOfNote({ document, workload }: Pick<Judged, 'document' | 'workload'>, note: Note): string {
  return `${document.source.file}:${note.line}: ${titleOf(workload)}: ${note.level} [${note.code}]: ${note.sentence}: ${note.remedy}`;
}
