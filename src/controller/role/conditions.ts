// The words of a role's conditions.
import type { RoleConditionUpdate } from '../../resources/role.ts';
import type { DocumentResult } from '../document.ts';

export type Programmed = Extract<RoleConditionUpdate, { readonly type: 'Programmed' }>;

export function programmed(status: Programmed['status'], reason: Programmed['reason'], message: string): Programmed {
  return {
    type: 'Programmed',
    status,
    reason,
    message,
  };
}

/** What a pass over the role in Vault found. `observer`: why nothing is written. */
export function programmedBy(state: DocumentResult, name: string, observer: string): Programmed {
  const fields = state.drift.map(({ field }) => field).join(', ');
  switch (state.outcome) {
    case 'InSync':
      return programmed('True', 'InSync', `Vault has the role ${name} as declared.`);
    case 'Repaired':
      return programmed(
        'True',
        'Repaired',
        `The role ${name} was changed in Vault (${state.repaired.map(({ field }) => field).join(', ')}) and is as declared again.`,
      );
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
        `Vault has a role ${name} that this object did not make, and it ${fields ? `differs in ${fields}` : 'must not be adopted'}. Delete it there, choose another name, or have the backend's spec.adoption changed.`,
      );
    case 'Drifted':
      return programmed(
        'False',
        'Drifted',
        `The role ${name} was changed in Vault: ${fields || 'it is gone'}. The backend's driftPolicy Report leaves it so.`,
      );
    case 'IgnoredParameters':
      return programmed('False', 'IgnoredParameters', `Vault does not keep what was written to the role ${name}: ${fields}.`);
  }
}

/** Which of a role's service accounts exist; they may come later, so that this is no part of Ready. */
export function accountsFinding(missing: readonly string[]): RoleConditionUpdate {
  return {
    type: 'ServiceAccountsExist',
    status: missing.length === 0 ? 'True' : 'False',
    reason: missing.length === 0 ? 'AllFound' : 'SomeMissing',
    message:
      missing.length === 0
        ? 'All service accounts exist.'
        : `There is no service account ${missing.join(', ')} in this namespace (yet): nobody can log in as that.`,
  };
}
