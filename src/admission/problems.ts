// The catalogue of problems and warnings: a sentence and a remedy for everything a person can be told. docs/problems.md is
// printed from it, and each code is a heading there.
import { annotationName } from '../annotations/name.ts';
import type { AnnotationFinding } from '../annotations/finding.ts';
import { FAMILIAR_PREFIX } from '../annotations/prefix.ts';
import type { PodFinding } from '../pod/finding.ts';
import type { SelectionFinding } from '../selection/finding.ts';

export type Finding = AnnotationFinding | PodFinding | SelectionFinding;
export type ProblemCode = Finding['code'];
type Of<Code extends ProblemCode> = Extract<Finding, { readonly code: Code }>;

interface Entry<Code extends ProblemCode> {
  /** Whether a pod that asked is refused for it. */
  readonly kind: 'problem' | 'warning';
  readonly title: string;
  readonly sentence: (finding: Of<Code>) => string;
  readonly remedy: (finding: Of<Code>) => string;
}

/** Longest part of a user's value that is quoted back. */
const LONGEST_QUOTE = 60;

const TEMPLATE_ANNOTATION = annotationName('agentInjectDefaultTemplate');

/** A user's text as a JSON string, so that control characters cannot do harm, and not more of it than helps. */
const quote = (value: string): string =>
  JSON.stringify(value.length > LONGEST_QUOTE ? `${value.slice(0, LONGEST_QUOTE)}…` : value);

const meant = (nearest: string | undefined): string =>
  nearest === undefined ? 'remove it, or look it up in docs/annotations.md' : `did you mean ${nearest}?`;

export const catalogue: { readonly [Code in ProblemCode]: Entry<Code> } = {
  'annotation-value': {
    kind: 'problem',
    title: 'A value cannot be read',
    // The words of vault-k8s for the one value that it names, because people search for them.
    sentence: ({ annotation, value, wanted }) =>
      annotation === TEMPLATE_ANNOTATION
        ? `invalid default template type: ${quote(value)} in ${annotation}`
        : `${annotation}: ${quote(value)} cannot be read, expected ${wanted}`,
    remedy: ({ annotation, example }) => `write for example ${annotation}: ${JSON.stringify(example)}`,
  },
  'annotation-conflict': {
    kind: 'problem',
    title: 'Two prefixes disagree',
    sentence: ({ annotation, other }) => `${annotation} and ${other} are one option and have different values`,
    remedy: ({ annotation }) => `remove one of them, for example ${annotation}`,
  },
  'annotation-unknown': {
    kind: 'warning',
    title: 'An unknown annotation',
    sentence: ({ annotation }) => `${annotation} is not known and has no effect`,
    remedy: ({ nearest }) => meant(nearest),
  },
  'annotation-deprecated': {
    kind: 'warning',
    title: 'An outdated annotation',
    sentence: ({ annotation, because }) => `${annotation} is outdated: ${because}`,
    remedy: () => 'it still works; change it when you touch the manifest',
  },
  'annotation-empty': {
    kind: 'warning',
    title: 'An empty value that cannot be meant',
    sentence: ({ annotation }) => `${annotation} is empty and counts as absent`,
    remedy: () => 'give it a value or remove it',
  },
  'annotation-layer': {
    kind: 'warning',
    title: 'An annotation in the wrong place',
    sentence: ({ annotation, layer }) =>
      `${annotation} speaks of one pod and has no effect on a ${layer === 'namespace' ? 'namespace' : 'service account'}`,
    remedy: () => 'put it on the pod template',
  },
  'secret-collision': {
    kind: 'problem',
    title: 'Two secrets, one file',
    sentence: ({ annotation, other, file }) => `${annotation} and ${other} are both rendered to ${file}`,
    remedy: () => `rename one, keep its case with ${annotationName('preserveSecretCase')}, or give it another file name`,
  },
  'secret-ambiguous': {
    kind: 'problem',
    title: 'An annotation with two meanings',
    sentence: ({ annotation, other, name }) =>
      `${annotation} can be the template of ${quote(name)} (${other}) or the template file of ${quote(name.slice('file-'.length))}`,
    remedy: () => 'give the secret a name that does not begin with "file-"',
  },
  'secret-undeclared': {
    kind: 'warning',
    title: 'An option of a secret that nobody declares',
    sentence: ({ annotation, name }) => `${annotation} has no effect: no secret is called ${quote(name)}`,
    remedy: () => 'names are compared letter by letter with those of the secret and template annotations',
  },
  'secret-escapes': {
    kind: 'problem',
    title: 'A file outside the secrets directory',
    sentence: ({ annotation, value }) => `${annotation}: ${quote(value)} leads out of the directory of the secrets`,
    remedy: () => 'use a path without ".."',
  },
  'containers-exclusive': {
    kind: 'problem',
    title: 'No agent container is left',
    sentence: ({ annotation, other }) => `${annotation} and ${other} together leave no agent container`,
    remedy: ({ annotation }) => `set ${annotation} to "true" or remove it`,
  },
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

const entryOf = <Code extends ProblemCode>(finding: Of<Code>): Entry<Code> => catalogue[finding.code as Code];

/** What is wrong and what to do, in words. */
export const wordsOf = (finding: Finding): { readonly sentence: string; readonly remedy: string } => {
  const entry = entryOf(finding);
  return { sentence: entry.sentence(finding), remedy: entry.remedy(finding) };
};
