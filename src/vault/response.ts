// What an answer of Vault or OpenBao says: data, a new token, warnings; or which error it is.
import { isObject, type JsonObject, objectAt } from '../json/json.ts';
import { VaultError, type VaultErrorKind } from './errors.ts';
import type { Answer } from './exchange.ts';

export interface VaultResponse {
  readonly status: number;
  readonly data: JsonObject | undefined;
  readonly auth: JsonObject | undefined;
  /** Vault's own words about a request that it has nevertheless served. */
  readonly warnings: readonly string[];
  /** The whole body; empty when there was none. */
  readonly raw: JsonObject;
}

export interface Asked {
  /** `POST auth/kubernetes/config`, for messages. */
  readonly what: string;
  readonly isRead: boolean;
  readonly redact: (text: string) => string;
}

/** Reads an answer. Throws VaultError for everything but success. */
export function readResponse(answer: Answer, asked: Asked): VaultResponse {
  const { status } = answer;
  const body = parsed(answer.body);
  if (status < 200 || status > 299) throw errorOf(answer, body, asked);
  if (body === undefined)
    throw new VaultError(
      `${asked.what}: the answer (status ${status}) is not JSON: is this the address of a Vault or OpenBao server?`,
      {
        status,
        kind: 'Unreadable',
        written: asked.isRead ? 'no' : 'unknown',
      },
    );
  return {
    status,
    data: objectAt(body, 'data'),
    auth: objectAt(body, 'auth'),
    warnings: wordsOf(body['warnings'], asked.redact),
    raw: body,
  };
}

const errorOf = ({ status, retryAfter, location }: Answer, body: JsonObject | undefined, asked: Asked): VaultError => {
  const errors = wordsOf(body?.['errors'], asked.redact);
  const kind = kindOf(status, errors, body);
  const said = errors.length > 0 ? errors.join('; ') : sentenceOf(kind, location);
  return new VaultError(`${asked.what}: ${said} (status ${status})`, {
    status,
    kind,
    errors,
    retryAfterMs: waitOf(retryAfter),
    // Who answers 5xx without being sealed may have got stuck half-way, or is a proxy that does not know.
    written: asked.isRead || status < 500 || kind === 'Sealed' || kind === 'Uninitialized' ? 'no' : 'unknown',
  });
};

const kindOf = (status: number, errors: readonly string[], body: JsonObject | undefined): VaultErrorKind => {
  const known = KINDS.get(status);
  if (known) return known;
  if (status === 503)
    return body?.['sealed'] === true || errors.some((text) => /\bsealed\b/i.test(text)) ? 'Sealed' : 'Unavailable';
  if (status >= 300 && status < 400) return 'Standby';
  return status >= 400 && status < 500 ? 'BadRequest' : 'ServerError';
};

/** As documented for both products; 472 and 473 are Vault Enterprise's. */
const KINDS: ReadonlyMap<number, VaultErrorKind> = new Map([
  [403, 'PermissionDenied'],
  [404, 'NotFound'],
  [405, 'MethodNotAllowed'],
  [412, 'PreconditionFailed'],
  [429, 'RateLimited'],
  [472, 'DisasterRecoveryStandby'],
  [473, 'PerformanceStandby'],
  [501, 'Uninitialized'],
  [502, 'Unavailable'],
  [504, 'Unavailable'],
]);

/** Said where the server itself gives no words. */
const sentenceOf = (kind: VaultErrorKind, location: string | undefined): string =>
  kind === 'Standby'
    ? `redirected to ${hostOf(location)}, which is not followed; give an address that reaches the active server`
    : (SENTENCES[kind] ?? 'the server gives no reason');

const SENTENCES: Partial<Readonly<Record<VaultErrorKind, string>>> = {
  NotFound: 'there is nothing',
  RateLimited: 'the server asks for fewer requests',
  DisasterRecoveryStandby: 'a standby for disaster recovery answered, which serves nothing',
  PerformanceStandby: 'a performance standby answered that does not hand requests on',
  Sealed: 'the server is sealed',
  Uninitialized: 'the server is not initialized',
};

const hostOf = (location: string | undefined): string =>
  location !== undefined && URL.canParse(location) ? new URL(location).host : 'another place';

const parsed = (text: string): JsonObject | undefined => {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

/** Errors come with line ends and bullets, and are as long as what they quote. */
const wordsOf = (value: unknown, redact: (text: string) => string): readonly string[] =>
  Array.isArray(value)
    ? value
        .filter((text) => typeof text === 'string')
        .slice(0, MOST_WORDS)
        .map((text) =>
          cut(
            redact(text)
              .replaceAll(/[\s\p{Cc}]+/gu, ' ')
              .trim(),
          ),
        )
        .filter((text) => text !== '')
    : [];

/** As many, and about as long, as a status takes. */
const MOST_WORDS = 16;
const LONGEST = 1000;
const cut = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

/** Milliseconds of a Retry-After header: seconds, or a date. */
const waitOf = (header: string | undefined): number | undefined => {
  if (header === undefined) return undefined;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(LONGEST_WAIT_MS, Math.max(0, Math.ceil(seconds * 1000))) : undefined;
};

/** Who says more is asked again after this; a mistake there must not stop us for a day. */
const LONGEST_WAIT_MS = 300_000;
