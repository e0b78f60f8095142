// Which public keys Vault must hold: those that the API server publishes, and for a while those that it published before.
import { createHash, createPublicKey } from 'node:crypto';

export interface KeyPlan {
  /** PEM, in the order of publication; retired ones last. */
  readonly pems: readonly string[];
  /** Of all of them, in the same order. */
  readonly kids: readonly string[];
  /** No longer published, and kept for a while. */
  readonly retiring: readonly string[];
}

export interface KeySituation {
  /** PEM of the keys that the API server publishes now. */
  readonly published: readonly string[];
  /** PEM of the keys that Vault holds. */
  readonly held: readonly string[];
  /** Ids of the keys that we wrote last time. What Vault holds and we did not write is not ours to keep. */
  readonly recorded: readonly string[];
  /** When each retiring key was first missed (milliseconds); kept and changed by `planKeys`. */
  readonly missedSince: Map<string, number>;
  readonly now: number;
  /** How long a key is kept after it was first missed (milliseconds). */
  readonly keepMs: number;
}

/**
 * New keys at once, old ones later: while a cluster with several API servers changes its keys, one server publishes the new key
 * and the next one does not yet, and tokens signed by either are valid.
 */
export function planKeys({ published, held, recorded, missedSince, now, keepMs }: KeySituation): KeyPlan {
  const current = byKid(published);
  const before = byKid(held);
  const ours = new Set(recorded);
  for (const kid of missedSince.keys()) if (current.has(kid) || !before.has(kid)) missedSince.delete(kid);
  const kept = [...before].filter(([kid]) => {
    if (current.has(kid) || !ours.has(kid)) return false;
    const since = missedSince.get(kid) ?? now;
    missedSince.set(kid, since);
    return now - since < keepMs;
  });
  const all = new Map([...current, ...kept]);
  return { pems: [...all.values()], kids: [...all.keys()], retiring: kept.map(([kid]) => kid) };
}

/** The id that Kubernetes gives a key: SHA-256 of its DER form (pkg/serviceaccount/jwt.go, keyIDFromPublicKey). Throws when it is no public key. */
export function kidOf(pem: string): string {
  return createHash('sha256')
    .update(createPublicKey(pem).export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

/** Whatever cannot be read as a key is left out: Vault may hold a certificate or a key type that Node does not know. */
const byKid = (pems: readonly string[]): Map<string, string> =>
  new Map(
    pems.flatMap((pem): readonly (readonly [string, string])[] => {
      try {
        return [[kidOf(pem), pem]];
      } catch {
        return [];
      }
    }),
  );
