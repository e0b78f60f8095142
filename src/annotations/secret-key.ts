// A path and a key of the secret there, as an environment variable names them.
import { secretPath } from './path-kinds.ts';
import { isOneLine } from './text-kinds.ts';
import { INVALID, readText, type ValueKind } from './value-kinds.ts';

/** One key of a secret, for an environment variable. */
export interface SecretKey {
  /** Path in Vault; empty if a template of the variable reads the secrets. */
  readonly path: string;
  readonly key: string;
  /** The value without the key, or if it is empty; undefined: the agent fails. Empty: the variable is not set. */
  readonly fallback: string | undefined;
  /** The only containers that get the variable; undefined or absent: the usual ones. */
  readonly containers?: readonly string[] | undefined;
}

/** A path and a key of the secret there, with an optional default: `kv/data/web#port?5432`. */
export const secretKey: ValueKind<SecretKey> = {
  name: 'path#key',
  expected: 'path#key, path#key? for an optional variable, or path#key?default',
  read: (raw) => {
    const end = raw.indexOf('#');
    return end === -1 ? INVALID : readKey(raw.slice(0, end), raw.slice(end + 1));
  },
};

/** The key of the secret at a path, with an optional default: `port?5432`. */
export function readKey(path: string, raw: string): SecretKey | typeof INVALID {
  const { value } = readText(secretPath, path);
  const [, key = '', fallback] = /^([^?]+)(?:\?([\s\S]*))?$/.exec(raw) ?? [];
  const name = key.trim();
  return value === INVALID || value === '' || name === '' || !isOneLine(name) ? INVALID : { path: value, key: name, fallback };
}
