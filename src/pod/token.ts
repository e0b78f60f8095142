// Which service-account token the agent logs in with, among those that the pod has.
import { posix } from 'node:path';
import type { Options } from '../annotations/parse.ts';
import type { PodProblem } from './pod-problems.ts';
import { objectAt, objectsOf, textOf, type JsonObject } from '../json/json.ts';

export interface TokenMount {
  readonly volume: string;
  readonly directory: string;
  readonly file: string;
}

/** Where the API server's ServiceAccount plugin mounts the token. */
export const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The volume of the token that injection adds, in profile native and mode token. */
export const TOKEN_VOLUME = 'vault-auth-token';
/** Where apps in mode token find theirs: at the default path they keep the general one. */
export const APP_TOKEN_DIRECTORY = '/var/run/secrets/vaultauth.dev/serviceaccount';
/** Where the agent finds a named volume that no app container mounts. */
const OWN_DIRECTORY = '/var/run/secrets/vault.hashicorp.com/serviceaccount';
/** Part of the mount path of EKS' own tokens, which are for AWS and not for Vault (Q10). */
const AWS_PATH = 'amazonaws.com';
/** Mount path of the EKS token that the auth type aws logs in with. */
const EKS_PATH = 'eks.amazonaws.com';

interface Mount {
  readonly name: string;
  readonly path: string;
}

/** The first mount of an app container that is wanted. A loop, since the first of hundreds of mounts is nearly always the one. */
const findMount = (pod: JsonObject, isWanted: (mount: Mount) => boolean): Mount | undefined => {
  for (const container of objectsOf(objectAt(pod, 'spec')?.['containers']))
    for (const one of objectsOf(container['volumeMounts'])) {
      const mount = { name: textOf(one, 'name') ?? '', path: textOf(one, 'mountPath') ?? '' };
      if (isWanted(mount)) return mount;
    }
  return undefined;
};

const volumeNamed = (pod: JsonObject, name: string): JsonObject | undefined =>
  objectsOf(objectAt(pod, 'spec')?.['volumes']).find((volume) => textOf(volume, 'name') === name);

const tokenFileOf = (volume: JsonObject): string | undefined => {
  for (const source of objectsOf(objectAt(volume, 'projected')?.['sources'])) {
    const path = textOf(objectAt(source, 'serviceAccountToken'), 'path');
    if (path !== undefined && path !== '') return path;
  }
  return undefined;
};

const namedToken = (pod: JsonObject, name: string): TokenMount | PodProblem => {
  const mount = findMount(pod, (candidate) => candidate.name === name);
  const volume = volumeNamed(pod, name);
  if (!volume)
    return {
      code: 'token-volume-unknown',
      volume: name,
      mounted: mount !== undefined,
      pod: textOf(objectAt(pod, 'metadata'), 'name') ?? '',
    };
  const file = tokenFileOf(volume);
  if (file === undefined) return { code: 'token-volume-kind', volume: name };
  return { volume: name, directory: mount?.path ?? OWN_DIRECTORY, file };
};

/** A projected token, or the Secret of a token as older clusters have it; a volume that the pod does not list is not judged. */
const mayHoldToken = (volume: JsonObject | undefined): boolean =>
  volume === undefined || tokenFileOf(volume) !== undefined || objectAt(volume, 'secret') !== undefined;

/** The exact default path first; then any other mount that names a service account, but never one that is meant for AWS. */
const mountedToken = (pod: JsonObject): TokenMount | PodProblem => {
  const mount =
    findMount(pod, ({ path }) => path === SERVICE_ACCOUNT_DIRECTORY || posix.normalize(path) === SERVICE_ACCOUNT_DIRECTORY) ??
    findMount(
      pod,
      ({ name, path }) => path.includes('serviceaccount') && !path.includes(AWS_PATH) && mayHoldToken(volumeNamed(pod, name)),
    );
  if (!mount) return { code: 'token-missing' };
  const volume = volumeNamed(pod, mount.name);
  return { volume: mount.name, directory: mount.path, file: (volume && tokenFileOf(volume)) ?? 'token' };
};

/** The token of the pod that the agent logs in with, or why there is none. */
export function tokenMount(pod: JsonObject, options: Options): TokenMount | PodProblem {
  return options.agentServiceAccountTokenVolumeName === ''
    ? mountedToken(pod)
    : namedToken(pod, options.agentServiceAccountTokenVolumeName);
}

/** The token that injection adds by itself, whatever the pod has; undefined where the pod's own is used. */
export function injectedToken({ mode, profile }: Options): TokenMount | undefined {
  if (mode === 'token') return { volume: TOKEN_VOLUME, directory: APP_TOKEN_DIRECTORY, file: 'token' };
  return profile === 'native' ? { volume: TOKEN_VOLUME, directory: SERVICE_ACCOUNT_DIRECTORY, file: 'token' } : undefined;
}

/** Volume and audience of the pod's own token where the agent logs in with that; an audience that is undefined is the API server's. */
export function podTokenOf(
  pod: JsonObject,
  options: Options,
): { readonly volume: string; readonly audience: string | undefined } | undefined {
  const mount = injectedToken(options) ? undefined : tokenMount(pod, options);
  if (!mount || 'code' in mount) return undefined;
  const sources = objectsOf(objectAt(volumeNamed(pod, mount.volume), 'projected')?.['sources']);
  const source = sources.map((each) => objectAt(each, 'serviceAccountToken')).find((each) => each !== undefined);
  return { volume: mount.volume, audience: textOf(source, 'audience') };
}

/** The mount of the token that EKS gives for AWS, for the auth type aws. */
export function awsTokenMount(pod: JsonObject): TokenMount | undefined {
  const mount = findMount(pod, ({ path }) => path.includes(EKS_PATH));
  return mount && { volume: mount.name, directory: mount.path, file: 'token' };
}
