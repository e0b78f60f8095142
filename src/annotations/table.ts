// The table of annotations: one row contains everything about one name. Parser, option types, documentation, spelling suggestions
// and test generators derive from it; the name is the key in kebab case. Meanings are those of vault-k8s 1.7.6.
import {
  containerName,
  decimal,
  duration,
  flag,
  integer,
  jsonPatch,
  nameList,
  oneOf,
  program,
  quantity,
  seconds,
  text,
  tokenLifetime,
  int32,
  volumeSize,
  yamlList,
  writtenJson,
  type ValueKind,
} from './value-kinds.ts';

/** Objects with annotations; a later layer overrides an earlier one. Settings and built-in defaults come before all of them. */
export const ANNOTATION_LAYERS = ['namespace', 'serviceaccount', 'pod'] as const;
export type AnnotationLayer = (typeof ANNOTATION_LAYERS)[number];

/** One option: the meaning of its annotation, and where the annotation may stand. */
export interface Row<T> {
  readonly kind: ValueKind<T>;
  readonly sentence: string;
  readonly example: string;
  /** The value if no layer sets one; without a default the option is undefined. */
  readonly default?: T;
  /** An empty text counts as absent, with or without a warning; otherwise it is a value (Q43). */
  readonly empty?: 'unset' | 'unset-warn';
  /** Only on the pod itself. */
  readonly podOnly?: true;
  /** Only on the namespace: pod authors must not be able to set it. */
  readonly namespaceOnly?: true;
  /** It can redirect the token or change what runs; `webhook` denies it unless the operator or the namespace allows it. */
  readonly guarded?: true;
  /** Not an annotation of vault-k8s: it exists under our own prefix only. */
  readonly own?: true;
  /** Why it is deprecated and what replaces it, as a sentence. */
  readonly deprecated?: string;
}

/** A family is one annotation per NAME, the text after the family's name and a dash. */
export interface FamilyRow<T> extends Row<T> {
  readonly name: string;
}

type Details<T> = Omit<Row<T>, 'kind' | 'sentence' | 'example'>;

/** Keeps the details in the type of the row, so that an option with a default is never undefined. */
const row = <T, const Given extends Details<T> = {}>(
  kind: ValueKind<T>,
  sentence: string,
  example: string,
  details?: Given,
): Row<T> & Given => ({ kind, sentence, example, ...details }) as Row<T> & Given;

const MODES = ['agent', 'token'] as const;
export const PROFILES = ['compat', 'native'] as const;
export const FLAVOURS = ['vault', 'openbao'] as const;
export const DEFAULT_TEMPLATES = ['map', 'json'] as const;
export const FORMATS = ['map', 'json', 'kv2', 'dotenv', 'shell', 'docker', 'properties', 'yaml'] as const;
/** The program of an agent image that the startup probe runs. */
export const PROBES = ['auto', 'shell', 'ls', 'binary'] as const;
/** What happens to the app when a secret of it changes. */
export const ON_CHANGE = ['none', 'signal', 'restart', 'rollout'] as const;
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'] as const;

export const table = {
  // Switches and placement
  agentInject: row(flag, 'Request injection, or opt out with false.', 'true', { podOnly: true }),
  agentInjectStatus: row(
    text,
    'Set to "injected" by the webhook. A pod with this value that has its agent is not changed again.',
    'injected',
    { podOnly: true },
  ),
  agentRequestNamespace: row(text, 'Accepted and ignored: the namespace of the request is used.', 'shop', {
    podOnly: true,
    empty: 'unset-warn',
  }),
  agentImage: row(text, 'Image of the agent containers.', 'hashicorp/vault:2.2.2', { guarded: true, empty: 'unset-warn' }),
  agentBinary: row(
    program,
    'Program of the agent in its image: a name in PATH or an absolute path; default: that of the flavour, vault or bao.',
    '/usr/local/bin/vault',
    { guarded: true, empty: 'unset' },
  ),
  agentInitFirst: row(
    flag,
    'Put the agent before (true) or after (false) all other init containers. Default: after them in profile compat; before them in native, but after the proxy of a mesh.',
    'true',
    { default: false },
  ),
  agentPrePopulate: row(flag, 'Run an init container that renders the secrets before the app starts.', 'true', { default: true }),
  agentPrePopulateOnly: row(flag, 'Run only the init container, no sidecar.', 'true', { default: false }),
  agentInjectContainers: row(nameList, 'App containers that get the secrets; default: all.', 'web,worker'),
  agentCopyVolumeMounts: row(
    text,
    'Container whose volume mounts the agent gets too, except service account tokens. Variables of a subPathExpr come along.',
    'web',
    {
      default: '',
    },
  ),
  agentShareProcessNamespace: row(flag, 'Share the process namespace of the pod, so that a command can signal the app.', 'true'),

  // Secrets and templates
  secretVolumePath: row(text, 'Directory of the rendered secrets.', '/vault/secrets', { default: '/vault/secrets' }),
  preserveSecretCase: row(flag, 'Keep the case of secret names in file names.', 'true', { default: false }),
  agentInjectDefaultTemplate: row(
    oneOf(DEFAULT_TEMPLATES, true),
    'Default template of secrets: "key: value" lines, or JSON.',
    'json',
    { default: 'map' },
  ),
  agentInjectToken: row(flag, 'Also write the Vault token to the file "token" in the secrets directory.', 'true', {
    default: false,
  }),

  // Vault connection and login
  service: row(text, 'Address of Vault.', 'https://vault.example:8200', { guarded: true, empty: 'unset-warn' }),
  role: row(text, 'Vault role to log in with.', 'web', { default: '' }),
  authType: row(text, 'Auth method of the agent.', 'kubernetes', { default: 'kubernetes' }),
  authPath: row(text, 'Mount path of the auth method.', 'auth/kubernetes', { default: 'auth/kubernetes', empty: 'unset-warn' }),
  namespace: row(text, 'Vault namespace of the login.', 'team-a', { default: '' }),
  authMinBackoff: row(duration, 'Minimum back-off after a failed login.', '1s', { default: '' }),
  authMaxBackoff: row(duration, 'Maximum back-off after a failed login.', '5m', { default: '' }),
  agentAutoAuthExitOnErr: row(flag, 'Exit the agent when a login fails.', 'true', { default: false }),
  proxyAddress: row(text, 'HTTP proxy for requests of the agent to Vault.', 'http://proxy.example:3128', {
    default: '',
    guarded: true,
  }),
  tlsSecret: row(text, 'Secret with TLS files, mounted at /vault/tls in the agent container.', 'vault-tls', { default: '' }),
  tlsSkipVerify: row(flag, "Do not verify Vault's certificate.", 'false', { default: false, guarded: true }),
  tlsServerName: row(text, "Server name (SNI) to verify in Vault's certificate.", 'vault.example', { default: '' }),
  caCert: row(text, "File with Vault's CA certificate, in the agent container.", '/vault/tls/ca.crt', { default: '' }),
  caPath: row(text, "Directory with Vault's CA certificates, in the agent container.", '/vault/tls/cas', { default: '' }),
  caKey: row(text, 'Old name of ca-path.', '/vault/tls/cas', {
    default: '',
    deprecated: 'it is a directory of CA certificates, not a key; use ca-path',
  }),
  clientCert: row(text, 'File with the client certificate for Vault, in the agent container.', '/vault/tls/client.crt', {
    default: '',
  }),
  clientKey: row(text, 'File with the key of the client certificate, in the agent container.', '/vault/tls/client.key', {
    default: '',
  }),
  clientMaxRetries: row(text, 'Retries of a request to Vault.', '4', { default: '' }),
  clientTimeout: row(text, 'Timeout of a request to Vault.', '60s', { default: '' }),
  goMaxProcs: row(text, 'Number of CPUs that the agent uses (GOMAXPROCS).', '2', { default: '' }),
  logLevel: row(text, 'Log level of the agent.', 'info', { default: 'info' }),
  logFormat: row(text, 'Log format of the agent.', 'json', { default: 'standard' }),
  agentServiceAccountTokenVolumeName: row(
    text,
    'Projected volume with the service account token for the login; default: the mounted service account token.',
    'vault-token',
    { default: '' },
  ),

  // The agent process
  agentConfigmap: row(
    text,
    'ConfigMap with config.hcl and config-init.hcl that replace the generated configuration.',
    'agent-config',
    { default: '', guarded: true },
  ),
  agentExtraSecret: row(text, 'Secret mounted at /vault/custom in the agent container.', 'agent-extra', { default: '' }),
  agentLimitsCpu: row(quantity, 'CPU limit of an agent container; empty for none.', '500m', { default: '500m' }),
  agentLimitsMem: row(quantity, 'Memory limit of an agent container; empty for none.', '128Mi', { default: '128Mi' }),
  agentLimitsEphemeral: row(quantity, 'Ephemeral-storage limit of an agent container.', '100Mi', { default: '' }),
  agentRequestsCpu: row(quantity, 'CPU request of an agent container; empty for none.', '250m', { default: '250m' }),
  agentRequestsMem: row(quantity, 'Memory request of an agent container; empty for none.', '64Mi', { default: '64Mi' }),
  agentRequestsEphemeral: row(quantity, 'Ephemeral-storage request of an agent container.', '50Mi', { default: '' }),
  agentRevokeOnShutdown: row(flag, 'Revoke the Vault token when the pod stops.', 'true', { default: false }),
  agentRevokeGrace: row(seconds, 'Delay before the token is revoked.', '5', { default: 5 }),
  agentRunAsUser: row(int32, 'User ID of the agent.', '100', { default: 100, empty: 'unset' }),
  agentRunAsGroup: row(int32, 'Group ID of the agent.', '1000', { default: 1000, empty: 'unset' }),
  agentRunAsSameUser: row(flag, 'Run the agent as the user of the first app container.', 'true', { default: false }),
  agentSetSecurityContext: row(flag, 'Give the agent a security context.', 'true', { default: true }),
  agentJsonPatch: row(
    jsonPatch,
    'RFC 6902 patch of the finished sidecar container.',
    '[{"op":"add","path":"/imagePullPolicy","value":"Always"}]',
    { guarded: true },
  ),
  agentInitJsonPatch: row(
    jsonPatch,
    'RFC 6902 patch of the finished init container.',
    '[{"op":"add","path":"/imagePullPolicy","value":"Always"}]',
    { guarded: true },
  ),
  agentEnableQuit: row(flag, 'Serve POST /agent/v1/quit on the listener, so that a Job can stop its agent.', 'true', {
    default: false,
  }),
  agentCacheEnable: row(
    flag,
    'Serve a caching proxy for Vault on the listener. The sidecar takes over the cache of the init container.',
    'true',
    { default: false },
  ),
  agentCacheUseAutoAuthToken: row(text, "Whether the proxy uses the agent's token: true, false or force.", 'true', {
    default: 'true',
  }),
  agentCacheListenerPort: row(text, 'Port of the listener on 127.0.0.1.', '8200', { default: '8200' }),
  agentCacheExitOnErr: row(flag, 'Exit the agent when the persistent cache cannot be restored.', 'true', { default: false }),
  templateConfigExitOnRetryFailure: row(flag, 'Exit the agent when a template still fails after its retries.', 'true', {
    default: true,
  }),
  templateStaticSecretRenderInterval: row(text, 'Interval at which secrets without a lease are rendered again.', '5m', {
    default: '',
  }),
  templateMaxConnectionsPerHost: row(
    integer,
    "Maximum number of connections of the templates to Vault; 0: the agent's default.",
    '10',
    {
      default: 0,
    },
  ),
  templateLeaseRenewalThreshold: row(decimal, 'Fraction of a lease after which a secret is renewed.', '0.75', { default: 0 }),
  agentDisableIdleConnections: row(
    nameList,
    'Agent features that close idle connections: auto-auth, caching, templating.',
    'auto-auth,templating',
    { default: [] },
  ),
  agentDisableKeepAlives: row(nameList, 'Agent features that disable keep-alives: auto-auth, caching, templating.', 'caching', {
    default: [],
  }),

  // Only under our own prefix
  inject: row(oneOf(['enabled', 'disabled']), 'Same as the pod label of this name.', 'enabled', {
    own: true,
    podOnly: true,
  }),
  mode: row(oneOf(MODES), 'Inject an agent, or only a token and variables for an app that logs in itself.', 'token', {
    default: 'agent',
    own: true,
  }),
  profile: row(
    oneOf(PROFILES),
    'Containers to inject: those of vault-k8s, or one native sidecar with its own projected token.',
    'native',
    { default: 'native', own: true },
  ),
  flavour: row(
    oneOf(FLAVOURS),
    'Product of the agent image; it selects the name of the program and of its variables.',
    'openbao',
    { default: 'vault', own: true },
  ),
  format: row(oneOf(FORMATS), 'Format of secrets without a template, [chosen by their reader](#formats).', 'dotenv', {
    own: true,
  }),
  backend: row(
    text,
    'VaultAuthBackend for the login, if neither the VaultAuthRole nor a label of the namespace selects one.',
    'main',
    { own: true, empty: 'unset-warn' },
  ),
  tokenAudience: row(text, 'Audience of the projected token (profile native).', 'vault', {
    default: 'vault',
    own: true,
    empty: 'unset-warn',
  }),
  tokenExpirationSeconds: row(tokenLifetime, 'Lifetime of the projected token in seconds (profile native).', '3600', {
    default: 3600,
    own: true,
  }),
  secrets: row(yamlList, 'All secrets as one list, instead of annotations for each.', '- {name: db, path: kv/data/web}', {
    own: true,
    empty: 'unset-warn',
  }),
  onChange: row(
    oneOf(ON_CHANGE),
    'What happens to the app when a secret changes; rollout: the controller restarts the workload, one pod first.',
    'rollout',
    { default: 'none', own: true },
  ),
  onChangeSecrets: row(
    writtenJson,
    'Set by the webhook for on-change rollout: the paths whose versions the controller reads.',
    '{"endpoint":"main","paths":["kv/data/web"]}',
    { own: true, podOnly: true },
  ),
  skipContainers: row(nameList, 'Containers and init containers that do not get the secrets.', 'proxy,metrics', { own: true }),
  initContainers: row(nameList, 'Init containers that get the secrets; default: all.', 'migrate', { own: true }),
  secretsReadOnly: row(flag, 'Mount the secrets read-only; default: true in profile native, false in compat.', 'true', {
    own: true,
  }),
  volumeSizeLimit: row(
    volumeSize,
    'Size limit of each memory volume with secrets; default: 16Mi in profile native, none in compat.',
    '32Mi',
    { own: true, empty: 'unset-warn' },
  ),
  imagePullPolicy: row(oneOf(PULL_POLICIES), 'Pull policy of the agent image.', 'IfNotPresent', { own: true }),
  containerName: row(containerName, 'Name of the agent container (profile native).', 'vault-agent', {
    default: 'vault-agent',
    own: true,
    empty: 'unset-warn',
  }),
  startupProbe: row(
    oneOf(PROBES),
    "Startup probe that delays the app until its files exist (profile native): shell prints why they are missing, ls works without a shell, binary runs only the agent's program; auto is shell in official images of Vault and OpenBao, and binary in all others.",
    'binary',
    { default: 'auto', own: true },
  ),
  allow: row(
    nameList,
    'Guarded annotations that pods of the namespace may use, by name without prefix; * for all.',
    'service,agent-image',
    {
      own: true,
      namespaceOnly: true,
    },
  ),
  agentConfig: row(text, 'Set by the webhook in profile native: the configuration of the agent.', '{}', {
    own: true,
    podOnly: true,
  }),
  agentInitConfig: row(
    text,
    'Set by the webhook in profile native on clusters without native sidecars: the configuration of the init container.',
    '{}',
    {
      own: true,
      podOnly: true,
    },
  ),
  agentPasswd: row(
    text,
    'Set by the webhook in profile native if templates name owners of files: /etc/passwd of the agent.',
    'vault:x:2000:3000::/home/vault:/sbin/nologin',
    {
      own: true,
      podOnly: true,
    },
  ),
  agentGroup: row(
    text,
    'Set by the webhook in profile native if templates name owners of files: /etc/group of the agent.',
    'vault:x:3000:',
    {
      own: true,
      podOnly: true,
    },
  ),
  agentConfigPatch: row(
    jsonPatch,
    'RFC 6902 patch of the generated configuration (profile native).',
    '[{"op":"add","path":"/disable_mlock","value":true}]',
    { own: true, guarded: true },
  ),
} as const;

export type Table = typeof table;
export type OptionKey = keyof Table;
