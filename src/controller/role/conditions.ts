// The conditions of a role: Programmed from the state in Vault, and ServiceAccountsExist.
import type { RoleConditionUpdate } from '../../resources/role.ts';
import { type DocumentResult, fieldNames } from '../document.ts';

export type Programmed = Extract<RoleConditionUpdate, { readonly type: 'Programmed' }>;

/** The condition Programmed. */
export function programmed(status: Programmed['status'], reason: Programmed['reason'], message: string): Programmed {
  return { type: 'Programmed', status, reason, message };
}

/** The condition for a document. `observer`: why the role is only observed. */
export function programmedBy({ outcome, drift, repaired }: DocumentResult, name: string, observer: string): Programmed {
  const fields = fieldNames(drift);
  switch (outcome) {
    case 'InSync':
      return programmed('True', 'InSync', `Vault has the role ${name} as declared.`);
    case 'Repaired':
      return programmed('True', 'Repaired', `Drift corrected in role ${name}: ${fieldNames(repaired)}.`);
    case 'Observed':
      return programmed('True', 'Observed', `Vault has the role ${name} as declared (${observer}).`);
    case 'Absent':
      return programmed('False', 'RoleMissing', `Vault has no role ${name} (${observer}).`);
    case 'ObservedMismatch':
      return programmed('False', 'ObservedMismatch', `The role ${name} differs in ${fields} (${observer}).`);
    case 'NotOwned':
      return programmed(
        'False',
        'NotOwned',
        `Vault has a role ${name} that this object did not create, and it ${fields ? `differs in ${fields}` : 'must not be adopted'}. Delete it there, choose another name, or ask the platform team to change the backend's spec.adoption.`,
      );
    case 'Drifted':
      return programmed(
        'False',
        'Drifted',
        `Drift in role ${name}: ${fields || 'it was deleted in Vault'}. The backend's driftPolicy Report leaves it unchanged.`,
      );
    case 'IgnoredParameters':
      return programmed('False', 'IgnoredParameters', `Vault does not store what was written to the role ${name}: ${fields}.`);
  }
}

/** Whether the role's service accounts exist. They may be created later, so that this is no part of Ready. */
export function serviceAccountsExist(missing: readonly string[]): RoleConditionUpdate {
  return missing.length === 0
    ? { type: 'ServiceAccountsExist', status: 'True', reason: 'AllFound', message: 'All service accounts exist.' }
    : {
        type: 'ServiceAccountsExist',
        status: 'False',
        reason: 'SomeMissing',
        message: `These service accounts do not exist in the namespace yet, and cannot log in: ${missing.join(', ')}.`,
      };
}
