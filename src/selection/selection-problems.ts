// Problems of the way a pod was selected.
import { annotationName } from '../annotations/names.ts';
import { defineProblem, type ProblemOf } from '../annotations/problem.ts';
import { INJECT_LABEL } from './decide.ts';

export const selectionProblems = {
  'label-value': defineProblem<{ label: string }>({
    severity: 'warning',
    title: 'Invalid label value',
    sentence: ({ label }) => `the value of label ${label} is neither enabled nor disabled and is ignored`,
    remedy: () => 'set it to enabled or disabled',
    sample: { label: INJECT_LABEL },
  }),
  'label-conflict': defineProblem<{ label: string }>({
    severity: 'warning',
    title: 'Label and annotation contradict each other',
    sentence: ({ label }) =>
      `label ${label} and annotation ${annotationName('agentInject')} contradict each other; the label takes precedence`,
    remedy: () => 'remove one of the two',
    sample: { label: INJECT_LABEL },
  }),
  'namespace-excluded': defineProblem<{ namespace: string }>({
    severity: 'problem',
    title: 'Excluded namespace',
    sentence: ({ namespace }) => `error with request namespace: cannot inject into system namespaces: ${namespace}`,
    remedy: () => 'run the pod in another namespace, or remove the annotation',
    sample: { namespace: 'kube-system' },
  }),
  'windows-unsupported': defineProblem({
    severity: 'warning',
    title: 'Windows pod',
    sentence: () => 'the agent does not run on Windows: the pod is not injected',
    remedy: () => 'remove the annotation or label, and let the app log in to Vault itself',
    sample: {},
  }),
};

export type SelectionProblem = ProblemOf<typeof selectionProblems>;
