// VaultAuthRole: one role in Vault for service accounts of its own namespace. It has no field for a namespace, a pattern, a
// selector or a claim, so that a namespace admin cannot bind a service account of another namespace.
import { conditionsSchema, type ConditionUpdateOf } from './condition.ts';
import { BACKEND_LABEL, type Resource } from './kinds.ts';
import { deletionPolicy, driftSchema, managementPolicy, warningsSchema } from './common-fields.ts';
import { choice, flag, integer, list, objectName, optional, type ValueOf, struct, text, timeText } from './schema.ts';
import { tokenSchema } from './role-token.ts';

/** The name of a VaultACLPolicy, or "external:" and the name of a policy in Vault without VaultACLPolicy. */
const POLICY_REFERENCE = '^(external:[a-z0-9]([a-z0-9._/-]*[a-z0-9_])?|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)$';
/** Prefix of references to policies without VaultACLPolicy. */
export const EXTERNAL_PREFIX = 'external:';
/** A role name that both products accept. */
const VAULT_ROLE_NAME = '^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$';
export const MAX_SERVICE_ACCOUNTS = 16;
export const MAX_POLICIES = 32;

/** Whether a text is a valid entry of spec.policies. */
export function isPolicyReference(text: string): boolean {
  return (
    new RegExp(POLICY_REFERENCE).test(text) &&
    text.length <= MAX_POLICY_LENGTH &&
    text !== 'root' &&
    text !== `${EXTERNAL_PREFIX}root`
  );
}
const MAX_POLICY_LENGTH = 253;

const policyReference = () =>
  text('Name of a VaultACLPolicy, or external:NAME for a policy without VaultACLPolicy.', {
    min: 1,
    max: MAX_POLICY_LENGTH,
    pattern: POLICY_REFERENCE,
  });
export function policyReferences(
  description: string,
  options: { readonly max: number; readonly min?: number; readonly default?: readonly string[] },
) {
  return list(policyReference(), description, {
    ...options,
    merge: 'set',
    rules: [{ rule: "self.all(name, name != 'root' && name != 'external:root')", message: 'must not contain the policy root' }],
  });
}

export function audience(description: string) {
  return text(description, {
    min: 1,
    max: 256,
    pattern: '^[!-~]+$',
    rules: [{ rule: "!self.contains(',')", message: 'must not contain a comma' }],
  });
}
export const ALIAS_NAME_SOURCES = ['ServiceAccountUID', 'ServiceAccountName'] as const;

export const roleSpecSchema = struct(
  {
    backendRef: optional(
      struct(
        { name: objectName('Name of the VaultAuthBackend.') },
        `VaultAuthBackend of the role. Defaults to the backend in the namespace label ${BACKEND_LABEL}, otherwise to the backend with isDefault.`,
      ),
    ),
    serviceAccounts: optional(
      list(
        objectName('Name of a service account in this namespace.'),
        'Service accounts of this namespace that can log in. Defaults to the service account with the name of this object.',
        {
          min: 1,
          max: MAX_SERVICE_ACCOUNTS,
          merge: 'set',
        },
      ),
    ),
    policies: optional(
      policyReferences('Policies of the tokens, from those that tenancy.policyRules of the backend allows for this namespace.', {
        max: MAX_POLICIES,
      }),
    ),
    audience: optional(audience('Audience that the service account token must have. Defaults to the audience of the backend.')),
    tokenExpirationSeconds: optional(
      integer(
        'Requested lifetime of the projected service account token in injected pods. Defaults to the value of the backend.',
        { min: 600, max: 86400 },
      ),
    ),
    aliasNameSource: optional(
      choice(
        ALIAS_NAME_SOURCES,
        'Name of the entity alias in Vault. ServiceAccountUID: changes when the service account is recreated. ServiceAccountName: NAMESPACE/NAME.',
      ),
    ),
    token: optional(tokenSchema('Vault tokens that logins get. Each field defaults to the value of the backend.')),
    managementPolicy: managementPolicy(
      'Manage: write the role to Vault. Observe: the role is managed elsewhere; only report what it binds.',
    ),
    vaultRoleName: optional(
      text('Name of the role in Vault. Only with managementPolicy Observe, or when the backend has roleNaming Plain.', {
        min: 1,
        max: 256,
        pattern: VAULT_ROLE_NAME,
      }),
    ),
    deletionPolicy: deletionPolicy(
      'Delete',
      'What happens to the role in Vault when this object is deleted. Delete: delete it. Retain: keep it, if the backend has tenancy.allowRetain.',
    ),
  },
  'Desired state of the role.',
  {
    rules: [
      {
        rule: '!has(oldSelf.backendRef) || (has(self.backendRef) && self.backendRef.name == oldSelf.backendRef.name)',
        message: 'is immutable; create a new object instead',
        fieldPath: '.backendRef',
      },
    ],
  },
);

const bound = struct(
  {
    name: objectName('Name of the service account.'),
    exists: flag('Whether the service account exists.'),
    uid: optional(text('UID of the service account.', { max: 64 })),
  },
  'A bound service account.',
);

export const roleStatusSchema = struct(
  {
    observedGeneration: optional(
      integer('Generation of the spec that this status describes.', { min: 0, max: Number.MAX_SAFE_INTEGER }),
    ),
    conditions: optional(conditionsSchema),
    vault: optional(
      struct(
        {
          endpoint: objectName('Name of the VaultEndpoint.'),
          clusterID: optional(
            text('Cluster ID of the Vault server; the controller deletes nothing in another cluster.', { max: 128 }),
          ),
          namespace: text('Vault namespace.', { max: 256 }),
          backend: objectName('Name of the VaultAuthBackend.'),
          mountPath: text('Path of the mount, without "auth/".', { max: 256 }),
          mountAccessor: optional(text('Accessor of the mount.', { max: 128 })),
          roleName: text('Name of the role in Vault; the controller deletes no other.', { max: 512 }),
          loginPath: text('API path of the login.', { max: 512 }),
          owned: optional(
            flag('Whether this object created or adopted the role. The controller writes and deletes no other role.'),
          ),
        },
        'Location in Vault.',
      ),
    ),
    binding: optional(
      struct(
        {
          serviceAccounts: list(bound, 'Bound service accounts.', { max: MAX_SERVICE_ACCOUNTS, merge: { keys: ['name'] } }),
          audience: text('Audience that a token must have; empty for the audience of the API server.', { max: 256 }),
          tokenExpirationSeconds: integer('Lifetime of the projected token.', { min: 0, max: 86400 }),
        },
        'Service accounts that can log in, and with which token.',
      ),
    ),
    programmed: optional(flag('Whether the role has ever been in sync in Vault.')),
    effectivePolicies: optional(
      list(text('Name of a policy in Vault.', { max: 256 }), 'Policies of the tokens, by their names in Vault.', {
        max: 96,
        merge: 'set',
      }),
    ),
    documentHash: optional(text('SHA-256 of the last written role.', { max: 64 })),
    drift: optional(driftSchema()),
    warnings: optional(warningsSchema()),
    lastSyncTime: optional(timeText('When the object was last compared with Vault.')),
  },
  'Observed state.',
);

export type VaultAuthRoleSpec = ValueOf<typeof roleSpecSchema>;
export type VaultAuthRoleStatus = ValueOf<typeof roleStatusSchema>;
export type VaultAuthRole = Resource<VaultAuthRoleSpec, VaultAuthRoleStatus>;

/** Condition types of a role and their reasons; ServiceAccountsExist does not count for Ready. */
export const roleReasons = {
  Accepted: [
    'Accepted',
    'BackendNotFound',
    'NamespaceNotAllowed',
    'PolicyNotAllowed',
    'PolicyNotFound',
    'LimitExceeded',
    'RetainNotAllowed',
    'AudienceNotSupported',
    'NameTaken',
    'NameNotAllowed',
    'QuotaExceeded',
    'UnsupportedByProduct',
  ],
  Programmed: [
    'InSync',
    'Pending',
    'Drifted',
    'Repaired',
    'NotOwned',
    'PermissionDenied',
    'VaultSealed',
    'VaultUnavailable',
    'WriteFailed',
    'IgnoredParameters',
    'Observed',
    'ObservedMismatch',
    'RoleMissing',
    'BackendNotReady',
  ],
  ServiceAccountsExist: ['AllFound', 'SomeMissing'],
  Deletable: ['VaultUnavailable', 'OtherCluster', 'PermissionDenied'],
} as const;
export type RoleConditionUpdate = ConditionUpdateOf<typeof roleReasons>;

/** The service accounts that a role binds: spec.serviceAccounts, or the one with the name of the role. */
export function serviceAccountsOf(role: VaultAuthRole): readonly string[] {
  return role.spec.serviceAccounts ?? [role.metadata.name];
}
