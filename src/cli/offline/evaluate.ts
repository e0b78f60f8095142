// What the webhook would decide about every pod of manifest files. Shared by inject and explain.
import { admitPod, type AdmissionContext, type AdmissionResult } from '../../admission/admit.ts';
import { wordsOf, type Problem } from '../../admission/problems.ts';
import { admissionContext } from '../../cluster/admission-context.ts';
import { NO_FILES, readClusterState, type FileCluster } from '../../cluster/cluster-state.ts';
import { nameWithin } from '../../annotations/names.ts';
import { objectAt, textOf, type JsonObject } from '../../json/json.ts';
import { namespaceRanges } from '../../pod/openshift.ts';
import { patchedPod } from '../../pod/patch.ts';
import { INJECT_LABEL } from '../../selection/decide.ts';
import type { ReadSettings } from '../../settings/read.ts';
import { lineOfPath, readDocuments, type Path, type SourceText, type YamlDocument } from '../../yaml/documents.ts';
import { readSources } from '../../yaml/sources.ts';
import { readUntrustedYaml } from '../../yaml/untrusted.ts';
import type { Terminal } from '../terminal.ts';
import { TEMPLATE_PATH, type CommandLine } from './command-line.ts';
import { withTokenVolume } from '../../pod/token-volume.ts';
import { manifestData } from './convert.ts';
import { BANK_VAULTS, bankVaultsFindings, type DataOf } from './convert-pod.ts';
import { overriddenKeys, type Overridden } from './env-from.ts';
import { givenPath, type GivenPath } from './template-paths.ts';
import type { TemplateNote } from '../../pod/template-kinds.ts';
import { titleOf, workloadsOf, type Workload } from './workload.ts';

/** A problem of a pod at a line of its document. */
export interface Diagnostic {
  readonly level: 'error' | 'warning';
  readonly line: number;
  readonly code: string;
  readonly sentence: string;
  readonly remedy: string;
}

export interface EvaluatedPod {
  readonly document: YamlDocument;
  readonly workload: Workload;
  /** Where the object begins. */
  readonly line: number;
  readonly result: Pick<AdmissionResult, 'decision' | 'reason' | 'injectionType' | 'patch'> & {
    /** Injection was selected by namespace or cluster default, but is impossible: the pod is not injected. */
    readonly impossible: boolean;
  };
  /** The pod as the webhook would receive it. */
  readonly received: JsonObject;
  /** The pod as it should stand in the manifest; the same object when nothing changes. */
  readonly injected: JsonObject;
  readonly diagnostics: readonly Diagnostic[];
}

/** Evaluated pods, and the settings and cluster state that they were evaluated with. */
export interface Evaluation {
  readonly settings: ReadSettings;
  readonly context: AdmissionContext;
  /** Warnings that concern no pod, one line each. */
  readonly warnings: readonly string[];
  readonly pods: readonly EvaluatedPod[];
}

export interface EvaluatedDocument {
  readonly document: YamlDocument;
  readonly pods: readonly EvaluatedPod[];
}

export interface EvaluatedSource {
  readonly source: SourceText;
  readonly documents: readonly EvaluatedDocument[];
}

export interface ManifestEvaluation extends Evaluation {
  readonly sources: readonly EvaluatedSource[];
  /** Number of Kubernetes objects, those without a pod included. */
  readonly objects: number;
}

/** Manifests whose pods are not evaluated yet. */
export interface Manifests {
  readonly sources: readonly {
    readonly source: SourceText;
    readonly documents: readonly { readonly document: YamlDocument; readonly workloads: readonly Workload[] }[];
  }[];
  /** Warnings that concern no pod, one line each. */
  readonly warnings: readonly string[];
  readonly objects: number;
}

/** Evaluates the pods of the files that a command line names; its exit code if one of the files cannot be read. */
export async function evaluateManifests(commandLine: CommandLine, terminal: Terminal): Promise<ManifestEvaluation | number> {
  const { command, settings, fail } = commandLine;
  const manifests = await readManifests(commandLine, terminal);
  if (typeof manifests === 'number') return manifests;
  const directory = settings.settings.clusterState;
  const state = directory === '' ? { cluster: NO_FILES, problems: [] } : readClusterState(directory);
  if (state.problems.length > 0) return fail(state.problems);
  const context = admissionContext(command, settings, state.cluster, readUntrustedYaml);
  const data = manifestData(
    manifests.sources.flatMap(({ documents }) => documents),
    settings.settings.namespace,
  );
  const sources = manifests.sources.map(
    ({ source, documents }): EvaluatedSource => ({
      source,
      documents: documents.map(({ document, workloads }) => ({
        document,
        pods: workloads.map((workload) => evaluatePod(document, workload, context, state.cluster, data(workload.namespace))),
      })),
    }),
  );
  const pods = sources.flatMap(({ documents }) => documents.flatMap((document) => document.pods));
  return { ...manifests, settings, context, sources, pods };
}

/** Reads the files that a command line names, and finds their pods; the exit code if one of the files cannot be read. */
export async function readManifests({ settings, fail }: CommandLine, terminal: Terminal): Promise<Manifests | number> {
  const names = [...(settings.repeated.get('f') ?? []), ...settings.positionals];
  if (names.length === 0 && terminal.stdinIsTerminal) return fail(['no input: set -f FILE, or -f - for standard input']);
  const { texts, problems } = await readSources(names.length === 0 ? ['-'] : names, terminal.stdin);
  const paths = settings.repeated.get(TEMPLATE_PATH.name) ?? [];
  const given = paths.flatMap((text) => givenPath(text) ?? []);
  if (given.length < paths.length)
    return fail(
      paths
        .filter((text) => !givenPath(text))
        .map(
          (text) =>
            `-template-path: invalid value ${JSON.stringify(text)}, expected [KIND=]PATH, as RayCluster=spec.workerGroupSpecs[].template`,
        ),
    );
  const read = texts.map(readDocuments);
  const scalars = read.flatMap(({ documents }) => documents.flatMap(scalarProblem));
  const unreadable = [...problems, ...read.flatMap((one) => one.problems), ...scalars];
  if (unreadable.length > 0) return fail(unreadable);
  const warnings: string[] = [];
  const used = new Set<GivenPath>();
  let objects = 0;
  const sources = read.map(({ source, documents }) => {
    const visited = documents.map((document) => {
      const found = workloadsOf(document.value, settings.settings.namespace, given);
      for (const path of found.used) used.add(path);
      objects += found.objects;
      for (const warning of found.warnings)
        warnings.push(`${source.file}:${lineOfPath(document)}: warning: ${warning}; not changed`);
      return { document, workloads: found.workloads };
    });
    if (documents.every(({ value }) => value === null)) warnings.push(`${source.file}: warning: no manifest in this file`);
    return { source, documents: visited };
  });
  for (const { text } of given.filter((path) => !used.has(path)))
    warnings.push(`-template-path ${text}: warning: no object has a pod template at this path`);
  return { sources, warnings, objects };
}

const scalarProblem = (document: YamlDocument): string[] => {
  const { value, source } = document;
  if (value === null || (typeof value === 'object' && !Array.isArray(value))) return [];
  const found = Array.isArray(value) ? 'a list' : 'a scalar';
  return [`${source.file}:${lineOfPath(document)}: expected a Kubernetes object, found ${found}`];
};

const DEFAULT_SERVICE_ACCOUNT = 'default';

/** Decides about one pod as the webhook would, and applies its patch. */
export function evaluatePod(
  document: YamlDocument,
  workload: Workload,
  context: AdmissionContext,
  cluster: FileCluster,
  dataOf: DataOf = () => undefined,
): EvaluatedPod {
  const { pod, objectPath, path, namespace } = workload;
  const line = lineOfPath(document, workload.part === '' ? objectPath : path);
  const common = { document, workload, line };
  const misplaced = workload.misplaced.map((name) => misplacedName(name, workload, line));
  const unquoted = unquotedNames(document, path, pod);
  if (unquoted.length > 0)
    return {
      ...common,
      result: { decision: 'denied', reason: 'pod-malformed', patch: [], impossible: false },
      received: pod,
      injected: pod,
      diagnostics: [...misplaced, ...unquoted],
    };
  const account = textOf(objectAt(pod, 'spec'), 'serviceAccountName') ?? DEFAULT_SERVICE_ACCOUNT;
  const isOpenShift = namespaceRanges(context.namespace(namespace)?.annotations) !== undefined;
  const prepared = withTokenVolume(pod, cluster.automountsToken(namespace, account), isOpenShift);
  const result = admitPod(prepared.pod, namespace, context);
  const diagnosticOf =
    (level: Diagnostic['level']) =>
    (problem: Problem): Diagnostic => ({
      level,
      line: lineOfProblem(problem, document, path, line),
      code: problem.code,
      ...wordsOf(problem),
    });
  // Problems of a pod that is not injected are among its warnings already.
  const errors = result.decision === 'denied' ? result.problems.map(diagnosticOf('error')) : [];
  const injected = result.patch.length === 0 ? pod : prepared.restore(patchedPod(prepared.pod, result.patch));
  return {
    ...common,
    result: { ...result, impossible: result.decision === 'skipped' && result.problems.length > 0 },
    received: prepared.pod,
    injected,
    diagnostics: [
      ...misplaced,
      ...overriddenKeys(injected, dataOf).map((key) => overriddenKey(key, line)),
      ...bankVaultsFindings(pod, dataOf).map(({ sentence, remedy }) => bankVaults(sentence, remedy, line)),
      ...(result.patch.length > 0 && workload.note ? [notedKind(workload.note, line)] : []),
      ...result.warnings.map(diagnosticOf('warning')),
      ...errors,
    ],
  };
}

/** The line of the annotation, if the problem has one and the document spells it out; else the line of the object. */
const lineOfProblem = (problem: Problem, document: YamlDocument, path: Path, line: number): number => {
  if (!('annotation' in problem) || problem.annotation === undefined) return line;
  // `secrets[0].name` is within the annotation `secrets`.
  const annotation = problem.annotation.replace(/\[.*$/, '');
  const pod = path.reduce<unknown>(
    (value, key) => (value as Record<string | number, unknown> | undefined)?.[key],
    document.value,
  );
  return objectAt(objectAt(pod as JsonObject | undefined, 'metadata'), 'annotations')?.[annotation] === undefined
    ? line
    : lineOfPath(document, [...path, 'metadata', 'annotations', annotation]);
};

const misplacedName = (name: string, workload: Workload, line: number): Diagnostic => ({
  level: 'warning',
  line,
  code: 'annotation-misplaced',
  sentence: `${name} has no effect on a ${workload.kind}, only on its pod template`,
  remedy: `move it to the metadata of ${workload.path.slice(workload.objectPath.length).join('.')}`,
});

const overriddenKey = ({ container, name, object }: Overridden, line: number): Diagnostic => ({
  level: 'warning',
  line,
  code: 'env-from-overridden',
  sentence: `container ${JSON.stringify(container)} gets ${name} from a secret, which overrides the key of ${object} in envFrom`,
  remedy: 'remove the key from the object, or the variable from the annotations',
});

/** A warning even where a conversion would fail: whether the pod is denied is the webhook's decision. */
const bankVaults = (sentence: string, remedy: string, line: number): Diagnostic => ({
  level: 'warning',
  line,
  code: BANK_VAULTS,
  sentence,
  remedy,
});

const notedKind = ({ sentence, remedy }: TemplateNote, line: number): Diagnostic => ({
  level: 'warning',
  line,
  code: 'template-restricted',
  sentence,
  remedy,
});

/** Our annotations and label with values that are not text, such as `agent-inject: true`: the API server rejects them. */
const unquotedNames = (document: YamlDocument, path: Path, pod: JsonObject): Diagnostic[] =>
  (['annotations', 'labels'] as const).flatMap((list) =>
    Object.entries(objectAt(objectAt(pod, 'metadata'), list) ?? {})
      .filter(
        ([name, value]) =>
          typeof value !== 'string' && (list === 'annotations' ? nameWithin(name) !== undefined : name === INJECT_LABEL),
      )
      .map(([name, value]) => unquotedName(name, value, lineOfPath(document, [...path, 'metadata', list, name]))),
  );

const unquotedName = (name: string, value: unknown, line: number): Diagnostic => ({
  level: 'error',
  line,
  code: 'pod-malformed',
  sentence: `${name} is ${value === null ? 'empty' : typeof value === 'object' ? 'not a string' : JSON.stringify(value)}, and the API server accepts only strings`,
  remedy:
    value === null || typeof value === 'object' ? 'set a string' : `quote the value: ${JSON.stringify(JSON.stringify(value))}`,
});

/** A diagnostic as one line that editors can jump to. */
export function lineOfDiagnostic(
  { document, workload }: Pick<EvaluatedPod, 'document' | 'workload'>,
  { line, level, code, sentence, remedy }: Diagnostic,
): string {
  return `${document.source.file}:${line}: ${titleOf(workload)}: ${level} [${code}]: ${sentence}: ${remedy}`;
}
