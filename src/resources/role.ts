// VaultAuthRole: one role in Vault for service accounts of this object's own namespace. It has no field for a namespace, a
// pattern, a selector or a claim: what a tenant writes cannot bind anybody else's.
import { conditionsSchema, type ConditionUpdateOf } from './condition.ts';
import { BACKEND_LABEL, type Resource } from './kinds.ts';
import { deletionPolicy, driftSchema, managementPolicy, warningsSchema } from './common-fields.ts';
import { choice, flag, integer, list, objectName, optional, type ValueOf, struct, text, timeText } from './schema.ts';
import { tokenSchema } from './role-token.ts';

/** The name of a VaultACLPolicy, or "external:" and the name of a policy in Vault that nothing here manages. */
const POLICY_REFERENCE = '^(external:[a-z0-9]([a-z0-9._/-]*[a-z0-9_])?|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)$';
/** The prefix of policies that nothing here manages. */
export const EXTERNAL_PREFIX = 'external:';
/** A role's name as both servers take it: word characters, dots and dashes inside. */
const VAULT_ROLE_NAME = '^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$';
export const MAX_SERVICE_ACCOUNTS = 16;
export const MAX_POLICIES = 32;

/** Whether a text can be asked for as a policy: well formed, and not root. */
export function isPolicyReference(text: string): boolean {
  return (
    new RegExp(POLICY_REFERENCE).test(text) &&
    text.length <= LONGEST_POLICY &&
    text !== 'root' &&
    text !== `${EXTERNAL_PREFIX}root`
  );
}
const LONGEST_POLICY = 253;

const policyReference = () =>
  text('The name of a VaultACLPolicy, or external:NAME.', { min: 1, max: LONGEST_POLICY, pattern: POLICY_REFERENCE });
export function policyReferences(
  description: string,
  options: { readonly max: number; readonly min?: number; readonly default?: readonly string[] },
) {
  return list(policyReference(), description, {
    ...options,
    merge: 'set',
    rules: [{ rule: "self.all(name, name != 'root' && name != 'external:root')", message: 'root cannot be given to anybody' }],
  });
}

export function audience(description: string) {
  return text(description, {
    min: 1,
    max: 256,
    pattern: '^[!-~]+$',
    rules: [{ rule: "!self.contains(',')", message: 'must not hold a comma' }],
  });
}
export const ALIAS_NAME_SOURCES = ['ServiceAccountUID', 'ServiceAccountName'] as const;

export const roleSpecSchema = struct(
  {
    backendRef: optional(
      struct(
        { name: objectName('Its name.') },
        `The VaultAuthBackend. When left out: the one that the label ${BACKEND_LABEL} of the namespace names, else the one with isDefault.`,
      ),
    ),
    serviceAccounts: optional(
      list(
        objectName('The name of a service account in this namespace.'),
        'Who can log in: service accounts of this namespace by name. When left out: the one named like this object.',
        {
          min: 1,
          max: MAX_SERVICE_ACCOUNTS,
          merge: 'set',
        },
      ),
    ),
    policies: optional(
      policyReferences('What they may do: policies that the backend lets this namespace use.', { max: MAX_POLICIES }),
    ),
    audience: optional(audience('The audience that their tokens must have; as the backend says when left out.')),
    tokenExpirationSeconds: optional(
      integer('The life of the projected token of injected pods; as the backend says when left out.', { min: 600, max: 86400 }),
    ),
    aliasNameSource: optional(
      choice(
        ALIAS_NAME_SOURCES,
        'What names the identity in Vault: the UID, new with each service account, or namespace and name.',
      ),
    ),
    token: optional(tokenSchema('The tokens of their logins; what is left out is as the backend says.')),
    managementPolicy: managementPolicy('Observe: the role is made elsewhere; look, and say what it admits.'),
    vaultRoleName: optional(
      text('The name of the role in Vault, where the backend does not choose it: with Observe, or with roleNaming Plain.', {
        min: 1,
        max: 256,
        pattern: VAULT_ROLE_NAME,
      }),
    ),
    deletionPolicy: deletionPolicy(
      'Delete',
      'What becomes of the role in Vault when this object is deleted. Retain counts only where the backend says tenancy.allowRetain.',
    ),
  },
  'Who of this namespace can log in, and what they may do then.',
  {
    rules: [
      {
        rule: '!has(oldSelf.backendRef) || (has(self.backendRef) && self.backendRef.name == oldSelf.backendRef.name)',
        message: 'cannot be changed; make a new object',
        fieldPath: '.backendRef',
      },
    ],
  },
);

const bound = struct(
  {
    name: objectName('The service account.'),
    exists: flag('Whether it exists.'),
    uid: optional(text('Its UID.', { max: 64 })),
  },
  'A service account that the role binds.',
);

export const roleStatusSchema = struct(
  {
    observedGeneration: optional(integer('The generation that this status speaks of.', { min: 0, max: Number.MAX_SAFE_INTEGER })),
    conditions: optional(conditionsSchema),
    vault: optional(
      struct(
        {
          endpoint: objectName('The VaultEndpoint.'),
          clusterID: optional(text('The identity of its cluster; nothing is deleted in another.', { max: 128 })),
          namespace: text('The namespace in the server.', { max: 256 }),
          backend: objectName('The VaultAuthBackend.'),
          mountPath: text('The path of the mount, without "auth/".', { max: 256 }),
          mountAccessor: optional(text('Its accessor.', { max: 128 })),
          roleName: text('The name of the role there; nothing of another name is ever deleted.', { max: 512 }),
          loginPath: text('Where pods log in.', { max: 512 }),
          owned: optional(flag('Whether this object made the role or took it over; only then is it ever written or deleted.')),
        },
        'Where it is in Vault.',
      ),
    ),
    binding: optional(
      struct(
        {
          serviceAccounts: list(bound, 'Who can log in.', { max: MAX_SERVICE_ACCOUNTS, merge: { keys: ['name'] } }),
          audience: text("The audience that tokens must have; the API server's own when empty.", { max: 256 }),
          tokenExpirationSeconds: integer('The life of the projected token.', { min: 0, max: 86400 }),
        },
        'Who can log in, and with which token.',
      ),
    ),
    programmed: optional(flag('Whether it has ever been in Vault as declared.')),
    effectivePolicies: optional(
      list(text('A policy in Vault.', { max: 256 }), 'The policies that their tokens get, by their names in Vault.', {
        max: 96,
        merge: 'set',
      }),
    ),
    documentHash: optional(text('SHA-256 of the role as it was written last.', { max: 64 })),
    drift: optional(driftSchema()),
    warnings: optional(warningsSchema()),
    lastSyncTime: optional(timeText('When it was last held against Vault.')),
  },
  'What the controller last saw.',
);

export type VaultAuthRoleSpec = ValueOf<typeof roleSpecSchema>;
export type VaultAuthRoleStatus = ValueOf<typeof roleStatusSchema>;
export type VaultAuthRole = Resource<VaultAuthRoleSpec, VaultAuthRoleStatus>;

/** Condition types of a role and the reasons that each can have; ServiceAccountsExist is not part of Ready. */
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

/** The service accounts that a role binds: those that it names, else the one of its own name. */
export function serviceAccountsOf(role: VaultAuthRole): readonly string[] {
  return role.spec.serviceAccounts ?? [role.metadata.name];
}
