// The configuration of the native agent. It never gives up while its pod lives: a sidecar that is down takes its pod out of
// its Services, so an outage of Vault must not end it. Before a Job or an app without sidecar it is the other way round.
import { posix } from 'node:path';
import type { FamilyOptions, Options } from '../../annotations/parse.ts';
import { compact, templates } from '../agent-config.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import type { SecretFile } from '../secrets.ts';
import type { Telemetry } from '../telemetry.ts';
import { SERVICE_ACCOUNT_DIRECTORY } from '../token.ts';
import { RUN_DIRECTORY } from './volumes.ts';

export interface NativeConfigInput {
  readonly options: Options;
  readonly authConfig: FamilyOptions['authConfig'];
  readonly files: readonly SecretFile[];
  readonly telemetry: Telemetry['block'];
  /** The agent ends after it has rendered everything once. */
  readonly once: boolean;
}

const TOKEN_FILE = `${SERVICE_ACCOUNT_DIRECTORY}/token`;
/** Where the start-up probe finds what to quote; a file of 64 KiB is more than any reason. */
export const LOG_FILE = `${RUN_DIRECTORY}/agent.log`;
const LOG_BYTES = 65_536;
/**
 * How often a template is tried again before the agent counts it as failed. Once for all, it says soon what is wrong. A sidecar
 * must never get there: its agent then builds all templates anew after a wait that grows to five minutes (Vault; OpenBao
 * takes the back-off of the login), and takes no new token meanwhile. A million tries are weeks, and 0 would be the default of 12.
 */
const RETRIES = { once: 3, sidecar: 1_000_000 } as const;
/**
 * Longest wait after a failed login, and after a failed read, where nobody says otherwise: so long after Vault, or a missing
 * role, is there, the pods are too. docs/decisions/0050 adds up what a recovery takes.
 */
const LONGEST_BACKOFF = '2s';

/** Where the method of this type reads its token, and what else it needs to be safe with a file that the kubelet renews. */
const tokenParameters = (authType: string): { [name: string]: Json } =>
  authType === 'jwt' ? { path: TOKEN_FILE, remove_jwt_after_reading: false } : { token_path: TOKEN_FILE };

const login = ({ options, authConfig, once }: NativeConfigInput): JsonObject => {
  const parameters = tokenParameters(options.authType);
  for (const [name, { value }] of [...authConfig].sort(([one], [other]) => (one < other ? -1 : 1)))
    parameters[name.replaceAll('-', '_')] = value;
  if (options.role !== '') parameters['role'] = options.role;
  const method = {
    type: options.authType,
    mount_path: options.authPath,
    ...compact({
      namespace: options.namespace,
      min_backoff: options.authMinBackoff,
      // The agent refuses a longest wait that is not above the shortest: who names one has the other as the agent has it.
      max_backoff: options.authMaxBackoff === '' && options.authMinBackoff === '' ? LONGEST_BACKOFF : options.authMaxBackoff,
      exit_on_err: once || options.agentAutoAuthExitOnErr,
    }),
    config: parameters,
  };
  const sink = { type: 'file', config: { path: posix.join(options.secretVolumePath, 'token') } };
  // A list: an object alone is read as a labelled block, and refused without a sink beside it.
  return { method: [method], ...(options.agentInjectToken ? { sinks: [{ sink }] } : {}) };
};

/** The whole document. */
export function nativeConfig(input: NativeConfigInput): JsonObject {
  const { options, once, files, telemetry } = input;
  return {
    auto_auth: login(input),
    ...(once ? { exit_after_auth: true } : {}),
    vault: {
      address: options.service ?? '',
      ...compact({
        ca_cert: options.caCert,
        ca_path: options.caPath === '' ? options.caKey : options.caPath,
        client_cert: options.clientCert,
        client_key: options.clientKey,
        tls_skip_verify: options.tlsSkipVerify,
        tls_server_name: options.tlsServerName,
      }),
      retry: { num_retries: once ? RETRIES.once : RETRIES.sidecar },
    },
    ...compact({ template: templates({ files }) }),
    template_config: {
      exit_on_retry_failure: once,
      ...compact({
        static_secret_render_interval: options.templateStaticSecretRenderInterval,
        max_connections_per_host: options.templateMaxConnectionsPerHost,
        lease_renewal_threshold: options.templateLeaseRenewalThreshold,
      }),
    },
    log_file: LOG_FILE,
    log_rotate_bytes: LOG_BYTES,
    log_rotate_max_files: -1,
    ...compact({
      disable_idle_connections: options.agentDisableIdleConnections,
      disable_keep_alives: options.agentDisableKeepAlives,
    }),
    ...(telemetry ? { telemetry } : {}),
  };
}
