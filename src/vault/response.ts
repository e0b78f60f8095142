// Reads the response of a Vault or OpenBao server: data, a new token, warnings; or the error.
import { isObject, type JsonObject, objectAt, textsOf } from '../json/json.ts';
import type { HttpResponse } from '../net/exchange.ts';
import { VaultError, type VaultErrorKind } from './errors.ts';

export interface VaultResponse {
  readonly status: number;
  readonly data: JsonObject | undefined;
  readonly auth: JsonObject | undefined;
  /** The server's warnings about a request that it has executed. */
  readonly warnings: readonly string[];
  /** The whole body; empty when there was none. */
  readonly raw: JsonObject;
}

export interface RequestContext {
  /** `POST auth/kubernetes/config`, for messages. */
  readonly operation: string;
  readonly isRead: boolean;
  readonly redact: (text: string) => string;
}

/** Reads a response. Throws VaultError unless its status is 2xx. */
export function readResponse(response: HttpResponse, context: RequestContext): VaultResponse {
  const { status } = response;
  const body = parsed(response.body);
  if (status < 200 || status > 299) throw errorOf(response, body, context);
  if (body === undefined)
    throw new VaultError(
      `${context.operation}: the response (status ${status}) is not JSON: is this the address of a Vault or OpenBao server?`,
      { status, kind: 'Unreadable', written: context.isRead ? 'no' : 'unknown' },
    );
  return {
    status,
    data: objectAt(body, 'data'),
    auth: objectAt(body, 'auth'),
    warnings: messagesOf(body['warnings'], context.redact),
    raw: body,
  };
}

const errorOf = ({ status, headers }: HttpResponse, body: JsonObject | undefined, context: RequestContext): VaultError => {
  const errors = messagesOf(body?.['errors'], context.redact);
  const kind = kindOf(status, errors, body);
  const message = errors.length > 0 ? errors.join('; ') : sentenceOf(kind, headers.location);
  return new VaultError(`${context.operation}: ${message} (status ${status})`, {
    status,
    kind,
    errors,
    retryAfterMs: retryAfterMs(headers['retry-after']),
    // A 5xx of a server that is not sealed may have happened half-way, or is that of a proxy.
    written: context.isRead || status < 500 || kind === 'Sealed' || kind === 'Uninitialized' ? 'no' : 'unknown',
  });
};

const kindOf = (status: number, errors: readonly string[], body: JsonObject | undefined): VaultErrorKind => {
  const documented = KINDS.get(status);
  if (documented) return documented;
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

/** For responses without an error message. */
const sentenceOf = (kind: VaultErrorKind, location: string | undefined): string =>
  kind === 'Standby'
    ? `redirected to ${hostOf(location)}, which is not followed: configure an address that reaches the active server`
    : (SENTENCES[kind] ?? 'the server returned no error message');

const SENTENCES: Partial<Readonly<Record<VaultErrorKind, string>>> = {
  NotFound: 'not found',
  RateLimited: 'rate limit of the server exceeded',
  DisasterRecoveryStandby: 'the server is a disaster recovery secondary, which serves no requests',
  PerformanceStandby: 'the server is a performance standby that does not forward requests',
  Sealed: 'the server is sealed',
  Uninitialized: 'the server is not initialized',
};

const hostOf = (location: string | undefined): string =>
  location !== undefined && URL.canParse(location) ? new URL(location).host : 'another server';

const parsed = (text: string): JsonObject | undefined => {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

/** The server's messages, on one line each: they come with line ends and bullets, and are as long as what they quote. */
const messagesOf = (value: unknown, redact: (text: string) => string): readonly string[] =>
  textsOf(value)
    .slice(0, MAX_MESSAGES)
    .map((text) =>
      shortened(
        redact(text)
          .replaceAll(/[\s\p{Cc}]+/gu, ' ')
          .trim(),
      ),
    )
    .filter((text) => text !== '');

/** What the status of an object can hold. */
const MAX_MESSAGES = 16;
const MAX_MESSAGE_LENGTH = 1000;
const shortened = (text: string): string => (text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH)}…` : text);

/** Milliseconds of a Retry-After header: seconds, or a date. */
const retryAfterMs = (header: string | undefined): number | undefined => {
  if (header === undefined) return undefined;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, Math.ceil(seconds * 1000))) : undefined;
};

/** A mistaken header must not stop the controller for a day. */
const MAX_RETRY_AFTER_MS = 300_000;
