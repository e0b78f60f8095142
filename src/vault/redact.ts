// Takes what was sent as a secret out of what is said about a request.
import { type Json, isObject } from '../json/json.ts';

/**
 * Gives a text without the token and without the secret fields of the body, whole or, for a JWT, in part; and without
 * anything else that has the shape of a token, since a server, or a proxy before it, may repeat what others have sent.
 */
export function redactor(token: string | undefined, body: Json | undefined): (text: string) => string {
  const secrets = [token ?? '', ...secretsIn(body)]
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), ...secret.split('.').filter(isTelling)])
    .filter((secret) => secret !== '')
    // The longest first, so that no rest of a longer one stays.
    .sort((one, other) => other.length - one.length);
  return (text) =>
    secrets
      .reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text)
      .replaceAll(JWT, REDACTED)
      .replaceAll(TOKEN, REDACTED);
}

const REDACTED = '[redacted]';
/** The header is JSON, which begins with `{"` and so with `eyJ` in base64; what is cut off at the end is one as well. */
const JWT = /\beyJ[\w-]{8,}(\.[\w-]*){0,2}/g;
/** Tokens of service, batch and recovery: of Vault since 1.10, and those before, which are OpenBao's. Names of roles have dots, too. */
const TOKEN = /\b(hv[sbr]\.[\w-]{20,}|[sr]\.[A-Za-z0-9]{24}|b\.[\w-]{60,})/g;

/** Fields of requests that we send: logins, the reviewer of the Kubernetes method, the client of the JWT method. */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'jwt',
  'secret_id',
  'token',
  'token_reviewer_jwt',
  'oidc_client_secret',
  'password',
]);

/** Shorter parts of a token are words that a sentence may need. */
const isTelling = (part: string): boolean => part.length >= 12;

const secretsIn = (body: Json | undefined): readonly string[] =>
  isObject(body)
    ? Object.entries(body).flatMap(([name, value]) =>
        SECRET_FIELDS.has(name) && typeof value === 'string' ? [value] : secretsIn(value),
      )
    : [];
