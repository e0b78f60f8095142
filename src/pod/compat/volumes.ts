// Volumes of profile compat, and the mounts that follow from them, in the order of vault-k8s.
import type { Options } from '../../annotations/parse.ts';
import type { NewMount, NewVolume } from '../add.ts';
import type { VolumeMount } from '../pod.ts';
import { otherDirectories, type SecretFile } from '../secrets.ts';
import type { TokenMount } from '../token.ts';

export const HOME_DIRECTORY = '/home/vault';
const SECRETS_VOLUME = 'vault-secrets';
const CONFIG_DIRECTORY = '/vault/configs';
const EXTRA_DIRECTORY = '/vault/custom';
const TLS_DIRECTORY = '/vault/tls';
/** The cache that the init container leaves for the sidecar. */
export const CACHE_DIRECTORY = '/vault/agent-cache';

/** The two agent containers of the profile. */
export type AgentKind = 'init' | 'sidecar';
export const HOME_VOLUME: Readonly<Record<AgentKind, string>> = { init: 'home-init', sidecar: 'home-sidecar' };

export interface Shape {
  readonly init: boolean;
  readonly sidecar: boolean;
  /** Directories of secrets besides the common one, sorted; each is a volume. */
  readonly directories: readonly string[];
  readonly persistentCache: boolean;
}

/** Which containers and volumes the options require. */
export function shapeOf(options: Options, files: readonly SecretFile[]): Shape {
  const init = options.agentPrePopulate;
  const sidecar = !options.agentPrePopulateOnly;
  return {
    init,
    sidecar,
    directories: otherDirectories(files, options.secretVolumePath),
    persistentCache: options.agentCacheEnable && init && sidecar,
  };
}

const memory = (name: string, sizeLimit?: string): NewVolume => ({
  name,
  emptyDir: { medium: 'Memory', ...(sizeLimit === undefined ? {} : { sizeLimit }) },
});

/** All volumes of the agents. */
export function volumes(options: Options, shape: Shape): NewVolume[] {
  return [
    ...(shape.init ? [memory(HOME_VOLUME.init)] : []),
    ...(shape.sidecar ? [memory(HOME_VOLUME.sidecar)] : []),
    memory(SECRETS_VOLUME, options.volumeSizeLimit),
    ...shape.directories.map((_, index) => memory(`${SECRETS_VOLUME}-custom-${index}`, options.volumeSizeLimit)),
    ...(options.agentConfigmap === '' ? [] : [{ name: 'vault-config', configMap: { name: options.agentConfigmap } }]),
    ...(options.agentExtraSecret === '' ? [] : [{ name: 'extra-secrets', secret: { secretName: options.agentExtraSecret } }]),
    ...(options.tlsSecret === '' ? [] : [{ name: 'vault-tls-secrets', secret: { secretName: options.tlsSecret } }]),
    ...(shape.persistentCache ? [memory('vault-agent-cache')] : []),
  ];
}

/** Mounts of the rendered secrets: writable by default, as in vault-k8s (Q26). */
export function secretMounts(options: Options, shape: Shape, isReadOnly = false): NewMount[] {
  return [options.secretVolumePath, ...shape.directories].map((mountPath, index) => ({
    name: index === 0 ? SECRETS_VOLUME : `${SECRETS_VOLUME}-custom-${index - 1}`,
    mountPath,
    ...(isReadOnly ? { readOnly: true } : {}),
  }));
}

export interface AgentMountsInput {
  readonly options: Options;
  readonly shape: Shape;
  readonly tokens: readonly TokenMount[];
  readonly copied: readonly VolumeMount[];
}

const readOnly = (name: string, mountPath: string): NewMount => ({ name, mountPath, readOnly: true });

/** Mounts of one agent container. */
export function agentMounts(kind: AgentKind, { options, shape, tokens, copied }: AgentMountsInput): (NewMount | VolumeMount)[] {
  const home = { name: HOME_VOLUME[kind], mountPath: HOME_DIRECTORY };
  const [token, ...otherTokens] = tokens.map(({ volume, directory }) => readOnly(volume, directory));
  const first = token ? [token] : [];
  return [
    ...(kind === 'init' ? [home, ...first] : [...first, home]),
    ...otherTokens,
    ...secretMounts(options, shape),
    ...(options.agentExtraSecret === '' ? [] : [readOnly('extra-secrets', EXTRA_DIRECTORY)]),
    ...copied,
    ...(options.agentConfigmap === '' ? [] : [readOnly('vault-config', CONFIG_DIRECTORY)]),
    ...(options.tlsSecret === '' ? [] : [readOnly('vault-tls-secrets', TLS_DIRECTORY)]),
    ...(shape.persistentCache ? [{ name: 'vault-agent-cache', mountPath: CACHE_DIRECTORY }] : []),
  ];
}
