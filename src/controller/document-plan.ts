// The plan for one document in Vault (configuration, role, policy): pure, so that a test can list every case.
import type { Adoption } from '../resources/common-fields.ts';

export interface DocumentFacts {
  /** Vault has a document of this name. */
  readonly exists: boolean;
  /** The document in Vault differs from the declared one; false if there is none. */
  readonly differs: boolean;
  /** The status records that this object created or adopted it. */
  readonly isOwned: boolean;
  /** The declared document was the last one written, so that a difference is drift. */
  readonly isWritten: boolean;
  /** The last write was read back with the same differences: the server does not store these fields. */
  readonly isIgnored: boolean;
  readonly adoption: Adoption;
  readonly driftPolicy: 'Repair' | 'Report';
  readonly observeOnly: boolean;
}

export type DocumentPlan =
  | { readonly action: 'none'; readonly outcome: 'InSync' | 'Observed' | 'Adopted' }
  | { readonly action: 'leave'; readonly outcome: 'Absent' | 'ObservedMismatch' | 'NotOwned' | 'Drifted' | 'IgnoredParameters' }
  | { readonly action: 'write'; readonly because: 'New' | 'Changed' | 'Drifted' | 'Overwritten' };

/**
 * Writes only a document that differs; one of another owner only if `adoption` allows it; and none in observe mode. An owned
 * document that was deleted in Vault is drift.
 */
export function planDocument(facts: DocumentFacts): DocumentPlan {
  const { exists, differs, isOwned, isWritten, isIgnored, adoption, driftPolicy, observeOnly } = facts;
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
