// Problems that keep a pod from getting its agent.
import { annotationName, familyName, FAMILIAR_PREFIX } from '../annotations/names.ts';
import { defineProblem, didYouMean, quote, type ProblemOf } from '../annotations/problem.ts';
import { reachProblems } from './reach-problems.ts';
import { onChangeProblems } from './on-change-problems.ts';

/** The API server's limit for all annotations of an object together. */
export const MAX_ANNOTATION_BYTES = 262_144;

/** A file and containers that its mode excludes. */
interface UnreadableFile {
  readonly path: string;
  /** How many more files this holds for. */
  readonly others: number;
  readonly mode: string;
  /** User of the agent, which owns the file. */
  readonly user: number;
  /** Group of the file; undefined if the mode is for the user alone. */
  readonly group: number | undefined;
  readonly containers: readonly string[];
  /** The annotation that sets the mode; undefined for the token file. */
  readonly annotation: string | undefined;
  /** The pod has an fsGroup. */
  readonly hasGroup: boolean;
  /** The annotation that sets the agent's user; undefined if the agent runs as the user of the containers. */
  readonly userAnnotation: string | undefined;
}

const listed = (names: readonly string[]): string => names.map(quote).join(', ');

const containersIn = ({ containers }: UnreadableFile): string =>
  `container${containers.length > 1 ? 's' : ''} ${listed(containers)}`;

const readersIn = ({ user, group }: UnreadableFile): string =>
  `the agent's user ${user}${group === undefined ? ' alone' : ` and group ${group}`}`;

const filesIn = ({ path, others }: UnreadableFile): string => `${quote(path)}${others === 0 ? '' : ` and ${others} more`}`;

export const podProblems = {
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
  'path-empty': defineProblem<{ annotation: string }>({
    severity: 'warning',
    title: 'Empty directory',
    sentence: ({ annotation }) => `${annotation} is empty: the API server rejects a mount without a path`,
    remedy: () => 'set a path or remove the annotation',
    sample: { annotation: annotationName('secretVolumePath') },
  }),
  'config-too-large': defineProblem<{ bytes: number; limit: number }>({
    severity: 'problem',
    title: 'Agent configuration too large',
    sentence: ({ bytes, limit }) =>
      `with the agent's configuration the annotations have ${bytes} bytes; at most ${limit} are allowed`,
    remedy: () => `move large templates into files with ${familyName('templateFile', 'NAME')}`,
    sample: { bytes: 300_000, limit: MAX_ANNOTATION_BYTES },
  }),
  'profile-unsupported': defineProblem<{ annotation: string; profile: 'compat' | 'native' }>({
    severity: 'problem',
    title: 'Annotation not supported by the profile',
    sentence: ({ annotation, profile }) => `profile ${profile} does not support ${annotation}`,
    remedy: ({ profile }) => `remove it, or set ${annotationName('profile')} to "${profile === 'compat' ? 'native' : 'compat'}"`,
    sample: { annotation: annotationName('agentConfigmap'), profile: 'native' },
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
  'token-loosened': defineProblem<{
    user: number;
    annotation: string;
    /** All containers of the pod run as root. */
    isRootPod: boolean;
  }>({
    severity: 'warning',
    title: 'Token files readable by every user of the pod',
    sentence: ({ user, isRootPod }) =>
      `the agent runs as user ${user}, the app as ${isRootPod ? 'root' : 'another one'}: the kubelet then gives token files mode 0644`,
    remedy: ({ annotation, isRootPod }) =>
      isRootPod
        ? `set runAsUser of the containers to a user other than root, or ${annotation} to "0"`
        : `remove ${annotation}, so that the agent runs as the user of the app`,
    sample: { user: 100, annotation: annotationName('agentRunAsUser'), isRootPod: false },
  }),
  'user-outside-range': defineProblem<{ annotation: string; user: number; first: number; last: number }>({
    severity: 'warning',
    title: "User outside of the namespace's range",
    sentence: ({ annotation, user, first, last }) =>
      `${annotation}: the restricted SCCs of OpenShift reject user ${user}; the namespace has ${first} to ${last}`,
    remedy: () => 'remove it, or grant the service account an SCC that allows the user',
    sample: { annotation: annotationName('agentRunAsUser'), user: 100, first: 1_000_650_000, last: 1_000_659_999 },
  }),
  'file-unreadable': defineProblem<UnreadableFile>({
    severity: 'warning',
    title: 'Secret that a container cannot read',
    sentence: (fields) =>
      `${containersIn(fields)} cannot read ${filesIn(fields)}: mode ${fields.mode} is for ${readersIn(fields)}`,
    remedy: ({ annotation, hasGroup }) => {
      if (annotation === undefined) return "set fsGroup in the pod's securityContext, or run the containers as one user";
      return hasGroup
        ? `set ${annotation} to "0440": all containers have the group of fsGroup`
        : `set ${annotation} to "0440" and fsGroup in the pod's securityContext, or run the containers as one user`;
    },
    sample: {
      path: '/vault/secrets/key',
      others: 0,
      mode: '0400',
      user: 1001,
      group: undefined,
      containers: ['helper'],
      annotation: familyName('perms', 'key'),
      hasGroup: false,
      userAnnotation: undefined,
    },
  }),
  'file-user-unknown': defineProblem<UnreadableFile>({
    severity: 'warning',
    title: 'Secret that a container may not be able to read',
    sentence: (fields) =>
      `${containersIn(fields)} may not be able to read ${filesIn(fields)}: mode ${fields.mode} is for ${readersIn(fields)}, ` +
      'and the user of the container is not known',
    remedy: ({ userAnnotation, annotation, hasGroup }) =>
      `set runAsUser in the securityContext of the container${userAnnotation === undefined ? '' : `, and ${userAnnotation} to the same user`}` +
      (hasGroup ? `, or ${annotation} to "0440": all containers have the group of fsGroup` : ''),
    sample: {
      path: '/vault/secrets/key',
      others: 2,
      mode: '0400',
      user: 100,
      group: undefined,
      containers: ['web'],
      annotation: familyName('perms', 'key'),
      hasGroup: false,
      userAnnotation: undefined,
    },
  }),
  'init-container-early': defineProblem<{
    containers: readonly string[];
    /** The annotation that puts the agent last; undefined: the proxy of a mesh goes before the agent. */
    annotation: string | undefined;
  }>({
    severity: 'warning',
    title: 'Init container that runs before the agent',
    sentence: ({ containers }) =>
      `init container ${listed(containers)} runs before the agent, when its secrets are not there yet`,
    remedy: ({ annotation }) =>
      `${annotation === undefined ? 'move it behind the proxy of the mesh' : `remove ${annotation}`}, ` +
      `or list it in ${annotationName('skipContainers')} if it needs no secrets`,
    sample: { containers: ['migrate'], annotation: undefined },
  }),
  'agent-without-network': defineProblem<{
    mesh: string;
    proxy: string;
    /** Annotation of the mesh with ports that it does not redirect; empty if it has none. */
    ports: string;
    /** Port of Vault. */
    port: number;
    /** The annotation that puts the agent first. */
    annotation: string;
    /** What to do: start the agent after the proxy, exclude its traffic, or start it before the redirection. */
    remedy: 'not-first' | 'exclude' | 'first';
  }>({
    severity: 'warning',
    title: 'Agent that waits for the proxy of a mesh',
    sentence: ({ mesh, proxy }) =>
      `${mesh} sends the agent's traffic to ${quote(proxy)}, which starts only after the agent: the pod cannot start`,
    remedy: ({ remedy, annotation, ports, port }) => {
      if (remedy === 'not-first') return `remove ${annotation}`;
      if (remedy === 'first') return `set ${annotation} to "true", so that the agent starts before the redirection`;
      return `set ${ports} to "${port}", or run the proxy as a native sidecar`;
    },
    sample: {
      mesh: 'Istio',
      proxy: 'istio-proxy',
      ports: 'traffic.sidecar.istio.io/excludeOutboundPorts',
      port: 8200,
      annotation: annotationName('agentInitFirst'),
      remedy: 'exclude',
    },
  }),
  ...reachProblems,
  ...onChangeProblems,
};

export type PodProblem = ProblemOf<typeof podProblems>;
