// Why a pod is injected or not, as the sentence of `explain` and of docs/problems.md.
import type { SelectionReason } from '../../selection/decide.ts';

export const REASON_SENTENCES: Readonly<Record<SelectionReason, string>> = {
  'excluded-namespace': 'its namespace is excluded',
  'namespace-stopped': 'a label of its namespace disables injection',
  'mirror-pod': 'it is a mirror pod, and the kubelet ignores changes to it',
  'windows-pod': 'it is a Windows pod, and the agent does not run on Windows',
  'not-a-pod': 'the object is not a Pod',
  'not-created': 'the pod already exists, and containers can only be added at its creation',
  'not-pending': 'the pod already runs, and containers can only be added at its creation',
  'already-injected': 'its status annotation marks it as injected',
  'pod-label': 'requested by a label of the pod',
  'pod-label-disabled': 'disabled by a label of the pod',
  'pod-annotation': 'requested by an annotation of the pod',
  'pod-annotation-false': 'disabled by an annotation of the pod',
  'pod-annotation-invalid': 'requested by an annotation of the pod with an invalid value',
  'namespace-label': 'requested by a label of its namespace',
  'namespace-label-disabled': 'disabled by a label of its namespace',
  'cluster-default': 'all pods are injected by default',
  'not-requested': 'neither the pod, its namespace nor the cluster default requests it',
  'pod-malformed': 'the object is not a valid Pod',
};

export interface Decision {
  readonly decision: 'injected' | 'skipped' | 'denied';
  readonly reason: SelectionReason;
  /** Selected by namespace or cluster default, but injection is impossible. */
  readonly impossible: boolean;
}

/** Decision and reason; `isCurrent`: the pod has everything that injection would add. */
export function decisionSentence({ decision, reason, impossible }: Decision, isCurrent: boolean): string {
  const why = REASON_SENTENCES[reason];
  if (decision === 'denied') return reason === 'pod-malformed' ? `denied: ${why}` : `denied: ${why}, but injection is impossible`;
  if (decision === 'injected') return isCurrent ? 'already injected: nothing is missing' : `injected: ${why}`;
  return impossible
    ? `not injected: ${why}, but injection is impossible, and the pod itself does not request it`
    : `not injected: ${why}`;
}

/** The same for a pod of a cluster: what it has, and what a new pod like it would get now. */
export function liveSentence(
  decision: Decision,
  { injected, differs }: { readonly injected: boolean; readonly differs: readonly string[] },
): string {
  const state = injected ? 'injected' : 'not injected';
  if (decision.decision !== 'injected') {
    const next = decisionSentence(decision, false);
    return `${state}; a new pod like it would ${next.startsWith('not ') ? next.replace('not', 'not be') : `be ${next}`}`;
  }
  const why = REASON_SENTENCES[decision.reason];
  if (!injected)
    return `${state}, although a new pod like it would be injected (${why}): no webhook answered when it was created, or the request was added later`;
  return differs.length === 0
    ? `${state}, and nothing is missing: ${why}`
    : `${state}, but a new pod like it would differ: settings or annotations have changed since (${why})`;
}
