// One entry of the catalogue of problems, and how values of users are quoted in it.
import type { AnnotationFinding } from '../annotations/finding.ts';
import type { PodFinding } from '../pod/finding.ts';
import type { SelectionFinding } from '../selection/finding.ts';
import type { RoleFinding } from './link/finding.ts';

export interface GuardFinding {
  readonly code: 'annotation-guarded';
  readonly annotation: string;
  /** What an allowance has to name. */
  readonly name: string;
  /** The annotation of the namespace that would allow it. */
  readonly allow: string;
}

export type Finding = AnnotationFinding | PodFinding | SelectionFinding | GuardFinding | RoleFinding;
type Of<Code extends Finding['code']> = Extract<Finding, { readonly code: Code }>;

export interface Entry<Code extends Finding['code']> {
  /** Whether a pod that asked is refused for it; `by mode`: where the admission mode of its VaultAuthBackend is Enforce. */
  readonly kind: 'problem' | 'warning' | 'by mode';
  readonly title: string;
  readonly sentence: (finding: Of<Code>) => string;
  readonly remedy: (finding: Of<Code>) => string;
}

/** Entries for every finding of one part. */
export type Entries<Part extends Finding> = { readonly [Code in Part['code']]: Entry<Code> };

/** Longest part of a user's value that is quoted back. */
const LONGEST_QUOTE = 60;

/** A user's text as a JSON string, so that control characters cannot do harm, and not more of it than helps. */
export function quote(value: string): string {
  return JSON.stringify(value.length > LONGEST_QUOTE ? `${value.slice(0, LONGEST_QUOTE)}…` : value);
}

/** What to do about a name that is not known. */
export function meant(nearest: string | undefined): string {
  return nearest === undefined ? 'remove it, or look it up in docs/annotations.md' : `did you mean ${nearest}?`;
}
