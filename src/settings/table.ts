// The table of settings: flag, environment variable, kind, default and sentence of everything an operator can set.
import { decimal, duration, flag, identity, integer, nameList, oneOf, quantity, text } from '../annotations/kind.ts';
import { FLAVOURS, PROBES, PROFILES } from '../annotations/own.ts';
import { DEFAULT_TEMPLATES } from '../annotations/table.ts';
import { controllerSettings } from './controller.ts';
import { listenAddress, logLevel, milliseconds, pemOrBase64 } from './kind.ts';
import { type Command, row } from './row.ts';

export type { Command, SettingRow } from './row.ts';

const SERVERS: readonly Command[] = ['webhook', 'agent-inject'];
const PROCESSES: readonly Command[] = [...SERVERS, 'controller'];
const ALL: readonly Command[] = ['webhook', 'agent-inject', 'inject', 'explain'];
const OFFLINE: readonly Command[] = ['inject', 'explain'];

export const settingsTable = {
  // Serving
  listen: row(SERVERS, listenAddress, 'Address of the HTTPS server for reviews.', { default: ':8080' }),
  operationsListen: row(PROCESSES, listenAddress, 'Address of the plain HTTP server for health and metrics; empty for none.', {
    default: '',
    defaults: { webhook: ':8081', controller: ':8081' },
  }),
  telemetryPath: row(SERVERS, text, 'Path of the metrics on the HTTPS port; empty for none.', { default: '' }),
  logLevel: row(PROCESSES, logLevel, 'Least important level that is logged.', { default: 'info' }),
  logFormat: row(PROCESSES, text, 'json or standard.', {
    default: 'standard',
    defaults: { webhook: 'json', controller: 'json' },
  }),
  drainLeast: row(SERVERS, milliseconds, 'How long to keep serving after SIGTERM at the least.', { default: '10s' }),
  drainMost: row(SERVERS, milliseconds, 'How long to keep serving after SIGTERM at the most.', { default: '30s' }),
  drainQuiet: row(SERVERS, milliseconds, 'How long no review may have come before the server closes.', { default: '3s' }),

  // Certificates
  tlsCertFile: row(SERVERS, text, 'File with the certificate chain; reloaded when it changes.', { default: '' }),
  tlsKeyFile: row(SERVERS, text, 'File with its key.', { default: '' }),
  tlsCaCertFile: row(SERVERS, text, 'File with the CA to publish on the configuration that tls-auto names.', { default: '' }),
  tlsAuto: row(SERVERS, text, 'MutatingWebhookConfiguration to publish a self-managed CA on.', { default: '' }),
  tlsAutoHosts: row(SERVERS, nameList, 'DNS names of the self-managed certificate.', { default: '' }),
  tlsSecretName: row(SERVERS, text, 'Secret that holds the self-managed CA.', { default: 'vault-auth-injector-ca' }),
  tlsMinVersion: row(SERVERS, oneOf(['tls10', 'tls11', 'tls12', 'tls13']), 'Oldest version of TLS.', { default: 'tls12' }),
  tlsCipherSuites: row(SERVERS, nameList, 'IANA names of cipher suites up to TLS 1.2.', { default: '' }),
  kubeconfig: row(
    [...PROCESSES, 'explain'],
    text,
    "File with the access to the API server; without it the pod's own service account, for a person what kubectl uses.",
    { default: '' },
  ),
  useLeaderElector: row(SERVERS, flag, 'Accepted and without effect: no replica leads.', { default: 'false' }),

  // Selecting pods
  systemNamespaces: row(ALL, oneOf(['skip', 'deny']), 'What becomes of a pod that asks in an excluded namespace.', {
    default: 'skip',
  }),
  excludedNamespaces: row(ALL, nameList, 'Namespaces whose pods are never injected.', {
    default: 'kube-system,kube-public,kube-node-lease',
    defaults: { 'agent-inject': 'kube-system,kube-public' },
  }),
  autoInject: row(ALL, flag, 'Inject pods that nobody asked about.', { default: 'false' }),
  allow: row(ALL, nameList, 'Guarded annotations that pods may use everywhere, by their names without prefix; * for all.', {
    default: '',
    defaults: { 'agent-inject': '*' },
  }),
  manifests: row(
    ALL,
    text,
    'Directory of YAML files with Namespaces, ServiceAccounts, LimitRanges and objects of our own kinds, in place of an API server.',
    {
      default: '',
    },
  ),
  watch: row(
    ['webhook'],
    flag,
    'Follow namespaces, service accounts, limit ranges and our own kinds on the API server, where there is one and no manifests.',
    {
      default: 'true',
    },
  ),

  // Defaults for all pods
  profile: row(ALL, oneOf(PROFILES), 'Shape of the pods that do not choose one.', {
    default: 'native',
    defaults: { 'agent-inject': 'compat' },
    option: 'profile',
  }),
  nativeSidecars: row(
    ALL,
    oneOf(['auto', 'true', 'false']),
    'Whether the nodes run native sidecars, Kubernetes 1.29 and later (profile native); auto asks the API server, and means yes without one.',
    { default: 'auto' },
  ),
  flavour: row(ALL, oneOf(FLAVOURS), 'Product of the agent image.', { default: 'vault', option: 'flavour' }),
  startupProbe: row(
    ALL,
    oneOf(PROBES),
    'How the agent holds its pod back (profile native): shell, or ls where the agent image has no shell.',
    { option: 'startupProbe' },
  ),
  vaultAddress: row(ALL, text, 'Address of Vault.', { variable: 'VAULT_ADDR', option: 'service' }),
  vaultCacertBytes: row(ALL, pemOrBase64, 'PEM of the CA of Vault, plain or in base64.', { default: '' }),
  proxyAddress: row(ALL, text, 'HTTP proxy between agent and Vault.', { variable: 'PROXY_ADDR', option: 'proxyAddress' }),
  vaultImage: row(ALL, text, 'Image of the agent.', { default: 'hashicorp/vault:2.0.4', option: 'agentImage' }),
  vaultAuthType: row(ALL, text, 'Auth method of the agent.', { default: 'kubernetes', option: 'authType' }),
  vaultAuthPath: row(ALL, text, 'Mount path of the auth method.', { default: 'auth/kubernetes', option: 'authPath' }),
  vaultNamespace: row(ALL, text, 'Vault namespace of the login.', { option: 'namespace' }),
  revokeOnShutdown: row(ALL, flag, "Revoke the agent's token when its pod stops (profile compat).", {
    option: 'agentRevokeOnShutdown',
  }),
  runAsUser: row(ALL, identity, 'User id of the agent.', { default: '100', option: 'agentRunAsUser' }),
  runAsGroup: row(ALL, identity, 'Group id of the agent.', { default: '1000', option: 'agentRunAsGroup' }),
  runAsSameUser: row(ALL, flag, 'Run the agent as the user of the first app container; profile native does by itself.', {
    option: 'agentRunAsSameUser',
  }),
  setSecurityContext: row(ALL, flag, 'Give the agent a security context.', {
    default: 'true',
    option: 'agentSetSecurityContext',
  }),
  defaultTemplate: row(ALL, oneOf(DEFAULT_TEMPLATES), 'Template of secrets that bring none.', {
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
    'End the agent when a template still fails after its retries (profile compat).',
    {
      default: 'true',
      option: 'templateConfigExitOnRetryFailure',
    },
  ),
  templateStaticSecretRenderInterval: row(ALL, text, 'How often secrets without a lease are read again.', {
    option: 'templateStaticSecretRenderInterval',
  }),
  templateMaxConnectionsPerHost: row(ALL, integer, 'Connections of the templates to Vault.', {
    option: 'templateMaxConnectionsPerHost',
  }),
  templateLeaseRenewalThreshold: row(ALL, decimal, 'Part of a lease after which a secret is fetched again.', {
    option: 'templateLeaseRenewalThreshold',
  }),
  authMinBackoff: row(ALL, duration, 'Shortest wait after a failed login.', { option: 'authMinBackoff' }),
  authMaxBackoff: row(ALL, duration, 'Longest wait after a failed login.', { option: 'authMaxBackoff' }),
  disableIdleConnections: row(ALL, nameList, 'Parts of the agent that keep no idle connections.', {
    option: 'agentDisableIdleConnections',
  }),
  disableKeepAlives: row(ALL, nameList, 'Parts of the agent that use every connection once.', {
    option: 'agentDisableKeepAlives',
  }),

  // The config controller
  ...controllerSettings,

  // Offline commands
  namespace: row(OFFLINE, text, 'Namespace of objects that name none.', { default: 'default' }),
} as const;

export type SettingsTable = typeof settingsTable;
export type SettingKey = keyof SettingsTable;
