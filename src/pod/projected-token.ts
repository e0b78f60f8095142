// The projected volume with the token that a pod logs in with.
import type { Options } from '../annotations/parse.ts';
import type { JsonObject } from '../json/json.ts';
import { TOKEN_VOLUME } from './token.ts';

/** 0644: the kubelet tightens it to 0600 by itself where all containers have one user. */
export const FILE_MODE = 0o644;

/** Without an audience the token has the API server's own; the API server drops an empty one, and we would take the volume for another. */
export function projectedToken({ tokenAudience: audience, tokenExpirationSeconds: expirationSeconds }: Options): JsonObject {
  const serviceAccountToken = { path: 'token', ...(audience === '' ? {} : { audience }), expirationSeconds };
  return { name: TOKEN_VOLUME, projected: { defaultMode: FILE_MODE, sources: [{ serviceAccountToken }] } };
}
