// VaultEndpoint: where a Vault or OpenBao server is, how to trust it, and how the controller logs in.
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
  text(`The path of the auth mount to log in at, without "auth/".`, { min: 1, max: 256, pattern: MOUNT_PATH, default: value });
const authRole = () => text('The role to log in as.', { min: 1, max: 256 });

const tokenLogin = (mount: string, description: string) =>
  struct(
    {
      mount: authMount(mount),
      role: authRole(),
      serviceAccountName: optional(
        objectName("The service account in the controller's namespace to log in with; the controller's own when left out."),
      ),
      audience: optional(text("The audience of its token; the API server's own when left out.", { min: 1, max: 256 })),
      expirationSeconds: integer('The life of its token.', { min: 600, max: 86400, default: 600 }),
    },
    description,
  );

const auth = struct(
  {
    kubernetes: optional(tokenLogin('kubernetes', 'Log in with a token of a service account, at a mount of type kubernetes.')),
    jwt: optional(tokenLogin('jwt', 'Log in with a token of a service account, at a mount of type jwt.')),
    appRole: optional(
      struct(
        {
          mount: authMount('approle'),
          roleId: text('The role ID.', { min: 1, max: 256 }),
          secretIdRef: secretKey("A Secret in the controller's namespace that holds the secret ID.", 'secret-id'),
        },
        'Log in by AppRole.',
      ),
    ),
    cert: optional(
      struct({ mount: authMount('cert'), role: optional(authRole()) }, 'Log in with the client certificate of tls.clientCert.'),
    ),
    token: optional(
      struct(
        { secretRef: secretKey("A Secret in the controller's namespace that holds the token.", 'token') },
        'Use a token as it is. For development and for a first installation: nobody renews it for ever.',
      ),
    ),
  },
  'How the controller logs in: exactly one of these.',
  {
    rules: [
      {
        rule: '[has(self.kubernetes), has(self.jwt), has(self.appRole), has(self.cert), has(self.token)].exists_one(given, given)',
        message: 'give exactly one of kubernetes, jwt, appRole, cert and token',
      },
    ],
  },
);

const tls = struct(
  {
    serverName: optional(
      text('The name to expect in its certificate, when it is not the host of the address.', { min: 1, max: 253 }),
    ),
    ca: optional(caSource('Whom to trust; what the system trusts when left out.')),
    clientCert: optional(
      struct(
        {
          secretRef: struct(
            { name: objectName('The name of the Secret.') },
            "A kubernetes.io/tls Secret in the controller's namespace.",
          ),
        },
        'A certificate to show to the server.',
      ),
    ),
  },
  'How the server is trusted.',
  { filled: true },
);

const limits = struct(
  {
    requestsPerSecond: integer('Requests a second in the long run.', { min: 1, max: 1000, default: 10 }),
    burst: integer('Requests at once after a quiet time.', { min: 1, max: 1000, default: 20 }),
    maxInFlight: integer('Requests that wait for their answers at the same time.', { min: 1, max: 1000, default: 4 }),
    timeoutSeconds: integer('How long to wait for an answer.', { min: 1, max: 1000, default: 15 }),
  },
  'How much the controller asks of the server.',
  { filled: true },
);

export const endpointSpecSchema = struct(
  {
    address: address('The URL of the server, such as https://vault.example.org:8200.'),
    allowPlainHTTP: flag('Allow an address without TLS. For development alone.', { default: false }),
    product: choice(['Auto', 'Vault', 'OpenBao'], 'Which product it is. Auto: found out from its answers.', { default: 'Auto' }),
    namespace: text('The namespace in the server, without slash at either end; the root namespace when empty.', {
      max: 256,
      pattern: VAULT_NAMESPACE,
      default: '',
      // The default is always there, so that this holds from the first write on. The address may change, as when a server
      // moves: the identity of its cluster tells a move from another server, and nothing tells namespaces apart.
      rules: [
        {
          rule: 'self == oldSelf',
          message: 'cannot be changed, since what was made in the old one would stay there; make a new object',
        },
      ],
    }),
    managementPolicy: managementPolicy(
      'Observe: nothing is written through this endpoint, whatever its backends, policies and roles say.',
    ),
    tls,
    auth,
    limits,
    workloadAddress: optional(address('The URL that injected pods use, when it is another than the address.')),
    workloadCA: optional(caSource('Whom injected pods trust, when it is not whom the controller trusts.')),
  },
  'Where the server is, how it is trusted, and how the controller logs in.',
  {
    rules: [
      {
        rule: "self.allowPlainHTTP || self.address.startsWith('https://')",
        message: 'must begin with https://, or allowPlainHTTP must be true',
        fieldPath: '.address',
      },
      {
        rule: "self.allowPlainHTTP || !has(self.workloadAddress) || self.workloadAddress.startsWith('https://')",
        message: 'must begin with https://, or allowPlainHTTP must be true',
        fieldPath: '.workloadAddress',
      },
      {
        rule: '!has(self.auth.cert) || has(self.tls.clientCert)',
        message: 'auth.cert needs tls.clientCert',
        fieldPath: '.auth.cert',
      },
    ],
  },
);

export const endpointStatusSchema = struct(
  {
    observedGeneration: optional(integer('The generation that this status speaks of.', { min: 0, max: Number.MAX_SAFE_INTEGER })),
    conditions: optional(conditionsSchema),
    product: optional(choice(['Vault', 'OpenBao'], 'Which product answers.')),
    version: optional(text('Its version.', { max: 64 })),
    clusterID: optional(text('The identity of its cluster; nothing is ever deleted in another.', { max: 128 })),
    sealed: optional(flag('Whether it is sealed.')),
    tokenExpiresAt: optional(timeText("When the controller's token ends unless it is renewed.")),
    capabilities: optional(
      list(text('A capability.', { max: 64 }), 'What this server was seen to be able to do.', { max: 32, merge: 'set' }),
    ),
    workloadCA: optional(
      text('Whom injected pods are told to trust where a Secret or ConfigMap says it, as PEM text: the certificates alone.', {
        max: MAX_PEM_LENGTH,
      }),
    ),
    lastContactTime: optional(timeText('When it answered last.')),
  },
  'What the controller last saw.',
);

export type VaultEndpointSpec = ValueOf<typeof endpointSpecSchema>;
export type VaultEndpointStatus = ValueOf<typeof endpointStatusSchema>;
export type VaultEndpoint = Resource<VaultEndpointSpec, VaultEndpointStatus>;

/** Condition types of an endpoint and the reasons that each can have. */
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
