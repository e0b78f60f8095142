// Rights in Kubernetes that the reviewer needs: to review tokens, and to read service accounts where their annotations count.
import type { KubeClient } from '../../kube/client.ts';
import { isClientJWT } from '../../resources/backend.ts';
import { serviceAccountsOf, type VaultAuthRole } from '../../resources/role.ts';
import { isAdmitted } from '../../resources/tenancy.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, dropObject, keepObject } from './own-object.ts';
import type { Work } from './work.ts';

/** Names of cluster-scoped objects of a backend; a colon cannot be in a backend's own name. */
const rightsName = ({ backend }: Pick<Work, 'backend'>, what: 'token-review' | 'alias-metadata'): string =>
  `vault-auth-injector:${backend.metadata.name}:${what}`;

/** Keeps, or takes back, what `rbac.manageAuthDelegator` asks for. Throws a KubeError. */
export async function keepRights(work: Work, reviewer: string | undefined): Promise<void> {
  const { context, backend, signal } = work;
  const subjects = backend.spec.rbac.manageAuthDelegator ? subjectsOf(work, reviewer) : [];
  await keepBinding(work, 'token-review', 'system:auth-delegator', subjects);
  const name = rightsName(work, 'alias-metadata');
  const reads = backend.spec.aliasMetadata.fromAnnotations ? subjects : [];
  if (reads.length > 0)
    await keepObject(
      context.kube.client,
      { ...CLUSTER_ROLES, name },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name },
        rules: [{ apiGroups: [''], resources: ['serviceaccounts'], verbs: ['get'] }],
      },
      signal,
    );
  await keepBinding(work, 'alias-metadata', name, reads);
  if (reads.length === 0) await dropObject(context.kube.client, { ...CLUSTER_ROLES, name }, signal);
}

/** Takes back all of it. Throws a KubeError. */
export async function dropRights(work: Pick<Work, 'backend' | 'context' | 'signal'>): Promise<void> {
  const { client } = work.context.kube;
  for (const what of ['token-review', 'alias-metadata'] as const)
    await dropObject(client, { ...CLUSTER_ROLE_BINDINGS, name: rightsName(work, what) }, work.signal);
  await dropObject(client, { ...CLUSTER_ROLES, name: rightsName(work, 'alias-metadata') }, work.signal);
}

/** Whether the service account `namespace/name` may create TokenReviews; undefined when we may not ask. */
export async function mayReview(kube: KubeClient, account: string, signal?: AbortSignal): Promise<boolean | undefined> {
  const [namespace = '', name = ''] = account.split('/');
  try {
    const { status } = await kube.request<{ status: { allowed: boolean } }>({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: `system:serviceaccount:${namespace}:${name}`,
          groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
          resourceAttributes: { group: 'authentication.k8s.io', resource: 'tokenreviews', verb: 'create' },
        },
      },
      signal,
    });
    return status.allowed;
  } catch {
    return undefined;
  }
}

interface Subject {
  readonly kind: 'ServiceAccount';
  readonly namespace: string;
  readonly name: string;
}

const keepBinding = async (
  work: Work,
  what: 'token-review' | 'alias-metadata',
  role: string,
  subjects: readonly Subject[],
): Promise<void> => {
  const { client } = work.context.kube;
  const name = rightsName(work, what);
  const place = { ...CLUSTER_ROLE_BINDINGS, name };
  if (subjects.length === 0) return dropObject(client, place, work.signal);
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role };
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef,
    subjects,
  };
  await keepObject(client, place, binding, work.signal);
};

const subjectsOf = (work: Work, reviewer: string | undefined): readonly Subject[] => {
  const accounts = isClientJWT(work.backend.spec) ? clients(work) : reviewer === undefined ? [] : [reviewer];
  return [...new Set(accounts)].toSorted().map((account) => {
    const [namespace = '', name = ''] = account.split('/');
    return { kind: 'ServiceAccount', namespace, name };
  });
};

/** In the mode ClientJWT everybody who logs in reviews the own token: the roles' service accounts, and ours for the probe. */
const clients = ({ context, backend }: Work): readonly string[] => [
  ...context.listers.roles
    .list()
    .filter((role) => isUsable(role, backend.metadata.name))
    .flatMap((role) => serviceAccountsOf(role).map((name) => `${role.metadata.namespace ?? ''}/${name}`)),
  ...(backend.spec.probe.enabled ? [`${context.kube.namespace}/${context.kube.serviceAccount}`] : []),
];

/**
 * Roles that are in Vault and allowed to be, be it with fewer policies than they ask for. One that was ready and is not so at present, as while Vault is sealed, keeps its
 * right: pods that hold a token of it would else lose their logins.
 */
const isUsable = ({ metadata, status }: VaultAuthRole, backend: string): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.vault?.backend === backend &&
  status.programmed === true &&
  isAdmitted(status.conditions);
