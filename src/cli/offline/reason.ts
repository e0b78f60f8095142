// Why a pod was chosen or left alone, in a sentence.
import type { SelectionReason } from '../../selection/decide.ts';

export const REASON_SENTENCES: Readonly<Record<SelectionReason, string>> = {
  'excluded-namespace': 'its namespace is excluded',
  'namespace-stopped': 'a label of its namespace stops all injection there',
  'mirror-pod': 'it is a mirror pod, and the kubelet would not see the agent',
  'windows-pod': 'it is a Windows pod, and the agent does not run there',
  'not-a-pod': 'it is no pod',
  'not-created': 'it exists already, and only new pods can get containers',
  'not-pending': 'it runs already, and a running pod cannot get containers',
  'already-injected': 'its status annotation says that it is injected',
  'pod-label': 'a label of the pod asks for it',
  'pod-label-disabled': 'a label of the pod refuses it',
  'pod-annotation': 'an annotation of the pod asks for it',
  'pod-annotation-false': 'an annotation of the pod refuses it',
  'pod-annotation-invalid': 'an annotation of the pod asks for it in a way that cannot be read',
  'namespace-label': 'a label of its namespace asks for it',
  'namespace-label-disabled': 'a label of its namespace refuses it',
  'cluster-default': 'all pods are injected by default',
  'not-requested': 'nobody asks for it: no annotation, no label of pod or namespace, no default',
  'pod-malformed': 'the object is no pod that Kubernetes would take',
};

/** The same of a pod that runs in a cluster: what it has, and what one like it would get now. */
export function liveSentenceOf(
  decision: 'injected' | 'skipped' | 'denied',
  reason: SelectionReason,
  hasProblems: boolean,
  { injected, differs }: { readonly injected: boolean; readonly differs: readonly string[] },
): string {
  const has = injected ? 'it has what injection gave it' : 'it has nothing of ours';
  if (decision !== 'injected') return `${has}; a new pod like it would be ${sentenceOf(decision, reason, false, hasProblems)}`;
  const why = REASON_SENTENCES[reason];
  if (!injected)
    return `${has}, although a new pod like it would be injected (${why}): no webhook answered when it was created, or what asks for it came later`;
  return differs.length === 0
    ? `${has}, and nothing is missing: ${why}`
    : `${has}, but a new pod like it would differ: settings or annotations have changed since (${why})`;
}

/** Decision and reason in one sentence. */
export function sentenceOf(
  decision: 'injected' | 'skipped' | 'denied',
  reason: SelectionReason,
  isCurrent: boolean,
  hasProblems: boolean,
): string {
  if (decision === 'denied')
    return reason === 'pod-malformed'
      ? `refused: ${REASON_SENTENCES[reason]}`
      : `refused: ${REASON_SENTENCES[reason]}, and it cannot be done`;
  if (decision === 'injected') return isCurrent ? 'injected before: nothing is missing' : `injected: ${REASON_SENTENCES[reason]}`;
  return hasProblems
    ? `left alone: ${REASON_SENTENCES[reason]}, but it cannot be done, and the pod itself did not ask`
    : `left alone: ${REASON_SENTENCES[reason]}`;
}
