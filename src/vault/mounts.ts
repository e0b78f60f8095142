// Auth mounts: their list, tuning and configuration.
import { isObject, type JsonObject, textOf } from '../json/json.ts';
import type { VaultCaller } from './client.ts';
import { isAbsent, isVaultError, undefinedIfAbsent } from './errors.ts';

export interface AuthMount {
  /** Without a slash at the end. */
  readonly path: string;
  readonly type: string;
  readonly accessor: string;
  readonly description: string;
  /** All fields of the server. */
  readonly raw: JsonObject;
}

/** All auth mounts. Requires `read` on sys/auth. Throws VaultError. */
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
 * Mounts an auth method; returns the server's warnings. Requires `sudo`. Throws VaultError: kind BadRequest with `path is already
 * in use` when there is a mount at the path or at a prefix of it.
 */
export async function enableMount(
  caller: VaultCaller,
  path: string,
  body: { readonly type: string; readonly description?: string; readonly config?: JsonObject },
): Promise<readonly string[]> {
  return (await caller.request({ method: 'POST', path: `sys/auth/${path}`, body: { ...body } })).warnings;
}

/** Unmounts, which revokes all tokens and deletes all roles of the mount. An absent mount is not an error. Requires `sudo`. Throws VaultError. */
export async function disableMount(caller: VaultCaller, path: string): Promise<void> {
  await caller.request({ method: 'DELETE', path: `sys/auth/${path}` });
}

/** The tuning in effect (times in seconds, the system's where the mount has none); undefined when the mount does not exist. Throws VaultError. */
export async function readTune(caller: VaultCaller, path: string, signal?: AbortSignal): Promise<JsonObject | undefined> {
  try {
    const { data = {} } = await caller.request({ method: 'GET', path: tuneOf(path), signal });
    return data;
  } catch (error) {
    if (isAbsent(error) || (isVaultError(error, 'BadRequest') && NO_MOUNT.test(error.errors.join(' ')))) return undefined;
    throw error;
  }
}

/** Changes the given fields only; returns the server's warnings. Throws VaultError. */
export async function writeTune(caller: VaultCaller, path: string, body: JsonObject): Promise<readonly string[]> {
  return (await caller.request({ method: 'POST', path: tuneOf(path), body })).warnings;
}

/** The same as sys/auth/<path>/tune, which requires `sudo`. */
const tuneOf = (path: string): string => `sys/mounts/auth/${path}/tune`;

/** Both products return 400 for an absent mount. */
const NO_MOUNT = /\bcannot fetch sysview|no (?:auth )?(?:engine|mount)\b/i;

/** The configuration of a mount without write-only fields; undefined when none was ever written. Throws VaultError, also when the mount is absent. */
export async function readConfig(caller: VaultCaller, mount: string, signal?: AbortSignal): Promise<JsonObject | undefined> {
  const response = await caller.request({ method: 'GET', path: `auth/${mount}/config`, signal }).catch(undefinedIfAbsent);
  return response && (response.data ?? {});
}

/** Replaces the whole configuration: absent fields return to their defaults, secrets too. Returns the server's warnings. Throws VaultError. */
export async function writeConfig(caller: VaultCaller, mount: string, body: JsonObject): Promise<readonly string[]> {
  return (await caller.request({ method: 'POST', path: `auth/${mount}/config`, body })).warnings;
}
