// VaultAuthBackend: one auth mount for one cluster: the mount, its configuration, the defaults of its roles, and who may have some.
import { audienceOfBackend } from './audience.ts';
import { MOUNT_PATH } from './endpoint.ts';
import { jwtSchema } from './jwt.ts';
import { CONFIRM_DELETE_ANNOTATION } from './kinds.ts';
import { kubernetesSchema } from './kubernetes.ts';
import { adoption, deletionPolicy, driftPolicy, managementPolicy } from './management.ts';
import { fixedReference } from './reference.ts';
import type { Resource } from './resource.ts';
import type { VaultAuthBackendStatus } from './backend-status.ts';
import {
  choice,
  durationText,
  flag,
  integer,
  labelName,
  list,
  optional,
  type Rule,
  type Stored,
  struct,
  text,
} from './schema.ts';
import { autoRolesSchema, defaultsSchema, tenancySchema } from './tenancy-spec.ts';

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
        mode: choice(
          ['Off', 'Warn', 'Enforce'],
          'What the webhook does with a pod whose role cannot work: nothing, warn, or refuse it.',
          { default: 'Warn' },
        ),
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

export type VaultAuthBackendSpec = Stored<typeof backendSpecSchema>;
export type VaultAuthBackend = Resource<VaultAuthBackendSpec, VaultAuthBackendStatus>;

/** The audience that a backend's tokens have: none (the API server's own) where the client's token is also the reviewer's. */
export function defaultAudience({ spec }: VaultAuthBackend): string {
  return audienceOfBackend({ ...spec, isClientJWT: isClientJWT(spec), given: spec.defaults.audience });
}

/** Whether the token that logs in is also the one that asks the API server, and so must have its audience. */
export function isClientJWT(spec: VaultAuthBackendSpec): boolean {
  return spec.kubernetes?.reviewer.mode === 'ClientJWT';
}
