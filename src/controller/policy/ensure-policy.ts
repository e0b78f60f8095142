// One pass over the policy in Vault: its text is what is compared, without the line that says whose it is.
import { createHash } from 'node:crypto';
import type { JsonObject } from '../../json/json.ts';
import { type VaultACLPolicy, type VaultACLPolicyStatus, vaultPolicyName } from '../../resources/acl-policy.ts';
import { isObserved } from '../../resources/common-fields.ts';
import { isMarked, type PolicyText, withoutMark } from '../../resources/policy-text.ts';
import { readPolicy, writePolicy } from '../../vault/policies.ts';
import { type DocumentResult, ignoredBefore, reconcileDocument } from '../document.ts';
import type { ControllerContext } from '../runtime/context.ts';
import type { ReadyVault } from '../runtime/vault-registry.ts';

export interface PolicyWork {
  readonly context: ControllerContext;
  readonly policy: VaultACLPolicy;
  readonly text: Extract<PolicyText, { ok: true }>;
  readonly vault: ReadyVault;
  readonly signal: AbortSignal;
}

export interface KeptPolicy {
  readonly name: string;
  readonly state: DocumentResult;
  readonly status: Partial<VaultACLPolicyStatus>;
}

/** Throws VaultError, or a KubeError when the claim cannot be written. */
export async function keepPolicy({ context, policy, text, vault, signal }: PolicyWork): Promise<KeptPolicy> {
  const name = vaultPolicyName(policy);
  const { spec, status: before } = policy;
  const endpoint = context.listers.endpoints.get(spec.endpointRef.name);
  const place = { endpoint: spec.endpointRef.name, clusterID: vault.clusterID, namespace: endpoint?.spec.namespace ?? '', name };
  const isOurs =
    before?.vault?.name === name && before.vault.clusterID === vault.clusterID && before.vault.namespace === place.namespace;
  const textHash = createHash('sha256').update(text.text).digest('hex');
  const observe = context.vault.observeOnly || isObserved(policy, ...(endpoint ? [endpoint] : []));
  if (isOurs && !observe) await holdAsNeeded(context, policy);
  const state = await reconcileDocument<string>(
    {
      read: () => readPolicy(vault.session, name, signal),
      differences: (got) => (withoutMark(got).trim() === withoutMark(text.text).trim() ? [] : differing(text.text, got)),
      write: () => writePolicy(vault.session, name, text.text, vault.product === 'OpenBao' ? openBaoFields(spec) : {}),
      claim: async () => {
        await holdAsNeeded(context, policy);
        await context.kube.writeStatus('VaultACLPolicy', policy, { ...before, vault: place });
      },
    },
    {
      isOwned: (got) => isOurs || (got !== undefined && isMarked(policy, got)),
      isWritten: before?.textHash === textHash,
      ignored: ignoredBefore(before),
      adoption: spec.adoption,
      driftPolicy: spec.driftPolicy,
      observeOnly: observe,
      fence: context.vault.fence,
    },
  );
  tell(context, policy, name, state);
  const isHeld = state.outcome === 'InSync' || state.outcome === 'Repaired' || state.outcome === 'IgnoredParameters';
  return {
    name,
    state,
    status: {
      ...(isHeld ? { vault: place, textHash, accessors: text.accessors } : {}),
      drift: state.drift,
      ...(state.warnings === undefined ? {} : { warnings: state.warnings }),
      lastSyncTime: new Date(context.clock.now()).toISOString(),
    },
  };
}

/** Known to OpenBao from 2.6 on; older ones drop them without a word, and have no such rule. */
const openBaoFields = ({ openbao }: VaultACLPolicy['spec']): JsonObject => ({
  allow_slashes_in_identity_templates: openbao.allowSlashesInTemplates,
  allow_wildcards_in_identity_templates: openbao.allowWildcardsInTemplates,
});

/** Only an object whose deletion deletes something in Vault is held back by us. */
const holdAsNeeded = (context: ControllerContext, policy: VaultACLPolicy): Promise<void> =>
  policy.spec.deletionPolicy === 'Delete'
    ? context.kube.addFinalizer('VaultACLPolicy', policy)
    : context.kube.removeFinalizer('VaultACLPolicy', policy);

/** Texts can be long: how much differs is told, and the first line that does. */
const differing = (want: string, got: string): DocumentResult['drift'] => {
  const [wanted, found] = [linesOf(want), linesOf(got)];
  const at = wanted.findIndex((line, index) => line !== found[index]);
  const line = at < 0 ? wanted.length : at;
  return [{ field: `policy, line ${line + 1}`, desired: shown(wanted[line]), actual: shown(found[line]) }];
};

const linesOf = (text: string): readonly string[] => withoutMark(text).trim().split('\n');
const shown = (line: string | undefined): string => (line ?? '(nothing)').slice(0, 200);

const tell = (context: ControllerContext, policy: VaultACLPolicy, name: string, state: DocumentResult): void => {
  if (state.repaired.length > 0) {
    context.report.metrics.drift('VaultACLPolicy', 'repaired', state.repaired.length);
    context.report.emitEvent(
      policy,
      'Warning',
      'Repaired',
      `The policy ${name} was changed or deleted in Vault; it is as declared again.`,
    );
  }
  if (state.overwrote.length > 0)
    context.report.emitEvent(
      policy,
      'Warning',
      'Overwritten',
      `The policy ${name} in Vault was another: ${state.overwrote.map(({ field }) => field).join(', ')}.`,
    );
  if (state.outcome === 'Drifted') context.report.metrics.drift('VaultACLPolicy', 'reported', Math.max(1, state.drift.length));
  if (state.outcome === 'IgnoredParameters') context.report.metrics.drift('VaultACLPolicy', 'ignored', state.drift.length);
};
