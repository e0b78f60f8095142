// The form of a problem of a pod: one entry has its fields, kind, title, sentence, remedy and an example. Each room has one file of
// entries; a new problem is an entry there and the place that reports it.

/** Whether a requested injection is denied for it; `by mode`: only where the admission mode of the VaultAuthBackend is Enforce. */
export type ProblemKind = 'problem' | 'warning' | 'by mode';

export interface ProblemEntry<Fields> {
  readonly severity: ProblemKind;
  readonly title: string;
  readonly sentence: (fields: Fields) => string;
  readonly remedy: (fields: Fields) => string;
  /** What docs/problems.md shows. */
  readonly sample: Fields;
}

/** An entry of a file of problems; its key there is the problem's code. */
export function defineProblem<Fields extends object = object>(
  entry: ProblemEntry<Readonly<Fields>>,
): ProblemEntry<Readonly<Fields>> {
  return entry;
}

/** The problems of a file of entries as data: `code` and the fields of its entry. */
export type ProblemOf<Entries> = {
  [Code in keyof Entries]: Entries[Code] extends ProblemEntry<infer Fields> ? { readonly code: Code } & Fields : never;
}[keyof Entries];

/** Longest part of a user's value that is quoted back. */
const MAX_QUOTE_LENGTH = 60;

/** A user's text as a JSON string, so that control characters cannot forge log lines, cut to a readable length. */
export function quote(value: string): string {
  return JSON.stringify(value.length > MAX_QUOTE_LENGTH ? `${value.slice(0, MAX_QUOTE_LENGTH)}…` : value);
}

/** The remedy for an unknown name. */
export function didYouMean(nearest: string | undefined): string {
  return nearest === undefined ? 'remove it, or check its name in docs/annotations.md' : `did you mean ${nearest}?`;
}
