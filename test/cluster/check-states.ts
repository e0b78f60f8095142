// Broken states of the cluster, the webhook and the controller: each with the one line that the command check prints, and the repair.
import {
  applyManifests,
  changeEntries,
  CONFIGURATION,
  DEPLOYMENTS,
  LEASE,
  markReady,
  NAME,
  registerPort,
  servePort,
  type Stage,
} from './check-stage.ts';

export interface BrokenState {
  readonly title: string;
  /** Of the command; default none. */
  readonly words?: readonly string[];
  readonly break: (stage: Stage) => Promise<unknown>;
  /** The only line that is neither ok nor skip, such as `fail service`. */
  readonly finding: string;
  readonly message: RegExp;
  /** `printed`: the kubectl commands of the remedy are run as they are printed. */
  readonly repair: 'printed' | ((stage: Stage) => Promise<unknown>);
  /** Words after the repair, if the remedy is to call the command differently. */
  readonly repairedWords?: readonly string[];
}

const NODE = '/api/v1/nodes/old';
const OTHER = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/vault-agent-injector-cfg';

export const CLUSTER_STATES: readonly BrokenState[] = [
  {
    title: 'a node whose kubelet is old',
    break: ({ bed }) =>
      bed.request('POST', '/api/v1/nodes', { metadata: { name: 'old' }, status: { nodeInfo: { kubeletVersion: 'v1.33.2' } } }),
    finding: 'warn nodes',
    message: /1 of 1 nodes .* such as old \(v1\.33\.2\)/,
    repair: ({ patch }) => patch(`${NODE}/status`, { status: { nodeInfo: { kubeletVersion: 'v1.36.0' } } }),
  },
  {
    title: 'the injector of HashiCorp beside this one',
    break: ({ bed }) =>
      bed.request('POST', OTHER.slice(0, OTHER.lastIndexOf('/')), {
        metadata: { name: 'vault-agent-injector-cfg' },
        webhooks: [
          {
            name: 'vault.hashicorp.com',
            clientConfig: { url: 'https://127.0.0.1:1/mutate' },
            rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
            objectSelector: { matchLabels: { matches: 'no-pod' } },
            failurePolicy: 'Ignore',
            sideEffects: 'None',
            admissionReviewVersions: ['v1'],
          },
        ],
      }),
    finding: 'warn other-injector',
    message: /vault-agent-injector-cfg is that of vault-k8s/,
    repair: ({ bed }) => bed.request('DELETE', OTHER),
  },
];

export const WEBHOOK_STATES: readonly BrokenState[] = [
  {
    title: 'no registration',
    break: ({ bed }) => bed.request('DELETE', CONFIGURATION),
    finding: 'fail registration',
    message: /no MutatingWebhookConfiguration/,
    repair: ({ bed, port }) => applyManifests(bed, port),
  },
  {
    title: 'no entry for annotated pods',
    break: ({ patch }) => patch(CONFIGURATION, [{ op: 'remove', path: '/webhooks/1' }]),
    finding: 'warn entries',
    message: /annotation\.vaultauth\.dev is missing/,
    repair: ({ bed, port }) => applyManifests(bed, port),
  },
  {
    title: 'entries without rules',
    break: async ({ bed, signalWebhook }) => {
      signalWebhook('SIGSTOP');
      await changeEntries(bed, '/rules', []);
    },
    finding: 'fail entries',
    message: /label\.vaultauth\.dev, annotation\.vaultauth\.dev has no rules: no pod is sent/,
    // The webhook adds them itself.
    repair: async ({ signalWebhook }) => signalWebhook('SIGCONT'),
  },
  {
    title: 'failurePolicy Ignore',
    break: ({ bed }) => changeEntries(bed, '/failurePolicy', 'Ignore'),
    finding: 'warn failure-policy',
    message: /label\.vaultauth\.dev, annotation\.vaultauth\.dev has failurePolicy Ignore/,
    repair: ({ bed }) => changeEntries(bed, '/failurePolicy', 'Fail'),
  },
  {
    title: 'an entry for updates',
    break: ({ bed }) => changeEntries(bed, '/rules/0/operations', ['CREATE', 'UPDATE']),
    finding: 'warn operations',
    message: /also sends other operations/,
    repair: ({ bed }) => changeEntries(bed, '/rules/0/operations', ['CREATE']),
  },
  {
    title: 'entries that select the pods of the webhook',
    break: async ({ bed }) => {
      await bed.kubectl(['label', 'namespace', NAME, 'vaultauth.dev/admission-']);
      const optOut = { key: 'vaultauth.dev/admission', operator: 'NotIn', values: ['disabled'] };
      await changeEntries(bed, '/namespaceSelector', { matchExpressions: [optOut] });
    },
    finding: 'fail own-namespace',
    message: /also selects pods in vault-auth-injector/,
    repair: 'printed',
  },
  {
    title: 'a Service that does not exist',
    break: ({ bed }) => bed.request('DELETE', `/api/v1/namespaces/${NAME}/services/${NAME}`),
    finding: 'fail service',
    message: /Service vault-auth-injector\/vault-auth-injector, which does not exist/,
    repair: ({ bed, port }) => applyManifests(bed, port),
  },
  {
    title: 'a Service with another port',
    break: ({ bed }) => servePort(bed, 8443),
    finding: 'fail service',
    message: /calls port \d+ of the Service .* which has 8443/,
    repair: ({ bed, port }) => servePort(bed, port),
  },
  {
    title: 'no ready pod',
    break: ({ patch }) =>
      patch(`/apis/discovery.k8s.io/v1/namespaces/${NAME}/endpointslices/${NAME}`, [
        { op: 'replace', path: '/endpoints/0/conditions/ready', value: false },
      ]),
    finding: 'fail ready',
    message: /has no ready pod/,
    repair: ({ patch }) =>
      patch(`/apis/discovery.k8s.io/v1/namespaces/${NAME}/endpointslices/${NAME}`, [
        { op: 'replace', path: '/endpoints/0/conditions/ready', value: true },
      ]),
  },
  {
    title: 'one replica',
    break: ({ patch }) => patch(`${DEPLOYMENTS}/${NAME}`, { spec: { replicas: 1 } }),
    finding: 'warn replicas',
    message: /has one replica/,
    repair: 'printed',
  },
  {
    title: 'an empty caBundle',
    break: async ({ bed, signalWebhook }) => {
      signalWebhook('SIGSTOP');
      await changeEntries(bed, '/clientConfig/caBundle', '');
    },
    finding: 'fail ca-bundle',
    message: /label\.vaultauth\.dev, annotation\.vaultauth\.dev has no caBundle/,
    // The webhook publishes it itself.
    repair: async ({ signalWebhook }) => signalWebhook('SIGCONT'),
  },
  {
    title: 'the caBundle of another CA',
    break: async ({ bed, signalWebhook }) => {
      signalWebhook('SIGSTOP');
      await changeEntries(bed, '/clientConfig/caBundle', Buffer.from(bed.ca).toString('base64'));
    },
    finding: 'fail ca-bundle',
    message: /lacks the CA of the Secret vault-auth-injector\/vault-auth-injector-ca/,
    repair: async ({ signalWebhook }) => signalWebhook('SIGCONT'),
  },
  {
    title: 'a damaged CA in the Secret',
    break: async ({ patch, signalWebhook }) => {
      signalWebhook('SIGSTOP');
      await patch(`/api/v1/namespaces/${NAME}/secrets/${NAME}-ca`, { stringData: { 'ca.crt': 'damaged' } });
    },
    finding: 'fail certificate',
    message: /holds no usable CA/,
    repair: async ({ bed, signalWebhook, stopWebhook, startWebhook }) => {
      await bed.kubectl(['-n', NAME, 'delete', 'secret', `${NAME}-ca`]);
      signalWebhook('SIGCONT');
      await stopWebhook();
      await startWebhook();
    },
  },
  {
    title: 'a path that the webhook does not serve',
    break: ({ bed, port }) => registerPort(bed, port, '/wrong'),
    finding: 'fail path',
    message: /does not serve the registered path/,
    repair: ({ bed, port }) => registerPort(bed, port),
  },
  {
    title: 'a port at which nothing listens',
    break: async ({ bed }) => {
      await servePort(bed, 1);
      await registerPort(bed, 1);
    },
    finding: 'fail reachable',
    message: /cannot connect to the webhook: .*connection refused/,
    repair: async ({ bed, port }) => {
      await servePort(bed, port);
      await registerPort(bed, port);
    },
  },
  {
    title: 'a webhook that hangs',
    break: async ({ bed, signalWebhook }) => {
      await changeEntries(bed, '/timeoutSeconds', 1);
      signalWebhook('SIGSTOP');
    },
    finding: 'fail reachable',
    message: /does not answer in time/,
    repair: async ({ bed, signalWebhook }) => {
      signalWebhook('SIGCONT');
      await changeEntries(bed, '/timeoutSeconds', 5);
    },
  },
  {
    title: 'a webhook without its ClusterRoleBinding',
    break: ({ bed }) => bed.kubectl(['delete', 'clusterrolebinding', NAME]),
    finding: 'fail webhook-rights',
    message: /may not get mutatingwebhookconfigurations\.admissionregistration\.k8s\.io "vault-auth-injector"/,
    repair: 'printed',
  },
  {
    title: 'a webhook that may not write its Secret',
    break: ({ bed }) => bed.kubectl(['-n', NAME, 'delete', 'rolebinding', NAME]),
    finding: 'fail webhook-rights',
    message: /may not get secrets "vault-auth-injector-ca" in vault-auth-injector/,
    repair: 'printed',
  },
];

export const CONTROLLER_STATES: readonly BrokenState[] = [
  {
    title: 'a kind of an older version',
    break: ({ patch }) =>
      patch('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vaultendpoints.vaultauth.dev', [
        { op: 'remove', path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/workloadCA' },
      ]),
    finding: 'fail crds',
    message: /lack fields: VaultEndpoint \(\.spec\.workloadCA/,
    repair: 'printed',
  },
  {
    title: 'a kind that is not installed',
    break: ({ bed }) => bed.kubectl(['delete', 'crd', 'vaultaclpolicies.vaultauth.dev']),
    finding: 'fail crds',
    message: /VaultACLPolicy not installed/,
    repair: 'printed',
  },
  {
    title: 'no ready replica of the controller',
    break: ({ bed }) => markReady(bed, `${NAME}-controller`, 0),
    finding: 'fail controller-ready',
    message: /no replica of the Deployment vault-auth-injector\/vault-auth-injector-controller is ready/,
    repair: ({ bed }) => markReady(bed, `${NAME}-controller`, 2),
  },
  {
    title: 'no leader',
    break: ({ stopController }) => stopController(),
    finding: 'fail leader',
    message: /no replica holds the Lease/,
    repair: ({ startController }) => startController(),
  },
  {
    title: 'a leader that does not renew its Lease',
    break: async ({ patch, stopController }) => {
      await stopController();
      await patch(LEASE, { spec: { holderIdentity: 'gone', renewTime: '2020-01-01T00:00:00.000000Z' } });
    },
    finding: 'fail leader',
    message: /gone has not renewed the Lease .* since 2020-01-01/,
    // The new process would wait for the end of the Lease first.
    repair: async ({ patch, startController }) => {
      await patch(LEASE, { spec: { holderIdentity: '' } });
      await startController();
    },
  },
  {
    title: 'a controller without its ClusterRoleBinding',
    break: ({ bed }) => bed.kubectl(['delete', 'clusterrolebinding', `${NAME}-controller`]),
    finding: 'fail controller-rights',
    message: /may not get vaultendpoints\.vaultauth\.dev/,
    repair: 'printed',
  },
];
