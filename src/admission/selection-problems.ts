// Problems of the way a pod was chosen, in words.
import { annotationName } from '../annotations/name.ts';
import type { SelectionFinding } from '../selection/finding.ts';
import { type Entries, type GuardFinding } from './entry.ts';

export const selectionProblems: Entries<SelectionFinding | GuardFinding> = {
  'annotation-guarded': {
    kind: 'problem',
    title: 'An annotation that needs permission',
    sentence: ({ annotation }) => `${annotation} can redirect the token or change what runs, and nobody allowed it here`,
    remedy: ({ name, allow }) => `have ${allow}: ${name} set on the namespace, or the operator's setting allow hold ${name}`,
  },
  'label-value': {
    kind: 'warning',
    title: 'A label value without meaning',
    sentence: ({ label }) => `the value of label ${label} is neither enabled nor disabled and counts as absent`,
    remedy: () => 'write enabled or disabled',
  },
  'label-contradiction': {
    kind: 'warning',
    title: 'Label and annotation contradict each other',
    sentence: ({ label }) =>
      `label ${label} and annotation ${annotationName('agentInject')} contradict each other; the label counts`,
    remedy: () => 'remove one of the two',
  },
  'namespace-excluded': {
    kind: 'problem',
    title: 'The namespace is excluded',
    sentence: ({ namespace }) => `error with request namespace: cannot inject into system namespaces: ${namespace}`,
    remedy: () => 'run the pod in another namespace, or remove its annotation',
  },
  'windows-unsupported': {
    kind: 'warning',
    title: 'A Windows pod',
    sentence: () => 'the agent does not run on Windows: the pod is left as it is',
    remedy: () => 'take the request away, and let the app log in by itself',
  },
};
