// Findings as the sentences that an API client shows: one denial with everything in it, and warnings.
import { wordsOf, type Problem } from './problems.ts';

/** Events are cut at 1,024 characters, and the API server puts some 80 of its own before ours. */
const LONGEST_DENIAL = 900;
/** The API server cuts each warning to 256 once all of them together exceed 4,096 characters. */
const LONGEST_WARNING = 256;

const cut = (words: string, most: number): string => (words.length > most ? `${words.slice(0, most - 1)}…` : words);

/** Names of users are quoted whole in sentences; no name that is meant is longer than this. */
const LONGEST_SENTENCE = 400;
/** What nobody reads to its end. */
const MOST_PROBLEMS = 40;

/** A finding in one line, with its code for looking it up. */
export function lineOf(finding: Problem): string {
  const { sentence, remedy } = wordsOf(finding);
  return `${cut(sentence, LONGEST_SENTENCE)}: ${cut(remedy, LONGEST_SENTENCE)} [${finding.code}]`;
}

/** The same within so many characters; the code is kept, since it leads to everything else. */
const shortLineOf = (finding: Problem, most: number): string => {
  const code = ` [${finding.code}]`;
  return cut(lineOf(finding).slice(0, -code.length), most - code.length) + code;
};

const numbered = (lines: readonly string[]): string =>
  lines.map((line, index) => (lines.length === 1 ? line : `(${index + 1}) ${line}`)).join('; ');

/** All problems of a pod in one message; remedies give way first when there are many. */
export function denialOf(problems: readonly Problem[]): string {
  const head = `error injecting the agent: ${problems.length === 1 ? 'one problem' : `${problems.length} problems`}: `;
  const shown = problems.slice(0, MOST_PROBLEMS);
  const more = problems.length > shown.length ? `; and ${problems.length - shown.length} more` : '';
  const full = head + numbered(shown.map(lineOf)) + more;
  if (full.length <= LONGEST_DENIAL) return full;
  return head + numbered(shown.map((problem) => `${cut(wordsOf(problem).sentence, LONGEST_SENTENCE)} [${problem.code}]`)) + more;
}

/** No pod that is meant earns more; each is a header of the API server's answer. */
const MOST_WARNINGS = 50;

/** Warnings as the API server passes them on: no control characters, not too long, each once. */
export function warningsOf(warnings: readonly Problem[]): string[] {
  return [...new Set(warnings.slice(0, MOST_WARNINGS).map((warning) => shortLineOf(warning, LONGEST_WARNING)))];
}
