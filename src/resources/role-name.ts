// Names of roles in Vault.
import type { VaultAuthBackend } from './backend.ts';
import type { Resource } from './kinds.ts';
import type { VaultAuthRole } from './role.ts';

/** The role of the login probe. Its name has two parts; those of tenants have three or more, so that they cannot collide. */
export function probeRoleName({ spec }: VaultAuthBackend): string {
  return `${spec.clusterName}.probe`;
}

/**
 * The name of a role in Vault. Qualified names are unique: cluster names and namespaces contain no dot, so that the first two dots
 * separate cluster, namespace and name. An observed role may have any name.
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

/** The fields of a role that decide its name in Vault. */
export interface NamedRole {
  readonly namespace: string;
  readonly name: string;
  /** spec.vaultRoleName. */
  readonly vaultRoleName: string | undefined;
  readonly isObserved: boolean;
}

/** The name of a role in Vault, from the fields that the webhook caches. */
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

/** The name of the object from a name in Vault such as `prod.shop.web`; undefined: not a qualified name of the namespace. */
export function nameInQualified(vaultName: string, namespace: string): string | undefined {
  const [clusterName = '', inside, ...rest] = vaultName.split('.');
  return clusterName !== '' && inside === namespace && rest.length > 0 ? rest.join('.') : undefined;
}

/** Why a role must not have its name, which could belong to another role; undefined when it may. */
export function roleNameDenial(backend: VaultAuthBackend, role: VaultAuthRole): string | undefined {
  if (role.spec.managementPolicy === 'Observe') return undefined;
  const name = vaultRoleName(backend, role);
  switch (backend.spec.tenancy.roleNaming) {
    case 'Qualified':
      return role.spec.vaultRoleName === undefined || role.spec.vaultRoleName === name
        ? undefined
        : `VaultAuthBackend ${backend.metadata.name} has roleNaming Qualified (${name}): remove spec.vaultRoleName`;
    case 'Plain':
      return name.startsWith(`${backend.spec.clusterName}.`)
        ? `role names that start with "${backend.spec.clusterName}." are reserved for the controller: choose another name`
        : undefined;
  }
}

/** Whether the first of two objects with the same name in Vault wins: it is older, or equally old with the lower UID. */
export function takesPrecedence(one: Aged, other: Aged): boolean {
  return ageOf(one) < ageOf(other);
}

type Aged = Pick<Resource<unknown, unknown>, 'metadata'>;

const ageOf = ({ metadata }: Aged): string => `${metadata.creationTimestamp ?? ''} ${metadata.uid}`;
