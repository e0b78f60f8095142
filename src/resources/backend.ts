// VaultAuthBackend: one auth mount for one cluster: the mount, its configuration, the defaults of its roles, and who may have some.
import { MOUNT_PATH } from './endpoint.ts';
import { jwtSchema, kubernetesSchema } from './backend-method.ts';
import { BACKEND_LABEL, CONFIRM_DELETE_ANNOTATION, type Resource } from './kinds.ts';
import {
  adoption,
  deletionPolicy,
  driftPolicy,
  managementPolicy,
  immutableReference,
  driftSchema,
  warningsSchema,
} from './common-fields.ts';
import {
  choice,
  durationText,
  flag,
  integer,
  labelName,
  list,
  optional,
  type Rule,
  type ValueOf,
  struct,
  text,
  objectName,
  timeText,
} from './schema.ts';
import { autoRolesSchema, defaultsSchema, tenancySchema } from './backend-tenancy.ts';
import { conditionsSchema, type ConditionUpdateOf } from './condition.ts';

/** Ordered from the most lenient to the strictest. */
export const ADMISSION_MODES = ['Disabled', 'Warn', 'Enforce'] as const;
export type AdmissionMode = (typeof ADMISSION_MODES)[number];

const IMMUTABLE: readonly Rule[] = [{ rule: 'self == oldSelf', message: 'is immutable; create a new object instead' }];

/** A lease TTL of a mount; Vault resets it to the server's default at 0s. */
const lease = (description: string) => optional(durationText(description));

const mount = struct(
  {
    create: flag(
      'Enable the auth method when the mount is missing, which requires sudo on sys/auth/PATH. When false, the mount must exist.',
      { default: true },
    ),
    description: optional(text('Description of the mount in Vault.', { max: 256 })),
    tune: struct(
      {
        defaultLeaseTTL: lease('Default token TTL of the mount. 0s resets it to the default of the server.'),
        maxLeaseTTL: lease('Maximum token TTL of the mount. 0s resets it to the default of the server.'),
        listingVisibility: optional(choice(['hidden', 'unauth'], 'Visibility of the mount in unauthenticated listings.')),
        tokenType: optional(
          choice(['default-service', 'default-batch', 'service', 'batch'], 'Token type of roles whose token type is "default".'),
        ),
      },
      'Tuning of the mount; a field that is left out is not changed in Vault.',
      { filled: true },
    ),
  },
  'The auth mount.',
  { filled: true },
);

const aliasMetadata = struct(
  {
    fromAnnotations: flag(
      'Let Vault copy the alias-metadata-KEY annotations (under its own prefix) of service accounts into the metadata of entity aliases. Only Vault supports this.',
      { default: false },
    ),
    allowedKeys: list(
      text('A metadata key.', { min: 1, max: 63, pattern: '^[A-Za-z0-9._-]+$' }),
      'Keys that annotations may set.',
      {
        max: 64,
        merge: 'set',
        default: [],
      },
    ),
  },
  'Alias metadata from annotations: anyone who can edit a service account controls its values.',
  { filled: true },
);

const RULES: readonly Rule[] = [
  {
    rule: "has(self.kubernetes) == (self.type == 'kubernetes')",
    message: 'is required for type kubernetes, and forbidden for other types',
    fieldPath: '.kubernetes',
  },
  {
    rule: "has(self.jwt) == (self.type == 'jwt')",
    message: 'is required for type jwt, and forbidden for other types',
    fieldPath: '.jwt',
  },
  {
    rule: "!has(self.kubernetes) || self.kubernetes.reviewer.mode != 'ClientJWT' || !has(self.defaults.audience)",
    message: "must not be set with reviewer mode ClientJWT: the token must have the API server's audience",
    fieldPath: '.defaults.audience',
  },
  {
    rule: "!self.aliasMetadata.fromAnnotations || (self.type == 'kubernetes' && self.kubernetes.reviewer.mode != 'ClientJWT')",
    message: 'requires type kubernetes and a reviewer mode other than ClientJWT',
    fieldPath: '.aliasMetadata.fromAnnotations',
  },
  {
    rule: 'duration(self.defaults.token.ttl) <= duration(self.tenancy.limits.maxTTL)',
    message: 'must not be longer than tenancy.limits.maxTTL',
    fieldPath: '.defaults.token.ttl',
  },
  {
    rule: 'self.defaults.tokenExpirationSeconds >= self.tenancy.limits.minTokenExpirationSeconds',
    message: 'must not be less than tenancy.limits.minTokenExpirationSeconds',
    fieldPath: '.defaults.tokenExpirationSeconds',
  },
];

export const backendSpecSchema = struct(
  {
    endpointRef: immutableReference('VaultEndpoint of the server with this mount.'),
    type: choice(
      ['kubernetes', 'jwt'],
      'Type of the auth method. kubernetes: Vault sends a token review to the API server for each login. jwt: Vault verifies the signature itself, so the token of a deleted pod can log in until it expires.',
      { rules: IMMUTABLE },
    ),
    path: text('Path of the auth mount, without "auth/".', {
      min: 1,
      max: 256,
      pattern: MOUNT_PATH,
      rules: [
        ...IMMUTABLE,
        { rule: "self != 'auth' && !self.startsWith('auth/')", message: 'must not start with auth/, which is added' },
      ],
    }),
    clusterName: labelName('Name of this cluster; the prefix of its role names in Vault, so that clusters cannot collide.', {
      rules: IMMUTABLE,
    }),
    isDefault: flag(`Use this backend for roles without backendRef in namespaces without the label ${BACKEND_LABEL}.`, {
      default: false,
    }),
    managementPolicy: managementPolicy(
      'Manage: write to Vault. Observe: never write the mount, its configuration or its roles, and report the drift in .status.',
    ),
    mount,
    kubernetes: optional(kubernetesSchema),
    jwt: optional(jwtSchema),
    defaults: defaultsSchema,
    aliasMetadata,
    tenancy: tenancySchema,
    autoRoles: autoRolesSchema,
    admission: struct(
      {
        mode: choice(
          ADMISSION_MODES,
          'What the webhook does with a pod whose role cannot work. Disabled: nothing. Warn: admit with a warning. Enforce: deny.',
          {
            default: 'Warn',
          },
        ),
      },
      'Admission of pods that use roles of this backend.',
      { filled: true },
    ),
    rbac: struct(
      {
        manageAuthDelegator: flag(
          'Manage the ClusterRoleBinding to system:auth-delegator with which the reviewer may create token reviews.',
          { default: false },
        ),
      },
      'RBAC that the controller manages for this backend.',
      { filled: true },
    ),
    probe: struct(
      {
        enabled: flag(
          "Periodically log in with the controller's own service account, to verify mount, reviewer and keys end to end.",
          {
            default: true,
          },
        ),
        intervalSeconds: integer('Interval between login probes.', { min: 10, max: 86400, default: 600 }),
        timeoutSeconds: integer('Timeout of a login probe.', { min: 1, max: 60, default: 10 }),
      },
      'Login probe.',
      { filled: true },
    ),
    adoption: adoption(),
    driftPolicy: driftPolicy(),
    deletionPolicy: deletionPolicy(
      'Retain',
      `What happens to the mount when this object is deleted. Retain: keep it. Delete: disable it, which revokes all its tokens, and requires the annotation ${CONFIRM_DELETE_ANNOTATION} with the path as value.`,
    ),
    resyncSeconds: integer(
      "Resync interval in seconds. Roles are resynced less often when they would need more than half of the endpoint's requestsPerSecond.",
      { min: 60, max: 86400, default: 300 },
    ),
  },
  'Desired state of the auth mount.',
  { rules: RULES },
);

export type VaultAuthBackendSpec = ValueOf<typeof backendSpecSchema>;
export type VaultAuthBackend = Resource<VaultAuthBackendSpec, VaultAuthBackendStatus>;

/** The fields of a backend's spec that decide the audience of its tokens. */
type AudienceFields = Pick<VaultAuthBackendSpec, 'kubernetes' | 'defaults' | 'clusterName' | 'path'>;

/**
 * The audience that a token must have unless its role has another. Empty for the reviewer mode ClientJWT, which needs the API
 * server's own audience.
 */
export function defaultAudience({ spec }: { readonly spec: AudienceFields }): string {
  return isClientJWT(spec) ? '' : (spec.defaults.audience ?? `vault://${spec.clusterName}/${spec.path}`);
}

/** Whether the token that logs in also makes the token review, and therefore must have the API server's audience. */
export function isClientJWT({ kubernetes }: Pick<VaultAuthBackendSpec, 'kubernetes'>): boolean {
  return kubernetes?.reviewer.mode === 'ClientJWT';
}

// The status of a VaultAuthBackend: what the controller saw of the mount, the reviewer, the keys and the roles.

const LARGEST = Number.MAX_SAFE_INTEGER;
/** Orphaned roles that a status can list; a metric counts more of them. */
export const MAX_PENDING_DELETIONS = 2000;

const pendingDeletion = struct(
  {
    roleName: text('Name of the role in Vault.', { min: 1, max: 512 }),
    namespace: labelName('Namespace of the deleted VaultAuthRole.'),
    name: objectName('Name of the deleted VaultAuthRole.'),
    clusterID: optional(text('Cluster ID of the Vault server; the role is deleted in no other cluster.', { max: 128 })),
    vaultNamespace: optional(text('Vault namespace of the role; the role is deleted in no other namespace.', { max: 256 })),
    since: timeText('When the deletion became pending.'),
    reason: text('Why the last attempt failed.', { max: 256 }),
  },
  'A role in Vault that the controller still has to delete.',
);
export type PendingDeletion = ValueOf<typeof pendingDeletion>;

const count = (description: string) => integer(description, { min: 0, max: LARGEST });

export const backendStatusSchema = struct(
  {
    observedGeneration: optional(count('Generation of the spec that this status describes.')),
    conditions: optional(conditionsSchema),
    mount: optional(
      struct(
        {
          path: text('Path of the mount, without "auth/".', { max: 256 }),
          type: optional(text('Type of the mount.', { max: 64 })),
          accessor: optional(text('Accessor of the mount; it changes when the mount is recreated.', { max: 128 })),
          owned: flag('Whether this object created or adopted the mount.'),
          clusterID: optional(text('Cluster ID of the Vault server.', { max: 128 })),
        },
        'Observed mount.',
      ),
    ),
    issuer: optional(text('Discovered issuer of this cluster.', { max: 512 })),
    audience: optional(
      text('Audience that a token must have unless its role sets another; empty for the audience of the API server.', {
        max: 256,
      }),
    ),
    configHash: optional(text('SHA-256 of the last written configuration, including secrets.', { max: 64 })),
    tuneHash: optional(text('SHA-256 of the last written tuning of the mount.', { max: 64 })),
    reviewer: optional(
      struct(
        {
          mode: text('Reviewer mode.', { max: 32 }),
          serviceAccount: optional(text('Service account whose token is used, as NAMESPACE/NAME.', { max: 320 })),
          issuedAt: optional(timeText('When the token was issued.')),
          expiresAt: optional(timeText('When the token expires; absent for a token without expiry.')),
          tokenHash: optional(text('Prefix of the SHA-256 of the token.', { max: 64 })),
          keyID: optional(text('ID of the signing key (kid), if the token has one.', { max: 256 })),
          lastWritten: optional(timeText('When the token was written to Vault.')),
          secretVersion: optional(text('resourceVersion of the Secret that holds the token.', { max: 64 })),
        },
        'Observed token reviewer.',
      ),
    ),
    keys: optional(
      struct(
        {
          kids: list(text('A key ID.', { max: 256 }), 'IDs of the public keys (kid) that Vault has.', { max: 32, merge: 'set' }),
          keysHash: optional(text('SHA-256 of the public keys.', { max: 64 })),
          lastSync: optional(timeText('When the keys were last read from the API server.')),
        },
        'Observed signing keys of this cluster.',
      ),
    ),
    lastProbe: optional(
      struct(
        {
          time: timeText('Time of the probe.'),
          result: choice(['Succeeded', 'Denied', 'Failed'], 'Result of the probe.'),
          message: optional(text('Message from Vault.', { max: 1024 })),
        },
        'Last login probe.',
      ),
    ),
    roles: optional(
      struct(
        {
          total: count('Number of roles.'),
          ready: count('Number of ready roles.'),
          refused: optional(count('Number of roles that the backend does not accept, for example beyond the quota.')),
        },
        'Roles of this backend.',
      ),
    ),
    pendingDeletions: optional(
      list(
        pendingDeletion,
        'Roles that are still in Vault after the deletion of their VaultAuthRole; the controller retries their deletion.',
        {
          max: MAX_PENDING_DELETIONS,
          merge: { keys: ['roleName'] },
        },
      ),
    ),
    drift: optional(driftSchema()),
    warnings: optional(warningsSchema()),
    lastSyncTime: optional(timeText('When the object was last compared with Vault.')),
  },
  'Observed state.',
);
export type VaultAuthBackendStatus = ValueOf<typeof backendStatusSchema>;

/** Condition types of a backend and their reasons. */
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
