// The command inject: manifests in, injected manifests out, without a cluster.
import { differenceOf } from './offline/difference.ts';
import { lineOfNote, type Judged } from './offline/judge.ts';
import { prepare, switchOf, type JudgedDocument, type JudgedSource, type Prepared } from './offline/prepare.ts';
import { editDocument, withValueAt, type EditedText } from '../yaml/edit.ts';
import { titleOf } from './offline/workload.ts';
import type { Terminal } from './terminal.ts';

const DIFF = { name: 'diff', sentence: 'Print what injection changes as a unified diff in place of the manifests.' };

/**
 * Prints every document, the injected ones changed and all others byte for byte. When a pod is refused nothing is printed, as with
 * `linkerd inject` and compilers: what goes on to kubectl must not be a workload without its secrets.
 */
export async function inject(words: readonly string[], terminal: Terminal): Promise<number> {
  const prepared = await prepare({ command: 'inject', flags: [DIFF] }, words, terminal);
  if (typeof prepared === 'number') return prepared;
  const wantsDiff = switchOf(prepared.settings, DIFF.name);
  if (wantsDiff === undefined) {
    terminal.stderr('vault-auth-injector inject: -diff: expected true or false\n');
    return 2;
  }
  const all = prepared.sources.flatMap(({ documents }) => documents.flatMap(({ judged }) => judged));
  const refused = all.filter(({ outcome }) => outcome.decision === 'denied');
  const written = prepared.sources.map((source) => ({ ...source, texts: source.documents.map(rewriteDocument) }));
  tell(prepared, written, terminal);
  if (wantsDiff) for (const source of written) terminal.stdout(diffOf(source, terminal.colour));
  else if (refused.length === 0) terminal.stdout(joined(written));
  terminal.stderr(`${summary(prepared, all, wantsDiff)}\n`);
  return refused.length > 0 ? 1 : 0;
}

type Written = JudgedSource & { readonly texts: readonly EditedText[] };

const rewriteDocument = ({ document, judged }: JudgedDocument): EditedText => {
  const changed = judged.filter(({ workload, injected }) => injected !== workload.pod);
  return editDocument(
    document,
    changed.reduce((value, { workload, injected }) => withValueAt(value, workload.path, injected), document.value),
  );
};

/** Warnings and errors, in the order of the manifests. */
const tell = ({ oddities }: Prepared, written: readonly Written[], terminal: Terminal): void => {
  for (const oddity of oddities) terminal.stderr(`${oddity}\n`);
  for (const { documents, texts } of written)
    for (const [index, { judged }] of documents.entries()) {
      for (const one of judged) for (const note of one.notes) terminal.stderr(`${lineOfNote(one, note)}\n`);
      const [first] = judged;
      if (first && texts[index]?.expanded === true)
        terminal.stderr(
          `${first.document.source.file}:${first.line}: warning: ${titleOf(first.workload)} changes behind YAML aliases: the document is printed with copies in their place\n`,
        );
    }
};

const diffOf = ({ source, documents, texts }: Written, colour: boolean): string =>
  differenceOf(
    source.file,
    documents.map(({ document, judged }, index) => {
      const before = source.text.slice(document.start, document.end);
      const changed = judged.filter(({ workload, injected }) => injected !== workload.pod);
      return {
        title: changed.map(({ workload }) => titleOf(workload)).join(', '),
        firstLine: document.lineOf(document.start),
        before,
        after: texts[index]?.text ?? before,
      };
    }),
    colour,
  );

/** One stream. Several sources are YAML documents of it, JSON ones too: with `---` in front, no reader takes it for one JSON value. */
const joined = (written: readonly Written[]): string => {
  const texts = written
    .map(({ source, texts }) => (texts.length === 0 ? source.text : texts.map(({ text }) => text).join('')))
    .filter((text) => text !== '');
  if (texts.length < 2) return texts.join('');
  return texts.map((text, index) => `${separatorBefore(text, index === 0)}${text}${text.endsWith('\n') ? '' : '\n'}`).join('');
};

const separatorBefore = (text: string, isFirst: boolean): string => {
  const begins = /^(?:[ \t]*(?:#[^\n]*)?\r?\n)*(?:---|%)/.test(text);
  return begins || (isFirst && !/^\s*[{[]/.test(text)) ? '' : '---\n';
};

const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;

const summary = ({ objects }: Prepared, all: readonly Judged[], wantsDiff: boolean): string => {
  const injected = all.filter(({ workload, injected }) => injected !== workload.pod).length;
  const refused = all.filter(({ outcome }) => outcome.decision === 'denied').length;
  const current = all.filter(
    ({ outcome, workload, injected }) => outcome.decision === 'injected' && injected === workload.pod,
  ).length;
  const left = all.length - injected - refused - current;
  if (all.length === 0) return `${count(objects, 'object')}, none of them with a pod`;
  const parts = [
    `${injected} injected`,
    ...(current > 0 ? [`${current} injected before`] : []),
    ...(left > 0 ? [`${left} left alone`] : []),
    ...(refused > 0 ? [`${refused} refused${wantsDiff ? '' : ', so that nothing is printed'}`] : []),
  ];
  return `${count(objects, 'object')}, ${count(all.length, 'pod')}: ${parts.join(', ')}`;
};
