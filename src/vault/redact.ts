// Takes what was sent as a secret out of what is said about a request.
import { type Json, isObject } from '../pod/manifest.ts';

/** Gives a text without the token and without the secret fields of the body, whole or, for a JWT, in part. */
export const redactor = (token: string | undefined, body: Json | undefined): ((text: string) => string) => {
  const secrets = [token ?? '', ...secretsIn(body)]
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), ...secret.split('.').filter(isTelling)])
    .filter((secret) => secret !== '')
    // The longest first, so that no rest of a longer one stays.
    .sort((one, other) => other.length - one.length);
  return (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
};

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
