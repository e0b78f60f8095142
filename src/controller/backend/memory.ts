// What a reconciler remembers of one backend between its runs. All of it may be lost at any time: then it looks or writes once more.
import type { BackendConditionUpdate } from '../../resources/backend.ts';
import type { Difference } from '../../resources/common-fields.ts';

export interface BackendMemory {
  readonly uid: string;
  /** The reviewer's token as it was written last, and the one before until that has proven itself. */
  reviewer: HeldToken | undefined;
  previousReviewer: HeldToken | undefined;
  /** What was put right, and when; told for one interval, so that somebody can read it. */
  repaired: { readonly at: number; readonly drift: readonly Difference[]; readonly finding: BackendConditionUpdate } | undefined;
  /** When each key that is no longer published was first missed. */
  readonly missedSince: Map<string, number>;
  /** The ID of the key that the API server signed with when it was last seen. */
  signingKey: string | undefined;
  /** When a login was tried last. */
  probedAt: number | undefined;
  /** A wrong authority shows only on a new connection of Vault: the probe is repeated then. */
  probeAgainAt: number | undefined;
  /** How often in a row the probe failed; decides when it is tried again. */
  probeFailures: number;
  /** No rewrite because of a failed probe before this. */
  rewriteAfter: number;
}

/** A token that Vault holds too. Times in milliseconds since 1970; undefined: it does not say. */
export interface HeldToken {
  readonly token: string;
  readonly issuedAt: number | undefined;
  readonly expiresAt: number | undefined;
}

export interface Memories {
  /** The memory of the backend of this name, empty if it was another one. */
  readonly of: (name: string, uid: string) => BackendMemory;
  readonly forget: (name: string) => void;
}

/** The memories of all backends. */
export function memories(): Memories {
  const all = new Map<string, BackendMemory>();
  return {
    of: (name, uid) => {
      const known = all.get(name);
      if (known?.uid === uid) return known;
      const memory = emptyMemory(uid);
      all.set(name, memory);
      return memory;
    },
    forget: (name) => void all.delete(name),
  };
}

const emptyMemory = (uid: string): BackendMemory => ({
  uid,
  reviewer: undefined,
  previousReviewer: undefined,
  repaired: undefined,
  missedSince: new Map(),
  signingKey: undefined,
  probedAt: undefined,
  probeAgainAt: undefined,
  probeFailures: 0,
  rewriteAfter: 0,
});
