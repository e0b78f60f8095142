// What the admission mode of a VaultAuthBackend makes of problems: nothing, a warning or a denial.
import { ADMISSION_MODE_LABEL } from '../../resources/kinds.ts';
import { ADMISSION_MODES, type AdmissionMode } from '../../resources/backend.ts';
import { roleProblems, type RoleProblem } from './role-problems.ts';

/** What a problem led to; `would-deny`: the mode Enforce would deny the pod. */
export interface RoleProblemEffect {
  readonly code: RoleProblem['code'];
  readonly effect: 'warned' | 'would-deny' | 'denied';
}

/** The problems of a pod's role, sorted by what the mode makes of them. */
export interface ModeResult {
  readonly problems: readonly RoleProblem[];
  readonly warnings: readonly RoleProblem[];
  readonly effects: readonly RoleProblemEffect[];
}

type ModeAction = 'ignore' | 'warn' | 'deny';

/** Enforce denies where the login is certain to fail, and not where Vault or the controller may only be late. */
const BY_MODE: Readonly<Record<AdmissionMode, ModeAction>> = { Disabled: 'ignore', Warn: 'warn', Enforce: 'deny' };
const WARNING: Readonly<Record<AdmissionMode, ModeAction>> = { Disabled: 'ignore', Warn: 'warn', Enforce: 'warn' };

/** What a mode makes of a problem. */
export function actionOf(code: RoleProblem['code'], mode: AdmissionMode): ModeAction {
  return (roleProblems[code].severity === 'by mode' ? BY_MODE : WARNING)[mode];
}

/** These explain why a pod without a role cannot log in, so they deny it in any mode. */
const WITHOUT_ROLE: ReadonlySet<RoleProblem['code']> = new Set(['vault-role-ambiguous', 'vault-object-missing']);

/** Sorts the problems of a pod by mode; `lacksRole`: no annotation, setting or object gives the pod a role. */
export function applyMode(found: readonly RoleProblem[], mode: AdmissionMode, lacksRole: boolean): ModeResult {
  const problems: RoleProblem[] = [];
  const warnings: RoleProblem[] = [];
  const effects: RoleProblemEffect[] = [];
  for (const problem of found) {
    const { code } = problem;
    const action = lacksRole && WITHOUT_ROLE.has(code) ? 'deny' : actionOf(code, mode);
    if (action === 'deny') {
      problems.push(problem);
      effects.push({ code, effect: 'denied' });
    }
    if (action === 'warn') {
      warnings.push(problem);
      effects.push({ code, effect: actionOf(code, 'Enforce') === 'deny' ? 'would-deny' : 'warned' });
    }
  }
  return { problems, warnings, effects };
}

const MODE_NAMES: readonly string[] = ADMISSION_MODES;

/** The stricter of the backend's mode and the namespace's label: a namespace admin may not be allowed to change backends. */
export function effectiveMode(mode: AdmissionMode, namespaceLabels: ReadonlyMap<string, string>): AdmissionMode {
  const label = namespaceLabels.get(ADMISSION_MODE_LABEL);
  const strictness = Math.max(ADMISSION_MODES.indexOf(mode), label === undefined ? 0 : MODE_NAMES.indexOf(label));
  return ADMISSION_MODES[strictness] ?? mode;
}
