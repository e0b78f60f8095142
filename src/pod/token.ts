// Service account tokens of a Pod: the one that its agent or app logs in with, and the projected volume that injection adds.
import { posix } from 'node:path';
import type { Options } from '../annotations/parse.ts';
import type { NewVolume } from './add.ts';
import type { PodProblem } from './pod-problems.ts';
import type { Pod, Volume } from './pod.ts';

export interface TokenMount {
  readonly volume: string;
  readonly directory: string;
  readonly file: string;
}

/** Where the API server's ServiceAccount admission plugin mounts the token. */
export const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The volume of the token that injection adds, in profile native and mode token. */
export const TOKEN_VOLUME = 'vault-auth-token';
/** Where apps in mode token find their token for Vault: the default path keeps the token for the API server. */
export const APP_TOKEN_DIRECTORY = '/var/run/secrets/vaultauth.dev/serviceaccount';
/** 0644: the kubelet tightens it to 0600 if all containers run as one user. */
export const FILE_MODE = 0o644;
/** Where the agent mounts a named volume that no app container mounts. */
const OWN_DIRECTORY = '/var/run/secrets/vault.hashicorp.com/serviceaccount';
/** Part of the mount path of EKS' own tokens, whose audience is AWS (Q10). */
const AWS_PATH = 'amazonaws.com';
/** Mount path of the EKS token that the auth type aws logs in with. */
const EKS_PATH = 'eks.amazonaws.com';

interface Mount {
  readonly name: string;
  readonly path: string;
}

/** The first mount of an app container that matches. */
const findMount = ({ spec }: Pod, matches: (mount: Mount) => boolean): Mount | undefined => {
  for (const container of spec.containers ?? [])
    for (const { name, mountPath } of container.volumeMounts ?? []) {
      const mount = { name: name ?? '', path: mountPath ?? '' };
      if (matches(mount)) return mount;
    }
  return undefined;
};

const volumeNamed = ({ spec }: Pod, name: string): Volume | undefined =>
  (spec.volumes ?? []).find((volume) => volume.name === name);

const tokenFileOf = (volume: Volume): string | undefined => {
  for (const { serviceAccountToken } of volume.projected?.sources ?? [])
    if (serviceAccountToken?.path) return serviceAccountToken.path;
  return undefined;
};

const namedToken = (pod: Pod, name: string): TokenMount | PodProblem => {
  const mount = findMount(pod, (candidate) => candidate.name === name);
  const volume = volumeNamed(pod, name);
  if (!volume) return { code: 'token-volume-unknown', volume: name, mounted: mount !== undefined, pod: pod.metadata.name ?? '' };
  const file = tokenFileOf(volume);
  if (file === undefined) return { code: 'token-volume-kind', volume: name };
  return { volume: name, directory: mount?.path ?? OWN_DIRECTORY, file };
};

/** A projected token, or the Secret of a token as in older clusters. A volume that the pod does not list may be one. */
const mayContainToken = (volume: Volume | undefined): boolean =>
  !volume || tokenFileOf(volume) !== undefined || Boolean(volume.secret);

/** The exact default path first; then any other mount whose path names a service account, except tokens for AWS. */
const mountedToken = (pod: Pod): TokenMount | PodProblem => {
  const mount =
    findMount(pod, ({ path }) => path === SERVICE_ACCOUNT_DIRECTORY || posix.normalize(path) === SERVICE_ACCOUNT_DIRECTORY) ??
    findMount(
      pod,
      ({ name, path }) => path.includes('serviceaccount') && !path.includes(AWS_PATH) && mayContainToken(volumeNamed(pod, name)),
    );
  if (!mount) return { code: 'token-missing' };
  const volume = volumeNamed(pod, mount.name);
  return { volume: mount.name, directory: mount.path, file: (volume && tokenFileOf(volume)) ?? 'token' };
};

/** The token of the pod that the agent logs in with, or the problem that there is none. */
export function tokenMount(pod: Pod, options: Options): TokenMount | PodProblem {
  return options.agentServiceAccountTokenVolumeName === ''
    ? mountedToken(pod)
    : namedToken(pod, options.agentServiceAccountTokenVolumeName);
}

/** The token that injection adds; undefined if the pod's own is used. */
export function injectedToken({ mode, profile }: Options): TokenMount | undefined {
  if (mode === 'token') return { volume: TOKEN_VOLUME, directory: APP_TOKEN_DIRECTORY, file: 'token' };
  return profile === 'native' ? { volume: TOKEN_VOLUME, directory: SERVICE_ACCOUNT_DIRECTORY, file: 'token' } : undefined;
}

/**
 * The volume of that token. The API server drops an empty audience, so the field is left out for the default audience: otherwise
 * the next injection would take the volume for a different one.
 */
export function projectedToken({ tokenAudience: audience, tokenExpirationSeconds: expirationSeconds }: Options): NewVolume {
  const serviceAccountToken = { path: 'token', ...(audience === '' ? {} : { audience }), expirationSeconds };
  return { name: TOKEN_VOLUME, projected: { defaultMode: FILE_MODE, sources: [{ serviceAccountToken }] } };
}

/** Volume and audience of the pod's own token, if the agent logs in with it. An undefined audience is the API server's default. */
export function podTokenOf(
  pod: Pod,
  options: Options,
): { readonly volume: string; readonly audience: string | undefined } | undefined {
  const mount = injectedToken(options) ? undefined : tokenMount(pod, options);
  if (!mount || 'code' in mount) return undefined;
  const sources = volumeNamed(pod, mount.volume)?.projected?.sources ?? [];
  const token = sources.map((source) => source.serviceAccountToken).find(Boolean);
  return { volume: mount.volume, audience: token?.audience ?? undefined };
}

/** The mount of the token that EKS adds for AWS, for the auth type aws. */
export function awsTokenMount(pod: Pod): TokenMount | undefined {
  const mount = findMount(pod, ({ path }) => path.includes(EKS_PATH));
  return mount && { volume: mount.name, directory: mount.path, file: 'token' };
}
