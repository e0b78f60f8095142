// What becomes of one pod, and why. Every edge (server, offline command, explanation) starts from this value.
import type { PatchOperation } from '../pod/patch.ts';
import type { SelectionReason } from '../selection/decide.ts';
import type { Finding, ProblemCode } from './problems.ts';

/** One problem or warning as a person reads it. */
export interface Message {
  readonly code: ProblemCode;
  /** What is wrong: which name, which value, what was expected. */
  readonly sentence: string;
  /** What to do about it. */
  readonly remedy: string;
}

export interface Outcome {
  readonly decision: 'injected' | 'skipped' | 'denied';
  /** Stable word: why the pod was chosen or left alone; also the metric label. */
  readonly reason: SelectionReason;
  /** Empty when there is nothing (more) to add. */
  readonly patch: readonly PatchOperation[];
  /** Why the pod was denied, or why a pod that did not ask was left alone; all of them. */
  readonly problems: readonly Finding[];
  readonly warnings: readonly Finding[];
}
