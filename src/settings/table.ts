// The table of settings: flag, environment variable, kind, default and sentence of everything an operator can set.
import {
  atLeastOne,
  count,
  duration,
  factor,
  flag,
  fraction,
  int32,
  nameList,
  oneOf,
  quantity,
  vaultDuration,
  wordList,
  type ValueKind,
} from '../annotations/value-kinds.ts';
import { filePath, mountPath, urlPath } from '../annotations/path-kinds.ts';
import {
  authMethod,
  hostList,
  imageName,
  namespaceList,
  namespaceName,
  objectName,
  optional,
  program,
  proxyAddress,
  vaultAddress,
  vaultNamespace,
} from '../annotations/text-kinds.ts';
import { PROFILES } from '../annotations/row.ts';
import { AGENT_FEATURES, FLAVOURS, ON_CHANGE, PROBES, DEFAULT_TEMPLATES, type OptionKey } from '../annotations/table.ts';
import { listenAddress, logLevel, milliseconds, pemOrBase64 } from './value-kinds.ts';

export type Command = 'webhook' | 'agent-inject' | 'controller' | 'inject' | 'explain';

export interface SettingRow<T> {
  readonly kind: ValueKind<T>;
  readonly sentence: string;
  readonly commands: readonly Command[];
  /** As text, so that it is parsed like a value that a user writes; absent: no value unless it is set. */
  readonly default?: string;
  /** Defaults that differ between commands. */
  readonly defaults?: Partial<Record<Command, string>>;
  /** Suffix of the environment variable, where it is not the flag's name in capitals. */
  readonly variable?: string;
  /** The annotation whose default for all pods this setting is. */
  readonly option?: OptionKey;
}

type More = Omit<SettingRow<unknown>, 'kind' | 'sentence' | 'commands'>;

/** A row; `more` keeps its literal types, so that a row with a default has a value for certain. */
function row<T, const Given extends More = {}>(
  commands: readonly Command[],
  kind: ValueKind<T>,
  sentence: string,
  more?: Given,
): SettingRow<T> & Given {
  return { kind, sentence, commands, ...more } as SettingRow<T> & Given;
}

const SERVERS: readonly Command[] = ['webhook', 'agent-inject'];
const PROCESSES: readonly Command[] = [...SERVERS, 'controller'];
const CONTROLLER: readonly Command[] = ['controller'];
const ALL: readonly Command[] = ['webhook', 'agent-inject', 'inject', 'explain'];
const OFFLINE: readonly Command[] = ['inject', 'explain'];

export const settingsTable = {
  // Serving
  listen: row(SERVERS, listenAddress, 'Address of the HTTPS server for reviews.', { default: ':8080' }),
  operationsListen: row(PROCESSES, listenAddress, 'Address of the plain HTTP server for health and metrics; empty for none.', {
    default: '',
    defaults: { webhook: ':8081', controller: ':8081' },
  }),
  telemetryPath: row(SERVERS, optional(urlPath), 'Path of the metrics on the HTTPS port; empty for none.', { default: '' }),
  logLevel: row(PROCESSES, logLevel, 'Minimum log level. Reviews of pods that request nothing are logged at debug.', {
    default: 'info',
  }),
  logFormat: row(PROCESSES, oneOf(['standard', 'json'], true), 'Format of log lines: json, or standard for text.', {
    default: 'standard',
    defaults: { webhook: 'json', controller: 'json' },
  }),
  drainMin: row(SERVERS, milliseconds, 'Minimum time to keep serving after SIGTERM.', { default: '10s' }),
  drainMax: row(SERVERS, milliseconds, 'Maximum time to keep serving after SIGTERM.', { default: '30s' }),
  drainIdle: row(SERVERS, milliseconds, 'Close once no review has arrived for this long.', { default: '3s' }),
  registerAfter: row(
    ['webhook'],
    milliseconds,
    'How long this replica must have been ready before it adds rules to the entries of the configuration that -tls-auto names, if they have none. Entries without rules match no pod, so a first installation rejects none.',
    { default: '6s' },
  ),

  // Certificates
  tlsCertFile: row(SERVERS, filePath, 'File with the certificate chain; reloaded when it changes.', { default: '' }),
  tlsKeyFile: row(SERVERS, filePath, 'File with the private key of the certificate.', { default: '' }),
  tlsCaCertFile: row(
    SERVERS,
    filePath,
    'File with the CA bundle to publish in the MutatingWebhookConfiguration that -tls-auto names.',
    { default: '' },
  ),
  tlsAuto: row(SERVERS, optional(objectName), 'Name of the MutatingWebhookConfiguration whose caBundle receives the CA bundle.', {
    default: '',
  }),
  tlsAutoHosts: row(
    SERVERS,
    hostList,
    'Further DNS names of the self-managed serving certificate. Those by which the configuration that -tls-auto names calls this namespace are added by themselves.',
    { default: '' },
  ),
  tlsSecretName: row(SERVERS, objectName, 'Secret that holds the self-managed CA.', { default: 'vault-auth-injector-ca' }),
  tlsCaLife: row(
    SERVERS,
    milliseconds,
    'Lifetime of the self-managed CA. The next one is published after two thirds of it. Three times -tls-leaf-life or more. A short one rehearses the rotation.',
    { default: '8760h' },
  ),
  tlsLeafLife: row(
    SERVERS,
    milliseconds,
    'Lifetime of self-managed serving certificates, which are renewed after two thirds of it; 20s or more.',
    { default: '168h' },
  ),
  tlsMinVersion: row(SERVERS, oneOf(['tls10', 'tls11', 'tls12', 'tls13']), 'Minimum TLS version.', { default: 'tls12' }),
  tlsCipherSuites: row(SERVERS, nameList, 'Cipher suites up to TLS 1.2, by IANA name; empty for the defaults.', { default: '' }),
  kubeconfig: row(
    [...PROCESSES, 'explain'],
    filePath,
    "Kubeconfig file for the API server; without it the pod's service account, or on a workstation the kubeconfig that kubectl uses.",
    { default: '' },
  ),
  useLeaderElector: row(
    SERVERS,
    flag,
    'Accepted for compatibility, without effect: every replica serves, and there is no leader.',
    { default: 'false' },
  ),

  // Selecting pods
  systemNamespaces: row(
    ALL,
    oneOf(['skip', 'deny']),
    'Whether a pod in an excluded namespace that requests injection is skipped or denied.',
    {
      default: 'skip',
    },
  ),
  excludedNamespaces: row(ALL, namespaceList, 'Namespaces whose pods are never injected.', {
    default: 'kube-system,kube-public,kube-node-lease',
    defaults: { 'agent-inject': 'kube-system,kube-public' },
  }),
  autoInject: row(ALL, flag, 'Inject every pod that does not opt out.', { default: 'false' }),
  allow: row(ALL, nameList, 'Guarded annotations that pods in every namespace may use, by name without prefix; * for all.', {
    default: '',
    defaults: { 'agent-inject': '*' },
  }),
  clusterState: row(
    ALL,
    filePath,
    'File or directory of YAML files with the Namespaces, ServiceAccounts, LimitRanges and vaultauth.dev objects to use instead of an API server.',
    {
      default: '',
    },
  ),
  watch: row(
    ['webhook'],
    flag,
    'Watch namespaces, service accounts, LimitRanges and vaultauth.dev objects on the API server; without effect if -cluster-state is set.',
    {
      default: 'true',
    },
  ),

  // Defaults for all pods
  profile: row(ALL, oneOf(PROFILES), 'Profile of pods that do not choose one.', {
    default: 'native',
    defaults: { 'agent-inject': 'compat' },
    option: 'profile',
  }),
  nativeSidecars: row(
    ALL,
    oneOf(['auto', 'true', 'false']),
    'Whether the cluster supports native sidecars, Kubernetes 1.29 and later (profile native); auto reads the version of the API server, and assumes support without one.',
    { default: 'auto' },
  ),
  onChangeActions: row(
    ALL,
    wordList(ON_CHANGE.filter((action) => action !== 'none')),
    'Actions that pods may request with on-change; empty for none.',
    { default: 'signal,restart,rollout' },
  ),
  containerRestarts: row(
    ALL,
    oneOf(['auto', 'true', 'false']),
    'Whether an exit code can restart all containers of a pod, Kubernetes 1.36 and later (on-change restart); auto reads the version of the API server, and assumes support without one.',
    { default: 'auto' },
  ),
  events: row(
    ['webhook'],
    flag,
    'Write Events on the owners of pods that were denied or admitted with warnings. Needs the rights of deploy/variants/reports.',
    { default: 'false' },
  ),
  missedPods: row(
    ['webhook'],
    oneOf(['off', 'report', 'evict']),
    'Find running pods that should have been injected and were not: report counts them and writes an Event on each; evict also evicts those that a controller replaces. Needs the rights of deploy/variants/reports.',
    { default: 'off' },
  ),
  missedPodsInterval: row(['webhook'], milliseconds, 'Interval between two searches for missed pods.', { default: '5m' }),
  envFiles: row(
    ALL,
    oneOf(['auto', 'true', 'false']),
    'Whether the cluster sets environment variables from files, Kubernetes 1.35 and later (profile native); auto reads the version of the API server, and assumes support without one.',
    { default: 'auto' },
  ),
  flavour: row(ALL, oneOf(FLAVOURS), 'Product of the agent image.', { default: 'vault', option: 'flavour' }),
  startupProbe: row(
    ALL,
    oneOf(PROBES),
    "Startup probe that delays the app containers until the secrets are rendered (profile native): auto, shell, ls, or binary, which runs only the agent's program.",
    { option: 'startupProbe' },
  ),
  vaultAddress: row(ALL, optional(vaultAddress), 'Address of Vault.', { variable: 'VAULT_ADDR', option: 'service' }),
  vaultCacertBytes: row(ALL, pemOrBase64, "CA certificates of Vault's server certificate, PEM or base64 of PEM.", {
    default: '',
  }),
  proxyAddress: row(ALL, optional(proxyAddress), 'HTTP proxy of the agent for requests to Vault.', {
    variable: 'PROXY_ADDR',
    option: 'proxyAddress',
  }),
  // agent-inject keeps the default of vault-k8s 1.7.6, whose pods it reproduces. The Helm charts always set the image.
  vaultImage: row(ALL, optional(imageName), 'Image of the agent.', {
    default: 'hashicorp/vault:2.2.2',
    defaults: { 'agent-inject': 'hashicorp/vault:2.0.4' },
    option: 'agentImage',
  }),
  vaultBinary: row(ALL, program, 'Program of the agent in its image; default: that of the flavour.', { option: 'agentBinary' }),
  vaultAuthType: row(ALL, authMethod, 'Auth method of the agent.', { default: 'kubernetes', option: 'authType' }),
  vaultAuthPath: row(ALL, mountPath, 'Mount path of the auth method.', { default: 'auth/kubernetes', option: 'authPath' }),
  vaultNamespace: row(ALL, vaultNamespace, 'Vault namespace of the login.', { option: 'namespace' }),
  revokeOnShutdown: row(ALL, flag, "Revoke the agent's token when its pod stops (profile compat).", {
    option: 'agentRevokeOnShutdown',
  }),
  runAsUser: row(ALL, int32, 'User ID of the agent.', { default: '100', option: 'agentRunAsUser' }),
  runAsGroup: row(ALL, int32, 'Group ID of the agent.', { default: '1000', option: 'agentRunAsGroup' }),
  runAsSameUser: row(
    ALL,
    flag,
    'Run the agent as the user of the first app container (profile compat); profile native follows the containers that get the secrets.',
    {
      option: 'agentRunAsSameUser',
    },
  ),
  setSecurityContext: row(ALL, flag, 'Give the agent a security context.', {
    default: 'true',
    option: 'agentSetSecurityContext',
  }),
  defaultTemplate: row(ALL, oneOf(DEFAULT_TEMPLATES), 'Default template for secrets without one.', {
    default: 'map',
    option: 'agentInjectDefaultTemplate',
  }),
  cpuRequest: row(ALL, quantity, 'CPU request of the agent.', {
    defaults: { 'agent-inject': '250m' },
    option: 'agentRequestsCpu',
  }),
  memoryRequest: row(ALL, quantity, 'Memory request of the agent.', {
    variable: 'MEM_REQUEST',
    defaults: { 'agent-inject': '64Mi' },
    option: 'agentRequestsMem',
  }),
  ephemeralStorageRequest: row(ALL, quantity, 'Ephemeral-storage request of the agent.', {
    variable: 'EPHEMERAL_REQUEST',
    option: 'agentRequestsEphemeral',
  }),
  cpuLimit: row(ALL, quantity, 'CPU limit of the agent.', { defaults: { 'agent-inject': '500m' }, option: 'agentLimitsCpu' }),
  memoryLimit: row(ALL, quantity, 'Memory limit of the agent.', {
    variable: 'MEM_LIMIT',
    defaults: { 'agent-inject': '128Mi' },
    option: 'agentLimitsMem',
  }),
  ephemeralStorageLimit: row(ALL, quantity, 'Ephemeral-storage limit of the agent.', {
    variable: 'EPHEMERAL_LIMIT',
    option: 'agentLimitsEphemeral',
  }),
  templateConfigExitOnRetryFailure: row(
    ALL,
    flag,
    'Exit the agent when a template still fails after its retries (profile compat).',
    {
      default: 'true',
      option: 'templateConfigExitOnRetryFailure',
    },
  ),
  templateStaticSecretRenderInterval: row(ALL, vaultDuration, 'Interval at which secrets without a lease are rendered again.', {
    option: 'templateStaticSecretRenderInterval',
  }),
  templateMaxConnectionsPerHost: row(ALL, count, 'Maximum number of connections to Vault for rendering templates.', {
    option: 'templateMaxConnectionsPerHost',
  }),
  templateLeaseRenewalThreshold: row(ALL, fraction, 'Fraction of the lease after which a secret is renewed or fetched again.', {
    option: 'templateLeaseRenewalThreshold',
  }),
  authMinBackoff: row(ALL, duration, 'Minimum back-off after a failed login.', { option: 'authMinBackoff' }),
  authMaxBackoff: row(ALL, duration, 'Maximum back-off after a failed login.', { option: 'authMaxBackoff' }),
  disableIdleConnections: row(
    ALL,
    wordList(AGENT_FEATURES),
    'Agent features that close idle connections: auto-auth, caching, templating.',
    {
      option: 'agentDisableIdleConnections',
    },
  ),
  disableKeepAlives: row(
    ALL,
    wordList(AGENT_FEATURES),
    'Agent features that disable keep-alives: auto-auth, caching, templating.',
    {
      option: 'agentDisableKeepAlives',
    },
  ),

  // The config controller
  observeOnly: row(CONTROLLER, flag, 'Report in conditions what would be written, and write nothing to Vault.', {
    default: 'false',
  }),
  leaseName: row(CONTROLLER, objectName, "Name of the leader election Lease in the controller's namespace.", {
    default: 'vault-auth-injector-controller',
  }),
  serviceAccount: row(
    CONTROLLER,
    objectName,
    'Service account with which the controller logs in to Vault and probes auth backends.',
    {
      default: 'vault-auth-injector-controller',
    },
  ),
  workers: row(CONTROLLER, atLeastOne, 'Number of concurrent reconciles.', { default: '16' }),
  deletionTimeout: row(
    CONTROLLER,
    milliseconds,
    'Maximum time that the deletion of an object waits for Vault. What then remains in Vault becomes a pending deletion of the backend.',
    { default: '5m' },
  ),
  rollouts: row(
    CONTROLLER,
    flag,
    'Restart workloads whose pods have the annotation on-change: rollout when one of their secrets has a new version. Needs the rights of deploy/variants/rollouts.',
    { default: 'false' },
  ),
  rolloutRate: row(CONTROLLER, atLeastOne, 'Maximum number of rollouts that start in a minute, in the whole cluster.', {
    default: '10',
  }),
  rolloutInterval: row(
    CONTROLLER,
    milliseconds,
    'Interval between two reads of the version of a secret in Vault. It grows if there are more than 10 secrets for each of its seconds.',
    { default: '1m' },
  ),
  rolloutTimeout: row(
    CONTROLLER,
    milliseconds,
    'Time after which a rollout whose pods do not become available is reported as stopped.',
    {
      default: '10m',
    },
  ),
  resyncFactor: row(CONTROLLER, factor, 'Multiplier for all resync intervals and for the longest back-off.', { default: '1' }),

  // Offline commands
  namespace: row(OFFLINE, namespaceName, 'Namespace of objects without a namespace.', { default: 'default' }),
} as const;

export type SettingsTable = typeof settingsTable;
export type SettingKey = keyof SettingsTable;
