// The agent's configuration in profile compat: the document of vault-k8s 1.7.6, with the members that it leaves out.
import { posix } from 'node:path';
import type { Parsed } from '../../annotations/parse.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { authParameters, compact, templates } from '../agent.ts';
import type { Draft } from '../draft.ts';
import { CACHE_DIRECTORY, HOME_DIRECTORY, type AgentKind, type Shape } from './volumes.ts';

type Options = Parsed['options'];

/** The whole document for each container. `tokenPath` is the token that the agent logs in with. */
export function compatConfigs(draft: Draft, shape: Shape, tokenPath: string): (kind: AgentKind) => JsonObject {
  const { options } = draft.parsed;
  const common = commonConfig(draft, tokenPath);
  return (kind) => {
    const caching = cache(options, kind, shape);
    return {
      ...common,
      exit_after_auth: kind === 'init',
      ...(caching ? { listener: [listener(options)], cache: caching } : {}),
    };
  };
}

/** What the configurations of both containers share. */
const commonConfig = ({ parsed, files, telemetry }: Draft, tokenPath: string): JsonObject => {
  const { options } = parsed;
  return {
    auto_auth: login(parsed, tokenPath),
    pid_file: `${HOME_DIRECTORY}/.pid`,
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
    ...compact({ template: templates(files, 'compat') }),
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
    ...(telemetry ? { telemetry } : {}),
  };
};

const login = (parsed: Parsed, tokenPath: string): JsonObject => {
  const { options } = parsed;
  const sinks: Json[] = [{ type: 'file', config: { path: `${HOME_DIRECTORY}/.vault-token` } }];
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
      config: {
        ...(isJwtOfBackend(parsed) ? { path: tokenPath, remove_jwt_after_reading: false } : { token_path: tokenPath }),
        ...authParameters(parsed.families.authConfig),
        ...(options.role === '' ? {} : { role: options.role }),
      },
    },
    sink: sinks,
  };
};

/** Whether the agent logs in with method jwt and gets no `path`, which the method requires: vault-k8s sets token_path alone (Q45). */
export function lacksJwtPath(parsed: Parsed): boolean {
  const { options, families } = parsed;
  return (
    options.authType === 'jwt' && options.agentConfigmap === '' && !isJwtOfBackend(parsed) && !families.authConfig.has('path')
  );
}

/** Annotations that choose method jwt set its parameters too, as in vault-k8s. A VaultAuthBackend of type jwt sets none. */
const isJwtOfBackend = ({ options, origins }: Parsed): boolean =>
  options.authType === 'jwt' && origins.get('authType')?.layer === 'VaultAuthBackend';

const listener = (options: Options): JsonObject => ({
  type: 'tcp',
  address: `127.0.0.1:${options.agentCacheListenerPort}`,
  tls_disable: true,
  ...(options.agentEnableQuit ? { agent_api: { enable_quit: true } } : {}),
});

/** An init container without a sidecar has no cache: no process would use it. */
const cache = (options: Options, kind: AgentKind, { init, sidecar }: Shape): JsonObject | undefined => {
  const isShared = init && sidecar;
  if (options.agentCacheEnable && (isShared || kind === 'sidecar'))
    return {
      // An empty annotation leaves it out, as in vault-k8s.
      ...compact({ use_auto_auth_token: options.agentCacheUseAutoAuthToken }),
      ...(isShared
        ? { persist: { type: 'kubernetes', path: CACHE_DIRECTORY, ...compact({ exit_on_err: options.agentCacheExitOnErr }) } }
        : {}),
    };
  return options.agentEnableQuit ? {} : undefined;
};
