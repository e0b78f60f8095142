// Service account tokens as the kubelet writes them: its claims, and what the API server answers to its bearer.
import { get } from 'node:https';
import type { Bed } from '../bed/bed.ts';

/** Where containers have a token by default. */
export const API_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface TokenClaims {
  readonly aud: readonly string[];
  /** Seconds since 1970. */
  readonly iat: number;
  readonly exp: number;
}

/** The claims of a token, unverified. */
export function claimsOf(token: string): TokenClaims {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- tests look at each field
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as TokenClaims;
}

/** The status of an answer that everybody gets who brings no token, or one that the API server accepts. */
export function statusWith(bed: Bed, token: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${token.trim()}` };
    const request = get(new URL('/version', bed.url), { ca: bed.ca, agent: false, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.setTimeout(30_000, () => request.destroy(new Error('the API server does not answer within 30 s')));
    request.on('error', reject);
  });
}
