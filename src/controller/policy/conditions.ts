// The conditions of a policy: Accepted, and Programmed from the state in Vault.
import type { ACLPolicyConditionUpdate } from '../../resources/acl-policy.ts';
import type { PolicyText } from '../../resources/policy-text.ts';
import { type DocumentResult, fieldNames } from '../document.ts';

export type Accepted = Extract<ACLPolicyConditionUpdate, { readonly type: 'Accepted' }>;
type Programmed = Extract<ACLPolicyConditionUpdate, { readonly type: 'Programmed' }>;

/** The condition Accepted with status False. */
export function rejected(reason: Accepted['reason'], message: string): Accepted {
  return { type: 'Accepted', status: 'False', reason, message };
}

/** The condition Accepted with status True, and a warning for each risk in the text. */
export function accepted({ warnings }: Extract<PolicyText, { readonly ok: true }>): Accepted {
  const message = ['The policy can be written.', ...warnings.map((warning) => `Warning: ${warning}.`)].join(' ');
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message };
}

/** The condition Programmed. */
export function programmed(status: Programmed['status'], reason: Programmed['reason'], message: string): Programmed {
  return { type: 'Programmed', status, reason, message };
}

/** The condition for a document. */
export function programmedBy({ outcome, drift, repaired }: DocumentResult, name: string): Programmed {
  const fields = fieldNames(drift);
  switch (outcome) {
    case 'InSync':
      return programmed('True', 'InSync', `Vault has the policy ${name} as declared.`);
    case 'Repaired':
      return programmed('True', 'Repaired', `Drift corrected in policy ${name}: ${fieldNames(repaired)}.`);
    case 'Observed':
      return programmed('True', 'Observed', `Vault has the policy ${name} as declared (observe only).`);
    case 'Absent':
      return programmed('False', 'PolicyMissing', `Vault has no policy ${name} (observe only).`);
    case 'ObservedMismatch':
      return programmed('False', 'ObservedMismatch', `The policy ${name} differs (observe only; see status.drift).`);
    case 'NotOwned':
      return programmed(
        'False',
        'NotOwned',
        `Vault has a different policy ${name} (see status.drift). Choose another name, or set spec.adoption to Always to overwrite it.`,
      );
    case 'Drifted':
      return programmed(
        'False',
        'Drifted',
        `Drift in policy ${name}: ${fields || 'it was deleted in Vault'}. driftPolicy Report leaves it unchanged.`,
      );
    case 'IgnoredParameters':
      return programmed('False', 'IgnoredParameters', `Vault does not store the policy ${name} as it was written: ${fields}.`);
  }
}
