// VaultEndpoint: a Vault or OpenBao server, how to verify it, and how the controller logs in. Spec, status, condition reasons.
import { conditionsSchema, type ConditionUpdateOf } from './condition.ts';
import { managementPolicy, caSource, MAX_PEM_LENGTH, secretKey } from './common-fields.ts';
import type { Resource } from './kinds.ts';
import { choice, flag, integer, list, objectName, optional, type ValueOf, struct, text, timeText } from './schema.ts';

/** A path of a mount without "auth/": segments of lower-case letters, digits, dots, dashes and underscores. */
export const MOUNT_PATH = '^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*$';
const VAULT_NAMESPACE = '^([A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)?$';

const address = (description: string) =>
  text(description, { min: 8, max: 512, pattern: '^https?://[A-Za-z0-9._~:@%/\\[\\]-]+$' });

const authMount = (value: string) =>
  text(`Path of the auth mount to log in at, without "auth/".`, { min: 1, max: 256, pattern: MOUNT_PATH, default: value });
const authRole = () => text('Vault role to log in with.', { min: 1, max: 256 });

const tokenLogin = (mount: string, description: string) =>
  struct(
    {
      mount: authMount(mount),
      role: authRole(),
      serviceAccountName: optional(
        objectName("Service account in the controller's namespace to log in with. Defaults to the controller's own."),
      ),
      audience: optional(text('Audience of its token. Defaults to the audience of the API server.', { min: 1, max: 256 })),
      expirationSeconds: integer('Requested lifetime of its token.', { min: 600, max: 86400, default: 600 }),
    },
    description,
  );

const auth = struct(
  {
    kubernetes: optional(tokenLogin('kubernetes', 'Log in with a service account token at an auth mount of type kubernetes.')),
    jwt: optional(tokenLogin('jwt', 'Log in with a service account token at an auth mount of type jwt.')),
    appRole: optional(
      struct(
        {
          mount: authMount('approle'),
          roleId: text('Role ID.', { min: 1, max: 256 }),
          secretIdRef: secretKey("Secret in the controller's namespace that holds the secret ID.", 'secret-id'),
        },
        'Log in with AppRole.',
      ),
    ),
    cert: optional(
      struct({ mount: authMount('cert'), role: optional(authRole()) }, 'Log in with the client certificate of tls.clientCert.'),
    ),
    token: optional(
      struct(
        { secretRef: secretKey("Secret in the controller's namespace that holds the token.", 'token') },
        'Use a token as it is, for development and bootstrap: it stops working at its maximum TTL.',
      ),
    ),
  },
  'Auth method with which the controller logs in: exactly one.',
  {
    rules: [
      {
        rule: '[has(self.kubernetes), has(self.jwt), has(self.appRole), has(self.cert), has(self.token)].exists_one(given, given)',
        message: 'exactly one of kubernetes, jwt, appRole, cert and token must be set',
      },
    ],
  },
);

const tls = struct(
  {
    serverName: optional(
      text('Server name to verify in its certificate (SNI). Defaults to the host of the address.', { min: 1, max: 253 }),
    ),
    ca: optional(caSource('CA certificates to verify the server with. Defaults to those of the operating system.')),
    clientCert: optional(
      struct(
        {
          secretRef: struct(
            { name: objectName('Name of the Secret.') },
            "Secret of type kubernetes.io/tls in the controller's namespace.",
          ),
        },
        'Client certificate for mutual TLS.',
      ),
    ),
  },
  'TLS settings of the connection.',
  { filled: true },
);

const limits = struct(
  {
    requestsPerSecond: integer('Sustained requests per second.', { min: 1, max: 1000, default: 10 }),
    burst: integer('Burst of requests above the sustained rate.', { min: 1, max: 1000, default: 20 }),
    maxInFlight: integer('Maximum number of concurrent requests.', { min: 1, max: 1000, default: 4 }),
    timeoutSeconds: integer('Timeout of a request.', { min: 1, max: 1000, default: 15 }),
  },
  'Client-side limits of the controller for this server.',
  { filled: true },
);

export const endpointSpecSchema = struct(
  {
    address: address('URL of the server, such as https://vault.example.org:8200.'),
    allowPlainHTTP: flag('Allow an http:// address, for development only.', { default: false }),
    product: choice(['Auto', 'Vault', 'OpenBao'], 'Product of the server. Auto: detect it.', { default: 'Auto' }),
    namespace: text('Vault namespace, without leading or trailing slash; empty for the root namespace.', {
      max: 256,
      pattern: VAULT_NAMESPACE,
      default: '',
      // Immutable also when it was left out, because the default is always stored. The address may change, as when a server
      // moves: its cluster ID shows that it is the same server. Namespaces have no such ID.
      rules: [
        {
          rule: 'self == oldSelf',
          message: 'is immutable, because objects in the old namespace would be orphaned; create a new VaultEndpoint instead',
        },
      ],
    }),
    managementPolicy: managementPolicy(
      'Manage: write to Vault. Observe: never write to this server, regardless of the managementPolicy of its backends, policies and roles.',
    ),
    tls,
    auth,
    limits,
    workloadAddress: optional(address('URL that injected pods use. Defaults to the address.')),
    workloadCA: optional(caSource('CA certificates with which injected pods verify the server. Defaults to tls.ca.')),
  },
  'Desired state of the connection to the server.',
  {
    rules: [
      {
        rule: "self.allowPlainHTTP || self.address.startsWith('https://')",
        message: 'must start with https:// unless allowPlainHTTP is true',
        fieldPath: '.address',
      },
      {
        rule: "self.allowPlainHTTP || !has(self.workloadAddress) || self.workloadAddress.startsWith('https://')",
        message: 'must start with https:// unless allowPlainHTTP is true',
        fieldPath: '.workloadAddress',
      },
      {
        rule: '!has(self.auth.cert) || has(self.tls.clientCert)',
        message: 'requires tls.clientCert',
        fieldPath: '.auth.cert',
      },
    ],
  },
);

export const endpointStatusSchema = struct(
  {
    observedGeneration: optional(
      integer('Generation of the spec that this status describes.', { min: 0, max: Number.MAX_SAFE_INTEGER }),
    ),
    conditions: optional(conditionsSchema),
    product: optional(choice(['Vault', 'OpenBao'], 'Detected product.')),
    version: optional(text('Version of the server.', { max: 64 })),
    clusterID: optional(text('Cluster ID of the server; the controller never deletes objects in another cluster.', { max: 128 })),
    sealed: optional(flag('Whether the server is sealed.')),
    tokenExpiresAt: optional(timeText("When the controller's token expires unless it is renewed.")),
    capabilities: optional(
      list(text('A capability.', { max: 64 }), 'Detected capabilities of the server.', { max: 32, merge: 'set' }),
    ),
    rollouts: optional(
      flag('Whether the controller restarts workloads after changes of their secrets (-rollouts), published for the webhook.'),
    ),
    workloadCA: optional(
      text(
        'CA certificates (PEM) for injected pods, read from the referenced Secret or ConfigMap and published for the webhook.',
        {
          max: MAX_PEM_LENGTH,
        },
      ),
    ),
    lastContactTime: optional(timeText('When the server last responded.')),
  },
  'Observed state.',
);

export type VaultEndpointSpec = ValueOf<typeof endpointSpecSchema>;
export type VaultEndpointStatus = ValueOf<typeof endpointStatusSchema>;
export type VaultEndpoint = Resource<VaultEndpointSpec, VaultEndpointStatus>;

/** Condition types of an endpoint and their reasons. */
export const endpointReasons = {
  Reachable: [
    'Connected',
    'DNSFailed',
    'TLSFailed',
    'ConnectionFailed',
    'Timeout',
    'Sealed',
    'Uninitialized',
    'Standby',
    'RateLimited',
    'ServerError',
    'CAMissing',
  ],
  Authenticated: ['LoggedIn', 'LoginDenied', 'CredentialMissing', 'TokenExpiring', 'NamespaceMissing', 'NotReached'],
  Supported: ['Detected', 'ProductMismatch', 'NamespacesUnsupported', 'NotReached'],
  Authorized: ['Sufficient', 'RightsMissing', 'NotChecked'],
  Deletable: ['Unused', 'InUse'],
} as const;
export type EndpointConditionUpdate = ConditionUpdateOf<typeof endpointReasons>;
