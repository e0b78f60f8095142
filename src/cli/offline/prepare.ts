// What inject and explain have in common: flags, sources, manifests of the cluster, and the judgement of every pod.
import type { AdmissionContext } from '../../admission/admit.ts';
import { flag, UNREADABLE } from '../../annotations/kind.ts';
import { readSettings, type ReadSettings } from '../../settings/read.ts';
import { admissionContext } from '../../cluster/admission-context.ts';
import type { JsonObject } from '../../json/json.ts';
import { helpOf, type OwnFlag } from '../help.ts';
import { readClusterState } from '../../cluster/cluster-state.ts';
import { readUntrustedYaml } from '../../yaml/untrusted.ts';
import { asksForHelp, type Terminal } from '../terminal.ts';
import { NO_FILES } from '../../cluster/cluster-state.ts';
import { lineOfPath, readDocuments, type YamlDocument, type SourceText } from '../../yaml/document.ts';
import { judge, type Judged } from './judge.ts';
import { readSources } from '../../yaml/sources.ts';
import { workloadsOf } from './workload.ts';

export interface OfflineCommand {
  readonly command: 'inject' | 'explain';
  /** Flags besides those that both have. */
  readonly flags: readonly OwnFlag[];
}

/** A call whose flags could be read. */
export interface Called {
  readonly settings: ReadSettings;
  /** As given, in the long form. */
  readonly words: readonly string[];
  /** Flags that are no settings of a server. */
  readonly foreign: ReadonlyMap<string, { readonly isSwitch: boolean }>;
  /** Says what is wrong with the call, and gives its exit code. */
  readonly fail: (problems: readonly string[]) => number;
}

export interface JudgedDocument {
  readonly document: YamlDocument;
  readonly judged: readonly Judged[];
}

export interface JudgedSource {
  readonly source: SourceText;
  readonly documents: readonly JudgedDocument[];
}

/** Pods that were judged, and what they were judged by. */
export interface Explained {
  readonly settings: ReadSettings;
  readonly context: AdmissionContext;
  /** Warnings that are about no pod, one line each. */
  readonly oddities: readonly string[];
  readonly judged: readonly Judged[];
  /** Of a pod that was read from a cluster. */
  readonly live?: Live;
}

export interface Live {
  readonly phase: string;
  /** It has an agent or a token of ours. */
  readonly injected: boolean;
  /** The pod less what injection added to it. */
  readonly without: JsonObject;
}

export interface Prepared extends Explained {
  readonly sources: readonly JudgedSource[];
  readonly objects: number;
}

const COMMON: readonly OwnFlag[] = [
  {
    name: 'f',
    value: 'FILE',
    sentence: 'File or directory with manifests; - is standard input. Can be repeated, and further words are files too.',
  },
  { name: 'n', value: 'NAMESPACE', sentence: 'Short for -namespace.' },
];

/** Everything judged, or the exit code of a call that ends here; what a person has to know was written. */
export async function prepare(offline: OfflineCommand, words: readonly string[], terminal: Terminal): Promise<Prepared | number> {
  const called = callOf(offline, words, terminal);
  return typeof called === 'number' ? called : prepareFiles(offline.command, called, terminal);
}

/** The call, or its exit code when it ends here. */
export function callOf({ command, flags }: OfflineCommand, words: readonly string[], terminal: Terminal): Called | number {
  const own = [...COMMON, ...flags];
  if (asksForHelp(words)) {
    terminal.stdout(helpOf(command, own));
    return 0;
  }
  const fail = (problems: readonly string[]): number => {
    for (const problem of problems) terminal.stderr(`vault-auth-injector ${command}: ${problem}\n`);
    return 2;
  };
  const specs = new Map(own.map(({ name, value }) => [name, { isSwitch: value === undefined }]));
  const long = asFlags(words);
  const reading = readSettings(command, long, terminal.environment, specs);
  if (!reading.ok) return fail(reading.problems);
  const foreign = new Map([...specs, ['namespace', { isSwitch: false }] as const]);
  return { settings: reading.value, words: long, foreign, fail };
}

/** The pods of the files that a call names. */
export async function prepareFiles(
  command: OfflineCommand['command'],
  { settings, fail }: Called,
  terminal: Terminal,
): Promise<Prepared | number> {
  const names = [...(settings.repeated.get('f') ?? []), ...settings.positionals];
  if (names.length === 0 && terminal.stdinIsTerminal) return fail(['name a file: -f FILE, or -f - for standard input']);
  const { texts, problems } = await readSources(names.length === 0 ? ['-'] : names, terminal.stdin);
  const directory = settings.settings.clusterState;
  const manifests = directory === '' ? { cluster: NO_FILES, problems: [] } : readClusterState(directory);
  const read = texts.map(readDocuments);
  const scalars = read.flatMap(({ documents }) => documents.filter(isNoObject).map(scalarProblem));
  const unreadable = [...problems, ...manifests.problems, ...read.flatMap((one) => one.problems), ...scalars];
  if (unreadable.length > 0) return fail(unreadable);
  const context = admissionContext(command, settings, manifests.cluster, readUntrustedYaml);
  const oddities: string[] = [];
  let objects = 0;
  const sources = read.map(({ source, documents }): JudgedSource => {
    const judged = documents.map((document): JudgedDocument => {
      const found = workloadsOf(document.value, settings.settings.namespace);
      objects += found.objects;
      oddities.push(
        ...found.oddities.map((oddity) => `${source.file}:${lineOfPath(document)}: warning: ${oddity}; left as it is`),
      );
      return { document, judged: found.workloads.map((workload) => judge(document, workload, context, manifests.cluster)) };
    });
    if (documents.every(({ value }) => value === null)) oddities.push(`${source.file}: warning: there is no manifest in it`);
    return { source, documents: judged };
  });
  const judged = sources.flatMap(({ documents }) => documents.flatMap((document) => document.judged));
  return { settings, context, sources, judged, oddities, objects };
}

/** A switch of a command's own; undefined when its value cannot be read. */
export function switchOf({ extra }: ReadSettings, name: string): boolean | undefined {
  const value = flag.read(extra.get(name) ?? 'false');
  return value === UNREADABLE ? undefined : value;
}

/** Short flags as kubectl takes them: -n for -namespace, so that there is one setting, and -f- or -ojson without a blank. */
const asFlags = (words: readonly string[]): string[] =>
  words.map((word) =>
    word
      .replace(/^--?n(?==|$)/, '-namespace')
      .replace(/^-f-$/, '-f=-')
      .replace(/^-o(?=json$|text$)/, '-o='),
  );

const isNoObject = ({ value }: YamlDocument): boolean => value !== null && (typeof value !== 'object' || Array.isArray(value));

const scalarProblem = (document: YamlDocument): string => {
  const kind = Array.isArray(document.value) ? 'a list' : 'plain text or a number';
  return `${document.source.file}:${lineOfPath(document)}: expected a Kubernetes object, found ${kind}`;
};
