// VaultAuthBackend: one auth mount for one cluster: the mount, its configuration, the defaults of its roles, and who may have some.
import { MOUNT_PATH } from './endpoint.ts';
import { jwtSchema, kubernetesSchema } from './backend-method.ts';
import { CONFIRM_DELETE_ANNOTATION, type Resource } from './kinds.ts';
import {
  adoption,
  deletionPolicy,
  driftPolicy,
  managementPolicy,
  fixedReference,
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

/** From the most lenient to the strictest. */
export const ADMISSION_MODES = ['Off', 'Warn', 'Enforce'] as const;
export type AdmissionMode = (typeof ADMISSION_MODES)[number];

const FIXED: readonly Rule[] = [{ rule: 'self == oldSelf', message: 'cannot be changed; make a new object' }];

/** The longest lease that a mount can be tuned to here; 0s resets it to what the server says. */
const lease = (description: string) => optional(durationText(description));

const mount = struct(
  {
    create: flag('Make the mount when it is missing, which needs sudo on sys/auth/PATH. Else it must exist.', { default: true }),
    description: optional(text('Its description in Vault.', { max: 256 })),
    tune: struct(
      {
        defaultLeaseTTL: lease('The life of tokens that nothing else says.'),
        maxLeaseTTL: lease('The longest life of tokens.'),
        listingVisibility: optional(choice(['hidden', 'unauth'], 'Whether the mount is listed to those who have not logged in.')),
        tokenType: optional(
          choice(['default-service', 'default-batch', 'service', 'batch'], 'The type of tokens whose role says default.'),
        ),
      },
      'How the mount is tuned; what is left out is left as it is.',
      { filled: true },
    ),
  },
  'The mount itself.',
  { filled: true },
);

const aliasMetadata = struct(
  {
    fromAnnotations: flag(
      'Vault copies annotations alias-metadata-KEY (under its own prefix) of service accounts into the metadata of identities. Vault alone.',
      { default: false },
    ),
    allowedKeys: list(text('A key.', { min: 1, max: 63, pattern: '^[A-Za-z0-9._-]+$' }), 'The keys that may be set so.', {
      max: 64,
      merge: 'set',
      default: [],
    }),
  },
  'Metadata of identities that comes from annotations. Whoever may edit a service account sets it.',
  { filled: true },
);

const RULES: readonly Rule[] = [
  {
    rule: "has(self.kubernetes) == (self.type == 'kubernetes')",
    message: 'type kubernetes needs kubernetes; another type has none',
    fieldPath: '.kubernetes',
  },
  { rule: "has(self.jwt) == (self.type == 'jwt')", message: 'type jwt needs jwt; another type has none', fieldPath: '.jwt' },
  {
    rule: "!has(self.kubernetes) || self.kubernetes.reviewer.mode != 'ClientJWT' || !has(self.defaults.audience)",
    message: "must not be set for the reviewer mode ClientJWT: the token must have the API server's audience",
    fieldPath: '.defaults.audience',
  },
  {
    rule: "!self.aliasMetadata.fromAnnotations || (self.type == 'kubernetes' && self.kubernetes.reviewer.mode != 'ClientJWT')",
    message: 'needs type kubernetes, and a reviewer that is not the client',
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
    endpointRef: fixedReference('The VaultEndpoint that has it.'),
    type: choice(
      ['kubernetes', 'jwt'],
      'kubernetes: Vault asks the API server about each token. jwt: Vault checks signatures by itself; a deleted pod can log in until its token ends.',
      { rules: FIXED },
    ),
    path: text('The path of the mount, without "auth/".', {
      min: 1,
      max: 256,
      pattern: MOUNT_PATH,
      rules: [
        ...FIXED,
        { rule: "self != 'auth' && !self.startsWith('auth/')", message: 'must not begin with auth/, which is added' },
      ],
    }),
    clusterName: labelName(
      'The name of this cluster; begins the names of its roles in Vault, so that clusters cannot mix them up.',
      {
        rules: FIXED,
      },
    ),
    isDefault: flag('Roles that name no backend, in namespaces that name none, belong to this one.', { default: false }),
    managementPolicy: managementPolicy(
      'Observe: never write the mount, its configuration or its roles; say in the status what would be written.',
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
        mode: choice(ADMISSION_MODES, 'What the webhook does with a pod whose role cannot work: nothing, warn, or refuse it.', {
          default: 'Warn',
        }),
      },
      'What the webhook does with what it knows of roles.',
      { filled: true },
    ),
    rbac: struct(
      { manageAuthDelegator: flag('Keep the ClusterRoleBinding that lets the reviewer review tokens.', { default: false }) },
      'Rights in Kubernetes.',
      { filled: true },
    ),
    probe: struct(
      {
        enabled: flag(
          "Log in again and again with the controller's own service account, as proof that everything works together.",
          {
            default: true,
          },
        ),
        intervalSeconds: integer('How often.', { min: 10, max: 86400, default: 600 }),
        timeoutSeconds: integer('How long an answer may take.', { min: 1, max: 60, default: 10 }),
      },
      'The proof by a login.',
      { filled: true },
    ),
    adoption: adoption(),
    driftPolicy: driftPolicy(),
    deletionPolicy: deletionPolicy(
      'Retain',
      `What becomes of the mount when this object is deleted. Delete disables it, which revokes all its tokens, and needs the annotation ${CONFIRM_DELETE_ANNOTATION} with the path.`,
    ),
    resyncSeconds: integer(
      "How often everything is held against Vault; roles more seldom where looks at all of them would take more than half of the endpoint's requestsPerSecond.",
      { min: 60, max: 86400, default: 300 },
    ),
  },
  'One auth mount for this cluster.',
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
export type PendingDeletion = ValueOf<typeof pendingDeletion>;

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
export type VaultAuthBackendStatus = ValueOf<typeof backendStatusSchema>;

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
