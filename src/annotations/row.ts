// The shape of a row of the annotation table, and the names that follow from its key.
import type { Kind } from './kind.ts';

/** Where an annotation can stand. Later ones win over earlier ones; settings and built-in defaults come before all of them. */
export const ANNOTATION_LAYERS = ['namespace', 'serviceaccount', 'pod'] as const;
export type AnnotationLayer = (typeof ANNOTATION_LAYERS)[number];

/** Our objects that give a pod its login; where one does, it wins over the settings, and as a rule over annotations too. */
export const OBJECT_LAYERS = ['VaultEndpoint', 'VaultAuthBackend', 'VaultAuthRole'] as const;

/** Every layer that can give an option its value. */
export type Layer = 'built-in' | 'settings' | (typeof OBJECT_LAYERS)[number] | AnnotationLayer;

export interface Row<T> {
  readonly kind: Kind<T>;
  readonly sentence: string;
  readonly example: string;
  /** Used when no layer sets it; without one the option is undefined. */
  readonly default?: T;
  /** What an empty text means when it is not simply a value: nothing, or nothing with a warning (Q43). */
  readonly empty?: 'unset' | 'unset-warn';
  /** Only on the pod itself: it speaks of this one pod. */
  readonly podOnly?: true;
  /** Only on the namespace: whoever may write pods must not be able to write it. */
  readonly namespaceOnly?: true;
  /** It can redirect the token or change what runs; `webhook` refuses it unless the operator or the namespace allows it. */
  readonly guarded?: true;
  /** No predecessor has it: it exists under our own prefix only. */
  readonly own?: true;
  /** Why not to use it any more and what to use, as a sentence. */
  readonly deprecated?: string;
}

type More<T> = Omit<Row<T>, 'kind' | 'sentence' | 'example'>;

/** Keeps what is known of the row in its type, so that an option with a default is never undefined. */
export function row<T, const Known extends More<T> = {}>(
  kind: Kind<T>,
  sentence: string,
  example: string,
  more?: Known,
): Row<T> & Known {
  return { kind, sentence, example, ...more } as Row<T> & Known;
}

/** A family is one annotation per NAME, the text after the family's name and a dash. */
export interface FamilyRow<T> extends Row<T> {
  readonly name: string;
}

/** `agentInjectToken` → `agent-inject-token`. */
export function kebab(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
