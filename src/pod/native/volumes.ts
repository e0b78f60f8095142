// Volumes of profile native and who mounts them where. Seen to work on a real node; the sizes and paths are from there.
import { annotationName } from '../../annotations/name.ts';
import type { Options } from '../../annotations/parse.ts';
import type { JsonObject } from '../../json/json.ts';
import { FILE_MODE, projectedToken } from '../projected-token.ts';
import { SERVICE_ACCOUNT_DIRECTORY, TOKEN_VOLUME } from '../token.ts';
import type { AgentPart } from './part.ts';

const SECRETS_VOLUME = 'vault-secrets';
const CONFIG_VOLUME = 'vault-agent-config';
const RUN_VOLUME = 'vault-agent-run';

export const CONFIG_DIRECTORY = '/vault/agent';
/** Home of the agent: its log, and whatever it writes by itself. */
export const RUN_DIRECTORY = '/run/vault-agent';
const EXTRA_DIRECTORY = '/vault/custom';
const TLS_DIRECTORY = '/vault/tls';

/** A memory volume takes from the memory of the pod; without a limit it could take all of the node's. */
const DEFAULT_SECRETS_SIZE = '16Mi';
/** Two rotated log files of 64 KiB and a few small files. */
const RUN_SIZE = '1Mi';

const memory = (name: string, sizeLimit: string): JsonObject => ({ name, emptyDir: { medium: 'Memory', sizeLimit } });

const secretsName = (index: number): string => (index === 0 ? SECRETS_VOLUME : `${SECRETS_VOLUME}-custom-${index - 1}`);

/** All volumes; `directories` are those of the secrets, the common one first. */
export function volumes(options: Options, directories: readonly string[], parts: readonly AgentPart[]): JsonObject[] {
  return [
    ...directories.map((_, index) => memory(secretsName(index), options.volumeSizeLimit ?? DEFAULT_SECRETS_SIZE)),
    memory(RUN_VOLUME, RUN_SIZE),
    {
      name: CONFIG_VOLUME,
      downwardAPI: {
        defaultMode: FILE_MODE,
        items: parts.map(({ file, config }) => ({
          path: file,
          fieldRef: { apiVersion: 'v1', fieldPath: `metadata.annotations['${annotationName(config)}']` },
        })),
      },
    },
    projectedToken(options),
    ...(options.agentExtraSecret === ''
      ? []
      : [{ name: 'extra-secrets', secret: { secretName: options.agentExtraSecret, defaultMode: FILE_MODE } }]),
    ...(options.tlsSecret === ''
      ? []
      : [{ name: 'vault-tls-secrets', secret: { secretName: options.tlsSecret, defaultMode: FILE_MODE } }]),
  ];
}

const readOnly = (name: string, mountPath: string): JsonObject => ({ name, mountPath, readOnly: true });

/** Mounts of the rendered secrets, writable for the agent. */
export function secretMounts(directories: readonly string[], isReadOnly: boolean): JsonObject[] {
  return directories.map((mountPath, index) => ({
    name: secretsName(index),
    mountPath,
    ...(isReadOnly ? { readOnly: true } : {}),
  }));
}

/**
 * Mounts of the agent. Its own token stands at the default path, so that the API server's ServiceAccount plugin has
 * nothing to add and the general API token is not in the agent.
 */
export function agentMounts(options: Options, directories: readonly string[]): JsonObject[] {
  return [
    ...secretMounts(directories, false),
    { name: RUN_VOLUME, mountPath: RUN_DIRECTORY },
    readOnly(CONFIG_VOLUME, CONFIG_DIRECTORY),
    readOnly(TOKEN_VOLUME, SERVICE_ACCOUNT_DIRECTORY),
    ...(options.agentExtraSecret === '' ? [] : [readOnly('extra-secrets', EXTRA_DIRECTORY)]),
    ...(options.tlsSecret === '' ? [] : [readOnly('vault-tls-secrets', TLS_DIRECTORY)]),
  ];
}
