// Keeps one document in Vault as it is declared: reads it, decides, claims it, writes it, and reads it back.
import type { JsonObject } from '../json/json.ts';
import type { Adoption, Difference } from '../resources/common-fields.ts';
import type { Condition } from '../resources/condition.ts';
import { planDocument } from './document-plan.ts';

/** How a document is read, compared and written; `Document` is a role or the text of a policy. */
export interface DocumentAccess<Document extends JsonObject | string> {
  /** Undefined: there is none. Throws VaultError. */
  readonly read: () => Promise<Document | undefined>;
  readonly differences: (got: Document) => readonly Difference[];
  /** Gives the server's warnings. Throws VaultError. */
  readonly write: () => Promise<readonly string[]>;
  /**
   * Called before the first write of what is not ours yet, and when it is taken over: remembers in the object's status that
   * it is, so that a process that ends right after the write finds its own document again.
   */
  readonly claim: () => Promise<void>;
}

export interface DocumentRules<Document extends JsonObject | string> {
  /** Whether what is there (undefined: nothing) was made or taken over by this object. */
  readonly isOwned: (got: Document | undefined) => boolean;
  readonly isWritten: boolean;
  /** What differed after the last write; empty when it was taken whole. */
  readonly ignored: readonly Difference[];
  readonly adoption: Adoption;
  readonly driftPolicy: 'Repair' | 'Report';
  readonly observeOnly: boolean;
  /** Throws when this process may not write any more. */
  readonly fence: () => void;
}

/** How it stands now. `wrote` says whether anything was sent, `overwrote` what was lost by it. */
export interface DocumentResult {
  readonly outcome:
    | 'InSync'
    | 'Repaired'
    | 'Observed'
    | 'Absent'
    | 'ObservedMismatch'
    | 'NotOwned'
    | 'Drifted'
    | 'IgnoredParameters';
  readonly drift: readonly Difference[];
  readonly wrote: boolean;
  readonly overwrote: readonly Difference[];
  readonly repaired: readonly Difference[];
  /** Undefined when nothing was written: what was warned of last time still holds. */
  readonly warnings: readonly string[] | undefined;
}

/** One pass. Throws VaultError, what `claim` throws, and what `fence` throws. */
export async function reconcileDocument<Document extends JsonObject | string>(
  access: DocumentAccess<Document>,
  rules: DocumentRules<Document>,
): Promise<DocumentResult> {
  const got = await access.read();
  const drift = got === undefined ? [] : access.differences(got);
  const isOwned = rules.isOwned(got);
  const plan = planDocument({
    ...rules,
    isOwned,
    exists: got !== undefined,
    differs: drift.length > 0,
    isIgnored: rules.ignored.length > 0 && isSame(drift, rules.ignored),
  });
  const unwritten = { drift, wrote: false, overwrote: [], repaired: [], warnings: undefined };
  switch (plan.action) {
    case 'leave':
      return { ...unwritten, outcome: plan.outcome };
    case 'none':
      if (plan.outcome === 'Adopted') await access.claim();
      return { ...unwritten, outcome: plan.outcome === 'Observed' ? 'Observed' : 'InSync' };
    case 'write': {
      if (!isOwned) await access.claim();
      rules.fence();
      const warnings = await access.write();
      const after = await access.read();
      const left = after === undefined ? ABSENT : access.differences(after);
      const wasDrift = plan.because === 'Drifted';
      return {
        outcome: left.length > 0 ? 'IgnoredParameters' : wasDrift ? 'Repaired' : 'InSync',
        drift: left,
        wrote: true,
        overwrote: plan.because === 'Overwritten' ? drift : [],
        repaired: wasDrift ? (got === undefined ? ABSENT : drift) : [],
        warnings,
      };
    }
  }
}

/** What a status says that the server did not take at the last write. */
export function ignoredBefore(status: StatusOfDocument | undefined): readonly Difference[] {
  const isIgnored = status?.conditions?.some(({ type, reason }) => type === 'Programmed' && reason === 'IgnoredParameters');
  return isIgnored ? (status?.drift ?? []) : [];
}

interface StatusOfDocument {
  readonly conditions?: readonly Pick<Condition, 'type' | 'reason'>[];
  readonly drift?: readonly Difference[];
}

/** Everything differs where nothing is. */
const ABSENT: readonly Difference[] = [{ field: 'all of it', desired: 'present', actual: 'absent' }];

const isSame = (some: readonly Difference[], others: readonly Difference[]): boolean =>
  some.length === others.length &&
  some.every(({ field, desired, actual }, at) => {
    const other = others[at];
    return other?.field === field && other.desired === desired && other.actual === actual;
  });
