// docs/problems.md from the catalogue of problems, with one example of each.
import { lineOf } from '../../src/admission/message.ts';
import { catalogue, type ProblemCode } from '../../src/admission/problems.ts';
import { REASON_SENTENCES } from '../../src/cli/offline/reason.ts';
import { code, documentOf, tableOf, type Document } from './markdown.ts';
import { samples } from './samples.ts';

const INTRODUCTION = [
  `A pod that asked for injection and cannot be served is refused with all its **problems** in one answer; a workload's pods are refused in the
events of its ReplicaSet, Job or StatefulSet. A pod that did not ask is left alone, and the same findings are warnings. **Warnings** never
refuse anything: kubectl prints them to whoever creates the pod. What is said **by mode** is a problem where \`spec.admission.mode\` of the
VaultAuthBackend is Enforce, a warning where it is Warn, and nothing where it is Off. The code at the end of each message is a heading below.`,
  `Texts between quotation marks come from the pod and are cut after 60 characters. When all problems together are too long for an event
(1,024 characters), the remedies are left out: they are here.`,
];

const CODES = Object.keys(catalogue) as ProblemCode[];

const sectionOf = (problem: ProblemCode): string[] => {
  const { kind, title } = catalogue[problem];
  return [`## ${problem}`, `${title} (${kind}). For example:`, `    ${lineOf(samples[problem]).replaceAll('\n', '\n    ')}`];
};

/** The reference of everything that a person can be told about a pod. */
export function problemsDocument(): Document {
  return documentOf('docs/problems.md', 'Problems and warnings', [
    ...INTRODUCTION,
    tableOf(
      ['Code', 'Kind', 'What it is'],
      CODES.map((problem) => [`[${code(problem)}](#${problem})`, catalogue[problem].kind, catalogue[problem].title]),
    ),
    ...CODES.flatMap(sectionOf),
    '# Reasons',
    `Why a pod was chosen or left alone: the field \`reason\` of the log line, the label \`reason\` of \`vault_auth_injector_reviews_total\`, and the
first line of \`explain\`.`,
    tableOf(
      ['Reason', 'In words'],
      Object.entries(REASON_SENTENCES).map(([reason, sentence]) => [code(reason), sentence]),
    ),
  ]);
}
