// VaultACLPolicy: one ACL policy in Vault, with accessors of our mounts put in.
import { conditionsSchema, type ConditionUpdateOf } from './condition.ts';
import {
  adoption,
  deletionPolicy,
  driftPolicy,
  driftSchema,
  managementPolicy,
  warningsSchema,
  fixedReference,
} from './common-fields.ts';
import type { Resource } from './kinds.ts';
import { flag, integer, list, objectName, optional, type Rule, type ValueOf, struct, text, timeText } from './schema.ts';

/** A name that every list of policies can hold: lower case, no comma, no slash. */
const VAULT_POLICY_NAME = '^[a-z0-9]([a-z0-9._-]*[a-z0-9_])?$';
/** Policies that Vault or OpenBao have built in, and that nobody replaces. */
const BUILT_IN_POLICIES = ['root', 'default', 'default-ceiling', 'response-wrapping', 'control-group'] as const;
const BUILT_IN = `[${BUILT_IN_POLICIES.map((name) => `'${name}'`).join(', ')}]`;

export const aclPolicySpecSchema = struct(
  {
    endpointRef: fixedReference('The VaultEndpoint that has it.'),
    vaultName: optional(
      text('Its name in Vault, when it is not the name of this object.', {
        min: 1,
        max: 128,
        pattern: VAULT_POLICY_NAME,
        rules: [
          { rule: `!(self in ${BUILT_IN})`, message: 'is built in and cannot be replaced' },
          { rule: 'self == oldSelf', message: 'cannot be changed; make a new object' },
        ],
      }),
    ),
    policy: text(
      'The policy in HCL or JSON. ${auth.NAME.accessor} stands for the accessor of the mount of the VaultAuthBackend of that name.',
      { min: 1, max: 65536 },
    ),
    privileged: flag(
      'Allow rules on sys/, auth/, identity/ and on all paths at once: whoever has those can take over the server. A path into a namespace below (team/sys/…) is refused where the server has that namespace; one that matches the beginning of its name (te*) cannot be told, and is not.',
      {
        default: false,
      },
    ),
    openbao: struct(
      {
        allowSlashesInTemplates: flag('Let identity values with a slash fill templates.', { default: false }),
        allowWildcardsInTemplates: flag('Let identity values with * or + fill templates: they reach more than they name.', {
          default: false,
        }),
      },
      'What only OpenBao has; not sent to Vault.',
      { filled: true },
    ),
    managementPolicy: managementPolicy('Observe: look, and say in the status what would be written.'),
    adoption: adoption(),
    driftPolicy: driftPolicy(),
    deletionPolicy: deletionPolicy(
      'Retain',
      'What becomes of the policy in Vault when this object is deleted. It is refused while a role or a backend uses it; what somebody else has put in its place stays.',
    ),
  },
  'One ACL policy.',
);

/** The name of the object is the name in Vault when no other is given, so it has to be one that Vault can have. */
export const aclPolicyRules: readonly Rule[] = [
  {
    rule: `has(self.spec.vaultName) || !(self.metadata.name in ${BUILT_IN})`,
    message: 'metadata.name is the name of a built-in policy; choose another or set spec.vaultName',
  },
  {
    rule: 'has(self.spec.vaultName) || self.metadata.name.size() <= 128',
    message: 'metadata.name is longer than 128 characters; set spec.vaultName',
  },
  {
    rule: 'has(self.spec.vaultName) == has(oldSelf.spec.vaultName)',
    message: 'spec.vaultName cannot be set or taken away later; make a new object',
  },
];

export const aclPolicyStatusSchema = struct(
  {
    observedGeneration: optional(integer('The generation that this status speaks of.', { min: 0, max: Number.MAX_SAFE_INTEGER })),
    conditions: optional(conditionsSchema),
    vault: optional(
      struct(
        {
          endpoint: objectName('The VaultEndpoint.'),
          clusterID: optional(text('The identity of its cluster.', { max: 128 })),
          namespace: text('The namespace in the server.', { max: 256 }),
          name: text('The name of the policy there; nothing of another name is ever deleted.', { max: 256 }),
        },
        'Where it is in Vault.',
      ),
    ),
    accessors: optional(
      list(
        struct(
          { backend: objectName('The VaultAuthBackend.'), accessor: text('The accessor of its mount.', { max: 128 }) },
          'An accessor that was put in.',
        ),
        'The accessors that are in its text.',
        { max: 32, merge: { keys: ['backend'] } },
      ),
    ),
    textHash: optional(text('SHA-256 of the text as it is in Vault.', { max: 64 })),
    drift: optional(driftSchema()),
    warnings: optional(warningsSchema()),
    lastSyncTime: optional(timeText('When it was last held against Vault.')),
  },
  'What the controller last saw.',
);

export type VaultACLPolicySpec = ValueOf<typeof aclPolicySpecSchema>;
export type VaultACLPolicyStatus = ValueOf<typeof aclPolicyStatusSchema>;
export type VaultACLPolicy = Resource<VaultACLPolicySpec, VaultACLPolicyStatus>;

/** Condition types of a policy and the reasons that each can have. */
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
