// What a login proves, as a condition: ReviewerHealthy of a mount of type kubernetes, KeysFresh of one of type jwt.
import type { JsonObject } from '../../json/json.ts';
import { deleteRole } from '../../vault/roles.ts';
import type { ConfigOutcome } from './config.ts';
import { configuredBy } from './configured.ts';
import { type HealthSituation, healthy, keysHealth, reviewerHealth } from './health.ts';
import type { Pass } from './pass.ts';
import { probeRoleName } from './probe.ts';
import { prove } from './proof.ts';
import { mayReview } from './rights.ts';
import type { Reviewer } from './reviewer.ts';
import type { Work } from './work.ts';

/** ReviewerHealthy or KeysFresh, by a login where that may be. */
export async function judge(
  work: Work,
  pass: Pass,
  reviewer: Reviewer,
  config: ConfigOutcome,
  documentWith: (token: string | undefined) => JsonObject,
): Promise<void> {
  const { context, backend, vault, before, observe, signal } = work;
  if (!backend.spec.probe.enabled && before.lastProbe && !observe) {
    context.vault.fence();
    await deleteRole(vault.session, backend.spec.path, probeRoleName(work));
    pass.forgetsProbe = true;
  }
  const proven = observe || !backend.spec.probe.enabled ? undefined : await prove(work, { reviewer, config, documentWith });
  if (proven) pass.status = { ...pass.status, ...(proven.lastProbe ? { lastProbe: proven.lastProbe } : {}), ...proven.status };
  if (proven?.repaired) {
    const at = pass.findings.findIndex(({ type }) => type === 'Configured');
    pass.findings.splice(at, 1, configuredBy({ finding: 'Repaired', drift: [], repaired: proven.repaired }, backend.spec.path));
    pass.status = { ...pass.status, drift: proven.repaired };
  }
  if (backend.spec.type === 'jwt') {
    const at = pass.findings.findIndex(({ type }) => type === 'KeysFresh');
    const finding = pass.findings[at];
    if (finding?.type === 'KeysFresh') pass.findings.splice(at, 1, keysHealth(finding, proven?.lastProbe));
    return;
  }
  if (observe) {
    pass.findings.push(healthy('True', 'NotProbed', 'No login is tried (only observing).'));
    return;
  }
  const { serviceAccount: account } = reviewer;
  const lastProbe = proven?.lastProbe;
  const isDenied = lastProbe?.result === 'Denied' && account !== undefined;
  const situation: HealthSituation = {
    probe: lastProbe,
    reviewer: pass.status.reviewer ?? before.reviewer,
    account,
    mayReview: isDenied ? await mayReview(context.kube.client, account, signal) : undefined,
    rightsProblem: pass.rightsProblem,
    isReplaced: config.state.finding === 'Drifted' && config.state.drift.some(({ field }) => field === 'token_reviewer_jwt'),
  };
  pass.findings.push(reviewerHealth(work, situation));
}
