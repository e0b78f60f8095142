// Problems of a pod, in words.
import { annotationName, familyName } from '../annotations/name.ts';
import type { PodFinding } from '../pod/finding.ts';
import { FAMILIAR_PREFIX } from '../annotations/prefix.ts';
import { meant, quote, type Entries } from './entry.ts';

export const podProblems: Entries<PodFinding> = {
  'pod-malformed': {
    kind: 'problem',
    title: 'The object is no pod',
    sentence: ({ path, wanted }) => `the object is no readable pod: ${path} must be ${wanted}`,
    remedy: () => 'compare the object with the Kubernetes API reference',
  },
  'role-missing': {
    kind: 'problem',
    title: 'No Vault role',
    sentence: () => 'no Vault role found to log in with',
    remedy: () => `set ${annotationName('role')} on the pod template`,
  },
  'address-missing': {
    kind: 'problem',
    title: 'No Vault address',
    sentence: () => 'no Vault address found',
    remedy: () => `set ${annotationName('service')}, or the operator the setting vault-address`,
  },
  'image-missing': {
    kind: 'problem',
    title: 'No agent image',
    sentence: () => 'no Vault image found for the agent',
    remedy: () => `set ${annotationName('agentImage')}, or the operator the setting vault-image`,
  },
  'token-missing': {
    kind: 'problem',
    title: 'No service-account token',
    sentence: () => 'failed to find service account volume mount: no app container has a token',
    remedy: () =>
      `set automountServiceAccountToken to true, or name a projected volume with ${annotationName('agentServiceAccountTokenVolumeName')}`,
  },
  'token-volume-unknown': {
    kind: 'problem',
    title: 'The token volume does not exist',
    sentence: ({ volume, mounted, pod }) =>
      mounted ? `failed to find volume "${volume}" in Pod "${pod}" volumes` : `failed to find service account volume "${volume}"`,
    remedy: ({ volume }) => `add a projected volume called "${volume}" with a serviceAccountToken to the pod`,
  },
  'token-volume-kind': {
    kind: 'problem',
    title: 'The token volume holds no token',
    sentence: ({ volume }) => `failed to find tokenPath for projected volume "${volume}"`,
    remedy: ({ volume }) => `give volume "${volume}" a projected serviceAccountToken with a path`,
  },
  'same-user-unknown': {
    kind: 'problem',
    title: 'No user to run the agent as',
    sentence: ({ container }) => `container ${quote(container)} has no securityContext.runAsUser that the agent could have too`,
    remedy: () => `set it, or use ${annotationName('agentRunAsUser')}`,
  },
  'same-user-root': {
    kind: 'problem',
    title: 'The agent would run as root',
    sentence: ({ container }) => `container ${quote(container)} runs as root, and the agent is not to`,
    remedy: () => `run the app as another user, or use ${annotationName('agentRunAsUser')}`,
  },
  'process-namespace-refused': {
    kind: 'problem',
    title: 'The pod refuses to share its process namespace',
    sentence: () => 'shareProcessNamespace is false in the pod and wanted by its annotation',
    remedy: () => `remove one of the two: the field, or ${annotationName('agentShareProcessNamespace')}`,
  },
  'process-namespace-kept': {
    kind: 'warning',
    title: 'The pod shares its process namespace all the same',
    sentence: () => 'shareProcessNamespace is true in the pod and stays so, whatever its annotation says',
    remedy: () => `remove ${annotationName('agentShareProcessNamespace')}`,
  },
  'container-unknown': {
    kind: 'warning',
    title: 'A container that the pod does not have',
    sentence: ({ annotation, container }) => `${annotation}: the pod has no container ${quote(container)}`,
    remedy: () => 'compare the name with the pod',
  },
  'container-taken': {
    kind: 'problem',
    title: 'A container has the name of the agent',
    sentence: ({ container }) => `the pod has a container "${container}" of its own`,
    remedy: ({ container }) => `rename it: "${container}" is the name of the agent`,
  },
  'volume-taken': {
    kind: 'problem',
    title: 'A volume has the name of one of ours',
    sentence: ({ volume }) => `the pod has another volume "${volume}"`,
    remedy: ({ volume }) => `rename it: "${volume}" is a volume of the agent`,
  },
  'mount-taken': {
    kind: 'problem',
    title: 'A mount path is in use',
    sentence: ({ container, path }) => `container ${quote(container)} has something else mounted at ${path}`,
    remedy: () => `mount it elsewhere, or move the secrets with ${annotationName('secretVolumePath')}`,
  },
  'directory-taken': {
    kind: 'problem',
    title: "A path lies in one of the agent's own directories",
    sentence: ({ annotation, path, own }) =>
      `${annotation}: ${quote(path)} lies in ${own}, where the agent has what it is told to do`,
    remedy: () => 'choose another directory',
  },
  'patch-rejected': {
    kind: 'problem',
    title: 'A JSON Patch does not apply',
    sentence: ({ annotation, because }) => `${annotation}: the patch does not apply to the container: ${because}`,
    remedy: () => 'see the container with the offline command inject, and correct operation or path',
  },
  'telemetry-value': {
    kind: 'problem',
    title: 'A telemetry value of the wrong type',
    sentence: ({ annotation, value, wanted }) => `telemetry ${annotation}: ${quote(value)} is not ${wanted}`,
    remedy: ({ wanted }) => `write ${wanted}`,
  },
  'telemetry-unknown': {
    kind: 'warning',
    title: 'An unknown telemetry parameter',
    sentence: ({ annotation }) => `${annotation} is no telemetry parameter of the agent and has no effect`,
    remedy: ({ nearest }) => meant(nearest === undefined ? undefined : `${FAMILIAR_PREFIX}${nearest}`),
  },
  'mounts-too-many': {
    kind: 'problem',
    title: 'Too many mounts',
    sentence: ({ count, most }) => `directories of secrets times containers are ${count} mounts, ${most} are allowed`,
    remedy: () => 'put more secrets into one directory',
  },
  'annotations-too-large': {
    kind: 'problem',
    title: 'The annotations are too large',
    sentence: ({ most }) => `all annotations together have more than ${most} bytes, which Kubernetes refuses`,
    remedy: () => `move large templates into files, with ${familyName('templateFile', 'NAME')}`,
  },
  'path-empty': {
    kind: 'warning',
    title: 'An empty directory',
    sentence: ({ annotation }) => `${annotation} is empty: the API server will refuse a mount without a path`,
    remedy: () => 'give it a path or remove it',
  },
  'config-too-large': {
    kind: 'problem',
    title: 'The configuration does not fit',
    sentence: ({ bytes, most }) =>
      `all annotations together would have ${bytes} bytes with the agent's configuration, ${most} are allowed`,
    remedy: () => `move large templates into files, with ${familyName('templateFile', 'NAME')}`,
  },
  'profile-lacks': {
    kind: 'problem',
    title: 'The profile does not have it',
    sentence: ({ annotation, profile }) => `profile ${profile} does not have ${annotation}`,
    remedy: ({ profile }) => `remove it, or set ${annotationName('profile')} to "${profile === 'compat' ? 'native' : 'compat'}"`,
  },
  'limit-range': {
    kind: 'problem',
    title: 'A LimitRange leaves no room for the agent',
    sentence: ({ limitRange, of, rule, says, amount, value, annotation }) =>
      `LimitRange ${quote(limitRange)} has ${rule} ${says} for each ${of}, and the agent ` +
      (amount === 'need' ? `needs ${value}` : `has a ${amount} of ${value}`) +
      (annotation === undefined ? (of === 'Pod' ? ' beside the other containers' : '') : ` by ${annotation}`),
    remedy: ({ annotation, of }) =>
      annotation === undefined
        ? `have the LimitRange changed${of === 'Pod' ? ', or give the other containers less' : ''}`
        : `leave ${annotation} out, so that the agent fits in, or choose a value that does`,
  },
  'token-loosened': {
    kind: 'warning',
    title: 'Token files become readable for every user of the pod',
    sentence: ({ user }) => `the agent runs as user ${user}, the app as another: the kubelet gives token files mode 0644 then`,
    remedy: () => `leave ${annotationName('agentRunAsUser')} out, so that the agent gets the user of the app`,
  },
};
