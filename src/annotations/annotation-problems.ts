// Problems of annotations.
import { allNames, annotationName, familyName } from './names.ts';
import { defineProblem, didYouMean, quote, type ProblemOf } from './problem.ts';
import type { AnnotationLayer } from './row.ts';
import { table } from './table.ts';

const TEMPLATE_ANNOTATION = annotationName('agentInjectDefaultTemplate');
const SECRETS = annotationName('secrets');
const NOUN: Readonly<Record<AnnotationLayer, string>> = { pod: 'pod', serviceaccount: 'service account', namespace: 'namespace' };
const [familiarRole = '', otherRole = ''] = allNames('role');

export const annotationProblems = {
  'annotation-value': defineProblem<{
    annotation: string;
    value: string;
    expected: string;
    /** A valid value. */
    example: string;
  }>({
    severity: 'problem',
    title: 'Invalid value',
    // vault-k8s' own words for the one value that it names, because people search for them.
    sentence: ({ annotation, value, expected }) =>
      annotation === TEMPLATE_ANNOTATION
        ? `invalid default template type: ${quote(value)} in ${annotation}`
        : `${annotation}: invalid value ${quote(value)}, expected ${expected}`,
    remedy: ({ annotation, example }) => `set ${annotation}: ${JSON.stringify(example)}, for example`,
    sample: { annotation: annotationName('agentPrePopulateOnly'), value: 'ture', expected: 'true or false', example: 'true' },
  }),
  'annotation-conflict': defineProblem<{ annotation: string; other: string }>({
    severity: 'problem',
    title: 'Two annotations set one option to different values',
    sentence: ({ annotation, other }) => `${annotation} and ${other} set the same option to different values`,
    remedy: ({ annotation }) => `remove one of them, for example ${annotation}`,
    sample: { annotation: otherRole, other: familiarRole },
  }),
  'annotation-unknown': defineProblem<{ annotation: string; nearest: string | undefined }>({
    severity: 'warning',
    title: 'Unknown annotation',
    sentence: ({ annotation }) => `unknown annotation ${annotation} has no effect`,
    // A nearest name without a prefix exists under the prefix of the misspelt one.
    remedy: ({ annotation, nearest }) =>
      didYouMean(nearest === undefined || nearest.includes('/') ? nearest : annotation.replace(/[^/]*$/, nearest)),
    sample: { annotation: familiarRole.slice(0, -1), nearest: 'role' },
  }),
  'annotation-corrected': defineProblem<{ annotation: string; value: string; meant: string }>({
    severity: 'warning',
    title: 'Value read as another one',
    sentence: ({ annotation, value, meant }) => `${annotation}: ${quote(value)} is read as ${quote(meant)}`,
    remedy: ({ annotation, meant }) => `set ${annotation}: ${JSON.stringify(meant)}`,
    sample: { annotation: annotationName('authPath'), value: '/v1/auth/kubernetes/login', meant: 'auth/kubernetes' },
  }),
  'annotation-lookalike': defineProblem<{
    annotation: string;
    /** The NAME that the annotation has as one of a family. */
    name: string;
    /** An annotation without NAME that differs only in the words before it. */
    other: string;
  }>({
    severity: 'warning',
    title: 'Annotation of a secret with the name of an option',
    sentence: ({ annotation, name }) => `${annotation} is read as an annotation of the secret ${quote(name)}`,
    remedy: ({ annotation, other }) => `did you mean ${annotation.replace(/[^/]*$/, other)}? Otherwise rename the secret`,
    sample: { annotation: familyName('secret', 'volume-path'), name: 'volume-path', other: 'secret-volume-path' },
  }),
  'secret-path-quotes': defineProblem<{ annotation: string; value: string }>({
    severity: 'warning',
    title: 'Odd number of quotes in a path',
    sentence: ({ annotation, value }) =>
      `${annotation}: ${quote(value)} has an odd number of quotes, which end and begin the texts of the default template`,
    remedy: ({ annotation }) => `remove the quote from ${annotation}, or write the template in ${familyName('template', 'NAME')}`,
    sample: { annotation: familyName('secret', 'web'), value: 'kv/data/we"b' },
  }),
  'backoff-order': defineProblem<{ annotation: string; minimum: string; maximum: string }>({
    severity: 'problem',
    title: 'Minimum back-off above the maximum',
    sentence: ({ annotation, minimum, maximum }) =>
      `${annotation}: the minimum back-off ${quote(minimum)} is above the maximum ${quote(maximum)}`,
    remedy: () => `lower ${annotationName('authMinBackoff')}, or raise ${annotationName('authMaxBackoff')}`,
    sample: { annotation: annotationName('authMinBackoff'), minimum: '10m', maximum: '5m' },
  }),
  'annotation-deprecated': defineProblem<{ annotation: string; reason: string }>({
    severity: 'warning',
    title: 'Deprecated annotation',
    sentence: ({ annotation, reason }) => `${annotation} is deprecated: ${reason}`,
    remedy: () => 'it still works; replace it when you next change the manifest',
    sample: { annotation: annotationName('caKey'), reason: table.caKey.deprecated },
  }),
  'annotation-empty': defineProblem<{ annotation: string }>({
    severity: 'warning',
    title: 'Empty value',
    sentence: ({ annotation }) => `${annotation} is empty and is ignored`,
    remedy: () => 'set a value or remove the annotation',
    sample: { annotation: annotationName('service') },
  }),
  'annotation-layer': defineProblem<{
    annotation: string;
    layer: AnnotationLayer;
    /** The only layer where it has an effect. */
    only: AnnotationLayer;
  }>({
    severity: 'warning',
    title: 'Annotation on the wrong object',
    sentence: ({ annotation, layer, only }) => `${annotation} has no effect on a ${NOUN[layer]}, only on a ${NOUN[only]}`,
    remedy: ({ only }) => (only === 'pod' ? 'move it to the pod template' : 'move it to the namespace'),
    sample: { annotation: annotationName('agentInject'), layer: 'namespace', only: 'pod' },
  }),
  'secret-collision': defineProblem<{ annotation: string; other: string; file: string }>({
    severity: 'problem',
    title: 'Two secrets render to one file',
    sentence: ({ annotation, other, file }) => `${annotation} and ${other} both render to ${file}`,
    remedy: () => `rename one, keep its case with ${annotationName('preserveSecretCase')}, or set another file name`,
    sample: {
      annotation: familyName('secret', 'database'),
      other: familyName('secret', 'Database'),
      file: '/vault/secrets/database',
    },
  }),
  'secret-ambiguous': defineProblem<{ annotation: string; other: string; name: string }>({
    severity: 'problem',
    title: 'Ambiguous annotation',
    sentence: ({ annotation, other, name }) =>
      `${annotation} is either the template of ${quote(name)} (${other}) or the template file of ${quote(name.slice('file-'.length))}`,
    remedy: () => 'rename the secret so that its name does not begin with "file-"',
    sample: { annotation: familyName('templateFile', 'web'), other: familyName('secret', 'file-web'), name: 'file-web' },
  }),
  'secret-undeclared': defineProblem<{ annotation: string; name: string }>({
    severity: 'warning',
    title: 'Option of an undeclared secret',
    sentence: ({ annotation, name }) => `${annotation} has no effect: no secret is named ${quote(name)}`,
    remedy: () => 'compare it with the names in the secret and template annotations; case matters',
    sample: { annotation: familyName('perms', 'datbase'), name: 'datbase' },
  }),
  'secret-escapes': defineProblem<{ annotation: string; value: string }>({
    severity: 'problem',
    title: 'File outside the secrets directory',
    sentence: ({ annotation, value }) => `${annotation}: ${quote(value)} is outside the secrets directory`,
    remedy: () => 'use a path without ".."',
    sample: { annotation: familyName('file', 'web'), value: '../web' },
  }),
  'secret-duplicate': defineProblem<{ annotation: string; other: string; name: string }>({
    severity: 'problem',
    title: 'Secret declared twice',
    sentence: ({ annotation, other, name }) => `${annotation} and ${other} both declare the secret ${quote(name)}`,
    remedy: () => 'remove one of the two, or rename one',
    sample: { annotation: `${SECRETS}[0]`, other: familyName('secret', 'db'), name: 'db' },
  }),
  'env-duplicate': defineProblem<{ annotation: string; other: string; name: string }>({
    severity: 'problem',
    title: 'Environment variable set twice',
    sentence: ({ annotation, other, name }) => `${annotation} and ${other} both set the environment variable ${quote(name)}`,
    remedy: () => 'remove one of the two, or rename one',
    sample: { annotation: familyName('envTemplate', 'DB_URL'), other: familyName('env', 'DB_URL'), name: 'DB_URL' },
  }),
  'env-name': defineProblem<{ annotation: string; name: string }>({
    severity: 'problem',
    title: 'Invalid name of an environment variable',
    sentence: ({ annotation, name }) =>
      `${annotation}: ${quote(name)} is no name of an environment variable: at most 128 letters, digits, _, - and ., no digit first, not .. first`,
    remedy: () => `rename it; in the list, env can be a map of variables and keys: {NAME: key}`,
    sample: { annotation: familyName('env', '1ST'), name: '1ST' },
  }),
  'env-text': defineProblem<{ annotation: string; name: string; found: 'quote' | 'definition' | 'line' }>({
    severity: 'problem',
    title: 'Environment variable that cannot be rendered',
    sentence: ({ annotation, name, found }) =>
      `${annotation}: ${
        {
          quote: `the default of ${quote(name)} contains ', NUL or CRLF, which the file of the variables cannot hold`,
          line: `the default of ${quote(name)} has over 65,000 bytes, which the file of the variables cannot hold`,
          definition: `the template of ${quote(name)} uses define or block, which is not possible in a variable`,
        }[found]
      }`,
    remedy: ({ found }) =>
      found === 'definition' ? 'write the text in place of the definition' : 'use another default, or none',
    sample: { annotation: familyName('env', 'GREETING'), name: 'GREETING', found: 'quote' },
  }),
  'secret-containers': defineProblem<{
    annotation: string;
    directory: string;
    /** Another secret of this directory; undefined: it is the common directory. */
    other: string | undefined;
  }>({
    severity: 'problem',
    title: 'Secret for some containers in a shared directory',
    sentence: ({ annotation, directory, other }) =>
      other === undefined
        ? `${annotation}: the secret is in ${quote(directory)}, the common directory, which is one volume for all containers`
        : `${annotation}: ${quote(directory)} is one volume and also holds ${quote(other)}, which is for other containers`,
    remedy: () => `give the secret its own directory: ${familyName('volumePath', 'NAME')}, or volumePath in the list`,
    sample: { annotation: `${SECRETS}[0].containers`, directory: '/vault/secrets/', other: undefined },
  }),
  'secrets-unreadable': defineProblem<{ annotation: string; reason: string }>({
    severity: 'problem',
    title: 'Invalid list of secrets',
    sentence: ({ annotation, reason }) => `${annotation}: ${reason}`,
    remedy: ({ annotation }) => `set ${annotation}: ${JSON.stringify(table.secrets.example)}, for example`,
    sample: { annotation: SECRETS, reason: 'line 2, column 1: aliases are not supported' },
  }),
  'secret-field': defineProblem<{ annotation: string; expected: string }>({
    severity: 'problem',
    title: 'Invalid field of a listed secret',
    sentence: ({ annotation, expected }) => `${annotation}: expected ${expected}`,
    remedy: () => 'see the fields in docs/annotations.md',
    sample: { annotation: `${SECRETS}[0].containers`, expected: 'a list with at least one container name' },
  }),
  'secret-field-unknown': defineProblem<{ annotation: string; field: string; nearest: string | undefined }>({
    severity: 'problem',
    title: 'Unknown field of a listed secret',
    sentence: ({ annotation, field }) => `${annotation}: unknown field ${quote(field)}`,
    remedy: ({ nearest }) => didYouMean(nearest),
    sample: { annotation: `${SECRETS}[0]`, field: 'permissions', nearest: undefined },
  }),
  'secret-on-change': defineProblem<{ annotation: string }>({
    severity: 'warning',
    title: 'Action of an entry that renders no file',
    sentence: ({ annotation }) =>
      `${annotation} has no effect: the entry has only environment variables, and these follow ${annotationName('onChange')}`,
    remedy: () => `remove it, and set ${annotationName('onChange')} for the pod`,
    sample: { annotation: `${SECRETS}[0].onChange` },
  }),
  'containers-exclusive': defineProblem<{ annotation: string; other: string }>({
    severity: 'problem',
    title: 'No agent container left',
    sentence: ({ annotation, other }) => `${annotation} and ${other} together leave no agent container`,
    remedy: ({ annotation }) => `set ${annotation} to "true" or remove it`,
    sample: { annotation: annotationName('agentPrePopulate'), other: annotationName('agentPrePopulateOnly') },
  }),
};

export type AnnotationProblem = ProblemOf<typeof annotationProblems>;
