// Problems of annotations, in words.
import { annotationName, familyName } from '../annotations/name.ts';
import type { AnnotationFinding } from '../annotations/finding.ts';
import { table } from '../annotations/table.ts';
import { meant, quote, type Entries } from './entry.ts';

const TEMPLATE_ANNOTATION = annotationName('agentInjectDefaultTemplate');

const NOUN = { pod: 'pod', serviceaccount: 'service account', namespace: 'namespace' } as const;

export const annotationProblems: Entries<AnnotationFinding> = {
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
    sentence: ({ annotation, layer, only }) =>
      `${annotation} counts on a ${NOUN[only]} only and has no effect on a ${NOUN[layer]}`,
    remedy: ({ only }) => (only === 'pod' ? 'put it on the pod template' : 'put it on the namespace'),
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
  'secret-twice': {
    kind: 'problem',
    title: 'A secret is declared twice',
    sentence: ({ annotation, other, name }) => `${annotation} and ${other} both declare the secret ${quote(name)}`,
    remedy: () => 'keep one of the two, or rename one',
  },
  'secret-containers': {
    kind: 'problem',
    title: 'A secret for some containers lies in a directory for others',
    sentence: ({ annotation, directory, other }) =>
      other === undefined
        ? `${annotation}: the secret lies in ${quote(directory)}, the common directory, which is one volume for all containers`
        : `${annotation}: ${quote(directory)} is one volume, and ${quote(other)}, which lies there too, is for other containers`,
    remedy: () => `give the secret a directory of its own: ${familyName('volumePath', 'NAME')}, or volumePath in the list`,
  },
  'secrets-unreadable': {
    kind: 'problem',
    title: 'The list of secrets cannot be read',
    sentence: ({ annotation, because }) => `${annotation}: ${because}`,
    remedy: ({ annotation }) => `write for example ${annotation}: ${JSON.stringify(table.secrets.example)}`,
  },
  'secret-field': {
    kind: 'problem',
    title: 'A field of a listed secret has a wrong value',
    sentence: ({ annotation, wanted }) => `${annotation}: expected ${wanted}`,
    remedy: () => 'compare it with the fields in docs/annotations.md',
  },
  'secret-field-unknown': {
    kind: 'problem',
    title: 'A field that listed secrets do not have',
    sentence: ({ annotation, field }) => `${annotation}: there is no field ${quote(field)}`,
    remedy: ({ nearest }) => meant(nearest),
  },
  'containers-exclusive': {
    kind: 'problem',
    title: 'No agent container is left',
    sentence: ({ annotation, other }) => `${annotation} and ${other} together leave no agent container`,
    remedy: ({ annotation }) => `set ${annotation} to "true" or remove it`,
  },
};
