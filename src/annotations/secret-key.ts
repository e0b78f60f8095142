// A path and a key of the secret there, as an environment variable names them.
import { secretPath } from './path-kinds.ts';
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

const SECRET_KEY = /^([^#]+)#([^?]+)(?:\?([\s\S]*))?$/;

/** A path and a key of the secret there, with an optional default: `kv/data/web#port?5432`. */
export const secretKey: ValueKind<SecretKey> = {
  name: 'path#key',
  expected: 'path#key, path#key? for an optional variable, or path#key?default',
  read: (raw) => {
    const [, path = '', key = '', fallback] = SECRET_KEY.exec(raw.trim()) ?? [];
    const { value } = readText(secretPath, path);
    const trimmed = key.trim();
    return value === INVALID || value === '' || trimmed === '' ? INVALID : { path: value, key: trimmed, fallback };
  },
};

/** The key of a secret in a list, with an optional default: `port?5432`. */
export function readKey(path: string, raw: string): SecretKey | typeof INVALID {
  return secretKey.read(`${path}#${raw}`);
}
