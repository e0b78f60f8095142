// Alternatives of the remedies in `PROVOCATIONS`: each "or" of a remedy, and what is not changed in the pod.
import type { ProblemCode } from '../../../src/admission/problems.ts';
import { TOKEN_MOUNT, type PodParts, type Surrounding } from '../../support/pods.ts';

export interface Remedy {
  /** The part of the remedy that is followed. */
  readonly done: string;
  readonly pod?: PodParts;
  readonly surrounding?: Surrounding;
  /** The pod does not request injection any more and is unchanged. */
  readonly leaves?: true;
}

const native = { 'vaultauth.dev/profile': 'native' };
const compat = { 'vaultauth.dev/profile': 'compat' };
const rootApp = { containers: [{ name: 'web', volumeMounts: [TOKEN_MOUNT], securityContext: { runAsUser: 0 } }] };
const mine = (mountPath: string) => ({
  spec: { containers: [{ name: 'web', volumeMounts: [TOKEN_MOUNT, { name: 'mine', mountPath }] }] },
});
const list = '[{name: db, path: kv/a}]';
const many = (path: (index: number) => readonly [string, string] | undefined): PodParts => ({
  annotations: Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [[`agent-inject-secret-s${index}`, 'kv/a'] as const, path(index)])
      .flat()
      .filter((pair) => pair !== undefined),
  ),
  spec: {
    containers: [
      { name: 'web', volumeMounts: [TOKEN_MOUNT] },
      ...Array.from({ length: 40 }, (_, index) => ({ name: `c${index}` })),
    ],
  },
});
const namespaceWith = (annotations: Readonly<Record<string, string>>): Surrounding => ({
  command: 'webhook',
  cluster: {
    namespace: () => ({ labels: new Map(), annotations: new Map(Object.entries(annotations)) }),
    serviceAccount: () => undefined,
  },
});

export const REMEDIES: { readonly [Code in ProblemCode]?: readonly Remedy[] } = {
  'env-old-nodes': [
    { done: 'the nodes are upgraded', pod: { annotations: { ...native, 'vaultauth.dev/env-A': 'kv/a#b' } }, surrounding: {} },
  ],
  'on-change-old-nodes': [
    {
      done: 'the nodes are upgraded',
      pod: { annotations: { ...native, 'vaultauth.dev/on-change': 'restart' } },
      surrounding: {},
    },
    { done: 'it is set to none', pod: { annotations: { ...native, 'vaultauth.dev/on-change': 'none' } } },
  ],
  'annotation-conflict': [
    { done: 'both have the same value', pod: { annotations: { role: 'other', 'openbao.org/role': 'other' } } },
  ],
  'variable-too-large': [
    { done: 'the CAs are fewer', surrounding: { flags: ['-vault-cacert-bytes=-----BEGIN CERTIFICATE-----'] } },
  ],
  'user-outside-range': [
    {
      done: 'an SCC that allows the user admits the pod',
      pod: { annotations: { ...native, 'agent-run-as-user': '100', 'openshift.io/scc': 'anyuid' } },
    },
  ],
  'annotation-empty': [{ done: 'it is removed' }],
  'annotation-layer': [
    { done: 'it is on the pod', pod: { annotations: { 'agent-inject-status': 'no' } }, surrounding: {} },
    { done: 'it is on the namespace', surrounding: namespaceWith({ 'vaultauth.dev/allow': 'service' }) },
  ],
  'secret-collision': [
    { done: 'one is renamed', pod: { annotations: { 'agent-inject-secret-a': 'x', 'agent-inject-secret-b': 'y' } } },
    {
      done: 'one has another file name',
      pod: { annotations: { 'agent-inject-secret-a': 'x', 'agent-inject-secret-A': 'y', 'agent-inject-file-A': 'b' } },
    },
  ],
  'secret-duplicate': [
    { done: 'the list stays', pod: { annotations: { 'vaultauth.dev/secrets': list } } },
    { done: 'the other one stays', pod: { annotations: { 'agent-inject-secret-db': 'kv/b' } } },
  ],
  'secret-containers': [
    {
      done: 'the directory is named by an annotation',
      pod: {
        annotations: {
          'agent-inject-secret-db': 'kv/a',
          'vaultauth.dev/secret-containers-db': 'web',
          'secret-volume-path-db': '/db',
        },
      },
    },
  ],
  'containers-exclusive': [{ done: 'it is removed', pod: { annotations: { 'agent-pre-populate-only': 'true' } } }],
  'address-missing': [{ done: 'the operator sets it', surrounding: {} }],
  'image-missing': [{ done: 'the operator sets it', surrounding: {} }],
  'token-missing': [{ done: 'the token is mounted', pod: { spec: { automountServiceAccountToken: true } } }],
  'same-user-unknown': [{ done: 'another annotation names the user', pod: { annotations: { 'agent-run-as-user': '1000' } } }],
  'same-user-root': [
    {
      done: 'the app runs as another user',
      pod: {
        annotations: { 'agent-run-as-same-user': 'true' },
        spec: { containers: [{ ...rootApp.containers[0], name: 'web', securityContext: { runAsUser: 1000 } }] },
      },
    },
  ],
  'process-namespace-conflict': [{ done: 'the annotation is removed', pod: { spec: { shareProcessNamespace: false } } }],
  'mount-conflict': [{ done: 'it is mounted elsewhere', pod: mine('/mine') }],
  'config-too-large': [
    {
      done: 'the template is in a file',
      pod: { annotations: { ...native, 'agent-inject-secret-a': 'kv/a', 'agent-inject-template-file-a': '/templates/a' } },
    },
  ],
  'annotations-too-large': [
    { done: 'the template is in a file', pod: { annotations: { 'agent-inject-template-file-a': '/a' } } },
  ],
  'profile-unsupported': [
    { done: 'the other profile is chosen', pod: { annotations: { ...compat, 'agent-configmap': 'c' } } },
    { done: 'it is removed', pod: { annotations: native } },
  ],
  'limit-range': [
    { done: 'another value is chosen', pod: { annotations: { ...native, 'agent-limits-mem': '64Mi' } } },
    { done: 'the LimitRange is changed', pod: { annotations: { ...native, 'agent-limits-mem': '256Mi' } }, surrounding: {} },
  ],
  'annotation-guarded': [
    {
      done: 'the namespace allows it',
      pod: { annotations: { service: 'https://other:8200' } },
      surrounding: namespaceWith({ 'vaultauth.dev/allow': 'service' }),
    },
    {
      done: 'the operator allows it',
      pod: { annotations: { service: 'https://other:8200' } },
      surrounding: { command: 'webhook', flags: ['-allow=service'] },
    },
  ],
  'mounts-too-many': [{ done: 'the secrets are in one directory', pod: many(() => undefined) }],
  'backoff-order': [{ done: 'the minimum is lower', pod: { annotations: { 'auth-min-backoff': '1m' } } }],
  'profile-ignored': [{ done: 'the other profile is chosen', pod: { annotations: { ...compat, 'agent-enable-quit': 'true' } } }],
  'annotation-lookalike': [
    {
      done: 'the secret has another name',
      pod: { annotations: { 'agent-inject-secret-volume': 'kv/a' } },
    },
  ],
  'secret-path-quotes': [
    {
      done: 'the template is written',
      pod: {
        annotations: {
          'agent-inject-secret-a': 'kv/quo"te',
          'agent-inject-template-a': '{{ with secret `kv/quo"te` }}{{ end }}',
        },
      },
    },
  ],
  'label-conflict': [{ done: 'the label is removed', pod: { annotations: { 'agent-inject': 'false' } }, leaves: true }],
  'namespace-excluded': [
    { done: 'the pod is in another namespace', surrounding: { flags: ['-system-namespaces=deny'] } },
    { done: 'its annotation is removed', pod: { annotations: { 'agent-inject': 'false' } }, leaves: true },
  ],
  'windows-unsupported': [
    {
      done: 'it does not request injection',
      pod: { annotations: { 'agent-inject': 'false' }, spec: { os: { name: 'windows' } } },
      leaves: true,
    },
  ],
};
