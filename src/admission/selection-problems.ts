// Problems of the way a pod was chosen, in words.
import { annotationName } from '../annotations/name.ts';
import type { SelectionFinding } from '../selection/finding.ts';
import { type Entries } from './entry.ts';

export const selectionProblems: Entries<SelectionFinding> = {
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
    remedy: () => 'let the app log in by itself',
  },
};
