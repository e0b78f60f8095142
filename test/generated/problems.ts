// docs/problems.md from the catalogue of problems, with one example of each.
import { lineOf, catalogue, type Problem, type ProblemCode } from '../../src/admission/problems.ts';
import { REASON_SENTENCES } from '../../src/cli/offline/reason-sentences.ts';
import { code, documentOf, tableOf, type Document } from './markdown.ts';

const INTRODUCTION = [
  `If injection is requested and impossible, the webhook denies the pod and reports all its **problems** in one message. For the pods of a
workload, it is in the events of its ReplicaSet, Job or StatefulSet. If the pod itself did not request injection, it is admitted unchanged, and the
same problems are warnings. **Warnings** never deny a pod; kubectl prints them. A problem **by mode** depends on \`spec.admission.mode\` of the VaultAuthBackend:
Enforce denies the pod, Warn warns, Disabled ignores the problem. The code at the end of each message is a heading below.`,
  `Quoted text comes from the pod and is truncated to 60 characters. If all problems together exceed the length of an event (1,024 characters),
the message omits the remedies; look them up here.`,
];

const CODES = Object.keys(catalogue) as ProblemCode[];

const sectionOf = (problem: ProblemCode): string[] => {
  const { severity, title, sample } = catalogue[problem];
  return [
    `## ${problem}`,
    `${title} (${severity}). For example:`,
    `    ${lineOf({ code: problem, ...sample } as Problem).replaceAll('\n', '\n    ')}`,
  ];
};

/** The reference of problems and warnings of pods. */
export function problemsDocument(): Document {
  return documentOf('docs/problems.md', 'Problems and warnings', [
    ...INTRODUCTION,
    tableOf(
      ['Code', 'Severity', 'What it is'],
      CODES.map((problem) => [`[${code(problem)}](#${problem})`, catalogue[problem].severity, catalogue[problem].title]),
    ),
    ...CODES.flatMap(sectionOf),
    '# Reasons',
    `Why a pod was injected or not: the field \`reason\` of the log line, the label \`reason\` of \`vault_auth_injector_reviews_total\`, and the
first line of \`explain\`.`,
    tableOf(
      ['Reason', 'Meaning'],
      Object.entries(REASON_SENTENCES).map(([reason, sentence]) => [code(reason), sentence]),
    ),
  ]);
}
