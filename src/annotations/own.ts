// Annotations that no predecessor has. They exist under our own prefix only.
import { flag, jsonPatch, label, nameList, oneOf, size, text, tokenLifetime, yamlList } from './kind.ts';
import { row } from './row.ts';

const MODES = ['agent', 'token'] as const;
export const PROFILES = ['compat', 'native'] as const;
export const FLAVOURS = ['vault', 'openbao'] as const;
export const FORMATS = ['map', 'json', 'kv2', 'dotenv', 'properties', 'yaml'] as const;
/** What an agent image has at the least for the start-up probe to run. */
export const PROBES = ['shell', 'ls'] as const;
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'] as const;

export const ownTable = {
  inject: row(
    oneOf(['enabled', 'disabled']),
    'As the label of this name, for those who cannot set labels of the pod.',
    'enabled',
    {
      own: true,
      podOnly: true,
    },
  ),
  mode: row(oneOf(MODES), 'Give the pod an agent, or only a token and variables to log in with by itself.', 'token', {
    default: 'agent',
    own: true,
  }),
  profile: row(
    oneOf(PROFILES),
    'Shape of the pod: the one of vault-k8s, or one native sidecar with a token of its own.',
    'native',
    { default: 'native', own: true },
  ),
  flavour: row(
    oneOf(FLAVOURS),
    'Product of the agent image: it decides the name of the program and of its variables.',
    'openbao',
    { default: 'vault', own: true },
  ),
  format: row(
    oneOf(FORMATS),
    'Template of secrets that bring none; kv2, dotenv, properties and yaml understand KV version 2.',
    'dotenv',
    { own: true },
  ),
  backend: row(
    text,
    'VaultAuthBackend to log in at, where neither the VaultAuthRole nor a label of the namespace names it.',
    'main',
    { own: true, empty: 'unset-warn' },
  ),
  tokenAudience: row(text, 'Audience of the projected token (profile native).', 'vault', {
    default: 'vault',
    own: true,
    empty: 'unset-warn',
  }),
  tokenExpirationSeconds: row(tokenLifetime, 'Life of the projected token in seconds (profile native).', '3600', {
    default: 3600,
    own: true,
  }),
  secrets: row(
    yamlList,
    'Secrets as one list, in place of the annotations for each of them.',
    '- {name: db, path: kv/data/web}',
    { own: true, empty: 'unset-warn' },
  ),
  skipContainers: row(nameList, 'Containers, init containers too, that do not get the secrets.', 'proxy,metrics', { own: true }),
  initContainers: row(nameList, 'Init containers that get the secrets; without it all of them do.', 'migrate', { own: true }),
  secretsReadOnly: row(flag, 'Mount the secrets read-only; without it profile native does and compat does not.', 'true', {
    own: true,
  }),
  volumeSizeLimit: row(
    size,
    'Size limit of each memory volume with secrets; without it 16Mi in profile native, none in compat.',
    '32Mi',
    { own: true, empty: 'unset-warn' },
  ),
  imagePullPolicy: row(oneOf(PULL_POLICIES), 'Pull policy of the agent image.', 'IfNotPresent', { own: true }),
  containerName: row(label, 'Name of the agent container (profile native).', 'vault-agent', {
    default: 'vault-agent',
    own: true,
    empty: 'unset-warn',
  }),
  startupProbe: row(
    oneOf(PROBES),
    'How the agent holds the pod back until its files are there (profile native): shell says why they are not, ls is for images without a shell.',
    'ls',
    { default: 'shell', own: true },
  ),
  allow: row(
    nameList,
    'On a namespace: guarded annotations that its pods may use, by their names without prefix; * for all.',
    'service,agent-image',
    {
      own: true,
      namespaceOnly: true,
    },
  ),
  agentConfig: row(text, 'Written by the webhook in profile native: the configuration that the agent reads.', '{}', {
    own: true,
    podOnly: true,
  }),
  agentInitConfig: row(
    text,
    'Written by the webhook in profile native where there are no native sidecars: the configuration of the init container.',
    '{}',
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
