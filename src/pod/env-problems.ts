// Problems of environment variables from secrets.
import { annotationName, familyName } from '../annotations/names.ts';
import { defineProblem, quote } from '../annotations/problem.ts';
import type { BankVaultsSource } from './bank-vaults.ts';

/** Why a pod cannot have variables from secrets. */
type Because = 'version' | 'profile' | 'mode' | 'gate';

const REASON: Readonly<Record<Because, string>> = {
  version: 'the cluster cannot read environment variables from files',
  profile: 'profile compat has no environment variables from secrets',
  mode: 'a pod in mode token has no agent, and so no environment variables from secrets',
  gate: 'without an agent that runs before the app, the file of the environment variables is missing when the app starts',
};

const FILES = `render a file with ${familyName('secret', 'NAME')} and ${familyName('format', 'NAME')}`;

const REMEDY: Readonly<Record<Because, string>> = {
  version: `${FILES}, or upgrade the cluster to Kubernetes 1.35`,
  profile: `set ${annotationName('profile')} to "native", or ${FILES}`,
  mode: `remove ${annotationName('mode')}, or read the secrets with the token`,
  gate: `remove ${annotationName('agentPrePopulate')}, and leave native sidecars enabled`,
};

/** A warning has at most 256 characters, and half of a template is no help. */
const MAX_TEMPLATE = 60;

export const envProblems = {
  'env-unsupported': defineProblem<{ annotation: string; because: Because; version?: string }>({
    severity: 'problem',
    title: 'Environment variables are not possible',
    sentence: ({ annotation, because, version = '' }) =>
      `${annotation}: ${REASON[because]}${version === '' ? '' : `: it is ${version}, and this needs Kubernetes 1.35`}`,
    remedy: ({ because }) => REMEDY[because],
    sample: { annotation: familyName('env', 'DB_PASSWORD'), because: 'version', version: 'v1.34.4' },
  }),
  'env-old-nodes': defineProblem<{ annotation: string; node: string; version: string; count: number }>({
    severity: 'warning',
    title: 'Nodes that set no environment variables from files',
    sentence: ({ annotation, node, version, count }) =>
      `${annotation}: the kubelet of node ${quote(node)}${count === 1 ? '' : ` and of ${count - 1} more`} is ${version}: ` +
      'it leaves such variables empty; they need Kubernetes 1.35',
    remedy: () => 'upgrade the node, or keep the pod on newer ones with nodeSelector or affinity',
    sample: { annotation: familyName('env', 'DB_PASSWORD'), node: 'worker-1', version: 'v1.34.4', count: 2 },
  }),
  'env-bank-vaults': defineProblem<{ container: string; name: string; source: BankVaultsSource }>({
    severity: 'warning',
    title: 'Value for the webhook of bank-vaults',
    sentence: ({ container, name, source }) =>
      `container ${quote(container)} sets ${quote(name)} to a reference that only the webhook of bank-vaults replaces` +
      (source.kind === 'none' ? `; ${source.because}` : ''),
    remedy: ({ name, source }) =>
      source.kind === 'none'
        ? source.instead
        : `remove it from the container, and set ${
            source.kind === 'key'
              ? `${familyName('env', name)} to ${quote(`${source.path}#${source.key}`)}`
              : `${familyName('envTemplate', name)} to the template ${source.template.length > MAX_TEMPLATE ? 'that inject -convert bank-vaults prints' : source.template}`
          }`,
    sample: { container: 'web', name: 'DB_PASSWORD', source: { kind: 'key', path: 'secret/data/db', key: 'password' } },
  }),
  'env-overridden': defineProblem<{ annotation: string; name: string; container: string }>({
    severity: 'warning',
    title: 'Environment variable that the container sets itself',
    sentence: ({ annotation, name, container }) =>
      `${annotation} has no effect in container ${quote(container)}, which sets ${quote(name)} itself`,
    remedy: () => `remove the variable from the container, or limit the annotation with ${annotationName('envContainers')}`,
    sample: { annotation: familyName('env', 'DB_PASSWORD'), name: 'DB_PASSWORD', container: 'web' },
  }),
  'login-overridden': defineProblem<{
    container: string;
    name: string;
    /** What the container sets; undefined: a reference to another object. */
    value: string | undefined;
    expected: string;
  }>({
    severity: 'warning',
    title: 'Variable of the login that the container sets itself',
    sentence: ({ container, name, value, expected }) =>
      `container ${quote(container)} sets ${name} itself${value === undefined ? '' : ` to ${quote(value)}`}; the login of the pod has ${quote(expected)}`,
    remedy: ({ name }) => `remove ${name} from the container`,
    sample: { container: 'web', name: 'VAULT_ADDR', value: 'https://vault:8200', expected: 'https://bao.example:8200' },
  }),
};
