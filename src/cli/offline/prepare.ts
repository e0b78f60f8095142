// What inject and explain have in common: flags, sources, manifests of the cluster, and the judgement of every pod.
import type { AdmissionContext } from '../../admission/admit.ts';
import { flag, UNREADABLE } from '../../annotations/kind.ts';
import { readSettings, type ReadSettings } from '../../settings/read.ts';
import { admissionContext } from '../context.ts';
import { helpOf, type OwnFlag } from '../help.ts';
import { readManifests } from '../manifests.ts';
import { readYamlText } from '../yaml-text.ts';
import { asksForHelp, type Terminal } from '../terminal.ts';
import { NO_MANIFESTS } from './cluster.ts';
import { readDocuments, type ManifestDocument, type SourceText } from './document.ts';
import { judge, type Judged } from './judge.ts';
import { readSources } from './sources.ts';
import { workloadsOf } from './workload.ts';

export interface OfflineCommand {
  readonly command: 'inject' | 'explain';
  /** Flags besides those that both have. */
  readonly flags: readonly OwnFlag[];
  /** What is wrong with words that are no flags, if the command takes some of them for something else than files. */
  readonly refuse?: (positionals: readonly string[]) => string | undefined;
}

export interface JudgedDocument {
  readonly document: ManifestDocument;
  readonly judged: readonly Judged[];
}

export interface JudgedSource {
  readonly source: SourceText;
  readonly documents: readonly JudgedDocument[];
}

export interface Prepared {
  readonly settings: ReadSettings;
  readonly context: AdmissionContext;
  readonly sources: readonly JudgedSource[];
  /** Warnings that are about no pod, one line each. */
  readonly oddities: readonly string[];
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
export const prepare = async (
  { command, flags, refuse }: OfflineCommand,
  words: readonly string[],
  terminal: Terminal,
): Promise<Prepared | number> => {
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
  const reading = readSettings(command, asFlags(words), terminal.environment, specs);
  if (!reading.ok) return fail(reading.problems);
  const settings = reading.value;
  const refusal = refuse?.(settings.positionals);
  if (refusal !== undefined) return fail([refusal]);
  const names = [...(settings.repeated.get('f') ?? []), ...settings.positionals];
  if (names.length === 0 && terminal.stdinIsTerminal) return fail(['name a file: -f FILE, or -f - for standard input']);
  const { texts, problems } = await readSources(names.length === 0 ? ['-'] : names, terminal.stdin);
  const directory = settings.settings.manifests;
  const manifests = directory === '' ? { cluster: NO_MANIFESTS, problems: [] } : readManifests(directory);
  const read = texts.map(readDocuments);
  const scalars = read.flatMap(({ documents }) => documents.filter(isNoObject).map(scalarProblem));
  const unreadable = [...problems, ...manifests.problems, ...read.flatMap((one) => one.problems), ...scalars];
  if (unreadable.length > 0) return fail(unreadable);
  const context = admissionContext(command, settings, manifests.cluster, readYamlText);
  const oddities: string[] = [];
  let objects = 0;
  const sources = read.map(({ source, documents }): JudgedSource => {
    const judged = documents.map((document): JudgedDocument => {
      const found = workloadsOf(document.value, settings.settings.namespace);
      objects += found.objects;
      oddities.push(
        ...found.oddities.map(
          (oddity) =>
            `${source.file}:${document.lineOf(document.contents?.range[0] ?? document.start)}: warning: ${oddity}; left as it is`,
        ),
      );
      return { document, judged: found.workloads.map((workload) => judge(document, workload, context, manifests.cluster)) };
    });
    if (documents.every(({ value }) => value === null)) oddities.push(`${source.file}: warning: there is no manifest in it`);
    return { source, documents: judged };
  });
  return { settings, context, sources, oddities, objects };
};

/** A switch of a command's own; undefined when its value cannot be read. */
export const switchOf = ({ extra }: ReadSettings, name: string): boolean | undefined => {
  const value = flag.read(extra.get(name) ?? 'false');
  return value === UNREADABLE ? undefined : value;
};

/** Short flags as kubectl takes them: -n for -namespace, so that there is one setting, and -f- or -ojson without a blank. */
const asFlags = (words: readonly string[]): string[] =>
  words.map((word) =>
    word
      .replace(/^--?n(?==|$)/, '-namespace')
      .replace(/^-f-$/, '-f=-')
      .replace(/^-o(?=json$|text$)/, '-o='),
  );

const isNoObject = ({ value }: ManifestDocument): boolean =>
  value !== null && (typeof value !== 'object' || Array.isArray(value));

const scalarProblem = (document: ManifestDocument): string => {
  const kind = Array.isArray(document.value) ? 'a list' : 'plain text or a number';
  return `${document.source.file}:${document.lineOf(document.contents?.range[0] ?? document.start)}: expected a Kubernetes object, found ${kind}`;
};
