// The catalogue of problems and warnings. docs/problems.md is generated from it, and each code is a heading there.
import { annotationProblems } from '../annotations/annotation-problems.ts';
import type { ProblemEntry, ProblemOf } from '../annotations/problem.ts';
import { podProblems } from '../pod/pod-problems.ts';
import { selectionProblems } from '../selection/selection-problems.ts';
import { guardProblems } from './guard.ts';
import { roleProblems } from './roles/role-problems.ts';

export const catalogue = {
  ...annotationProblems,
  ...podProblems,
  ...guardProblems,
  ...selectionProblems,
  ...roleProblems,
};

/** Anything that can be reported about a pod, as data. */
export type Problem = ProblemOf<typeof catalogue>;
export type ProblemCode = Problem['code'];

/** The sentence and the remedy of a problem. */
export function wordsOf(problem: Problem): { readonly sentence: string; readonly remedy: string } {
  // The entry of a code takes the fields that come with this code, which the type of the union cannot express.
  const entry = catalogue[problem.code] as ProblemEntry<unknown>;
  return { sentence: entry.sentence(problem), remedy: entry.remedy(problem) };
}
