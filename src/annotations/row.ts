// A row of the table of annotations: what it says about one option.
import type { ValueKind } from './value-kinds.ts';

/** Objects with annotations; a later layer overrides an earlier one. Settings and built-in defaults come before all of them. */
export const ANNOTATION_LAYERS = ['namespace', 'serviceaccount', 'pod'] as const;
export type AnnotationLayer = (typeof ANNOTATION_LAYERS)[number];

export const PROFILES = ['compat', 'native'] as const;
export type Profile = (typeof PROFILES)[number];

/** One option: the meaning of its annotation, and where the annotation may stand. */
export interface Row<T> {
  readonly kind: ValueKind<T>;
  readonly sentence: string;
  readonly example: string;
  /** The value if no layer sets one; without a default the option is undefined. */
  readonly default?: T;
  /** An empty text counts as absent, with or without a warning; otherwise it is a value (Q43). */
  readonly empty?: 'unset' | 'unset-warn';
  /** Only on the pod itself. */
  readonly podOnly?: true;
  /** Only on the namespace: pod authors must not be able to set it. */
  readonly namespaceOnly?: true;
  /** It can redirect the token or change what runs; `webhook` denies it unless the operator or the namespace allows it. */
  readonly guarded?: true;
  /** Not an annotation of vault-k8s: it exists under our own prefix only. */
  readonly own?: true;
  /** Why it is deprecated and what replaces it, as a sentence. */
  readonly deprecated?: string;
  /** Only this profile uses it. Another one denies a pod that sets it, or ignores it with a warning. */
  readonly profile?: { readonly only: Profile; readonly elsewhere: 'denied' | 'ignored' };
  /** Why any text is valid; on each row of the kind `text`, and on no other. */
  readonly anyText?: string;
}

/** A family is one annotation per NAME, the text after the family's name and a dash. */
export interface FamilyRow<T> extends Row<T> {
  readonly name: string;
}

type Details<T> = Omit<Row<T>, 'kind' | 'sentence' | 'example'>;

/** Keeps the details in the type of the row, so that an option with a default is never undefined. */
export function row<T, const Given extends Details<T> = {}>(
  kind: ValueKind<T>,
  sentence: string,
  example: string,
  details?: Given,
): Row<T> & Given {
  return { kind, sentence, example, ...details } as Row<T> & Given;
}
