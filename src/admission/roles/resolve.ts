// Which VaultAuthRole a pod logs in with. Reads the cache alone.
import { AUTO_ROLE_ANNOTATION, BACKEND_LABEL } from '../../resources/kinds.ts';
import { autoRoleApplies } from '../../resources/auto-role.ts';
import type { CachedBackend, CachedEndpoint, CachedRole, RoleState } from '../../resources/webhook-view.ts';
import { nameInQualified, nameInVault } from '../../resources/role-name.ts';
import { selectorMatches } from '../../resources/label-selector.ts';
import type { RoleProblem } from './role-problems.ts';

/** Finds VaultAuthRoles, VaultAuthBackends and VaultEndpoints, the objects that link a pod to Vault, in the cache. */
export interface LinkLister {
  /** False: there are none in the cluster, or not all of them are in the cache yet. */
  readonly inUse: () => boolean;
  readonly role: (namespace: string, name: string) => CachedRole | undefined;
  /** Those that bind a service account of their namespace, sorted by name. */
  readonly rolesBinding: (namespace: string, serviceAccount: string) => readonly CachedRole[];
  /** Those whose spec.vaultRoleName is a name in Vault. */
  readonly rolesNamed: (namespace: string, vaultRoleName: string) => readonly CachedRole[];
  readonly backend: (name: string) => CachedBackend | undefined;
  /** The only backend with isDefault; undefined if several have it, as in the controller. */
  readonly defaultBackend: () => CachedBackend | undefined;
  readonly endpoint: (name: string) => CachedEndpoint | undefined;
}

/** What of a pod decides about its role. */
export interface PodIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly namespaceLabels: ReadonlyMap<string, string>;
  readonly serviceAccountAnnotations: ReadonlyMap<string, string>;
  /** The role that annotations or settings name; empty for none. */
  readonly role: string;
  /** The backend that an annotation names. */
  readonly backend: string | undefined;
  /** Annotations name a mount or auth method other than the backend's. */
  readonly usesOtherMount: (backend: CachedBackend) => boolean;
}

export interface ResolvedRole {
  readonly role: CachedRole;
  readonly backend: CachedBackend;
  readonly endpoint: CachedEndpoint;
}

export type Resolution =
  /** No object concerns the pod. */
  | { readonly kind: 'none' }
  /** An object concerns the pod, but there is no role to log in with: annotations and settings alone decide. */
  | { readonly kind: 'unresolved'; readonly problem: RoleProblem; readonly backend: CachedBackend | undefined }
  | { readonly kind: 'resolved'; readonly resolved: ResolvedRole }
  /** The controller is about to create the role. */
  | { readonly kind: 'pending'; readonly resolved: ResolvedRole };

/**
 * The role that the pod's annotations name, else the only one that binds its service account, else the one with the name of its
 * service account.
 */
export function resolveRole(pod: PodIdentity, lister: LinkLister): Resolution {
  const { namespace, serviceAccount } = pod;
  if (pod.role !== '') {
    const role = lister.role(namespace, pod.role) ?? roleNamedInVault(pod, lister);
    return role ? resolutionOf(role, pod, lister) : withoutRole(pod, lister);
  }
  const roles = lister.rolesBinding(namespace, serviceAccount).filter((role) => isOnNamedBackend(role, pod, lister));
  const own = roles.length === 1 ? roles[0] : roles.find(({ name }) => name === serviceAccount);
  if (own) return resolutionOf(own, pod, lister);
  const [first] = roles;
  if (!first) return withoutRole(pod, lister);
  const problem: RoleProblem = {
    code: 'vault-role-ambiguous',
    account: serviceAccount,
    roles: roles.map(({ name }) => name),
  };
  return { kind: 'unresolved', problem, backend: backendOf(first, pod, lister) };
}

/** True if a role binds a service account of its namespace. */
export function binds({ serviceAccounts }: CachedRole, serviceAccount: string): boolean {
  return serviceAccounts.includes(serviceAccount);
}

/** Pods that are older than the VaultAuthRoles name the role as it is called in Vault. */
const roleNamedInVault = (pod: PodIdentity, lister: LinkLister): CachedRole | undefined => {
  const { namespace } = pod;
  const name = nameInQualified(pod.role, namespace);
  const qualified = name === undefined ? undefined : lister.role(namespace, name);
  return [...(qualified ? [qualified] : []), ...lister.rolesNamed(namespace, pod.role)].find((role) => {
    const backend = backendOf(role, pod, lister);
    return backend !== undefined && nameInVault(backend, role) === pod.role;
  });
};

const isOnNamedBackend = (role: CachedRole, pod: PodIdentity, lister: LinkLister): boolean =>
  pod.backend === undefined || backendOf(role, pod, lister)?.name === pod.backend;

/** As in the controller: the backend of the role's backendRef, else of the namespace's label, else the default one. */
const backendOf = (role: CachedRole, { namespaceLabels }: PodIdentity, lister: LinkLister): CachedBackend | undefined => {
  const name = role.backend ?? namespaceLabels.get(BACKEND_LABEL);
  return name === undefined ? lister.defaultBackend() : lister.backend(name);
};

const resolutionOf = (role: CachedRole, pod: PodIdentity, lister: LinkLister): Resolution => {
  const backend = backendOf(role, pod, lister);
  const by = `VaultAuthRole ${role.namespace}/${role.name}`;
  if (!backend) {
    const name = role.backend ?? pod.namespaceLabels.get(BACKEND_LABEL) ?? '';
    return { kind: 'unresolved', problem: { code: 'vault-object-missing', kind: 'VaultAuthBackend', name, by }, backend };
  }
  if (!mayUseBackend(role, backend, pod)) {
    const reason = `VaultAuthBackend ${backend.name} does not admit namespace ${role.namespace}`;
    const problem = { code: 'vault-role-unprogrammed', role: `${role.namespace}/${role.name}`, reason } as const;
    return { kind: 'unresolved', problem, backend: undefined };
  }
  return withEndpoint('resolved', role, backend, lister);
};

/**
 * False: the role names a backend that does not admit its namespace. Such a backend must not give the pod its address: a tenant
 * could send the pod's token to a server that is not meant for them. The controller decides about a role that is in Vault.
 */
const IN_VAULT: ReadonlySet<RoleState> = new Set(['ready', 'unready', 'unknown']);

const mayUseBackend = (role: CachedRole, backend: CachedBackend, { namespaceLabels }: PodIdentity): boolean =>
  IN_VAULT.has(role.state) ||
  selectorMatches(backend.autoRoleRules.tenancy.namespaceSelector, Object.fromEntries(namespaceLabels));

const withEndpoint = (kind: 'resolved' | 'pending', role: CachedRole, backend: CachedBackend, lister: LinkLister): Resolution => {
  const endpoint = lister.endpoint(backend.endpoint);
  if (endpoint) return { kind, resolved: { role, backend, endpoint } };
  const by = `VaultAuthBackend ${backend.name}`;
  return {
    kind: 'unresolved',
    problem: { code: 'vault-object-missing', kind: 'VaultEndpoint', name: backend.endpoint, by },
    backend,
  };
};

/**
 * Pods without a VaultAuthRole keep their login: many are older than the objects. The missing role is a problem only if the
 * backend is meant for the namespace and the pod uses its mount.
 */
const withoutRole = (pod: PodIdentity, lister: LinkLister): Resolution => {
  const named = pod.backend ?? pod.namespaceLabels.get(BACKEND_LABEL);
  const backend = named === undefined ? lister.defaultBackend() : lister.backend(named);
  if (!backend) {
    if (pod.backend === undefined) return NONE;
    const problem = { code: 'vault-object-missing', kind: 'VaultAuthBackend', name: pod.backend, by: 'the pod' } as const;
    return { kind: 'unresolved', problem, backend };
  }
  if (pod.usesOtherMount(backend)) return NONE;
  const { namespace, serviceAccount } = pod;
  const labels = Object.fromEntries(pod.namespaceLabels);
  const isPending =
    (pod.role === '' || pod.role === serviceAccount) &&
    autoRoleApplies(backend.autoRoleRules, labels, serviceAccount, pod.serviceAccountAnnotations.get(AUTO_ROLE_ANNOTATION));
  if (isPending && pod.role === '')
    return withEndpoint('pending', futureRole(namespace, serviceAccount, backend), backend, lister);
  // An annotation may name a role that is older than the VaultAuthRoles: it counts until the controller has created the object.
  if (isPending) {
    const problem = {
      code: 'vault-role-pending',
      namespace,
      role: serviceAccount,
      backend: backend.name,
      next: 'created',
    } as const;
    return { kind: 'unresolved', problem, backend };
  }
  const isMeant =
    named !== undefined ||
    backend.admissionMode === 'Enforce' ||
    selectorMatches(backend.autoRoleRules.tenancy.namespaceSelector, labels);
  if (!isMeant) return NONE;
  const role = pod.role === '' ? serviceAccount : pod.role;
  return { kind: 'unresolved', problem: { code: 'vault-role-missing', namespace, role, backend: backend.name }, backend };
};

const NONE: Resolution = { kind: 'none' };

/** The role as the controller will create it. */
const futureRole = (namespace: string, serviceAccount: string, backend: CachedBackend): CachedRole => ({
  namespace,
  name: serviceAccount,
  backend: backend.name,
  serviceAccounts: [serviceAccount],
  audience: undefined,
  tokenExpirationSeconds: undefined,
  vaultRoleName: undefined,
  isObserved: false,
  state: 'unknown',
  notReadyMessage: '',
});
