// Volumes of profile native, their mounts, and the directories that only the agent may use. Sizes and paths were tested on a node.
import { annotationName } from '../../annotations/names.ts';
import type { Options } from '../../annotations/parse.ts';
import type { OptionKey } from '../../annotations/table.ts';
import type { NewMount, NewVolume } from '../add.ts';
import { originOf, type Draft } from '../draft.ts';
import { resolvedPath } from '../paths.ts';
import type { PodProblem } from '../pod-problems.ts';
import type { Pod, VolumeMount } from '../pod.ts';
import { awsTokenMount, FILE_MODE, SERVICE_ACCOUNT_DIRECTORY, TOKEN_VOLUME } from '../token.ts';
import { TOKEN_DIRECTORIES } from './service-account.ts';

const SECRETS_VOLUME = 'vault-secrets';
const CONFIG_VOLUME = 'vault-agent-config';
const RUN_VOLUME = 'vault-agent-run';

export const CONFIG_DIRECTORY = '/vault/agent';
/** The agent's log and its token. */
export const RUN_DIRECTORY = '/run/vault-agent';
/** The file with environment variables, which only the agent and the kubelet read. */
export const VARIABLES_DIRECTORY = '/run/vault-env';
/** The same volume, where templates and commands written for vault-k8s find a writable home. */
export const HOME_DIRECTORY = '/home/vault';
const EXTRA_DIRECTORY = '/vault/custom';
const TLS_DIRECTORY = '/vault/tls';

/** A memory volume counts as memory of the pod; without a limit it could use all of the node's. */
export const DEFAULT_SECRETS_SIZE = '16Mi';
/** Two rotated log files of 64 KiB, and what commands write into their home: key stores of some hundred KiB. */
const RUN_SIZE = '16Mi';

const memory = (name: string, sizeLimit: string): NewVolume => ({ name, emptyDir: { medium: 'Memory', sizeLimit } });

const secretsName = (index: number): string => (index === 0 ? SECRETS_VOLUME : `${SECRETS_VOLUME}-custom-${index - 1}`);

/** The configuration of an agent container, which the downward API copies from an annotation of the pod into a file. */
export interface ConfigFile {
  /** The annotation that contains it. */
  readonly config: Extract<OptionKey, 'agentConfig' | 'agentInitConfig' | 'agentPasswd' | 'agentGroup'>;
  /** The name of the file in the container. */
  readonly file: string;
}

/** Files that the agent's image has too, with owners that templates name. */
export const OWNER_FILES: readonly (ConfigFile & { readonly file: 'passwd' | 'group' })[] = [
  { config: 'agentPasswd', file: 'passwd' },
  { config: 'agentGroup', file: 'group' },
];

export interface VolumesInput {
  readonly options: Options;
  /** Those of the secrets, the common one first. */
  readonly directories: readonly string[];
  readonly configs: readonly ConfigFile[];
  /** The volume of the agent's token. */
  readonly token: NewVolume;
}

/** All volumes that injection adds. */
export function volumes({ options, directories, configs, token }: VolumesInput): NewVolume[] {
  return [
    ...directories.map((_, index) => memory(secretsName(index), options.volumeSizeLimit ?? DEFAULT_SECRETS_SIZE)),
    memory(RUN_VOLUME, RUN_SIZE),
    {
      name: CONFIG_VOLUME,
      downwardAPI: {
        defaultMode: FILE_MODE,
        items: configs.map(({ file, config }) => ({
          path: file,
          fieldRef: { apiVersion: 'v1', fieldPath: `metadata.annotations['${annotationName(config)}']` },
        })),
      },
    },
    token,
    ...(options.agentExtraSecret === ''
      ? []
      : [{ name: 'extra-secrets', secret: { secretName: options.agentExtraSecret, defaultMode: FILE_MODE } }]),
    ...(options.tlsSecret === ''
      ? []
      : [{ name: 'vault-tls-secrets', secret: { secretName: options.tlsSecret, defaultMode: FILE_MODE } }]),
  ];
}

const readOnly = (name: string, mountPath: string): NewMount => ({ name, mountPath, readOnly: true });

/** Mounts of the rendered secrets: writable for the agent, read-only by default for app containers. */
export function secretMounts(directories: readonly string[], isReadOnly: boolean): NewMount[] {
  return directories.map((mountPath, index) => ({
    name: secretsName(index),
    mountPath,
    ...(isReadOnly ? { readOnly: true } : {}),
  }));
}

export interface AgentMountsInput {
  readonly pod: Pod;
  readonly options: Options;
  readonly directories: readonly string[];
  readonly hasOwnerFiles: boolean;
}

/**
 * Mounts of the agent. Its own token is at the default path, so that the API server's ServiceAccount admission plugin does not add
 * the token for the API server to the agent. The auth type aws logs in with the token that EKS adds to app containers.
 */
export function agentMounts({ pod, options, directories, hasOwnerFiles }: AgentMountsInput): NewMount[] {
  // Secrets in the home directory: their volume is a writable home already.
  const isHomeFree = directories.every((path) => resolvedPath(path) !== resolvedPath(HOME_DIRECTORY));
  const aws = options.authType === 'aws' ? awsTokenMount(pod) : undefined;
  return [
    ...secretMounts(directories, false),
    { name: RUN_VOLUME, mountPath: RUN_DIRECTORY },
    ...(isHomeFree ? [{ name: RUN_VOLUME, mountPath: HOME_DIRECTORY }] : []),
    readOnly(CONFIG_VOLUME, CONFIG_DIRECTORY),
    ...(hasOwnerFiles ? OWNER_FILES.map(({ file }) => ({ ...readOnly(CONFIG_VOLUME, `/etc/${file}`), subPath: file })) : []),
    ...TOKEN_DIRECTORIES.map((path) => readOnly(TOKEN_VOLUME, path)),
    ...(aws ? [readOnly(aws.volume, aws.directory)] : []),
    ...(options.agentExtraSecret === '' ? [] : [readOnly('extra-secrets', EXTRA_DIRECTORY)]),
    ...(options.tlsSecret === '' ? [] : [readOnly('vault-tls-secrets', TLS_DIRECTORY)]),
  ];
}

const AGENT_DIRECTORIES = [CONFIG_DIRECTORY, RUN_DIRECTORY, VARIABLES_DIRECTORY, SERVICE_ACCOUNT_DIRECTORY].map((path) => ({
  path,
  resolved: resolvedPath(path),
}));

const agentDirectoryAt = (path: string): string | undefined => {
  const target = resolvedPath(path);
  return AGENT_DIRECTORIES.find((directory) => target.startsWith(directory.resolved))?.path;
};

/**
 * Secrets and copied mounts in a directory of the agent. Without this check they could replace its configuration, log or token, and
 * with them what the agent does.
 */
export function directoryConflicts({ parsed, files }: Draft, copied: readonly VolumeMount[]): readonly PodProblem[] {
  const { options, families } = parsed;
  const common = originOf(parsed, 'secretVolumePath');
  return [
    ...conflictsAt(options.secretVolumePath, common),
    ...files.flatMap(({ name, destination }) =>
      conflictsAt(destination, (families.file.get(name) ?? families.volumePath.get(name))?.annotation ?? common),
    ),
    ...copied.flatMap(({ mountPath }) => conflictsAt(mountPath ?? '', originOf(parsed, 'agentCopyVolumeMounts'))),
  ];
}

const conflictsAt = (path: string, annotation: string): readonly PodProblem[] => {
  const own = agentDirectoryAt(path);
  return own === undefined ? [] : [{ code: 'directory-conflict', annotation, path, own }];
};
