// Checks before an install: may these credentials create what deploy/ contains, and would its pods be admitted.
import { isKubeError, messageOf } from '../kube/errors.ts';
import { attempt, type ClusterReader, type Right, rightsText } from './cluster-reader.ts';
import { fail, type Line, ok, skip } from './catalogue.ts';

const RBAC = 'rbac.authorization.k8s.io';

/** The kinds of deploy/manifests, deploy/controller and deploy/crds. */
const neededRights = (namespace: string): readonly Right[] => [
  { verb: 'create', group: '', resource: 'namespaces' },
  { verb: 'create', group: '', resource: 'serviceaccounts', namespace },
  { verb: 'create', group: '', resource: 'services', namespace },
  { verb: 'create', group: 'apps', resource: 'deployments', namespace },
  { verb: 'create', group: 'policy', resource: 'poddisruptionbudgets', namespace },
  { verb: 'create', group: 'networking.k8s.io', resource: 'networkpolicies', namespace },
  { verb: 'create', group: RBAC, resource: 'roles', namespace },
  { verb: 'create', group: RBAC, resource: 'rolebindings', namespace },
  { verb: 'create', group: RBAC, resource: 'clusterroles' },
  { verb: 'create', group: RBAC, resource: 'clusterrolebindings' },
  { verb: 'create', group: 'admissionregistration.k8s.io', resource: 'mutatingwebhookconfigurations' },
  { verb: 'create', group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
];

/** Checks for an install into the namespace. Throws KubeError. */
export async function checkInstall(reader: ClusterReader, namespace: string): Promise<readonly Line[]> {
  const found = await Promise.all([
    attempt('install-rights', async () => {
      const lacking = await reader.lacking(neededRights(namespace));
      return lacking.length === 0
        ? [ok('install-rights', 'these credentials may create everything in deploy/')]
        : [
            fail(
              'install-rights',
              `these credentials may not ${rightsText(lacking)}`,
              'install with credentials of a cluster administrator, or let one apply the cluster-scoped objects of deploy/ first',
            ),
          ];
    }),
    attempt('install-namespace', () => admitsPods(reader, namespace)),
  ]);
  return found.flat();
}

/** A dry run of the most demanding pod of the product, which is that of the webhook. */
const admitsPods = async (reader: ClusterReader, namespace: string): Promise<readonly Line[]> => {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  if (!(await reader.get(path)))
    return [skip('install-namespace', `the namespace ${namespace} does not exist yet; its manifest creates it`)];
  try {
    await reader.client.request({ method: 'POST', path: `${path}/pods`, query: { dryRun: 'All' }, body: restrictedPod() });
    return [ok('install-namespace', `${namespace} admits the pods of the product`)];
  } catch (error) {
    if (!isKubeError(error, 'Forbidden', 'Invalid', 'BadRequest', 'InternalError')) throw error;
    if (isRightMissing(error.message)) throw error;
    return [
      fail(
        'install-namespace',
        `${namespace} does not admit a pod like that of the webhook: ${messageOf(error)}`,
        'change the quota, LimitRange, pod security level or policy that the message names, or install into another namespace',
      ),
    ];
  }
};

/** These credentials may not create pods, which proves nothing about the namespace. */
const isRightMissing = (message: string): boolean => /cannot create resource "pods"/.test(message);

/** A pod as restricted as that of deploy/manifests, with the same resources. */
const restrictedPod = (): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'vault-auth-injector-check-' },
  spec: {
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'webhook',
        image: 'vault-auth-injector',
        resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '384Mi' } },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
});
