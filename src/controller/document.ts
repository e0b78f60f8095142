// Reconciles one document in Vault: reads it, plans, claims it in the status, writes it, and reads it back.
import type { JsonObject } from '../json/json.ts';
import type { Adoption, Difference } from '../resources/common-fields.ts';
import type { Condition } from '../resources/condition.ts';
import { planDocument } from './document-plan.ts';

/** How a document is read, compared and written; `Document` is a configuration, a role, or the text of a policy. */
export interface DocumentAccess<Document extends JsonObject | string> {
  /** Undefined: Vault has none. Throws VaultError. */
  readonly read: () => Promise<Document | undefined>;
  readonly differences: (got: Document) => readonly Difference[];
  /** Returns the server's warnings. Throws VaultError. */
  readonly write: () => Promise<readonly string[]>;
  /**
   * Called before the first write of a document that is not owned yet, and for an adoption: records the ownership in the status,
   * so that a process that ends right after the write recognises its own document after the restart.
   */
  readonly claim: () => Promise<void>;
}

export interface DocumentRules<Document extends JsonObject | string> {
  /** Whether this object created or adopted what Vault has (undefined: nothing). */
  readonly isOwned: (got: Document | undefined) => boolean;
  /** The declared document was the last one written, so that a difference is drift. */
  readonly isWritten: boolean;
  /** What differed after the last write: fields that the server does not store. */
  readonly ignored: readonly Difference[];
  readonly adoption: Adoption;
  readonly driftPolicy: 'Repair' | 'Report';
  readonly observeOnly: boolean;
  /** Throws if this process has lost the leader lease. */
  readonly fence: () => void;
}

/** The state after the run. `overwrote`: fields of another owner that were lost. */
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
  /** Undefined if nothing was written: the warnings of the last write still hold. */
  readonly warnings: readonly string[] | undefined;
}

/** Makes the document match as far as the rules allow. Throws VaultError, and what `claim` and `fence` throw. */
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

interface StatusOfDocument {
  readonly conditions?: readonly Pick<Condition, 'type' | 'reason'>[];
  readonly drift?: readonly Difference[];
}

/** The fields that the server did not store at the last write, of those in `status.drift` that belong to the document. */
export function previouslyIgnored(
  status: StatusOfDocument | undefined,
  type: 'Programmed' | 'Configured',
  belongs: (field: string) => boolean = () => true,
): readonly Difference[] {
  const hasIgnored = status?.conditions?.some((condition) => condition.type === type && condition.reason === 'IgnoredParameters');
  return hasIgnored ? (status?.drift ?? []).filter(({ field }) => belongs(field)) : [];
}

/** The names of the fields, each once. */
export function fieldNames(differences: readonly Difference[]): string {
  return [...new Set(differences.map(({ field }) => field))].join(', ');
}

/** The difference of a document that does not exist. */
const ABSENT: readonly Difference[] = [{ field: 'all of it', desired: 'present', actual: 'absent' }];

const isSame = (some: readonly Difference[], others: readonly Difference[]): boolean =>
  some.length === others.length &&
  some.every(({ field, desired, actual }, at) => {
    const other = others[at];
    return other?.field === field && other.desired === desired && other.actual === actual;
  });
