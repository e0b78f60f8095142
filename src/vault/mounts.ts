// Auth mounts and their tuning.
import { isObject, type JsonObject, textOf } from '../json/json.ts';
import type { VaultCaller } from './client.ts';
import { isAbsent, isVaultError } from './errors.ts';

export interface AuthMount {
  /** Without a slash at the end. */
  readonly path: string;
  readonly type: string;
  readonly accessor: string;
  readonly description: string;
  /** Everything that the server says about it. */
  readonly raw: JsonObject;
}

/** All auth mounts. Needs `read` on sys/auth. Throws VaultError. */
export async function readMounts(caller: VaultCaller, signal?: AbortSignal): Promise<readonly AuthMount[]> {
  const { data = {} } = await caller.request({ method: 'GET', path: 'sys/auth', signal });
  return Object.entries(data).flatMap(([path, mount]) =>
    isObject(mount)
      ? [
          {
            path: path.replace(/\/$/, ''),
            type: textOf(mount, 'type') ?? '',
            accessor: textOf(mount, 'accessor') ?? '',
            description: textOf(mount, 'description') ?? '',
            raw: mount,
          },
        ]
      : [],
  );
}

/**
 * Mounts an auth method; gives the server's warnings. Needs `sudo`. Throws VaultError: kind BadRequest with
 * `path is already in use` when something is there, also when that is a prefix of the path.
 */
export async function enableMount(
  caller: VaultCaller,
  path: string,
  body: { readonly type: string; readonly description?: string; readonly config?: JsonObject },
): Promise<readonly string[]> {
  return (await caller.request({ method: 'POST', path: `sys/auth/${path}`, body: { ...body } })).warnings;
}

/** Unmounts: revokes all its tokens, forgets its roles. Nothing happens when there is no such mount. Needs `sudo`. Throws VaultError. */
export async function disableMount(caller: VaultCaller, path: string): Promise<void> {
  await caller.request({ method: 'DELETE', path: `sys/auth/${path}` });
}

/** The tuning in effect (times in seconds, the system's where the mount has none), or undefined when there is no such mount. Throws VaultError. */
export async function readTune(caller: VaultCaller, path: string, signal?: AbortSignal): Promise<JsonObject | undefined> {
  try {
    const { data = {} } = await caller.request({ method: 'GET', path: tuneOf(path), signal });
    return data;
  } catch (error) {
    if (isAbsent(error) || (isVaultError(error, 'BadRequest') && NO_MOUNT.test(error.errors.join(' ')))) return undefined;
    throw error;
  }
}

/** Changes the fields that are given; gives the server's warnings. Throws VaultError. */
export async function writeTune(caller: VaultCaller, path: string, body: JsonObject): Promise<readonly string[]> {
  return (await caller.request({ method: 'POST', path: tuneOf(path), body })).warnings;
}

/** The same as sys/auth/<path>/tune, but that one needs `sudo`. */
const tuneOf = (path: string): string => `sys/mounts/auth/${path}/tune`;

/** A mount that is not there is a 400 in both products. */
const NO_MOUNT = /\bcannot fetch sysview|no (?:auth )?(?:engine|mount)\b/i;

// The configuration of an auth mount: one document, replaced by each write.
/** The configuration without what is write-only, or undefined when none was ever written. Throws VaultError, also when the mount is missing. */
export async function readConfig(caller: VaultCaller, mount: string, signal?: AbortSignal): Promise<JsonObject | undefined> {
  try {
    const { data = {} } = await caller.request({ method: 'GET', path: `auth/${mount}/config`, signal });
    return data;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Replaces the whole configuration: what is left out goes back to its default, secrets too. Gives the server's warnings. Throws VaultError. */
export async function writeConfig(caller: VaultCaller, mount: string, body: JsonObject): Promise<readonly string[]> {
  return (await caller.request({ method: 'POST', path: `auth/${mount}/config`, body })).warnings;
}
