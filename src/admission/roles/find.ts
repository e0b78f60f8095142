// Which VaultAuthRole, VaultAuthBackend and VaultEndpoint a pod logs in by.
import { autoRoleApplies } from '../../resources/auto-role.ts';
import { AUTO_ROLE_ANNOTATION, BACKEND_LABEL } from '../../resources/kinds.ts';
import type { CachedBackend, CachedEndpoint, CachedRole } from '../../resources/webhook-view.ts';
import { nameInVault } from '../../resources/role-name.ts';
import { selectorMatches } from '../../resources/label-selector.ts';
import type { RoleProblem } from './role-problems.ts';

/** Our objects in memory. */
export interface KnownRoles {
  /** False: there are none, and nothing has to be looked for. */
  readonly inUse: () => boolean;
  readonly role: (namespace: string, name: string) => CachedRole | undefined;
  readonly rolesIn: (namespace: string) => readonly CachedRole[];
  readonly backend: (name: string) => CachedBackend | undefined;
  /** The only one with isDefault; none where several have it, as the controller sees it. */
  readonly defaultBackend: () => CachedBackend | undefined;
  readonly endpoint: (name: string) => CachedEndpoint | undefined;
}

/** What of a pod and its surroundings decides. */
export interface Asker {
  readonly namespace: string;
  readonly account: string;
  readonly namespaceLabels: ReadonlyMap<string, string>;
  readonly accountAnnotations: ReadonlyMap<string, string>;
  /** The role that annotations name; empty for none. */
  readonly role: string;
  /** The backend that an annotation names. */
  readonly backend: string | undefined;
  /** Annotations name a mount or method that is not this backend's. */
  readonly goesElsewhere: (backend: CachedBackend) => boolean;
}

export interface Place {
  readonly role: CachedRole;
  readonly backend: CachedBackend;
  readonly endpoint: CachedEndpoint;
}

export type Found =
  /** The pod has nothing to do with our objects. */
  | { readonly kind: 'nothing' }
  /** It has, but there is no role to log in by: what its annotations and the settings say is all there is. */
  | { readonly kind: 'hindrance'; readonly finding: RoleProblem; readonly backend: CachedBackend | undefined }
  | { readonly kind: 'place'; readonly place: Place }
  /** The controller is about to make the role. */
  | { readonly kind: 'pending'; readonly place: Place };

/** Looks in memory alone. */
export function findPlace(asker: Asker, known: KnownRoles): Found {
  const { namespace, account } = asker;
  if (asker.role !== '') {
    const role = known.role(namespace, asker.role) ?? roleNamedInVault(asker, known);
    return role ? placeOf(role, asker, known) : withoutRole(asker, known);
  }
  const roles = known.rolesIn(namespace).filter((role) => binds(role, account) && isOnWantedBackend(role, asker, known));
  const own = roles.length === 1 ? roles[0] : roles.find(({ name }) => name === account);
  if (own) return placeOf(own, asker, known);
  const [first] = roles;
  if (!first) return withoutRole(asker, known);
  const finding: RoleProblem = { code: 'vault-role-ambiguous', account, roles: roles.map(({ name }) => name) };
  return { kind: 'hindrance', finding, backend: backendOf(first, asker, known) };
}

export function binds({ serviceAccounts }: CachedRole, account: string): boolean {
  return serviceAccounts.includes(account);
}

/** Whoever writes the role's name in Vault means the same: pods that came before their objects do. */
const roleNamedInVault = (asker: Asker, known: KnownRoles): CachedRole | undefined =>
  known.rolesIn(asker.namespace).find((role) => {
    const backend = backendOf(role, asker, known);
    return backend !== undefined && nameInVault(backend, role) === asker.role;
  });

const isOnWantedBackend = (role: CachedRole, asker: Asker, known: KnownRoles): boolean =>
  asker.backend === undefined || backendOf(role, asker, known)?.name === asker.backend;

/** As the controller has it: the one that the role names, else its namespace, else the default one. */
const backendOf = (role: CachedRole, { namespaceLabels }: Asker, known: KnownRoles): CachedBackend | undefined => {
  const name = role.backend ?? namespaceLabels.get(BACKEND_LABEL);
  return name === undefined ? known.defaultBackend() : known.backend(name);
};

const placeOf = (role: CachedRole, asker: Asker, known: KnownRoles): Found => {
  const backend = backendOf(role, asker, known);
  const by = `VaultAuthRole ${role.namespace}/${role.name}`;
  if (!backend) {
    const name = role.backend ?? asker.namespaceLabels.get(BACKEND_LABEL) ?? '';
    return { kind: 'hindrance', finding: { code: 'vault-object-missing', kind: 'VaultAuthBackend', name, by }, backend };
  }
  if (isIntruder(role, backend, asker)) {
    const reason = `VaultAuthBackend ${backend.name} does not admit namespace ${role.namespace}`;
    const finding = { code: 'vault-role-unprogrammed', role: `${role.namespace}/${role.name}`, reason } as const;
    return { kind: 'hindrance', finding, backend: undefined };
  }
  return withEndpoint('place', role, backend, known);
};

/**
 * A tenant's role can name any backend. One that does not admit the namespace gives its pods nothing, least of all its address: their
 * token would go to a server that was not given to them. A role that was in Vault once is the controller's to judge.
 */
const isIntruder = (role: CachedRole, backend: CachedBackend, { namespaceLabels }: Asker): boolean =>
  role.state === 'unprogrammed' &&
  !selectorMatches(backend.autoRoleRules.tenancy.namespaceSelector, Object.fromEntries(namespaceLabels));

const withEndpoint = (kind: 'place' | 'pending', role: CachedRole, backend: CachedBackend, known: KnownRoles): Found => {
  const endpoint = known.endpoint(backend.endpoint);
  if (endpoint) return { kind, place: { role, backend, endpoint } };
  const by = `VaultAuthBackend ${backend.name}`;
  return {
    kind: 'hindrance',
    finding: { code: 'vault-object-missing', kind: 'VaultEndpoint', name: backend.endpoint, by },
    backend,
  };
};

/**
 * Pods whose role has no object stay as they are; many were there before our objects. It is told where the backend is meant for
 * the namespace, and the pod does not go to another mount.
 */
const withoutRole = (asker: Asker, known: KnownRoles): Found => {
  const named = asker.backend ?? asker.namespaceLabels.get(BACKEND_LABEL);
  const backend = named === undefined ? known.defaultBackend() : known.backend(named);
  if (!backend) {
    if (asker.backend === undefined) return NOTHING;
    const finding = { code: 'vault-object-missing', kind: 'VaultAuthBackend', name: asker.backend, by: 'the pod' } as const;
    return { kind: 'hindrance', finding, backend };
  }
  if (asker.goesElsewhere(backend)) return NOTHING;
  const { namespace, account } = asker;
  const labels = Object.fromEntries(asker.namespaceLabels);
  const isPending =
    (asker.role === '' || asker.role === account) &&
    autoRoleApplies(backend.autoRoleRules, labels, account, asker.accountAnnotations.get(AUTO_ROLE_ANNOTATION));
  if (isPending && asker.role === '') return withEndpoint('pending', autoRole(namespace, account, backend), backend, known);
  // Who names a role may mean one that was there before ours: until ours is there, that one counts.
  if (isPending)
    return {
      kind: 'hindrance',
      finding: { code: 'vault-role-pending', namespace, role: account, backend: backend.name },
      backend,
    };
  const isMeant =
    named !== undefined ||
    backend.admissionMode === 'Enforce' ||
    selectorMatches(backend.autoRoleRules.tenancy.namespaceSelector, labels);
  if (!isMeant) return NOTHING;
  const role = asker.role === '' ? account : asker.role;
  return { kind: 'hindrance', finding: { code: 'vault-role-missing', namespace, role, backend: backend.name }, backend };
};

const NOTHING: Found = { kind: 'nothing' };

/** The role as the controller will make it. */
const autoRole = (namespace: string, account: string, backend: CachedBackend): CachedRole => ({
  namespace,
  name: account,
  backend: backend.name,
  serviceAccounts: [account],
  audience: undefined,
  tokenExpirationSeconds: undefined,
  vaultRoleName: undefined,
  isObserved: false,
  state: 'unknown',
  notReadyMessage: '',
});
