// How roles are called in Vault.
import type { VaultAuthBackend } from './backend.ts';
import type { Resource } from './kinds.ts';
import type { VaultAuthRole } from './role.ts';

/** The role with which the controller proves that logins work. It has two parts, those of tenants have three or more. */
export function probeRoleName({ spec }: VaultAuthBackend): string {
  return `${spec.clusterName}.probe`;
}

/**
 * The name of a role in Vault. Qualified names are injective: neither clusters' names nor namespaces hold a dot, so that the
 * first two dots part cluster, namespace and name. A role that is only observed may name any.
 */
export function vaultRoleName({ spec }: VaultAuthBackend, role: VaultAuthRole): string {
  const { name, namespace = '' } = role.metadata;
  const { vaultRoleName: given, managementPolicy } = role.spec;
  const naming = { clusterName: spec.clusterName, roleNaming: spec.tenancy.roleNaming };
  return nameInVault(naming, { namespace, name, vaultRoleName: given, isObserved: managementPolicy === 'Observe' });
}

export interface RoleNaming {
  readonly clusterName: string;
  readonly roleNaming: 'Qualified' | 'Plain';
}

/** What of a role decides its name in Vault. */
export interface NamedRole {
  readonly namespace: string;
  readonly name: string;
  /** spec.vaultRoleName. */
  readonly vaultRoleName: string | undefined;
  readonly isObserved: boolean;
}

/** The same from what the webhook keeps of both. */
export function nameInVault(
  { clusterName, roleNaming }: RoleNaming,
  { namespace, name, vaultRoleName, isObserved }: NamedRole,
): string {
  if (vaultRoleName !== undefined && isObserved) return vaultRoleName;
  switch (roleNaming) {
    case 'Plain':
      return vaultRoleName ?? name;
    case 'Qualified':
      return `${clusterName}.${namespace}.${name}`;
  }
}

/** Why a role must not have this name: it would be another's. Undefined: it may. */
export function roleNameDenial(backend: VaultAuthBackend, role: VaultAuthRole): string | undefined {
  if (role.spec.managementPolicy === 'Observe') return undefined;
  const name = vaultRoleName(backend, role);
  switch (backend.spec.tenancy.roleNaming) {
    case 'Qualified':
      return role.spec.vaultRoleName === undefined || role.spec.vaultRoleName === name
        ? undefined
        : `VaultAuthBackend ${backend.metadata.name} names its roles itself (${name}): leave spec.vaultRoleName out`;
    case 'Plain':
      return name.startsWith(`${backend.spec.clusterName}.`)
        ? `names that begin with "${backend.spec.clusterName}." are kept for the controller: choose another`
        : undefined;
  }
}

/** Whether the first of two objects has the older claim to a name that both want: it is older, or as old with the lower UID. */
export function isOlder(one: Aged, other: Aged): boolean {
  return ageOf(one) < ageOf(other);
}

type Aged = Pick<Resource<unknown, unknown>, 'metadata'>;

const ageOf = ({ metadata }: Aged): string => `${metadata.creationTimestamp ?? ''} ${metadata.uid}`;
