// Redacts the secrets of a request in texts about it.
import { type Json, isObject } from '../json/json.ts';

/**
 * Redacts the token and the secret fields of the body, whole or, for a JWT, in part; and everything else with the shape of a token,
 * since a server, or a proxy before it, may quote the requests of others.
 */
export function redactor(token: string | undefined, body: Json | undefined): (text: string) => string {
  const secrets = [token ?? '', ...secretsIn(body)]
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), ...secret.split('.').filter(isIdentifying)])
    .filter((secret) => secret !== '')
    // The longest first: otherwise the rest of a longer one would stay.
    .sort((one, other) => other.length - one.length);
  return (text) =>
    secrets
      .reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text)
      .replaceAll(JWT, REDACTED)
      .replaceAll(TOKEN, REDACTED);
}

const REDACTED = '[redacted]';
/** The header is JSON, which begins with `{"` and so with `eyJ` in base64. Also matches one that is cut off at the end. */
const JWT = /\beyJ[\w-]{8,}(\.[\w-]*){0,2}/g;
/** Service, batch and recovery tokens: those of Vault since 1.10, and the older form, which OpenBao has. Role names may have dots too. */
const TOKEN = /\b(hv[sbr]\.[\w-]{20,}|[sr]\.[A-Za-z0-9]{24}|b\.[\w-]{60,})/g;

/** Secret fields of our requests: logins, the token reviewer of the Kubernetes method, the OIDC client of the JWT method. */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'jwt',
  'secret_id',
  'token',
  'token_reviewer_jwt',
  'oidc_client_secret',
  'password',
]);

/** Shorter parts of a token may be ordinary words of the text. */
const isIdentifying = (part: string): boolean => part.length >= 12;

const secretsIn = (body: Json | undefined): readonly string[] =>
  isObject(body)
    ? Object.entries(body).flatMap(([name, value]) =>
        SECRET_FIELDS.has(name) && typeof value === 'string' ? [value] : secretsIn(value),
      )
    : [];
