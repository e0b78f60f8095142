// Problems with the action that a pod requests for changes of its secrets.
import { annotationName, familyName } from '../annotations/names.ts';
import { defineProblem, quote } from '../annotations/problem.ts';

export const onChangeProblems = {
  'on-change-unbuilt': defineProblem<{ annotation: string; action: string }>({
    severity: 'problem',
    title: 'Action that is not available',
    sentence: ({ annotation, action }) => `${annotation}: ${quote(action)} is not available in this version`,
    remedy: () => 'set it to rollout or none',
    sample: { annotation: annotationName('onChange'), action: 'signal' },
  }),
  'on-change-owner': defineProblem<{ annotation: string; owner: string }>({
    severity: 'warning',
    title: 'Owner that cannot be rolled out',
    sentence: ({ annotation, owner }) =>
      `${annotation}: rollout has no effect: the owner of the pod is a ${quote(owner)}, not a Deployment, StatefulSet or DaemonSet`,
    remedy: () => 'set it to none',
    sample: { annotation: annotationName('onChange'), owner: 'Job' },
  }),
  'on-change-endpoint': defineProblem<{ annotation: string }>({
    severity: 'warning',
    title: 'Rollout without a VaultEndpoint',
    sentence: ({ annotation }) =>
      `${annotation}: rollout has no effect: the pod's address of Vault does not come from a VaultEndpoint`,
    remedy: () => 'create a VaultAuthRole for its service account, or set it to none',
    sample: { annotation: annotationName('onChange') },
  }),
  'on-change-path': defineProblem<{ annotation: string; secret: string }>({
    severity: 'warning',
    title: 'Rollout without a path',
    sentence: ({ annotation, secret }) =>
      `${annotation}: no rollout for secret ${quote(secret)}: its template has no path, or one with a fixed version`,
    remedy: ({ secret }) => `name its path in ${familyName('secret', secret)}, or set ${familyName('onChange', secret)} to none`,
    sample: { annotation: annotationName('onChange'), secret: 'db' },
  }),
};
