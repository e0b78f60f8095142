// Watch mapping (map functions): which other items a change concerns. A rule too many costs a reconcile; a rule too few leaves
// Vault wrong until the next resync.
import { isDeepStrictEqual } from 'node:util';
import { type VaultACLPolicy, vaultPolicyName } from '../../resources/acl-policy.ts';
import { takesPrecedence } from '../../resources/role-name.ts';
import type { VaultAuthBackend } from '../../resources/backend.ts';
import type { Condition } from '../../resources/condition.ts';
import type { VaultEndpoint } from '../../resources/endpoint.ts';
import type { Resource } from '../../resources/kinds.ts';
import { serviceAccountsOf, type VaultAuthRole } from '../../resources/role.ts';
import type { RolloutPod } from '../rollout/pods.ts';
import type { ClusterNamespace, ClusterServiceAccount, ItemKind, Listers } from './context.ts';

/**
 * An item that a change concerns, and when to reconcile it: at once by default. `spread`: one of many, which must not come all
 * at once. `later`: many changes concern it, and one reconcile after several of them is enough.
 */
export interface MappedItem {
  readonly kind: ItemKind;
  readonly key: string;
  readonly when?: 'spread' | 'later';
}

type AnyResource = Resource<unknown, unknown>;

/** Items of this kind with the key of an object. */
export function itemOf(kind: ItemKind, when?: MappedItem['when']) {
  return ({ metadata: { name, namespace } }: AnyResource): MappedItem => ({
    kind,
    key: namespace === undefined ? name : `${namespace}/${name}`,
    ...(when === undefined ? {} : { when }),
  });
}

const itemOfServiceAccount = ({ namespace, name }: ClusterServiceAccount): MappedItem => ({
  kind: 'ServiceAccount',
  key: `${namespace}/${name}`,
});

/** Service accounts, of one namespace or of all. */
export function itemsOfServiceAccounts({ serviceAccounts }: Listers, namespace?: string): readonly MappedItem[] {
  return serviceAccounts
    .list()
    .filter((account) => namespace === undefined || account.namespace === namespace)
    .map((account) => ({ ...itemOfServiceAccount(account), when: 'spread' }));
}

/** Whether a backend creates roles for service accounts. */
export function createsRoles({ spec }: VaultAuthBackend): boolean {
  return spec.autoRoles.mode !== 'Disabled';
}

/**
 * Whether the object itself has to be reconciled: every change counts but one of the status, which the controller writes
 * itself.
 */
export function isChanged(before: AnyResource | undefined, after: AnyResource | undefined): boolean {
  if (!before || !after) return true;
  const [old, now] = [before.metadata, after.metadata];
  return (
    old.uid !== now.uid ||
    old.generation !== now.generation ||
    old.deletionTimestamp !== now.deletionTimestamp ||
    !isDeepStrictEqual(old.labels, now.labels) ||
    !isDeepStrictEqual(old.annotations, now.annotations) ||
    // An operator removed the status.
    (before.status !== undefined && after.status === undefined)
  );
}

/**
 * Whether only labels or annotations of a role differ. They decide nothing in Vault: a tenant who changes them all the time must not
 * get ahead of other changes.
 */
export function isCosmetic(before: AnyResource | undefined, after: AnyResource | undefined): boolean {
  return (
    before?.kind === 'VaultAuthRole' &&
    after !== undefined &&
    before.metadata.uid === after.metadata.uid &&
    before.metadata.generation === after.metadata.generation &&
    before.metadata.deletionTimestamp === after.metadata.deletionTimestamp &&
    (before.status === undefined || after.status !== undefined)
  );
}

/** Backends and policies of the endpoint. */
export function mapEndpoint(
  listers: Listers,
  before: VaultEndpoint | undefined,
  after: VaultEndpoint | undefined,
): readonly MappedItem[] {
  const name = (after ?? before)?.metadata.name;
  if (isDeepStrictEqual(relevantOfEndpoint(before), relevantOfEndpoint(after))) return [];
  const backends = listers.backends.list().filter(({ spec }) => spec.endpointRef.name === name);
  return [
    ...backends.map(itemOf('VaultAuthBackend')),
    ...backends.filter((backend) => pendingCount(backend) > 0).map(itemOf('PendingDeletions')),
    ...listers.policies
      .list()
      .filter(({ spec }) => spec.endpointRef.name === name)
      .map(itemOf('VaultACLPolicy')),
  ];
}

/**
 * Roles of the backend, policies with its accessor, its endpoint (whose deletion it may block), and roles that use the default
 * backend.
 */
export function mapBackend(
  listers: Listers,
  before: VaultAuthBackend | undefined,
  after: VaultAuthBackend | undefined,
): readonly MappedItem[] {
  const backend = after ?? before;
  if (!backend) return [];
  const { name } = backend.metadata;
  const isCreatedOrDeleted = before === undefined || after === undefined;
  const hasNewGeneration = generationOf(before) !== generationOf(after);
  return [
    ...(isCreatedOrDeleted ? [{ kind: 'VaultEndpoint', key: backend.spec.endpointRef.name } as const] : []),
    ...(after ? [] : waitingForMount(listers, backend)),
    ...(accessorOf(before) === accessorOf(after)
      ? []
      : listers.policies
          .list()
          .filter(({ spec }) => spec.policy.includes(`\${auth.${name}.`))
          .map(itemOf('VaultACLPolicy'))),
    // A backend blocks the deletion of the policies that it gives to all its roles.
    ...(isCreatedOrDeleted || before.metadata.generation !== after.metadata.generation
      ? listers.policies.list().filter(isDeleting).map(itemOf('VaultACLPolicy'))
      : []),
    ...rolesOfBackend(listers, before, after, name).map(itemOf('VaultAuthRole', 'spread')),
    ...(after && (pendingCount(after) > pendingCount(before) || (pendingCount(after) > 0 && hasNewGeneration))
      ? [itemOf('PendingDeletions')(after)]
      : []),
    ...(hasNewGeneration && [before, after].some((each) => each && createsRoles(each)) ? itemsOfServiceAccounts(listers) : []),
  ];
}

/** Backends of the same path that are not ready: the mount of a deleted backend may be free for them. */
const waitingForMount = ({ backends }: Listers, { metadata, spec }: VaultAuthBackend): readonly MappedItem[] =>
  backends
    .list()
    .filter(
      (other) => other.metadata.name !== metadata.name && other.spec.path === spec.path && !isReady(other.status?.conditions),
    )
    .map(itemOf('VaultAuthBackend'));

const rolesOfBackend = (
  { roles }: Listers,
  before: VaultAuthBackend | undefined,
  after: VaultAuthBackend | undefined,
  name: string,
): readonly VaultAuthRole[] => {
  if (isDeepStrictEqual(relevantOfBackend(before), relevantOfBackend(after))) return [];
  const isDefault = before?.spec.isDefault === true || after?.spec.isDefault === true;
  return roles.list().filter((role) => mayBelongTo(role, name, isDefault));
};

/** A role without a backendRef may belong to the backend of its namespace, to the default one, or to the one that it had. */
const mayBelongTo = ({ spec, status }: VaultAuthRole, backend: string, isDefault: boolean): boolean =>
  spec.backendRef === undefined
    ? isDefault || status?.vault === undefined || status.vault.backend === backend
    : spec.backendRef.name === backend;

/** Roles and backends that use the policy, when it is created, deleted, or gets another name in Vault; its endpoint. */
export function mapPolicy(
  listers: Listers,
  before: VaultACLPolicy | undefined,
  after: VaultACLPolicy | undefined,
): readonly MappedItem[] {
  const policy = after ?? before;
  if (!policy || isDeepStrictEqual(relevantOfPolicy(before), relevantOfPolicy(after))) return [];
  const { name } = policy.metadata;
  const backends = new Set(
    listers.backends
      .list()
      .filter(({ spec }) => spec.tenancy.defaultPolicies.includes(name))
      .map(({ metadata }) => metadata.name),
  );
  const usesPolicy = ({ spec, status }: VaultAuthRole): boolean =>
    spec.policies?.includes(name) === true || backends.has(spec.backendRef?.name ?? status?.vault?.backend ?? '');
  return [
    ...(before && after ? [] : [{ kind: 'VaultEndpoint', key: policy.spec.endpointRef.name } as const]),
    ...[...backends].map((key): MappedItem => ({ kind: 'VaultAuthBackend', key })),
    // The name of a deleted policy may be free for another one.
    ...(after
      ? []
      : listers.policies
          .list()
          .filter((other) => vaultPolicyName(other) === vaultPolicyName(policy) && !isReady(other.status?.conditions))
          .map(itemOf('VaultACLPolicy'))),
    ...listers.roles.list().filter(usesPolicy).map(itemOf('VaultAuthRole', 'spread')),
  ];
}

/**
 * The backend, which counts the role and may bind its service accounts; after a deletion, roles for which there is room or a
 * name now.
 */
export function mapRole(
  listers: Listers,
  before: VaultAuthRole | undefined,
  after: VaultAuthRole | undefined,
): readonly MappedItem[] {
  const role = after ?? before;
  if (!role) return [];
  const { name, namespace = '' } = role.metadata;
  const backends = new Set(
    [before, after]
      .flatMap((each) => [each?.spec.backendRef?.name, each?.status?.vault?.backend])
      .filter((key) => key !== undefined),
  );
  const isRelevant = !isDeepStrictEqual(relevantOfRole(before), relevantOfRole(after));
  // A role that was refused had neither a place in the quota nor its name.
  const waiting =
    after || isRefused(role)
      ? []
      : oldestWaiting([...listers.rolesInNamespace(namespace), ...listers.rolesByVaultName(role.spec.vaultRoleName ?? name)]);
  const policies =
    generationOf(before) === generationOf(after)
      ? []
      : [...new Set([...(before?.spec.policies ?? []), ...(after?.spec.policies ?? [])])];
  return [
    ...(isRelevant ? [...backends].map((key): MappedItem => ({ kind: 'VaultAuthBackend', key, when: 'later' })) : []),
    ...policies
      .filter((key) => listers.policies.get(key)?.metadata.deletionTimestamp !== undefined)
      .map((key): MappedItem => ({ kind: 'VaultACLPolicy', key })),
    ...waiting.map(itemOf('VaultAuthRole')),
  ];
}

const isRefused = ({ status }: VaultAuthRole): boolean =>
  status?.conditions?.some(({ type, status: accepted }) => type === 'Accepted' && accepted === 'False') === true;

/**
 * One deletion makes room for one role. All that wait, for each deletion, would block the process for minutes when a namespace with
 * thousands of roles beyond its quota is deleted. Those that are not among them are resynced.
 */
const MAX_WAITING = 50;

const oldestWaiting = (roles: readonly VaultAuthRole[]): readonly VaultAuthRole[] =>
  [...new Set(roles)]
    .filter(({ status }) => !isReady(status?.conditions))
    .sort((one, other) => (takesPrecedence(one, other) ? -1 : 1))
    .slice(0, MAX_WAITING);

/** Roles of the namespace, whose labels select its backend and admit its roles. */
export function mapNamespace(
  listers: Listers,
  before: ClusterNamespace | undefined,
  after: ClusterNamespace | undefined,
): readonly MappedItem[] {
  if (!after || (before && isDeepStrictEqual(before.labels, after.labels) && before.deleting === after.deleting)) return [];
  const { name } = after;
  return [
    ...listers.rolesInNamespace(name).map(itemOf('VaultAuthRole', 'spread')),
    ...(listers.backends.list().some(createsRoles) ? itemsOfServiceAccounts(listers, name) : []),
  ];
}

/** Roles that bind the service account by name; the account itself if a backend creates roles for service accounts. */
export function mapServiceAccount(
  listers: Listers,
  before: ClusterServiceAccount | undefined,
  after: ClusterServiceAccount | undefined,
): readonly MappedItem[] {
  const account = after ?? before;
  if (!account) return [];
  const { namespace, name } = account;
  const isReplaced = before?.uid !== after?.uid;
  return [
    ...(isReplaced
      ? listers
          .rolesInNamespace(namespace)
          .filter((role) => serviceAccountsOf(role).includes(name))
          .map(itemOf('VaultAuthRole'))
      : []),
    ...(listers.backends.list().some(createsRoles) ? [itemOfServiceAccount(account)] : []),
  ];
}

/** The workload of a new pod, and secrets that no other pod uses: their versions have not been read yet. */
export function mapPod(
  { rolloutPods }: Listers,
  before: RolloutPod | undefined,
  after: RolloutPod | undefined,
): readonly MappedItem[] {
  if (!after || before?.uid === after.uid) return [];
  const isFirst = (secret: string): boolean => rolloutPods.ofSecret(secret).length === 1;
  return [
    ...(after.workload === undefined ? [] : [{ kind: 'Rollout', key: after.workload, when: 'later' } as const]),
    ...after.secrets.filter(isFirst).map((key): MappedItem => ({ kind: 'SecretVersion', key })),
  ];
}

/** The workloads that use a secret whose version has changed. */
export function mapSecretVersion({ rolloutPods }: Listers, secret: string): readonly MappedItem[] {
  const workloads = new Set(rolloutPods.ofSecret(secret).flatMap(({ workload }) => workload ?? []));
  return [...workloads].map((key): MappedItem => ({ kind: 'Rollout', key, when: 'spread' }));
}

/** Endpoints and backends that name this Secret or ConfigMap of the controller's namespace. */
export function mapCredential(listers: Listers, name: string): readonly MappedItem[] {
  const refersTo = ({ spec }: AnyResource): boolean => JSON.stringify(spec).includes(`"name":${JSON.stringify(name)}`);
  return [
    ...listers.endpoints.list().filter(refersTo).map(itemOf('VaultEndpoint')),
    ...listers.backends.list().filter(refersTo).map(itemOf('VaultAuthBackend')),
  ];
}

/** The fields of an object that other objects depend on. */
const relevantOfEndpoint = (endpoint: VaultEndpoint | undefined): unknown => [
  generationOf(endpoint),
  readyStatus(endpoint?.status?.conditions),
  endpoint?.status?.product,
  endpoint?.status?.clusterID,
];

const relevantOfBackend = (backend: VaultAuthBackend | undefined): unknown => [
  generationOf(backend),
  readyStatus(backend?.status?.conditions),
  backend?.status?.conditions?.map(({ type, status }) => [type, status]),
  accessorOf(backend),
  backend?.status?.audience,
];

const relevantOfPolicy = (policy: VaultACLPolicy | undefined): unknown =>
  policy && [policy.metadata.uid, policy.metadata.deletionTimestamp, policy.spec.vaultName, policy.spec.endpointRef.name];

const relevantOfRole = (role: VaultAuthRole | undefined): unknown => [
  generationOf(role),
  readyStatus(role?.status?.conditions),
  role?.status?.vault?.backend,
];

const pendingCount = (backend: VaultAuthBackend | undefined): number => backend?.status?.pendingDeletions?.length ?? 0;

const accessorOf = (backend: VaultAuthBackend | undefined): string | undefined => backend?.status?.mount?.accessor;

const generationOf = (object: AnyResource | undefined): string =>
  object ? `${object.metadata.uid} ${object.metadata.generation} ${object.metadata.deletionTimestamp ?? ''}` : '';

const isDeleting = ({ metadata }: AnyResource): boolean => metadata.deletionTimestamp !== undefined;

const readyStatus = (conditions: readonly Condition[] | undefined): string | undefined =>
  conditions?.find(({ type }) => type === 'Ready')?.status;

const isReady = (conditions: readonly Condition[] | undefined): boolean => readyStatus(conditions) === 'True';
