// Problems with the action that a pod requests for changes of its secrets.
import { annotationName, familyName } from '../annotations/names.ts';
import { defineProblem, quote } from '../annotations/problem.ts';

export const onChangeProblems = {
  'on-change-forbidden': defineProblem<{ annotation: string; action: string }>({
    severity: 'problem',
    title: 'Action that the platform team does not allow',
    sentence: ({ annotation, action }) => `${annotation}: ${quote(action)} is not allowed in this cluster`,
    remedy: ({ action }) => `set it to none, or ask the platform team to add ${action} to -on-change-actions`,
    sample: { annotation: annotationName('onChange'), action: 'restart' },
  }),
  'on-change-sidecar': defineProblem<{
    annotation: string;
    action: 'restart' | 'signal';
    because: 'compat' | 'once' | 'no-native-sidecars';
    /** The annotation that decides it: of the profile, or of the agent that exits. */
    other: string;
  }>({
    severity: 'problem',
    title: 'Action without a native sidecar',
    sentence: ({ annotation, action, because, other }) =>
      `${annotation}: ${action} needs a native sidecar, ` +
      {
        compat: 'which profile compat does not have',
        once: `and by ${other} no agent runs beside the app`,
        'no-native-sidecars': 'which this cluster does not have',
      }[because],
    remedy: ({ because, other }) =>
      ({
        compat: `set ${other} to "native", or the action to rollout or none`,
        once: `remove ${other}, or set the action to rollout or none`,
        'no-native-sidecars': 'set it to rollout or none, or upgrade the cluster to Kubernetes 1.36',
      })[because],
    sample: { annotation: annotationName('onChange'), action: 'restart', because: 'compat', other: annotationName('profile') },
  }),
  'on-change-version': defineProblem<{ annotation: string; version: string | undefined }>({
    severity: 'problem',
    title: 'Restart on an old cluster',
    sentence: ({ annotation, version }) =>
      `${annotation}: restart needs Kubernetes 1.36, where an exit code restarts all containers of a pod; this cluster ` +
      (version === undefined ? 'does not have it' : `has ${version}`),
    remedy: () => 'set it to rollout, by which the controller replaces the pods, or to none; or upgrade the cluster',
    sample: { annotation: annotationName('onChange'), version: 'v1.34.4' },
  }),
  'on-change-old-nodes': defineProblem<{ annotation: string; node: string; version: string; count: number }>({
    severity: 'warning',
    title: 'Nodes that do not get a pod with restarts',
    sentence: ({ annotation, node, version, count }) =>
      `${annotation}: the kubelet of node ${quote(node)}${count === 1 ? '' : ` and of ${count - 1} more`} is ${version}, and ` +
      'restart needs Kubernetes 1.36: the scheduler places the pod on newer nodes only',
    remedy: () => 'upgrade the node, or set it to rollout or none',
    sample: { annotation: annotationName('onChange'), node: 'worker-1', version: 'v1.34.4', count: 2 },
  }),
  'on-change-signal': defineProblem<{
    annotation: string;
    need: 'process-namespace' | 'process' | 'user';
    /** User ID of the agent. */
    user: number;
  }>({
    severity: 'problem',
    title: 'Signal that cannot be sent',
    sentence: ({ annotation, need, user }) =>
      `${annotation}: signal needs ` +
      {
        'process-namespace': 'a shared process namespace, in which the agent sees the processes of the app',
        process: 'the name of the program that gets it',
        user: `an app with the user of the agent, ${user}, since the agent has no capabilities`,
      }[need],
    remedy: ({ need }) =>
      ({
        'process-namespace': `set shareProcessNamespace to true in the pod, or ${annotationName('agentShareProcessNamespace')} to "true"`,
        process: `name it with ${annotationName('onChangeProcess')}, such as nginx`,
        user: 'set runAsUser in the security context of the pod to the user of the app',
      })[need],
    sample: { annotation: annotationName('onChange'), need: 'process', user: 100 },
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
  'on-change-controller': defineProblem<{ annotation: string; endpoint: string }>({
    severity: 'warning',
    title: 'Rollout without a controller that does it',
    sentence: ({ annotation, endpoint }) =>
      `${annotation}: rollout has no effect at present: the controller of VaultEndpoint ${quote(endpoint)} runs without -rollouts`,
    remedy: () => 'ask the platform team to run it with -rollouts, or set it to none',
    sample: { annotation: annotationName('onChange'), endpoint: 'main' },
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
