// The catalogue of problems and warnings: a sentence and a remedy for everything a person can be told. docs/problems.md is
// printed from it, and each code is a heading there.
import { annotationProblems } from './annotation-problems.ts';
import type { Entries, Entry, Finding } from './entry.ts';
import { podProblems } from './pod-problems.ts';
import { roleProblems } from './role-problems.ts';
import { selectionProblems } from './selection-problems.ts';

export type { Finding } from './entry.ts';
export type ProblemCode = Finding['code'];

export const catalogue: Entries<Finding> = { ...annotationProblems, ...podProblems, ...selectionProblems, ...roleProblems };

const entryOf = <Code extends ProblemCode>(finding: Extract<Finding, { readonly code: Code }>): Entry<Code> =>
  catalogue[finding.code];

/** What is wrong and what to do, in words. */
export function wordsOf(finding: Finding): { readonly sentence: string; readonly remedy: string } {
  const entry = entryOf(finding);
  return { sentence: entry.sentence(finding), remedy: entry.remedy(finding) };
}
