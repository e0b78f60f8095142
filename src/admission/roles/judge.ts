// What the admission mode of a backend makes of findings.
import type { AdmissionMode } from '../../resources/backend.ts';
import { roleProblems, type RoleProblem } from './role-problems.ts';

/** What a problem led to; `would-refuse`: the mode Enforce would refuse the pod. */
export interface Judgement {
  readonly code: RoleProblem['code'];
  readonly verdict: 'warned' | 'would-refuse' | 'refused';
}

export interface Judged {
  readonly problems: readonly RoleProblem[];
  readonly warnings: readonly RoleProblem[];
  readonly judgements: readonly Judgement[];
}

type Verdict = 'nothing' | 'warn' | 'refuse';

/** By mode. Where a login is certain to fail Enforce refuses; it does not where Vault or the controller may only be late. */
const STRICT: Readonly<Record<AdmissionMode, Verdict>> = { Off: 'nothing', Warn: 'warn', Enforce: 'refuse' };
const MILD: Readonly<Record<AdmissionMode, Verdict>> = { Off: 'nothing', Warn: 'warn', Enforce: 'warn' };

/** What each mode makes of a problem. */
export function verdictOf(code: RoleProblem['code'], mode: AdmissionMode): Verdict {
  return (roleProblems[code].kind === 'by mode' ? STRICT : MILD)[mode];
}

/** Of these a pod learns in any mode when it names no role: it cannot be served, and this is why. */
const WITHOUT_ROLE: ReadonlySet<RoleProblem['code']> = new Set(['vault-role-ambiguous', 'vault-object-missing']);

/** `lacksRole`: the pod has no role at all. */
export function judgedOf(findings: readonly RoleProblem[], mode: AdmissionMode, lacksRole: boolean): Judged {
  if (findings.length === 0) return NOTHING;
  const problems: RoleProblem[] = [];
  const warnings: RoleProblem[] = [];
  const judgements: Judgement[] = [];
  for (const finding of findings) {
    const { code } = finding;
    const verdict = lacksRole && WITHOUT_ROLE.has(code) ? 'refuse' : verdictOf(code, mode);
    if (verdict === 'refuse') problems.push(finding);
    if (verdict === 'warn') warnings.push(finding);
    if (verdict === 'refuse') judgements.push({ code, verdict: 'refused' });
    if (verdict === 'warn')
      judgements.push({ code, verdict: verdictOf(code, 'Enforce') === 'refuse' ? 'would-refuse' : 'warned' });
  }
  return { problems, warnings, judgements };
}

const NOTHING: Judged = { problems: [], warnings: [], judgements: [] };
