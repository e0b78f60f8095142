// The command inject: manifests in, injected manifests out, without a cluster.
import { structuredPatch } from 'diff';
import { editDocument, withValueAt, type EditedText } from '../yaml/edit.ts';
import type { SourceText, YamlDocument } from '../yaml/documents.ts';
import { parseCommandLine, switchOf, type CommandLine } from './offline/command-line.ts';
import { convertManifests } from './offline/convert.ts';
import { BANK_VAULTS } from './offline/convert-pod.ts';
import {
  evaluateManifests,
  lineOfDiagnostic,
  readManifests,
  type EvaluatedDocument,
  type EvaluatedPod,
  type EvaluatedSource,
  type ManifestEvaluation,
} from './offline/evaluate.ts';
import { titleOf } from './offline/workload.ts';
import { painter, type Paint, type Terminal } from './terminal.ts';

const CONVERT = {
  name: 'convert',
  value: BANK_VAULTS,
  sentence: 'Do not inject: print the manifests with annotations in place of the values and annotations of bank-vaults.',
};
const DIFF = { name: 'diff', sentence: 'Print a unified diff of the changes instead of the manifests.' };

/**
 * Prints all manifests, with injected pods. Returns the exit code. If a pod is denied, nothing is printed, as with `linkerd inject`:
 * otherwise `kubectl apply` would start a workload without its secrets.
 */
export async function inject(words: readonly string[], terminal: Terminal): Promise<number> {
  const commandLine = parseCommandLine('inject', [CONVERT, DIFF], words, terminal);
  if (typeof commandLine === 'number') return commandLine;
  const isDiff = switchOf(commandLine.settings, DIFF.name);
  if (isDiff === undefined) return commandLine.fail(['-diff: expected true or false']);
  const product = commandLine.settings.extra.get(CONVERT.name);
  if (product !== undefined && product !== CONVERT.value)
    return commandLine.fail([
      `-convert: ${JSON.stringify(product)} is not a product that this command knows, expected ${CONVERT.value}`,
    ]);
  if (product !== undefined) return convert(commandLine, isDiff, terminal);
  const evaluation = await evaluateManifests(commandLine, terminal);
  if (typeof evaluation === 'number') return evaluation;
  const isDenied = evaluation.pods.some(({ result }) => result.decision === 'denied');
  const edited = evaluation.sources.map((source) => ({ ...source, texts: source.documents.map(editedText) }));
  printDiagnostics(evaluation, edited, terminal);
  if (isDiff)
    for (const source of edited) terminal.stdout(diffOf(printed(source), 'injected', painter(terminal), terminal.colour));
  else if (!isDenied) terminal.stdout(streamOf(edited));
  terminal.stderr(`${summary(evaluation, isDiff)}\n`);
  return isDenied ? 1 : 0;
}

/** Prints converted manifests. With an error nothing is printed, except the difference: the app would start without a secret. */
const convert = async (commandLine: CommandLine, isDiff: boolean, terminal: Terminal): Promise<number> => {
  const manifests = await readManifests(commandLine, terminal);
  if (typeof manifests === 'number') return manifests;
  const documents = manifests.sources.flatMap((source) => source.documents);
  const { values, lines, hasErrors, titles } = convertManifests(documents, commandLine.settings.settings.namespace);
  const after = new Map(
    documents.map(({ document }, index) => [document, { value: values[index] ?? null, titles: titles[index] ?? [] }]),
  );
  const edited = manifests.sources.map(
    ({ source, documents }): PrintedSource => ({
      source,
      documents: documents.map(({ document }) => ({ document, titles: after.get(document)?.titles ?? [] })),
      texts: documents.map(({ document }) => editDocument(document, after.get(document)?.value ?? null)),
    }),
  );
  for (const line of [...manifests.warnings, ...lines]) terminal.stderr(`${line}\n`);
  if (isDiff) for (const source of edited) terminal.stdout(diffOf(source, 'converted', painter(terminal), terminal.colour));
  else if (!hasErrors) terminal.stdout(streamOf(edited));
  const pods = documents.flatMap(({ workloads }) => workloads).length;
  const converted = titles.flat().length;
  terminal.stderr(
    `${count(manifests.objects, 'object')}, ${count(pods, 'pod')}: ${converted} converted${hasErrors && !isDiff ? '; because of the errors nothing is printed' : ''}\n`,
  );
  return hasErrors ? 1 : 0;
};

/** What a source is printed from. */
interface PrintedSource {
  readonly source: SourceText;
  /** With the titles of the workloads that changed. */
  readonly documents: readonly { readonly document: YamlDocument; readonly titles: readonly string[] }[];
  readonly texts: readonly EditedText[];
}

type EditedSource = EvaluatedSource & { readonly texts: readonly EditedText[] };

const printed = ({ source, documents, texts }: EditedSource): PrintedSource => ({
  source,
  documents: documents.map(({ document, pods }) => ({
    document,
    titles: pods.filter(isChanged).map(({ workload }) => titleOf(workload)),
  })),
  texts,
});

const isChanged = ({ workload, injected }: EvaluatedPod): boolean => injected !== workload.pod;

const editedText = ({ document, pods }: EvaluatedDocument): EditedText =>
  editDocument(
    document,
    pods.filter(isChanged).reduce((value, { workload, injected }) => withValueAt(value, workload.path, injected), document.value),
  );

/** Warnings and errors, in the order of the manifests. */
const printDiagnostics = ({ warnings }: ManifestEvaluation, edited: readonly EditedSource[], terminal: Terminal): void => {
  for (const warning of warnings) terminal.stderr(`${warning}\n`);
  for (const { source, documents, texts } of edited)
    for (const [index, { pods }] of documents.entries()) {
      for (const pod of pods) for (const diagnostic of pod.diagnostics) terminal.stderr(`${lineOfDiagnostic(pod, diagnostic)}\n`);
      const changed = pods.find(isChanged);
      if (changed && texts[index]?.expanded === true)
        terminal.stderr(
          `${source.file}:${changed.line}: warning: ${titleOf(changed.workload)} changes a YAML anchor: the aliases of its document are expanded\n`,
        );
    }
};

/** One YAML stream. A leading `---` keeps a reader from taking JSON from several files for one JSON value. */
const streamOf = (edited: readonly Pick<PrintedSource, 'source' | 'texts'>[]): string => {
  const texts = edited
    .map(({ source, texts }) => (texts.length === 0 ? source.text : texts.map(({ text }) => text).join('')))
    .filter((text) => text !== '');
  if (texts.length < 2) return texts.join('');
  return texts.map((text, index) => `${separatorBefore(text, index === 0)}${text}${text.endsWith('\n') ? '' : '\n'}`).join('');
};

const separatorBefore = (text: string, isFirst: boolean): string => {
  const begins = /^(?:[ \t]*(?:#[^\n]*)?\r?\n)*(?:---|%)/.test(text);
  return begins || (isFirst && !/^\s*[{[]/.test(text)) ? '' : '---\n';
};

const CONTEXT_LINES = 3;
/** The agent's configuration is one line of a thousand characters: a terminal shows its beginning. */
const MAX_COLOURED_LINE = 160;

/** The diff of one file for `patch` and for people; empty without a change. Headers and hunks name the objects. */
const diffOf = (
  { source: { file, text }, documents, texts }: PrintedSource,
  done: 'converted' | 'injected',
  paint: Paint,
  isColoured: boolean,
): string => {
  const shown = (line: string): string => {
    const short =
      isColoured && line.length > MAX_COLOURED_LINE ? `${line.slice(0, MAX_COLOURED_LINE)}… (${line.length} characters)` : line;
    return paint(short, line.startsWith('+') ? 'green' : line.startsWith('-') ? 'red' : undefined);
  };
  const body: string[] = [];
  const titles: string[] = [];
  let addedLines = 0;
  for (const [index, { document, titles: own }] of documents.entries()) {
    const before = text.slice(document.start, document.end);
    const after = texts[index]?.text ?? before;
    const { hunks } = structuredPatch('', '', before, after, '', '', { context: CONTEXT_LINES });
    const title = own.join(', ');
    if (hunks.length > 0) titles.push(title);
    const offset = document.lineOf(document.start) - 1;
    for (const { oldStart, oldLines, newStart, newLines, lines } of hunks) {
      const header = `@@ -${oldStart + offset},${oldLines} +${newStart + offset + addedLines},${newLines} @@ ${title}`;
      body.push(paint(header, 'cyan'), ...lines.map(shown));
    }
    addedLines += after.split('\n').length - before.split('\n').length;
  }
  if (body.length === 0) return '';
  // `patch` takes the text behind the tab for a date and ignores it.
  const names = titles.join(', ');
  return [paint(`--- ${file}\t${names}`, 'bold'), paint(`+++ ${file}\t${names}, ${done}`, 'bold'), ...body]
    .map((line) => `${line}\n`)
    .join('');
};

const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;

const summary = ({ objects, pods }: ManifestEvaluation, isDiff: boolean): string => {
  if (pods.length === 0) return `${count(objects, 'object')}, no pod`;
  const injected = pods.filter(isChanged).length;
  const denied = pods.filter(({ result }) => result.decision === 'denied').length;
  const current = pods.filter((pod) => pod.result.decision === 'injected' && !isChanged(pod)).length;
  const skipped = pods.length - injected - denied - current;
  const parts = [
    `${injected} injected`,
    ...(current > 0 ? [`${current} already injected`] : []),
    ...(skipped > 0 ? [`${skipped} not injected`] : []),
    ...(denied > 0 ? [`${denied} denied${isDiff ? '' : ', so nothing is printed'}`] : []),
  ];
  return `${count(objects, 'object')}, ${count(pods.length, 'pod')}: ${parts.join(', ')}`;
};
