// The table of annotations: one row knows everything about one name. Parser, option types, documentation, spelling help
// and test generators derive from it; the name is the key in kebab case. Meanings are those of vault-k8s 1.7.6.
import { decimal, duration, flag, identity, integer, jsonPatch, nameList, oneOf, quantity, seconds, text } from './kind.ts';
import { ownTable } from './own.ts';
import { row } from './row.ts';

export const DEFAULT_TEMPLATES = ['map', 'json'] as const;

export const table = {
  // Switches and placement
  agentInject: row(flag, 'Ask for injection, or refuse it.', 'true', { podOnly: true }),
  agentInjectStatus: row(
    text,
    'Set to "injected" by the webhook; a pod that carries it is left alone when it really has an agent.',
    'injected',
    { podOnly: true },
  ),
  agentRequestNamespace: row(text, 'Accepted and ignored: the namespace of the request counts.', 'shop', {
    podOnly: true,
    empty: 'unset-warn',
  }),
  agentImage: row(text, 'Image of the agent containers.', 'hashicorp/vault:2.0.4', { guarded: true, empty: 'unset-warn' }),
  agentInitFirst: row(flag, 'Put the agent before the other init containers.', 'true', { default: false }),
  agentPrePopulate: row(flag, 'Run an init container that renders the secrets before the app starts.', 'true', { default: true }),
  agentPrePopulateOnly: row(flag, 'Run only the init container, no sidecar.', 'true', { default: false }),
  agentInjectContainers: row(nameList, 'App containers that get the secrets; without it all of them do.', 'web,worker'),
  agentCopyVolumeMounts: row(text, 'Container whose volume mounts the agent gets too, service-account mounts excepted.', 'web', {
    default: '',
  }),
  agentShareProcessNamespace: row(flag, 'Share one process namespace in the pod, so that a command can signal the app.', 'true'),

  // Secrets and templates
  secretVolumePath: row(text, 'Directory of the rendered secrets.', '/vault/secrets', { default: '/vault/secrets' }),
  preserveSecretCase: row(flag, 'Keep the case of secret names in file names.', 'true', { default: false }),
  agentInjectDefaultTemplate: row(
    oneOf(DEFAULT_TEMPLATES, true),
    'Template of secrets that bring none: "key: value" lines, or JSON.',
    'json',
    { default: 'map' },
  ),
  agentInjectToken: row(flag, 'Also write the Vault token to the file "token" beside the secrets.', 'true', { default: false }),

  // Vault connection and login
  service: row(text, 'Address of Vault.', 'https://vault.example:8200', { guarded: true, empty: 'unset-warn' }),
  role: row(text, 'Vault role to log in with.', 'web', { default: '' }),
  authType: row(text, 'Auth method of the agent.', 'kubernetes', { default: 'kubernetes' }),
  authPath: row(text, 'Mount path of the auth method.', 'auth/kubernetes', { default: 'auth/kubernetes', empty: 'unset-warn' }),
  namespace: row(text, 'Vault namespace of the login.', 'team-a', { default: '' }),
  authMinBackoff: row(duration, 'Shortest wait after a failed login.', '1s', { default: '' }),
  authMaxBackoff: row(duration, 'Longest wait after a failed login.', '5m', { default: '' }),
  agentAutoAuthExitOnErr: row(flag, 'End the agent when a login fails.', 'true', { default: false }),
  proxyAddress: row(text, 'HTTP proxy between agent and Vault.', 'http://proxy.example:3128', { default: '', guarded: true }),
  tlsSecret: row(text, 'Secret with TLS files, mounted at /vault/tls in the agent.', 'vault-tls', { default: '' }),
  tlsSkipVerify: row(flag, 'Do not verify the certificate of Vault.', 'false', { default: false, guarded: true }),
  tlsServerName: row(text, 'Name to expect in the certificate of Vault.', 'vault.example', { default: '' }),
  caCert: row(text, 'File with the CA of Vault, in the agent.', '/vault/tls/ca.crt', { default: '' }),
  caPath: row(text, 'Directory with CAs of Vault, in the agent.', '/vault/tls/cas', { default: '' }),
  caKey: row(text, 'Directory with CAs of Vault: the misleading old name of ca-path.', '/vault/tls/cas', {
    default: '',
    deprecated: 'it names a directory of CAs, not a key: use ca-path',
  }),
  clientCert: row(text, 'File with the client certificate for Vault, in the agent.', '/vault/tls/client.crt', { default: '' }),
  clientKey: row(text, 'File with the key of the client certificate, in the agent.', '/vault/tls/client.key', { default: '' }),
  clientMaxRetries: row(text, 'Retries of a request of the agent to Vault.', '4', { default: '' }),
  clientTimeout: row(text, 'Timeout of a request of the agent to Vault.', '60s', { default: '' }),
  goMaxProcs: row(text, 'Processors that the agent uses (GOMAXPROCS).', '2', { default: '' }),
  logLevel: row(text, 'Log level of the agent.', 'info', { default: 'info' }),
  logFormat: row(text, 'Log format of the agent.', 'json', { default: 'standard' }),
  agentServiceAccountTokenVolumeName: row(
    text,
    'Projected volume with the token to log in with; without it the mounted API token is used.',
    'vault-token',
    { default: '' },
  ),

  // The agent process
  agentConfigmap: row(
    text,
    'ConfigMap with config.hcl and config-init.hcl to use in place of the generated configuration.',
    'agent-config',
    { default: '', guarded: true },
  ),
  agentExtraSecret: row(text, 'Secret mounted at /vault/custom in the agent.', 'agent-extra', { default: '' }),
  agentLimitsCpu: row(quantity, 'CPU limit of an agent container; empty for none.', '500m', { default: '500m' }),
  agentLimitsMem: row(quantity, 'Memory limit of an agent container; empty for none.', '128Mi', { default: '128Mi' }),
  agentLimitsEphemeral: row(quantity, 'Ephemeral-storage limit of an agent container.', '100Mi', { default: '' }),
  agentRequestsCpu: row(quantity, 'CPU request of an agent container; empty for none.', '250m', { default: '250m' }),
  agentRequestsMem: row(quantity, 'Memory request of an agent container; empty for none.', '64Mi', { default: '64Mi' }),
  agentRequestsEphemeral: row(quantity, 'Ephemeral-storage request of an agent container.', '50Mi', { default: '' }),
  agentRevokeOnShutdown: row(flag, 'Revoke the token when the pod stops.', 'true', { default: false }),
  agentRevokeGrace: row(seconds, 'Seconds to wait before that.', '5', { default: 5 }),
  agentRunAsUser: row(identity, 'User id of the agent.', '100', { default: 100, empty: 'unset' }),
  agentRunAsGroup: row(identity, 'Group id of the agent.', '1000', { default: 1000, empty: 'unset' }),
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
  agentEnableQuit: row(flag, 'Serve POST /agent/v1/quit on the listener, so that a Job can end its agent.', 'true', {
    default: false,
  }),
  agentCacheEnable: row(
    flag,
    'Serve a caching proxy of Vault on the listener; with both containers the cache persists from one to the other.',
    'true',
    { default: false },
  ),
  agentCacheUseAutoAuthToken: row(text, 'Whether the proxy uses the token of the agent: true, false or force.', 'true', {
    default: 'true',
  }),
  agentCacheListenerPort: row(text, 'Port of the listener on 127.0.0.1.', '8200', { default: '8200' }),
  agentCacheExitOnErr: row(flag, 'End the agent when the persistent cache cannot be restored.', 'true', { default: false }),
  templateConfigExitOnRetryFailure: row(flag, 'End the agent when a template still fails after its retries.', 'true', {
    default: true,
  }),
  templateStaticSecretRenderInterval: row(text, 'How often secrets without a lease are read again.', '5m', { default: '' }),
  templateMaxConnectionsPerHost: row(integer, "Connections of the templates to Vault; 0 for the agent's own default.", '10', {
    default: 0,
  }),
  templateLeaseRenewalThreshold: row(decimal, 'Part of a lease after which a secret is fetched again.', '0.75', { default: 0 }),
  agentDisableIdleConnections: row(
    nameList,
    'Parts of the agent that keep no idle connections: auto-auth, caching, templating.',
    'auto-auth,templating',
    { default: [] },
  ),
  agentDisableKeepAlives: row(
    nameList,
    'Parts of the agent that use every connection once: auto-auth, caching, templating.',
    'caching',
    { default: [] },
  ),

  ...ownTable,
} as const;

export type Table = typeof table;
export type OptionKey = keyof Table;
