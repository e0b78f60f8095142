// The status of a VaultAuthBackend: what the controller saw of the mount, the reviewer, the keys and the roles.
import { conditionsSchema, type ConditionUpdateOf } from './condition.ts';
import { driftSchema, warningsSchema } from './management.ts';
import { choice, flag, integer, labelName, list, objectName, optional, type Stored, struct, text, timeText } from './schema.ts';

const LARGEST = Number.MAX_SAFE_INTEGER;
/** Roles whose objects are gone and that are still in Vault; more of them are told by a metric alone. */
export const MAX_PENDING_DELETIONS = 2000;

const pendingDeletion = struct(
  {
    roleName: text('The name of the role in Vault.', { min: 1, max: 512 }),
    namespace: labelName('The namespace that had it.'),
    name: objectName('The name of the VaultAuthRole.'),
    clusterID: optional(text('The identity of the Vault cluster; it is deleted in no other.', { max: 128 })),
    vaultNamespace: optional(text('The namespace in the server; it is deleted in no other.', { max: 256 })),
    since: timeText('Since when.'),
    reason: text('Why it could not be deleted.', { max: 256 }),
  },
  'A role in Vault whose object is gone.',
);
export type PendingDeletion = Stored<typeof pendingDeletion>;

const count = (description: string) => integer(description, { min: 0, max: LARGEST });

export const backendStatusSchema = struct(
  {
    observedGeneration: optional(count('The generation that this status speaks of.')),
    conditions: optional(conditionsSchema),
    mount: optional(
      struct(
        {
          path: text('Its path.', { max: 256 }),
          type: optional(text('Its type.', { max: 64 })),
          accessor: optional(text('Its accessor; new when the mount is made anew.', { max: 128 })),
          owned: flag('Whether this object made it or took it over.'),
          clusterID: optional(text('The identity of the Vault cluster.', { max: 128 })),
        },
        'The mount.',
      ),
    ),
    issuer: optional(text('The issuer of this cluster, where it was looked up.', { max: 512 })),
    audience: optional(
      text("The audience that tokens must have unless their role says another; the API server's own when empty.", { max: 256 }),
    ),
    configHash: optional(text('SHA-256 of the configuration as it was written last, secrets included.', { max: 64 })),
    reviewer: optional(
      struct(
        {
          mode: text('The mode.', { max: 32 }),
          serviceAccount: optional(text('The service account whose token is used, as namespace/name.', { max: 320 })),
          issuedAt: optional(timeText('When the token was made.')),
          expiresAt: optional(timeText('When it ends; absent when it does not.')),
          tokenHash: optional(text('The first characters of its SHA-256.', { max: 64 })),
          keyID: optional(text('The ID of the key that signed it, where it names one.', { max: 256 })),
          lastWritten: optional(timeText('When it was written to Vault.')),
          secretVersion: optional(text('The resourceVersion of the Secret that it came from.', { max: 64 })),
        },
        'The reviewer.',
      ),
    ),
    keys: optional(
      struct(
        {
          kids: list(text('A key ID.', { max: 256 }), 'The IDs of the keys that Vault has.', { max: 32, merge: 'set' }),
          keysHash: optional(text('SHA-256 of the keys.', { max: 64 })),
          lastSync: optional(timeText('When they were read last.')),
        },
        'The keys of this cluster.',
      ),
    ),
    lastProbe: optional(
      struct(
        {
          time: timeText('When.'),
          result: choice(['Succeeded', 'Denied', 'Failed'], 'What came out.'),
          message: optional(text('What Vault said.', { max: 1024 })),
        },
        'The last proof by a login.',
      ),
    ),
    roles: optional(struct({ total: count('All.'), ready: count('Those that are ready.') }, 'The roles of this backend.')),
    pendingDeletions: optional(
      list(pendingDeletion, 'Roles in Vault whose objects are gone; deleting them is tried again and again.', {
        max: MAX_PENDING_DELETIONS,
        merge: { keys: ['roleName'] },
      }),
    ),
    drift: optional(driftSchema()),
    warnings: optional(warningsSchema()),
    lastSyncTime: optional(timeText('When it was last held against Vault.')),
  },
  'What the controller last saw.',
);
export type VaultAuthBackendStatus = Stored<typeof backendStatusSchema>;

/** Condition types of a backend and the reasons that each can have. */
export const backendReasons = {
  Mounted: [
    'Mounted',
    'Missing',
    'TypeMismatch',
    'NotOwned',
    'PermissionDenied',
    'PathInUse',
    'EndpointNotReady',
    'VaultSealed',
    'VaultUnavailable',
    'WriteFailed',
    'Observed',
  ],
  Configured: [
    'InSync',
    'Pending',
    'Drifted',
    'Repaired',
    'WriteFailed',
    'IgnoredParameters',
    'UnsupportedByProduct',
    'NotOwned',
    'PermissionDenied',
    'VaultSealed',
    'VaultUnavailable',
    'EndpointNotReady',
    'CAMissing',
    'InvalidCA',
    'Observed',
    'ObservedMismatch',
  ],
  ReviewerHealthy: [
    'ProbeSucceeded',
    'ProbeDenied',
    'ProbeFailed',
    'TokenExpiring',
    'TokenMissing',
    'TokenReplaced',
    'BindingMissing',
    'NotProbed',
  ],
  KeysFresh: ['Synced', 'JWKSUnreachable', 'IssuerChanged', 'KeyRotationPending', 'DiscoveryRejected', 'NotSynced'],
  Deletable: ['Unused', 'InUse', 'NotConfirmed', 'VaultUnavailable', 'OtherCluster', 'PermissionDenied'],
} as const;
export type BackendConditionUpdate = ConditionUpdateOf<typeof backendReasons>;
