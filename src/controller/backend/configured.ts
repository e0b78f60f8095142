// What the condition Configured says: about the configuration and the tuning together, the worse of the two.
import type { BackendConditionUpdate } from '../../resources/backend.ts';
import type { Difference } from '../../resources/common-fields.ts';
import type { DocumentState } from '../document.ts';

export type ConfiguredFinding = Extract<BackendConditionUpdate, { readonly type: 'Configured' }>;
type State = Pick<DocumentState, 'finding' | 'drift' | 'repaired'>;

/** The first of these that is so is told. */
const WORST_FIRST: readonly DocumentState['finding'][] = [
  'NotOwned',
  'IgnoredParameters',
  'Absent',
  'ObservedMismatch',
  'Drifted',
  'Repaired',
  'Observed',
  'InSync',
];

/** One state of several documents. What was repaired counts as differing, so that it is seen. */
export function together(states: readonly State[]): State {
  const finding = WORST_FIRST.find((worst) => states.some((state) => state.finding === worst)) ?? 'InSync';
  const left = new Set(states.flatMap(({ drift }) => drift.map(({ field }) => field)));
  // What differs still after it was written was not put right.
  const repaired = states.flatMap((state) => state.repaired).filter(({ field }) => !left.has(field));
  return { finding, repaired, drift: states.flatMap(({ drift }) => drift) };
}

export function configured(
  status: ConfiguredFinding['status'],
  reason: ConfiguredFinding['reason'],
  message: string,
): ConfiguredFinding {
  return { type: 'Configured', status, reason, message };
}

/** The condition of a state. */
export function configuredBy({ finding, drift, repaired }: State, path: string): ConfiguredFinding {
  const differs = namesOf(drift);
  switch (finding) {
    case 'InSync':
      return configured('True', 'InSync', `auth/${path} is configured as declared.`);
    case 'Repaired':
      return configured('True', 'Repaired', `auth/${path} was changed in Vault and is as declared again: ${namesOf(repaired)}.`);
    case 'Observed':
      return configured('True', 'Observed', `auth/${path} is configured as declared (only observing).`);
    case 'Absent':
      return configured('False', 'ObservedMismatch', `auth/${path} was never configured (only observing).`);
    case 'ObservedMismatch':
      return configured('False', 'ObservedMismatch', `auth/${path} differs in ${differs} (only observing; see status.drift).`);
    case 'NotOwned':
      return configured(
        'False',
        'NotOwned',
        `auth/${path} is configured otherwise by somebody else: ${differs || 'it was not made by this object'}. Declare what is there, or set adoption to Always to overwrite it.`,
      );
    case 'Drifted':
      return configured(
        'False',
        'Drifted',
        `auth/${path} was changed in Vault: ${differs || 'its configuration is gone'}. driftPolicy Report leaves it so.`,
      );
    case 'IgnoredParameters':
      return configured('False', 'IgnoredParameters', `Vault does not keep what was written to auth/${path}: ${differs}.`);
  }
}

/** The names of the fields, each once. */
export function namesOf(differences: readonly Difference[]): string {
  return [...new Set(differences.map(({ field }) => field))].join(', ');
}
