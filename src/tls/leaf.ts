// The certificate that this replica serves: signed by the current authority, kept in memory only.
import { isIP } from 'node:net';
import { type Authority, type AuthorityPolicy, twoThirdsOf } from './authority-state.ts';
import { BACKDATE_MS } from './authority-change.ts';
import { issueLeaf } from './issue.ts';
import type { ServingCertificate } from './source.ts';

export interface Leaf extends ServingCertificate {
  /** PEM of the authority that signed it. */
  readonly signer: string;
  readonly notBefore: Date;
}

/**
 * Is it time for a new leaf? After two thirds of its life, when it is not valid by the clock, and when the authority has
 * changed: then only once the new one is trusted, or when the old one is not trusted any more.
 */
export function leafIsDue(
  leaf: Leaf | undefined,
  { current }: Authority,
  now: number,
  isTrusted: (certificate: string) => boolean,
): boolean {
  if (!leaf) return true;
  const life = { notBefore: leaf.notBefore.getTime(), notAfter: leaf.notAfter.getTime() };
  if (now < life.notBefore || now >= life.notAfter) return true;
  if (leaf.signer !== current.certificate) return isTrusted(current.certificate) || !isTrusted(leaf.signer);
  return now >= twoThirdsOf(life);
}

/** A leaf for these DNS names and IP addresses that does not outlive its authority. */
export function signLeaf({ current }: Authority, hosts: readonly string[], now: number, policy: AuthorityPolicy): Leaf {
  const notBefore = new Date(now - BACKDATE_MS);
  const notAfter = new Date(Math.min(now + policy.leafLifeMs, current.notAfter));
  const { certificate, key } = issueLeaf({
    authority: current,
    commonName: 'vault-auth-injector',
    dnsNames: hosts.filter((host) => isIP(host) === 0),
    ipAddresses: hosts.filter((host) => isIP(host) !== 0),
    usages: ['server'],
    notBefore,
    notAfter,
  });
  return { certificate, key, notBefore, notAfter, signer: current.certificate };
}
