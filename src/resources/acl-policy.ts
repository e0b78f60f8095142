// VaultACLPolicy: one ACL policy in Vault, rendered with the accessors of our mounts. Spec, status, condition reasons.
import { conditionsSchema, type ConditionUpdateOf } from './condition.ts';
import {
  adoption,
  deletionPolicy,
  driftPolicy,
  driftSchema,
  managementPolicy,
  warningsSchema,
  immutableReference,
} from './common-fields.ts';
import type { Resource } from './kinds.ts';
import { flag, integer, list, objectName, optional, type Rule, type ValueOf, struct, text, timeText } from './schema.ts';

/** A policy name that is valid in a comma-separated list of policies. */
const VAULT_POLICY_NAME = '^[a-z0-9]([a-z0-9._-]*[a-z0-9_])?$';
/** Built-in policies of Vault or OpenBao. */
const BUILT_IN_POLICIES = ['root', 'default', 'default-ceiling', 'response-wrapping', 'control-group'] as const;
const BUILT_IN = `[${BUILT_IN_POLICIES.map((name) => `'${name}'`).join(', ')}]`;

export const aclPolicySpecSchema = struct(
  {
    endpointRef: immutableReference('VaultEndpoint of the server with this policy.'),
    vaultName: optional(
      text('Name of the policy in Vault. Defaults to the name of this object.', {
        min: 1,
        max: 128,
        pattern: VAULT_POLICY_NAME,
        rules: [
          { rule: `!(self in ${BUILT_IN})`, message: 'must not be the name of a built-in policy' },
          { rule: 'self == oldSelf', message: 'is immutable; create a new object instead' },
        ],
      }),
    ),
    policy: text(
      'Policy text in HCL or JSON. ${auth.NAME.accessor} is replaced by the mount accessor of VaultAuthBackend NAME.',
      { min: 1, max: 65536 },
    ),
    privileged: flag(
      'Allow rules that can reach sys/, auth/ or identity/: such a token can take over the server. When false, such a policy is rejected, and so is a path into a child namespace (team/sys/…) that the server has. A glob on the name of a child namespace (te*) is not detected.',
      {
        default: false,
      },
    ),
    openbao: struct(
      {
        allowSlashesInTemplates: flag('Allow identity values with a slash in templates.', { default: false }),
        allowWildcardsInTemplates: flag('Allow identity values with * or + in templates, which then act as wildcards.', {
          default: false,
        }),
      },
      'Parameters of OpenBao, not sent to Vault.',
      { filled: true },
    ),
    managementPolicy: managementPolicy('Manage: write to Vault. Observe: never write, and report the drift in .status.'),
    adoption: adoption(),
    driftPolicy: driftPolicy(),
    deletionPolicy: deletionPolicy(
      'Retain',
      'What happens to the policy in Vault when this object is deleted. Retain: keep it. Delete: delete it, unless another client has replaced it. Deletion is blocked while a role or backend uses the policy.',
    ),
  },
  'Desired state of the policy.',
);

/** Without spec.vaultName, the name of the object must be valid as a policy name in Vault. */
export const aclPolicyRules: readonly Rule[] = [
  {
    rule: `has(self.spec.vaultName) || !(self.metadata.name in ${BUILT_IN})`,
    message: 'metadata.name must not be the name of a built-in policy: choose another or set spec.vaultName',
  },
  {
    rule: 'has(self.spec.vaultName) || self.metadata.name.size() <= 128',
    message: 'metadata.name must have at most 128 characters unless spec.vaultName is set',
  },
  {
    rule: 'has(self.spec.vaultName) == has(oldSelf.spec.vaultName)',
    message: 'spec.vaultName is immutable; create a new object instead',
  },
];

export const aclPolicyStatusSchema = struct(
  {
    observedGeneration: optional(
      integer('Generation of the spec that this status describes.', { min: 0, max: Number.MAX_SAFE_INTEGER }),
    ),
    conditions: optional(conditionsSchema),
    vault: optional(
      struct(
        {
          endpoint: objectName('Name of the VaultEndpoint.'),
          clusterID: optional(text('Cluster ID of the Vault server.', { max: 128 })),
          namespace: text('Vault namespace.', { max: 256 }),
          name: text('Name of the policy in Vault; the controller deletes no other.', { max: 256 }),
        },
        'Location in Vault.',
      ),
    ),
    accessors: optional(
      list(
        struct(
          { backend: objectName('Name of the VaultAuthBackend.'), accessor: text('Accessor of its mount.', { max: 128 }) },
          'A mount accessor in the policy text.',
        ),
        'Mount accessors in the rendered policy text.',
        { max: 32, merge: { keys: ['backend'] } },
      ),
    ),
    textHash: optional(text('SHA-256 of the policy text in Vault.', { max: 64 })),
    drift: optional(driftSchema()),
    warnings: optional(warningsSchema()),
    lastSyncTime: optional(timeText('When the object was last compared with Vault.')),
  },
  'Observed state.',
);

export type VaultACLPolicySpec = ValueOf<typeof aclPolicySpecSchema>;
export type VaultACLPolicyStatus = ValueOf<typeof aclPolicyStatusSchema>;
export type VaultACLPolicy = Resource<VaultACLPolicySpec, VaultACLPolicyStatus>;

/** Condition types of a policy and their reasons. */
export const aclPolicyReasons = {
  Accepted: ['Accepted', 'PrivilegedPath', 'TemplateUnresolved', 'EndpointNotFound', 'NameTaken', 'InvalidPolicy'],
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
    'PolicyMissing',
    'EndpointNotReady',
  ],
  Deletable: ['Unused', 'InUse', 'VaultUnavailable', 'OtherCluster'],
} as const;
export type ACLPolicyConditionUpdate = ConditionUpdateOf<typeof aclPolicyReasons>;

/** The name of the policy in Vault. */
export function vaultPolicyName(policy: VaultACLPolicy): string {
  return policy.spec.vaultName ?? policy.metadata.name;
}
