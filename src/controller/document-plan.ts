// What to do about one document in Vault (a role, a policy): pure, so that every case can be told in a table.
import type { Adoption } from '../resources/common-fields.ts';

export interface DocumentSituation {
  /** Vault has something of this name. */
  readonly exists: boolean;
  /** What Vault has differs from what is declared; false when nothing is there. */
  readonly differs: boolean;
  /** Our status says that we made it or took it over, at this place. */
  readonly isOwned: boolean;
  /** What is declared is what was written last, so that a difference was made in Vault. */
  readonly isWritten: boolean;
  /** The last write was read back with the very differences that are there now: the server does not take these fields. */
  readonly isIgnored: boolean;
  readonly adoption: Adoption;
  readonly driftPolicy: 'Repair' | 'Report';
  /** Look and do not touch. */
  readonly observeOnly: boolean;
}

export type DocumentPlan =
  | { readonly action: 'none'; readonly outcome: 'InSync' | 'Observed' | 'Adopted' }
  | { readonly action: 'leave'; readonly outcome: 'Absent' | 'ObservedMismatch' | 'NotOwned' | 'Drifted' | 'IgnoredParameters' }
  | { readonly action: 'write'; readonly because: 'New' | 'Changed' | 'Drifted' | 'Overwritten' };

/**
 * Decides: nothing is written that differs in nothing, nothing of somebody else's unless `adoption` says so, and nothing at
 * all where it is only observed. What we made and somebody deleted is drift like any other.
 */
export function planDocument(situation: DocumentSituation): DocumentPlan {
  const { exists, differs, isOwned, isWritten, isIgnored, adoption, driftPolicy, observeOnly } = situation;
  if (observeOnly) return observed(exists, differs);
  if (!isOwned && exists) return foreign(differs, adoption);
  const drifted = isOwned && isWritten;
  if (exists && !differs) return { action: 'none', outcome: 'InSync' };
  if (exists && isIgnored && isWritten) return { action: 'leave', outcome: 'IgnoredParameters' };
  if (drifted && driftPolicy === 'Report') return { action: 'leave', outcome: 'Drifted' };
  if (drifted) return { action: 'write', because: 'Drifted' };
  return { action: 'write', because: exists ? 'Changed' : 'New' };
}

const observed = (exists: boolean, differs: boolean): DocumentPlan => {
  if (!exists) return { action: 'leave', outcome: 'Absent' };
  return differs ? { action: 'leave', outcome: 'ObservedMismatch' } : { action: 'none', outcome: 'Observed' };
};

const foreign = (differs: boolean, adoption: Adoption): DocumentPlan => {
  if (adoption === 'Always')
    return differs ? { action: 'write', because: 'Overwritten' } : { action: 'none', outcome: 'Adopted' };
  if (adoption === 'IfIdentical' && !differs) return { action: 'none', outcome: 'Adopted' };
  return { action: 'leave', outcome: 'NotOwned' };
};
