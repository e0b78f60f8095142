// What is remembered of a token that was written to Vault, which never shows it again: a salted hash, and when it expires.
import { createHash, randomBytes } from 'node:crypto';
import { isObject, type JsonObject } from '../../json/json.ts';

/** A text for the status that says nothing about the token but whether it is this one: `<salt>:<hash>`, both hexadecimal. */
export function recordOf(token: string, salt: string = randomBytes(8).toString('hex')): string {
  return `${salt}:${createHash('sha256').update(`${salt}:${token}`).digest('hex').slice(0, HASH_LENGTH)}`;
}

/** Whether the record was made of this token. */
export function isRecordOf(record: string, token: string): boolean {
  return record === recordOf(token, record.split(':')[0]);
}

/** Milliseconds since 1970 of the claim `exp`; undefined when the token is no JWT or never expires. The signature is not looked at. */
export function expiryOf(token: string): number | undefined {
  return timeOf(token, 'exp');
}

/** The same of the claim `iat`. */
export function issueOf(token: string): number | undefined {
  return timeOf(token, 'iat');
}

/** The ID of the key that signed a JWT, as its header says; undefined when it says none. */
export function keyOf(token: string): string | undefined {
  const kid = partOf(token, 0)?.['kid'];
  return typeof kid === 'string' && kid !== '' ? kid : undefined;
}

const timeOf = (token: string, claim: 'exp' | 'iat'): number | undefined => {
  const time = partOf(token, 1)?.[claim];
  return typeof time === 'number' && Number.isFinite(time) ? time * 1000 : undefined;
};

/** The header (0) or the claims (1) of a JWT. */
const partOf = (token: string, index: 0 | 1): JsonObject | undefined => {
  const part = token.split('.')[index];
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

// Half of a SHA-256: nobody guesses a signed token, and a short text is easier to compare by eye.
const HASH_LENGTH = 32;
