// The agent's configuration in profile native. A sidecar retries as long as its pod runs: a crashed sidecar would remove the pod from
// its Services during an outage of Vault. An init container fails after a few retries instead.
import { posix } from 'node:path';
import type { FamilyOptions, Options } from '../../annotations/parse.ts';
import { authParameters, compact, templates } from '../agent.ts';
import type { JsonObject } from '../../json/json.ts';
import type { SecretFile } from '../secrets.ts';
import type { Telemetry } from '../telemetry.ts';
import { templateCalls } from '../template-calls.ts';
import { SERVICE_ACCOUNT_DIRECTORY } from '../token.ts';
import { RUN_DIRECTORY } from './volumes.ts';

export interface NativeConfigInput {
  readonly options: Options;
  readonly authConfig: FamilyOptions['authConfig'];
  readonly files: readonly SecretFile[];
  /** Templates that follow those of the files. */
  readonly more: readonly JsonObject[];
  readonly telemetry: Telemetry['block'];
  /** The agent exits after it has rendered all files. */
  readonly once: boolean;
}

const TOKEN_FILE = `${SERVICE_ACCOUNT_DIRECTORY}/token`;
/** The startup probe prints the end of it; 64 KiB contain the reason of any failure. */
export const LOG_FILE = `${RUN_DIRECTORY}/agent.log`;
const LOG_BYTES = 65_536;
/**
 * Retries of a template before the agent counts it as failed. An init container fails soon, so that its log shows the reason. A
 * sidecar must not reach the limit: its agent then rebuilds all templates after a back-off of up to five minutes (Vault; OpenBao
 * uses the back-off of the login), and accepts no new token meanwhile. A million retries take weeks; 0 means the default of 12.
 */
const RETRIES = { once: 3, sidecar: 1_000_000 } as const;
/**
 * Default of the longest back-off after a failed login or read: pods recover this long after Vault, or a missing role, does.
 * docs/decisions/0050 adds up the duration of a recovery.
 */
const DEFAULT_MAX_BACKOFF = '2s';

/** Path of the token. Without the second parameter, method jwt deletes the file, which the kubelet renews. */
const tokenParameters = (authType: string): JsonObject =>
  authType === 'jwt' ? { path: TOKEN_FILE, remove_jwt_after_reading: false } : { token_path: TOKEN_FILE };

const sink = (path: string): JsonObject => ({ type: 'file', config: { path } });

const login = ({ options, authConfig, once }: NativeConfigInput): JsonObject => {
  const method = {
    type: options.authType,
    mount_path: options.authPath,
    ...compact({
      namespace: options.namespace,
      min_backoff: options.authMinBackoff,
      // The agent rejects a maximum that is not above the minimum, so the default applies only if neither is set.
      max_backoff: options.authMaxBackoff === '' && options.authMinBackoff === '' ? DEFAULT_MAX_BACKOFF : options.authMaxBackoff,
      exit_on_err: once || options.agentAutoAuthExitOnErr,
    }),
    config: {
      ...tokenParameters(options.authType),
      ...authParameters(authConfig),
      ...(options.role === '' ? {} : { role: options.role }),
    },
  };
  // A list: the agent reads a single object as a labelled block, and rejects it without a sink.
  return {
    method: [method],
    sink: [
      // Only in the agent's containers. Commands such as `vault kv get` read it there, as in vault-k8s.
      sink(`${RUN_DIRECTORY}/.vault-token`),
      ...(options.agentInjectToken ? [sink(posix.join(options.secretVolumePath, 'token'))] : []),
    ],
  };
};

/** Functions that read secrets. With further arguments they write, as `pki/issue` needs. */
const READERS = new Set(['secret', 'pkiCert']);

const issues = ({ source, template, path, leftDelimiter, rightDelimiter }: SecretFile): boolean => {
  if (source !== '') return true;
  if (template === '') return !path.includes('/data/');
  // A path can be an expression: (printf "kv/data/%s/db" …).
  return templateCalls(template, leftDelimiter, rightDelimiter).some(
    ({ name, arguments: [secret = template, ...parameters] }) =>
      READERS.has(name) && (name === 'pkiCert' || parameters.length > 0 || !secret.includes('/data/')),
  );
};

/**
 * Whether a template may get a certificate or a lease each time that it is rendered: anything but KV version 2. After a failed template
 * all templates start again. Vault's agent doubles the pause up to five minutes; OpenBao's waits for the back-off of the login, which
 * is short (docs/decisions/0050), and would issue a certificate every two seconds without end. So it exits, and the kubelet restarts it
 * with a back-off of up to five minutes, and shows the error. An outage of Vault is no failed template: see RETRIES.
 */
const mayIssue = (files: readonly SecretFile[]): boolean => files.some(issues);

/** The configuration as a JSON document, before the user's own patch. */
export function nativeConfig(input: NativeConfigInput): JsonObject {
  const { options, once, files, more, telemetry } = input;
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
    ...compact({ template: [...templates(files, 'native'), ...more] }),
    template_config: {
      exit_on_retry_failure: once || (options.flavour === 'openbao' && mayIssue(files)),
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
