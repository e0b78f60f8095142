// The rights that the vault-helm chart gives its injector, for tests that must get by with no more.
import type { Bed } from '../bed/bed.ts';
import { type Right, untilMay, userOf } from '../bed/rights.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const SERVICE_ACCOUNT = 'vault-agent-injector';

/** One right of each of the two roles. */
const OF_CLUSTER_ROLE: Right = {
  verb: 'patch',
  group: 'admissionregistration.k8s.io',
  resource: 'mutatingwebhookconfigurations',
};
const ofRole = (namespace: string): Right => ({ verb: 'update', resource: 'secrets', namespace });

/** Waits until the service account has, or has no more, what the ClusterRole and what the Role gives. */
export async function untilChartRights(
  bed: Bed,
  namespace: string,
  { clusterRole, role }: { readonly clusterRole: boolean; readonly role: boolean } = { clusterRole: true, role: true },
): Promise<void> {
  await untilMay(bed, userOf(namespace, SERVICE_ACCOUNT), OF_CLUSTER_ROLE, clusterRole);
  await untilMay(bed, userOf(namespace, SERVICE_ACCOUNT), ofRole(namespace), role);
}

/** Creates the service account, the ClusterRole and the Role of the chart with two or more replicas, bound under `name`, and gives a token for an hour. */
export async function grantChartRights(
  bed: Bed,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<string> {
  const subjects = [{ kind: 'ServiceAccount', name: SERVICE_ACCOUNT, namespace }];
  const roleRef = (kind: string): object => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await bed.request('POST', accounts, { metadata: { name: SERVICE_ACCOUNT } });
  // templates/injector-clusterrole.yaml
  const watched = {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations'],
    verbs: ['get', 'list', 'watch', 'patch'],
  };
  await bed.request('POST', `${RBAC}/clusterroles`, { metadata: { name }, rules: [watched] });
  await bed.request('POST', `${RBAC}/clusterrolebindings`, { metadata: { name }, roleRef: roleRef('ClusterRole'), subjects });
  // templates/injector-role.yaml
  const objects = { apiGroups: [''], resources: ['secrets', 'configmaps'], verbs: ['create', 'get', 'watch', 'list', 'update'] };
  const pods = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'patch', 'delete'] };
  await bed.request('POST', `${RBAC}/namespaces/${namespace}/roles`, { metadata: { name }, rules: [objects, pods] });
  await bed.request('POST', `${RBAC}/namespaces/${namespace}/rolebindings`, {
    metadata: { name },
    roleRef: roleRef('Role'),
    subjects,
  });
  await untilChartRights(bed, namespace);
  const { status } = await bed.request<{ status: { token: string } }>('POST', `${accounts}/${SERVICE_ACCOUNT}/token`, {
    spec: { expirationSeconds: 3600 },
  });
  return status.token;
}
