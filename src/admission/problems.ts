// The catalogue of problems and warnings, and their text for API clients. docs/problems.md is generated from it; each code is a heading
// there.
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

/** Events are cut at 1,024 characters, and the API server adds about 80 of its own in front. */
const MAX_DENIAL_LENGTH = 900;
/** The API server cuts each warning to 256 once all of them together exceed 4,096 characters. */
const MAX_WARNING_LENGTH = 256;

const cut = (words: string, most: number): string => (words.length > most ? `${words.slice(0, most - 1)}…` : words);

/** Sentences quote names in full; no real name is longer than this. */
const MAX_SENTENCE_LENGTH = 400;
/** A message with more problems is too long to read. */
const MAX_PROBLEMS = 40;

/** A problem in one line: sentence, remedy and code. */
export function lineOf(problem: Problem): string {
  const { sentence, remedy } = wordsOf(problem);
  return `${cut(sentence, MAX_SENTENCE_LENGTH)}: ${cut(remedy, MAX_SENTENCE_LENGTH)} [${problem.code}]`;
}

/** The same, cut to `most` characters before the code: the code leads to docs/problems.md. */
const shortLineOf = (problem: Problem, most: number): string => {
  const code = ` [${problem.code}]`;
  return cut(lineOf(problem).slice(0, -code.length), most - code.length) + code;
};

const numbered = (lines: readonly string[]): string =>
  lines.map((line, index) => (lines.length === 1 ? line : `(${index + 1}) ${line}`)).join('; ');

/** All problems of a pod in one message, without remedies if it would be too long for an event. */
export function denialOf(problems: readonly Problem[]): string {
  const head = `error injecting the agent: ${problems.length === 1 ? 'one problem' : `${problems.length} problems`}: `;
  const shown = problems.slice(0, MAX_PROBLEMS);
  const more = problems.length > shown.length ? `; and ${problems.length - shown.length} more` : '';
  const full = head + numbered(shown.map(lineOf)) + more;
  if (full.length <= MAX_DENIAL_LENGTH) return full;
  return (
    head + numbered(shown.map((problem) => `${cut(wordsOf(problem).sentence, MAX_SENTENCE_LENGTH)} [${problem.code}]`)) + more
  );
}

/** Each warning is a header of the API server's response, so a hostile pod must not cause any number of them. */
const MAX_WARNINGS = 50;

/** Warnings in the form that the API server accepts: without control characters, cut, without duplicates. */
export function warningsOf(warnings: readonly Problem[]): string[] {
  return [...new Set(warnings.slice(0, MAX_WARNINGS).map((warning) => shortLineOf(warning, MAX_WARNING_LENGTH)))];
}
