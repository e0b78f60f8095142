// The agent's configuration as a JSON document, for one of its two containers or for both in one.
import type { FamilyOptions, Options } from '../annotations/parse.ts';
import type { Json, JsonObject } from '../json/json.ts';
import type { SecretFile } from './secrets.ts';
import type { Telemetry } from './telemetry.ts';
import { defaultTemplate } from './template.ts';
import { posix } from 'node:path';

export interface AgentConfigInput {
  readonly options: Options;
  readonly authConfig: FamilyOptions['authConfig'];
  readonly files: readonly SecretFile[];
  /** Path of the token that the agent logs in with. */
  readonly tokenPath: string;
  /** The login method is jwt because a VaultAuthBackend is of that type. */
  readonly isJwtOfBackend: boolean;
  readonly telemetry: Telemetry['block'];
  /** Directory where the agent may write: its token and process id. */
  readonly home: string;
}

/** Which of the two containers the configuration is for, and whether there is a twin that shares the cache with it. */
export interface AgentRole {
  readonly init: boolean;
  readonly twin: boolean;
}

/** Directory of the cache that the init container leaves for the sidecar. */
export const CACHE_DIRECTORY = '/vault/agent-cache';

/** Members whose value is "not set" in Go's sense are left out: empty text, 0, false, empty list. */
export function compact(members: { readonly [name: string]: Json | undefined }): { [name: string]: Json } {
  const kept: { [name: string]: Json } = {};
  for (const name in members) {
    const value = members[name];
    if (value === undefined || value === '' || value === 0 || value === false) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    kept[name] = value;
  }
  return kept;
}

const byName = <T>(entries: ReadonlyMap<string, T>): [string, T][] =>
  [...entries].sort(([one], [other]) => (one < other ? -1 : 1));

const loginParameters = (input: AgentConfigInput): JsonObject => {
  const parameters: { [name: string]: Json } = input.isJwtOfBackend
    ? { path: input.tokenPath, remove_jwt_after_reading: false }
    : { token_path: input.tokenPath };
  for (const [name, { value }] of byName(input.authConfig)) parameters[name.replaceAll('-', '_')] = value;
  if (input.options.role !== '') parameters['role'] = input.options.role;
  return parameters;
};

const login = (input: AgentConfigInput): JsonObject => {
  const { options, home } = input;
  const sinks: Json[] = [{ type: 'file', config: { path: `${home}/.vault-token` } }];
  if (options.agentInjectToken) sinks.push({ type: 'file', config: { path: posix.join(options.secretVolumePath, 'token') } });
  return {
    method: {
      type: options.authType,
      mount_path: options.authPath,
      ...compact({
        min_backoff: options.authMinBackoff,
        max_backoff: options.authMaxBackoff,
        namespace: options.namespace,
        exit_on_err: options.agentAutoAuthExitOnErr,
      }),
      config: loginParameters(input),
    },
    sink: sinks,
  };
};

export function templates({ files }: Pick<AgentConfigInput, 'files'>): JsonObject[] {
  return files.map((file) => ({
    ...(file.source === ''
      ? { contents: file.template === '' ? defaultTemplate(file.format, file.path) : file.template }
      : { source: file.source }),
    destination: file.destination,
    left_delimiter: file.leftDelimiter,
    right_delimiter: file.rightDelimiter,
    ...compact({ command: file.command, perms: file.permissions, error_on_missing_key: file.errorOnMissingKey }),
  }));
}

const listener = (options: Options): JsonObject => ({
  type: 'tcp',
  address: `127.0.0.1:${options.agentCacheListenerPort}`,
  tls_disable: true,
  ...(options.agentEnableQuit ? { agent_api: { enable_quit: true } } : {}),
});

/** An init container without a twin has nobody to cache for. */
const cache = (options: Options, role: AgentRole): JsonObject | undefined => {
  if (options.agentCacheEnable && (role.twin || !role.init))
    return {
      use_auto_auth_token: options.agentCacheUseAutoAuthToken,
      ...(role.twin
        ? { persist: { type: 'kubernetes', path: CACHE_DIRECTORY, ...compact({ exit_on_err: options.agentCacheExitOnErr }) } }
        : {}),
    };
  return options.agentEnableQuit ? {} : undefined;
};

/** What the configurations of both containers share. */
const common = (input: AgentConfigInput): JsonObject => {
  const { options } = input;
  return {
    auto_auth: login(input),
    pid_file: `${input.home}/.pid`,
    vault: {
      address: options.service ?? '',
      ...compact({
        ca_path: options.caPath === '' ? options.caKey : options.caPath,
        ca_cert: options.caCert,
        client_cert: options.clientCert,
        client_key: options.clientKey,
        tls_skip_verify: options.tlsSkipVerify,
        tls_server_name: options.tlsServerName,
      }),
    },
    ...compact({ template: templates(input) }),
    template_config: {
      exit_on_retry_failure: options.templateConfigExitOnRetryFailure,
      ...compact({
        static_secret_render_interval: options.templateStaticSecretRenderInterval,
        max_connections_per_host: options.templateMaxConnectionsPerHost,
        lease_renewal_threshold: options.templateLeaseRenewalThreshold,
      }),
    },
    ...compact({
      disable_idle_connections: options.agentDisableIdleConnections,
      disable_keep_alives: options.agentDisableKeepAlives,
    }),
    ...(input.telemetry ? { telemetry: input.telemetry } : {}),
  };
};

/**
 * The whole document of each container that is asked for. Its shape, including which empty members are left out, is that of
 * vault-k8s 1.7.6.
 */
export function agentConfigs(input: AgentConfigInput): (role: AgentRole) => JsonObject {
  const shared = common(input);
  return (role) => {
    const caching = cache(input.options, role);
    return { ...shared, exit_after_auth: role.init, ...(caching ? { listener: [listener(input.options)], cache: caching } : {}) };
  };
}
