// What has to be looked at again when something else has changed. A rule too many costs a look, a rule too few leaves something
// wrong until the next round.
import { isDeepStrictEqual } from 'node:util';
import { type VaultACLPolicy, vaultPolicyName } from '../../resources/acl-policy.ts';
import type { VaultAuthBackend } from '../../resources/backend.ts';
import type { Condition } from '../../resources/condition.ts';
import type { VaultEndpoint } from '../../resources/endpoint.ts';
import type { Resource } from '../../resources/kinds.ts';
import type { VaultAuthRole } from '../../resources/role.ts';
import type { Listers } from './context.ts';
import { accountsOf, type Dependant, itemOf, makesRoles } from './dependant.ts';

/** Whether an object of ours itself has to be looked at: everything but its status, which we write ourselves, counts. */
export function isChanged(
  before: Resource<unknown, unknown> | undefined,
  after: Resource<unknown, unknown> | undefined,
): boolean {
  if (!before || !after) return true;
  const [old, now] = [before.metadata, after.metadata];
  return (
    old.uid !== now.uid ||
    old.generation !== now.generation ||
    old.deletionTimestamp !== now.deletionTimestamp ||
    !isDeepStrictEqual(old.labels, now.labels) ||
    !isDeepStrictEqual(old.annotations, now.annotations) ||
    // Somebody has taken our words away.
    (before.status !== undefined && after.status === undefined)
  );
}

/** Backends and policies are in the hands of their endpoint. */
export function ofEndpoint(
  listers: Listers,
  before: VaultEndpoint | undefined,
  after: VaultEndpoint | undefined,
): readonly Dependant[] {
  const name = (after ?? before)?.metadata.name;
  if (isDeepStrictEqual(tellingOfEndpoint(before), tellingOfEndpoint(after))) return [];
  const backends = listers.backends.list().filter(({ spec }) => spec.endpointRef.name === name);
  return [
    ...backends.map(itemOf('VaultAuthBackend')),
    ...backends.filter((backend) => tombstonesOf(backend) > 0).map(itemOf('Tombstones')),
    ...listers.policies
      .list()
      .filter(({ spec }) => spec.endpointRef.name === name)
      .map(itemOf('VaultACLPolicy')),
  ];
}

/** Its roles, the policies with its accessor, its endpoint (which may be deleted once nothing refers to it), and those who lose or gain the default. */
export function ofBackend(
  listers: Listers,
  before: VaultAuthBackend | undefined,
  after: VaultAuthBackend | undefined,
): readonly Dependant[] {
  const backend = after ?? before;
  if (!backend) return [];
  const { name } = backend.metadata;
  const isTurn = before === undefined || after === undefined;
  const isDefault = before?.spec.isDefault === true || after?.spec.isDefault === true;
  const roles = isDeepStrictEqual(tellingOfBackend(before), tellingOfBackend(after))
    ? []
    : listers.roles.list().filter((role) => mayBelong(role, name, isDefault));
  return [
    ...(isTurn ? [{ kind: 'VaultEndpoint', key: backend.spec.endpointRef.name } as const] : []),
    // Its mount may be what another one waits for.
    ...(after
      ? []
      : listers.backends
          .list()
          .filter(
            ({ metadata, spec, status }) =>
              metadata.name !== name && spec.path === backend.spec.path && !isReady(status?.conditions),
          )
          .map(itemOf('VaultAuthBackend'))),
    ...(accessorOf(before) === accessorOf(after)
      ? []
      : listers.policies
          .list()
          .filter(({ spec }) => spec.policy.includes(`\${auth.${name}.`))
          .map(itemOf('VaultACLPolicy'))),
    // A backend can hold back the policies that it gives to all its roles.
    ...(isTurn || before.metadata.generation !== after.metadata.generation
      ? listers.policies.list().filter(isDeleting).map(itemOf('VaultACLPolicy'))
      : []),
    ...roles.map(itemOf('VaultAuthRole', 'spread')),
    ...(after &&
    (tombstonesOf(after) > tombstonesOf(before) || (tombstonesOf(after) > 0 && generationOf(before) !== generationOf(after)))
      ? [itemOf('Tombstones')(after)]
      : []),
    ...(generationOf(before) !== generationOf(after) && [before, after].some((each) => each && makesRoles(each))
      ? accountsOf(listers)
      : []),
  ];
}

/** Who uses it, when it appears, goes, or gets another name in Vault; its endpoint. */
export function ofPolicy(
  listers: Listers,
  before: VaultACLPolicy | undefined,
  after: VaultACLPolicy | undefined,
): readonly Dependant[] {
  const policy = after ?? before;
  if (!policy || isDeepStrictEqual(tellingOfPolicy(before), tellingOfPolicy(after))) return [];
  const { name } = policy.metadata;
  const givers = new Set(
    listers.backends
      .list()
      .filter(({ spec }) => spec.tenancy.defaultPolicies.includes(name))
      .map(({ metadata }) => metadata.name),
  );
  const isConcerned = ({ spec, status }: VaultAuthRole): boolean =>
    spec.policies?.includes(name) === true || givers.has(spec.backendRef?.name ?? status?.vault?.backend ?? '');
  return [
    ...(before && after ? [] : [{ kind: 'VaultEndpoint', key: policy.spec.endpointRef.name } as const]),
    ...[...givers].map((key): Dependant => ({ kind: 'VaultAuthBackend', key })),
    // Its name in Vault may be what another one waits for.
    ...(after
      ? []
      : listers.policies
          .list()
          .filter((other) => vaultPolicyName(other) === vaultPolicyName(policy) && !isReady(other.status?.conditions))
          .map(itemOf('VaultACLPolicy'))),
    ...listers.roles.list().filter(isConcerned).map(itemOf('VaultAuthRole', 'spread')),
  ];
}

/** Its backend counts it and may bind its service accounts; when it comes or goes, so does room for others, or a name. */
export function ofRole(
  listers: Listers,
  before: VaultAuthRole | undefined,
  after: VaultAuthRole | undefined,
): readonly Dependant[] {
  const role = after ?? before;
  if (!role) return [];
  const { name, namespace = '' } = role.metadata;
  const backends = new Set(
    [before, after]
      .flatMap((each) => [each?.spec.backendRef?.name, each?.status?.vault?.backend])
      .filter((key) => key !== undefined),
  );
  const telling = (each: VaultAuthRole | undefined): unknown => [
    generationOf(each),
    readyOf(each?.status?.conditions),
    each?.status?.vault?.backend,
  ];
  const isTold = !isDeepStrictEqual(telling(before), telling(after));
  const others = after
    ? []
    : [...listers.rolesInNamespace(namespace), ...listers.rolesByVaultName(role.spec.vaultRoleName ?? name)];
  const policies =
    generationOf(before) === generationOf(after)
      ? []
      : [...new Set([...(before?.spec.policies ?? []), ...(after?.spec.policies ?? [])])];
  return [
    ...(isTold ? [...backends].map((key): Dependant => ({ kind: 'VaultAuthBackend', key, when: 'later' })) : []),
    ...policies
      .filter((key) => listers.policies.get(key)?.metadata.deletionTimestamp !== undefined)
      .map((key): Dependant => ({ kind: 'VaultACLPolicy', key })),
    ...others.filter((other) => !isReady(other.status?.conditions)).map(itemOf('VaultAuthRole')),
  ];
}

/** What of an object others depend on. */
const tellingOfEndpoint = (endpoint: VaultEndpoint | undefined): unknown => [
  generationOf(endpoint),
  readyOf(endpoint?.status?.conditions),
  endpoint?.status?.product,
  endpoint?.status?.clusterID,
];

const tellingOfBackend = (each: VaultAuthBackend | undefined): unknown => [
  generationOf(each),
  readyOf(each?.status?.conditions),
  each?.status?.conditions?.map(({ type, status }) => [type, status]),
  accessorOf(each),
  each?.status?.audience,
];

const tellingOfPolicy = (each: VaultACLPolicy | undefined): unknown =>
  each && [each.metadata.uid, each.metadata.deletionTimestamp, each.spec.vaultName, each.spec.endpointRef.name];

const tombstonesOf = (backend: VaultAuthBackend | undefined): number => backend?.status?.pendingDeletions?.length ?? 0;

const accessorOf = (backend: VaultAuthBackend | undefined): string | undefined => backend?.status?.mount?.accessor;

const generationOf = (object: Resource<unknown, unknown> | undefined): string =>
  object ? `${object.metadata.uid} ${object.metadata.generation} ${object.metadata.deletionTimestamp ?? ''}` : '';

const isDeleting = ({ metadata }: Resource<unknown, unknown>): boolean => metadata.deletionTimestamp !== undefined;

const readyOf = (conditions: readonly Condition[] | undefined): string | undefined =>
  conditions?.find(({ type }) => type === 'Ready')?.status;

const isReady = (conditions: readonly Condition[] | undefined): boolean => readyOf(conditions) === 'True';

/** A role that names no backend may belong to the one that its namespace names, to the default one, or to the one that it had. */
const mayBelong = ({ spec, status }: VaultAuthRole, backend: string, isDefault: boolean): boolean =>
  spec.backendRef === undefined
    ? isDefault || status?.vault === undefined || status.vault.backend === backend
    : spec.backendRef.name === backend;
