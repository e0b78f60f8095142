// Problems that keep a pod from getting its agent.
import { annotationName, familyName, FAMILIAR_PREFIX } from '../annotations/names.ts';
import { containerProblems } from './container-problems.ts';
import { defineProblem, didYouMean, quote, type ProblemOf } from '../annotations/problem.ts';
import { envProblems } from './env-problems.ts';
import { reachProblems } from './reach-problems.ts';
import { onChangeProblems } from './on-change-problems.ts';

/** The API server's limit for all annotations of an object together. */
export const MAX_ANNOTATION_BYTES = 262_144;

export const podProblems = {
  ...containerProblems,
  'pod-malformed': defineProblem<{ path: string; expected: string }>({
    severity: 'problem',
    title: 'Invalid Pod',
    sentence: ({ path, expected }) => `invalid Pod: ${path} must be ${expected}`,
    remedy: () => 'compare the object with the Kubernetes API reference',
    sample: { path: 'spec.containers[0].env', expected: 'a list' },
  }),
  'role-missing': defineProblem({
    severity: 'problem',
    title: 'No Vault role',
    sentence: () => 'no Vault role found to log in with',
    remedy: () => `set ${annotationName('role')} on the pod template`,
    sample: {},
  }),
  'address-missing': defineProblem({
    severity: 'problem',
    title: 'No Vault address',
    sentence: () => 'no Vault address found',
    remedy: () => `set ${annotationName('service')}, or ask the platform team to set -vault-address`,
    sample: {},
  }),
  'image-missing': defineProblem({
    severity: 'problem',
    title: 'No agent image',
    sentence: () => 'no Vault image found for the agent',
    remedy: () => `set ${annotationName('agentImage')}, or ask the platform team to set -vault-image`,
    sample: {},
  }),
  'token-missing': defineProblem({
    severity: 'problem',
    title: 'No service account token',
    sentence: () => 'failed to find service account volume mount: no app container mounts a service account token',
    remedy: () =>
      `set automountServiceAccountToken to true, or name a projected volume with ${annotationName('agentServiceAccountTokenVolumeName')}`,
    sample: {},
  }),
  'token-volume-unknown': defineProblem<{ volume: string; mounted: boolean; pod: string }>({
    severity: 'problem',
    title: 'Token volume not found',
    sentence: ({ volume, mounted, pod }) =>
      mounted ? `failed to find volume "${volume}" in Pod "${pod}" volumes` : `failed to find service account volume "${volume}"`,
    remedy: ({ volume }) => `add a projected volume "${volume}" with a serviceAccountToken source to the pod`,
    sample: { volume: 'vault-token', mounted: false, pod: 'web' },
  }),
  'token-volume-kind': defineProblem<{ volume: string }>({
    severity: 'problem',
    title: 'Token volume without a token',
    sentence: ({ volume }) => `failed to find tokenPath for projected volume "${volume}"`,
    remedy: ({ volume }) => `make "${volume}" a projected volume with a serviceAccountToken source that has a path`,
    sample: { volume: 'vault-token' },
  }),
  'same-user-unknown': defineProblem<{ container: string }>({
    severity: 'problem',
    title: 'No user to run the agent as',
    sentence: ({ container }) => `container ${quote(container)} has no securityContext.runAsUser for the agent to use`,
    remedy: () => `set it, or set ${annotationName('agentRunAsUser')}`,
    sample: { container: 'web' },
  }),
  'same-user-root': defineProblem<{ container: string }>({
    severity: 'problem',
    title: 'The agent would run as root',
    sentence: ({ container }) => `container ${quote(container)} runs as root, which the agent must not`,
    remedy: () => `run the app as another user, or set ${annotationName('agentRunAsUser')}`,
    sample: { container: 'web' },
  }),
  'process-namespace-conflict': defineProblem({
    severity: 'problem',
    title: 'The pod does not allow a shared process namespace',
    sentence: () =>
      `the pod sets shareProcessNamespace to false, and ${annotationName('agentShareProcessNamespace')} requires it to be true`,
    remedy: () => 'remove the field or the annotation',
    sample: {},
  }),
  'process-namespace-kept': defineProblem({
    severity: 'warning',
    title: 'The process namespace stays shared',
    sentence: () =>
      `the pod sets shareProcessNamespace to true, and ${annotationName('agentShareProcessNamespace')} does not change that`,
    remedy: () => 'remove the annotation',
    sample: {},
  }),
  'container-unknown': defineProblem<{ annotation: string; container: string }>({
    severity: 'warning',
    title: 'Unknown container',
    sentence: ({ annotation, container }) => `${annotation}: the pod has no container ${quote(container)}`,
    remedy: () => 'use the name of a container of the pod',
    sample: { annotation: annotationName('agentInjectContainers'), container: 'wbe' },
  }),
  'container-conflict': defineProblem<{ container: string }>({
    severity: 'problem',
    title: 'Conflicting container name',
    sentence: ({ container }) => `the pod already has a container "${container}"`,
    remedy: () => 'rename it: the agent uses this name',
    sample: { container: 'vault-agent' },
  }),
  'volume-conflict': defineProblem<{ volume: string }>({
    severity: 'problem',
    title: 'Conflicting volume name',
    sentence: ({ volume }) => `the pod already has a different volume "${volume}"`,
    remedy: () => 'rename it: the agent uses this name',
    sample: { volume: 'vault-secrets' },
  }),
  'mount-conflict': defineProblem<{ container: string; path: string }>({
    severity: 'problem',
    title: 'Conflicting mount path',
    sentence: ({ container, path }) => `container ${quote(container)} already mounts another volume at ${path}`,
    remedy: () => `mount it elsewhere, or move the secrets with ${annotationName('secretVolumePath')}`,
    sample: { container: 'web', path: '/vault/secrets' },
  }),
  'directory-conflict': defineProblem<{
    annotation: string;
    path: string;
    /** The agent's own directory that contains the path. */
    own: string;
  }>({
    severity: 'problem',
    title: 'Path in a directory of the agent',
    sentence: ({ annotation, path, own }) =>
      `${annotation}: ${quote(path)} is in ${own}, where the agent keeps its configuration, log or token`,
    remedy: () => 'choose another directory',
    sample: { annotation: annotationName('secretVolumePath'), path: '/vault/agent', own: '/vault/agent' },
  }),
  'patch-rejected': defineProblem<{ annotation: string; reason: string }>({
    severity: 'problem',
    title: 'JSON Patch does not apply',
    sentence: ({ annotation, reason }) => `${annotation}: the patch does not apply: ${reason}`,
    remedy: () => 'print the pod with `vault-auth-injector inject`, and correct the operation or its path',
    sample: {
      annotation: annotationName('agentJsonPatch'),
      reason: 'operation 1 removes /lifecycle, which does not exist',
    },
  }),
  'telemetry-value': defineProblem<{ annotation: string; value: string; expected: string }>({
    severity: 'problem',
    title: 'Invalid telemetry value',
    sentence: ({ annotation, value, expected }) => `telemetry ${annotation}: ${quote(value)} is not ${expected}`,
    remedy: ({ expected }) => `set it to ${expected}`,
    sample: { annotation: familyName('telemetry', 'disable_hostname'), value: 'maybe', expected: 'true or false' },
  }),
  'telemetry-unknown': defineProblem<{ annotation: string; nearest: string | undefined }>({
    severity: 'warning',
    title: 'Unknown telemetry parameter',
    sentence: ({ annotation }) => `${annotation} is not a telemetry parameter of the agent and has no effect`,
    remedy: ({ nearest }) => didYouMean(nearest === undefined ? undefined : `${FAMILIAR_PREFIX}${nearest}`),
    sample: { annotation: familyName('telemetry', 'statsd_adress'), nearest: 'agent-telemetry-statsd_address' },
  }),
  'mounts-too-many': defineProblem<{ count: number; limit: number }>({
    severity: 'problem',
    title: 'Too many volume mounts',
    sentence: ({ count, limit }) =>
      `the directories of the secrets need ${count} volume mounts in all containers; at most ${limit} are allowed`,
    remedy: () => 'put more secrets into one directory',
    sample: { count: 3000, limit: 2000 },
  }),
  'annotations-too-large': defineProblem<{ limit: number }>({
    severity: 'problem',
    title: 'Annotations too large',
    sentence: ({ limit }) => `the annotations exceed ${limit} bytes, the limit of Kubernetes`,
    remedy: () => `move large templates into files with ${familyName('templateFile', 'NAME')}`,
    sample: { limit: MAX_ANNOTATION_BYTES },
  }),
  'shell-missing': defineProblem<{
    image: string;
    /** What runs a shell: profile compat, the startup probe, the command of a secret, or on-change. */
    need: 'profile' | 'probe' | 'command' | 'on-change';
    /** The annotation that chooses it. */
    annotation: string;
  }>({
    severity: 'problem',
    title: 'Agent image without a shell',
    sentence: ({ image, need, annotation }) =>
      `the agent image ${quote(image)} has no shell, ` +
      {
        profile: 'which profile compat needs to start the agent',
        probe: 'which the startup probe runs',
        command: `in which the agent would run ${annotation}`,
        'on-change': `which ${annotation} needs`,
      }[need],
    remedy: ({ need, annotation }) =>
      ({
        profile: `set ${annotation} to "native", or use an image with a shell`,
        probe: `set ${annotation} to "binary", or ask the platform team to set -startup-probe=auto`,
        command: 'use an image with a shell, or a command without arguments, which the agent runs directly',
        'on-change': `use an image with a shell, or set ${annotation} to rollout`,
      })[need],
    sample: { image: 'openbao/openbao-distroless:2.6.4', need: 'profile', annotation: annotationName('profile') },
  }),
  'program-missing': defineProblem<{ image: string; program: string; flavour: 'vault' | 'openbao' }>({
    severity: 'warning',
    title: 'Agent image of the other product',
    sentence: ({ image, program }) => `the agent image ${quote(image)} may not have the program ${quote(program)}`,
    remedy: ({ flavour }) =>
      `set ${annotationName('flavour')} to "${flavour}", or name the program with ${annotationName('agentBinary')}`,
    sample: { image: 'openbao/openbao:2.6.4', program: 'vault', flavour: 'openbao' },
  }),
  'gate-blind': defineProblem<{
    annotation: string;
    permissions: string;
    file: string;
    /** What reads the file: the startup probe, or on-change. */
    reader: 'probe' | 'on-change';
  }>({
    severity: 'problem',
    title: 'File that the agent cannot read',
    sentence: ({ annotation, permissions, file, reader }) =>
      `${annotation}: with permissions ${permissions} the agent cannot read ${file}, ` +
      { probe: 'so its startup probe would never succeed', 'on-change': 'so it would see no change of it' }[reader],
    remedy: ({ reader }) =>
      `let the owner of the file read it, such as 0440, or set ${
        {
          probe: `${annotationName('startupProbe')} to "shell" if the agent image has a shell`,
          'on-change': `its ${annotationName('onChange')} to none or rollout`,
        }[reader]
      }`,
    sample: {
      annotation: familyName('perms', 'database'),
      permissions: '0040',
      file: '/vault/secrets/database',
      reader: 'probe',
    },
  }),
  'config-too-large': defineProblem<{
    bytes: number;
    limit: number;
    /** The environment variable that has it, in profile compat; undefined: an annotation. */
    variable: string | undefined;
  }>({
    severity: 'problem',
    title: 'Agent configuration too large',
    sentence: ({ bytes, limit, variable }) =>
      variable === undefined
        ? `with the agent's configuration the annotations have ${bytes} bytes; at most ${limit} are allowed`
        : `the agent's configuration has ${bytes} bytes in ${variable}; the kernel takes at most ${limit} for one variable`,
    remedy: () => `move large templates into files with ${familyName('templateFile', 'NAME')}`,
    sample: { bytes: 300_000, limit: MAX_ANNOTATION_BYTES, variable: undefined },
  }),
  'variable-too-large': defineProblem<{ bytes: number; limit: number; variable: string }>({
    severity: 'problem',
    title: 'Environment variable too large',
    sentence: ({ bytes, limit, variable }) =>
      `${variable} of the agent has ${bytes} bytes; the kernel takes at most ${limit} for one variable`,
    remedy: ({ variable }) =>
      variable === 'VAULT_CACERT_BYTES'
        ? `ask the platform team to leave CAs that did not sign Vault's certificate out of -vault-cacert-bytes and of caBundle`
        : 'shorten the value',
    sample: { bytes: 220_000, limit: 131_071, variable: 'VAULT_CACERT_BYTES' },
  }),
  'jwt-path-missing': defineProblem<{ annotation: string; path: string }>({
    severity: 'warning',
    title: 'Method jwt without the path of the token',
    sentence: ({ annotation }) => `without ${annotation} the agent's method jwt ends with "missing 'path' value"`,
    remedy: ({ path }) => `set it to ${path}, and auth-config-remove-jwt-after-reading to "false"`,
    sample: { annotation: familyName('authConfig', 'path'), path: '/var/run/secrets/kubernetes.io/serviceaccount/token' },
  }),
  'profile-unsupported': defineProblem<{ annotation: string; profile: 'compat' | 'native' }>({
    severity: 'problem',
    title: 'Annotation not supported by the profile',
    sentence: ({ annotation, profile }) => `profile ${profile} does not support ${annotation}`,
    remedy: ({ profile }) => `remove it, or set ${annotationName('profile')} to "${profile === 'compat' ? 'native' : 'compat'}"`,
    sample: { annotation: annotationName('agentConfigmap'), profile: 'native' },
  }),
  'profile-ignored': defineProblem<{ annotation: string; only: 'compat' | 'native' }>({
    severity: 'warning',
    title: 'Annotation without effect in the profile',
    sentence: ({ annotation, only }) => `${annotation} has no effect: only profile ${only} uses it`,
    remedy: ({ only }) => `remove it, or set ${annotationName('profile')} to "${only}"`,
    sample: { annotation: annotationName('agentEnableQuit'), only: 'compat' },
  }),
  'limit-range': defineProblem<{
    limitRange: string;
    of: 'Container' | 'Pod';
    /** Such as max.memory. */
    rule: string;
    /** The value of the rule in the LimitRange. */
    bound: string;
    /** What of the agent breaks the rule: its request, its limit, or the least that it runs with. */
    amount: 'request' | 'limit' | 'need';
    value: string;
    /** The annotation that sets the amount, if one does. */
    annotation: string | undefined;
  }>({
    severity: 'problem',
    title: 'LimitRange too small for the agent',
    sentence: ({ limitRange, of, rule, bound, amount, value, annotation }) =>
      `LimitRange ${quote(limitRange)} sets ${rule} ${bound} for each ${of}, and the agent ` +
      (amount === 'need' ? `needs ${value}` : `has a ${amount} of ${value}`) +
      (annotation === undefined ? (of === 'Pod' ? ' besides the other containers' : '') : ` from ${annotation}`),
    remedy: ({ annotation, of }) =>
      annotation === undefined
        ? `ask the namespace admin to change the LimitRange${of === 'Pod' ? ', or lower the resources of the other containers' : ''}`
        : `remove ${annotation} so that the agent fits, or set a value within the LimitRange`,
    sample: {
      limitRange: 'small',
      of: 'Container',
      rule: 'max.memory',
      bound: '16Mi',
      amount: 'need',
      value: '20Mi',
      annotation: undefined,
    },
  }),
  ...envProblems,
  ...reachProblems,
  ...onChangeProblems,
};

export type PodProblem = ProblemOf<typeof podProblems>;
