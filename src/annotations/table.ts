// The table of annotations: one row contains everything about one name. Parser, option types, documentation, spelling suggestions
// and test generators derive from it; the name is the key in kebab case. Meanings are those of vault-k8s 1.7.6.
import { PROFILES, row } from './row.ts';
import { absolutePath, mountDirectory, mountPath } from './path-kinds.ts';
import {
  agentLogFormat,
  agentLogLevel,
  authMethod,
  autoAuthToken,
  containerList,
  containerName,
  imageName,
  writtenText,
  objectName,
  optional,
  program,
  proxyAddress,
  roleName,
  serverName,
  text,
  vaultAddress,
  vaultNamespace,
  volumeName,
  yamlList,
} from './text-kinds.ts';
import {
  count,
  countText,
  duration,
  flag,
  fraction,
  int32,
  jsonPatch,
  nameList,
  oneOf,
  port,
  quantity,
  seconds,
  tokenLifetime,
  vaultDuration,
  wordList,
} from './value-kinds.ts';

const MODES = ['agent', 'token'] as const;
/** Features of the agent that have connections of their own. */
export const AGENT_FEATURES = ['auto-auth', 'caching', 'proxying', 'templating'] as const;
const COMPAT_ONLY = { only: 'compat', elsewhere: 'denied' } as const;
const NATIVE_ONLY = { only: 'native', elsewhere: 'denied' } as const;
/** What a native sidecar has no use for: it works without the option. */
const COMPAT_EFFECT = { only: 'compat', elsewhere: 'ignored' } as const;
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
    { podOnly: true, anyText: 'any other text means that the pod is not injected yet' },
  ),
  agentRequestNamespace: row(text, 'Accepted and ignored: the namespace of the request is used.', 'shop', {
    podOnly: true,
    empty: 'unset-warn',
    anyText: 'it has no effect',
  }),
  agentImage: row(imageName, 'Image of the agent containers.', 'hashicorp/vault:2.2.2', { guarded: true, empty: 'unset-warn' }),
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
  agentInjectContainers: row(containerList, 'App containers that get the secrets; default: all.', 'web,worker'),
  agentCopyVolumeMounts: row(
    optional(containerName),
    'Container whose volume mounts the agent gets too, except service account tokens. Variables of a subPathExpr come along.',
    'web',
    {
      default: '',
    },
  ),
  agentShareProcessNamespace: row(flag, 'Share the process namespace of the pod, so that a command can signal the app.', 'true'),

  // Secrets and templates
  secretVolumePath: row(mountDirectory, 'Directory of the rendered secrets.', '/vault/secrets', {
    default: '/vault/secrets',
    empty: 'unset-warn',
  }),
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
  service: row(vaultAddress, 'Address of Vault.', 'https://vault.example:8200', { guarded: true, empty: 'unset-warn' }),
  role: row(optional(roleName), 'Vault role to log in with.', 'web', { default: '' }),
  authType: row(authMethod, 'Auth method of the agent.', 'kubernetes', { default: 'kubernetes', empty: 'unset-warn' }),
  authPath: row(mountPath, 'Mount path of the auth method.', 'auth/kubernetes', {
    default: 'auth/kubernetes',
    empty: 'unset-warn',
  }),
  namespace: row(vaultNamespace, 'Vault namespace of the login.', 'team-a', { default: '' }),
  authMinBackoff: row(duration, 'Minimum back-off after a failed login.', '1s', { default: '' }),
  authMaxBackoff: row(duration, 'Maximum back-off after a failed login.', '5m', { default: '' }),
  agentAutoAuthExitOnErr: row(flag, 'Exit the agent when a login fails.', 'true', { default: false }),
  proxyAddress: row(optional(proxyAddress), 'HTTP proxy for requests of the agent to Vault.', 'http://proxy.example:3128', {
    default: '',
    guarded: true,
  }),
  tlsSecret: row(optional(objectName), 'Secret with TLS files, mounted at /vault/tls in the agent container.', 'vault-tls', {
    default: '',
  }),
  tlsSkipVerify: row(flag, "Do not verify Vault's certificate.", 'false', { default: false, guarded: true }),
  tlsServerName: row(optional(serverName), "Server name (SNI) to verify in Vault's certificate.", 'vault.example', {
    default: '',
  }),
  caCert: row(optional(absolutePath), "File with Vault's CA certificate, in the agent container.", '/vault/tls/ca.crt', {
    default: '',
  }),
  caPath: row(optional(absolutePath), "Directory with Vault's CA certificates, in the agent container.", '/vault/tls/cas', {
    default: '',
  }),
  caKey: row(optional(absolutePath), 'Old name of ca-path.', '/vault/tls/cas', {
    default: '',
    deprecated: 'it is a directory of CA certificates, not a key; use ca-path',
  }),
  clientCert: row(
    optional(absolutePath),
    'File with the client certificate for Vault, in the agent container.',
    '/vault/tls/client.crt',
    {
      default: '',
    },
  ),
  clientKey: row(
    optional(absolutePath),
    'File with the key of the client certificate, in the agent container.',
    '/vault/tls/client.key',
    {
      default: '',
    },
  ),
  clientMaxRetries: row(countText, 'Retries of a request to Vault.', '4', { default: '' }),
  clientTimeout: row(vaultDuration, 'Timeout of a request to Vault.', '60s', { default: '' }),
  goMaxProcs: row(countText, 'Number of CPUs that the agent uses (GOMAXPROCS).', '2', { default: '' }),
  logLevel: row(agentLogLevel, 'Log level of the agent.', 'info', { default: 'info' }),
  logFormat: row(agentLogFormat, 'Log format of the agent.', 'json', { default: 'standard' }),
  agentServiceAccountTokenVolumeName: row(
    optional(volumeName),
    'Projected volume with the service account token for the login; default: the mounted service account token.',
    'vault-token',
    { default: '', profile: COMPAT_ONLY },
  ),

  // The agent process
  agentConfigmap: row(
    optional(objectName),
    'ConfigMap with config.hcl and config-init.hcl that replace the generated configuration.',
    'agent-config',
    { default: '', guarded: true, profile: COMPAT_ONLY },
  ),
  agentExtraSecret: row(optional(objectName), 'Secret mounted at /vault/custom in the agent container.', 'agent-extra', {
    default: '',
  }),
  agentLimitsCpu: row(quantity, 'CPU limit of an agent container; empty for none.', '500m', { default: '500m' }),
  agentLimitsMem: row(quantity, 'Memory limit of an agent container; empty for none.', '128Mi', { default: '128Mi' }),
  agentLimitsEphemeral: row(quantity, 'Ephemeral-storage limit of an agent container.', '100Mi', { default: '' }),
  agentRequestsCpu: row(quantity, 'CPU request of an agent container; empty for none.', '250m', { default: '250m' }),
  agentRequestsMem: row(quantity, 'Memory request of an agent container; empty for none.', '64Mi', { default: '64Mi' }),
  agentRequestsEphemeral: row(quantity, 'Ephemeral-storage request of an agent container.', '50Mi', { default: '' }),
  agentRevokeOnShutdown: row(flag, 'Revoke the Vault token when the pod stops.', 'true', {
    default: false,
    profile: COMPAT_ONLY,
  }),
  agentRevokeGrace: row(seconds, 'Delay before the token is revoked.', '5', {
    default: 5,
    empty: 'unset-warn',
    profile: COMPAT_EFFECT,
  }),
  agentRunAsUser: row(int32, 'User ID of the agent.', '100', { default: 100, empty: 'unset' }),
  agentRunAsGroup: row(int32, 'Group ID of the agent.', '1000', { default: 1000, empty: 'unset' }),
  agentRunAsSameUser: row(
    flag,
    'Run the agent as the user of the first app container; profile native follows the containers that get the secrets.',
    'true',
    { default: false },
  ),
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
    profile: COMPAT_EFFECT,
  }),
  agentCacheEnable: row(
    flag,
    'Serve a caching proxy for Vault on the listener. The sidecar takes over the cache of the init container.',
    'true',
    { default: false, profile: COMPAT_ONLY },
  ),
  agentCacheUseAutoAuthToken: row(autoAuthToken, "Whether the proxy uses the agent's token: true, false or force.", 'true', {
    default: 'true',
    profile: COMPAT_EFFECT,
  }),
  agentCacheListenerPort: row(port, 'Port of the listener on 127.0.0.1.', '8200', {
    default: '8200',
    empty: 'unset-warn',
    profile: COMPAT_EFFECT,
  }),
  agentCacheExitOnErr: row(flag, 'Exit the agent when the persistent cache cannot be restored.', 'true', {
    default: false,
    profile: COMPAT_EFFECT,
  }),
  templateConfigExitOnRetryFailure: row(flag, 'Exit the agent when a template still fails after its retries.', 'true', {
    default: true,
    profile: COMPAT_EFFECT,
  }),
  templateStaticSecretRenderInterval: row(vaultDuration, 'Interval at which secrets without a lease are rendered again.', '5m', {
    default: '',
  }),
  templateMaxConnectionsPerHost: row(
    count,
    "Maximum number of connections of the templates to Vault; 0: the agent's default.",
    '10',
    {
      default: 0,
    },
  ),
  templateLeaseRenewalThreshold: row(fraction, 'Fraction of a lease after which a secret is renewed.', '0.75', { default: 0 }),
  agentDisableIdleConnections: row(
    wordList(AGENT_FEATURES),
    'Agent features that close idle connections: auto-auth, caching, templating.',
    'auto-auth,templating',
    { default: [] },
  ),
  agentDisableKeepAlives: row(
    wordList(AGENT_FEATURES),
    'Agent features that disable keep-alives: auto-auth, caching, templating.',
    'caching',
    {
      default: [],
    },
  ),

  // Only under our own prefix
  inject: row(oneOf(['enabled', 'disabled']), 'Same as the pod label of this name.', 'enabled', {
    own: true,
    podOnly: true,
  }),
  mode: row(oneOf(MODES), 'Inject an agent, or only a token and variables for an app that logs in itself.', 'token', {
    default: 'agent',
    own: true,
    empty: 'unset-warn',
  }),
  profile: row(
    oneOf(PROFILES),
    'Containers to inject: those of vault-k8s, or one native sidecar with its own projected token.',
    'native',
    { default: 'native', own: true, empty: 'unset-warn' },
  ),
  flavour: row(
    oneOf(FLAVOURS),
    'Product of the agent image; it selects the name of the program and of its variables.',
    'openbao',
    { default: 'vault', own: true, empty: 'unset-warn' },
  ),
  format: row(oneOf(FORMATS), 'Format of secrets without a template, [chosen by their reader](#formats).', 'dotenv', {
    own: true,
    empty: 'unset-warn',
  }),
  backend: row(
    objectName,
    'VaultAuthBackend for the login, if neither the VaultAuthRole nor a label of the namespace selects one.',
    'main',
    { own: true, empty: 'unset-warn' },
  ),
  tokenAudience: row(text, 'Audience of the projected token (profile native).', 'vault', {
    default: 'vault',
    own: true,
    empty: 'unset-warn',
    profile: NATIVE_ONLY,
    anyText: 'the API server and Vault only compare audiences',
  }),
  tokenExpirationSeconds: row(tokenLifetime, 'Lifetime of the projected token in seconds (profile native).', '3600', {
    default: 3600,
    own: true,
    empty: 'unset-warn',
    profile: NATIVE_ONLY,
  }),
  secrets: row(yamlList, 'All secrets as one list, instead of annotations for each.', '- {name: db, path: kv/data/web}', {
    own: true,
    empty: 'unset-warn',
  }),
  onChange: row(
    oneOf(ON_CHANGE),
    'What happens to the app [when a secret changes](guides/when-a-secret-changes.md); signal: a program of the app gets a signal; restart: the kubelet restarts the containers of the pod; rollout: the controller restarts the workload, one pod first.',
    'rollout',
    { default: 'none', own: true, empty: 'unset-warn' },
  ),
  onChangeDelay: row(
    duration,
    'Longest delay of on-change restart: each pod waits for a random part of it, so that replicas do not restart together.',
    '5m',
    { default: '30s', own: true, empty: 'unset-warn', profile: NATIVE_ONLY },
  ),
  onChangeSignal: row(oneOf(['HUP', 'INT', 'QUIT', 'TERM', 'USR1', 'USR2', 'WINCH']), 'Signal of on-change signal.', 'USR1', {
    default: 'HUP',
    own: true,
    empty: 'unset-warn',
    profile: NATIVE_ONLY,
  }),
  onChangeProcess: row(text, 'Program that gets the signal of on-change signal, by the name that ps prints.', 'nginx', {
    default: '',
    own: true,
    anyText: 'programs have any name',
    profile: NATIVE_ONLY,
  }),
  onChangeSecrets: row(
    writtenText,
    'Set by the webhook for on-change rollout: the paths whose versions the controller reads.',
    '{"endpoint":"main","paths":["kv/data/web"]}',
    { own: true, podOnly: true },
  ),
  secretVersions: row(
    writtenText,
    'Set by the controller on the pod template for on-change rollout: the versions of the secrets at the last restart.',
    '{"main/kv/data/web":7}',
    { own: true, podOnly: true },
  ),
  skipContainers: row(containerList, 'Containers and init containers that do not get the secrets.', 'proxy,metrics', {
    own: true,
  }),
  initContainers: row(containerList, 'Init containers that get the secrets; default: all.', 'migrate', { own: true }),
  envContainers: row(
    containerList,
    'Containers and init containers that get the environment variables; default: those that get the secrets.',
    'web,migrate',
    { own: true, profile: NATIVE_ONLY },
  ),
  secretsReadOnly: row(flag, 'Mount the secrets read-only; default: true in profile native, false in compat.', 'true', {
    own: true,
  }),
  volumeSizeLimit: row(
    quantity,
    'Size limit of each memory volume with secrets; default: 16Mi in profile native, none in compat.',
    '32Mi',
    { own: true, empty: 'unset-warn' },
  ),
  imagePullPolicy: row(oneOf(PULL_POLICIES), 'Pull policy of the agent image.', 'IfNotPresent', {
    own: true,
    empty: 'unset-warn',
  }),
  containerName: row(containerName, 'Name of the agent container (profile native).', 'vault-agent', {
    default: 'vault-agent',
    own: true,
    empty: 'unset-warn',
    profile: NATIVE_ONLY,
  }),
  startupProbe: row(
    oneOf(PROBES),
    "Startup probe that delays the app until its files exist (profile native): shell prints why they are missing, ls works without a shell, binary runs only the agent's program; auto is shell in official images of Vault and OpenBao, and binary in all others.",
    'binary',
    { default: 'auto', own: true, empty: 'unset-warn', profile: NATIVE_ONLY },
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
  agentConfig: row(writtenText, 'Set by the webhook in profile native: the configuration of the agent.', '{}', {
    own: true,
    podOnly: true,
  }),
  agentInitConfig: row(
    writtenText,
    'Set by the webhook in profile native on clusters without native sidecars: the configuration of the init container.',
    '{}',
    {
      own: true,
      podOnly: true,
    },
  ),
  agentPasswd: row(
    writtenText,
    'Set by the webhook in profile native if templates name owners of files: /etc/passwd of the agent.',
    'vault:x:2000:3000::/home/vault:/sbin/nologin',
    {
      own: true,
      podOnly: true,
    },
  ),
  agentGroup: row(
    writtenText,
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
    { own: true, guarded: true, profile: NATIVE_ONLY },
  ),
} as const;

export type Table = typeof table;
export type OptionKey = keyof Table;
