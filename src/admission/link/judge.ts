// What the admission mode of a backend makes of findings.
import type { AdmissionMode } from '../../resources/known.ts';
import type { Judgement, RoleFinding } from './finding.ts';

export interface Judged {
  readonly problems: readonly RoleFinding[];
  readonly warnings: readonly RoleFinding[];
  readonly judgements: readonly Judgement[];
}

type Verdict = 'nothing' | 'warn' | 'refuse';

/** By mode. Where a login is certain to fail Enforce refuses; it does not where Vault or the controller may only be late. */
const STRICT: Readonly<Record<AdmissionMode, Verdict>> = { Off: 'nothing', Warn: 'warn', Enforce: 'refuse' };
const MILD: Readonly<Record<AdmissionMode, Verdict>> = { Off: 'nothing', Warn: 'warn', Enforce: 'warn' };

export const VERDICTS: Readonly<Record<RoleFinding['code'], Readonly<Record<AdmissionMode, Verdict>>>> = {
  'vault-role-missing': STRICT,
  'vault-role-binding': STRICT,
  'vault-role-unprogrammed': STRICT,
  'vault-role-conflict': STRICT,
  'vault-object-missing': STRICT,
  'vault-role-unready': MILD,
  'vault-role-pending': MILD,
  // The API server's own audience may be the one that is wanted: nothing here knows it.
  'vault-role-audience': MILD,
  'vault-role-ambiguous': STRICT,
};

/** Of these a pod learns in any mode when it names no role: it cannot be served, and this is why. */
const WITHOUT_ROLE: ReadonlySet<RoleFinding['code']> = new Set(['vault-role-ambiguous', 'vault-object-missing']);

/** `lacksRole`: the pod has no role at all. */
export function judgedOf(findings: readonly RoleFinding[], mode: AdmissionMode, lacksRole: boolean): Judged {
  if (findings.length === 0) return NOTHING;
  const problems: RoleFinding[] = [];
  const warnings: RoleFinding[] = [];
  const judgements: Judgement[] = [];
  for (const finding of findings) {
    const { code } = finding;
    const verdict = lacksRole && WITHOUT_ROLE.has(code) ? 'refuse' : VERDICTS[code][mode];
    if (verdict === 'refuse') problems.push(finding);
    if (verdict === 'warn') warnings.push(finding);
    if (verdict === 'refuse') judgements.push({ code, verdict: 'refused' });
    if (verdict === 'warn') judgements.push({ code, verdict: VERDICTS[code].Enforce === 'refuse' ? 'would-refuse' : 'warned' });
  }
  return { problems, warnings, judgements };
}

const NOTHING: Judged = { problems: [], warnings: [], judgements: [] };
