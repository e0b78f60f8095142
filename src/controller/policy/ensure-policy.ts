// Makes the policy in Vault match its VaultACLPolicy. Texts are compared without their first line, which names the owner.
import { createHash } from 'node:crypto';
import type { JsonObject } from '../../json/json.ts';
import { type VaultACLPolicy, type VaultACLPolicyStatus, vaultPolicyName } from '../../resources/acl-policy.ts';
import { isObserved } from '../../resources/common-fields.ts';
import type { VaultEndpoint } from '../../resources/endpoint.ts';
import { isMarked, type NamespacePath, type PolicyText, withoutMark } from '../../resources/policy-text.ts';
import { namespaceExists } from '../../vault/health.ts';
import { readPolicy, writePolicy } from '../../vault/policies.ts';
import { type DocumentResult, fieldNames, previouslyIgnored, reconcileDocument } from '../document.ts';
import type { ControllerContext } from '../runtime/context.ts';
import type { ReadyVault } from '../runtime/vault-registry.ts';

type WritableText = Extract<PolicyText, { readonly ok: true }>;

export interface PolicyInput {
  readonly context: ControllerContext;
  readonly policy: VaultACLPolicy;
  readonly text: WritableText;
  readonly vault: ReadyVault;
  readonly signal: AbortSignal;
}

export interface EnsuredPolicy {
  readonly document: DocumentResult;
  readonly status: VaultACLPolicyStatus;
}

/** Reads, compares and writes the policy. Throws VaultError, and a KubeError if the claim cannot be written to the status. */
export async function ensurePolicy({ context, policy, text, vault, signal }: PolicyInput): Promise<EnsuredPolicy> {
  const name = vaultPolicyName(policy);
  const { spec, status: previous } = policy;
  const endpoint = context.listers.endpoints.get(spec.endpointRef.name);
  const namespace = endpoint?.spec.namespace ?? '';
  const ref = { endpoint: spec.endpointRef.name, clusterID: vault.clusterID, namespace, name };
  const isOwned =
    previous?.vault?.name === name && previous.vault.clusterID === vault.clusterID && previous.vault.namespace === namespace;
  const textHash = createHash('sha256').update(text.text).digest('hex');
  const observeOnly = context.vault.observeOnly || isObserved(policy, ...(endpoint ? [endpoint] : []));
  if (isOwned && !observeOnly) await ensureFinalizer(context, policy);
  const document = await reconcileDocument<string>(
    {
      read: () => readPolicy(vault.session, name, signal),
      differences: (current) =>
        withoutMark(current).trim() === withoutMark(text.text).trim() ? [] : firstDifference(text.text, current),
      write: () => writePolicy(vault.session, name, text.text, vault.product === 'OpenBao' ? openBaoFields(spec) : {}),
      claim: async () => {
        await ensureFinalizer(context, policy);
        await context.kube.writeStatus('VaultACLPolicy', policy, { ...previous, vault: ref });
      },
    },
    {
      isOwned: (current) => isOwned || (current !== undefined && isMarked(policy, current)),
      isWritten: previous?.textHash === textHash,
      ignored: previouslyIgnored(previous, 'Programmed'),
      adoption: spec.adoption,
      driftPolicy: spec.driftPolicy,
      observeOnly,
      fence: context.vault.fence,
    },
  );
  report(context, policy, name, document);
  const { outcome, drift, warnings } = document;
  const isWritten = outcome === 'InSync' || outcome === 'Repaired' || outcome === 'IgnoredParameters';
  return {
    document,
    status: {
      ...(isWritten ? { vault: ref, textHash, accessors: text.accessors } : {}),
      drift,
      ...(warnings === undefined ? {} : { warnings }),
      lastSyncTime: new Date(context.clock.now()).toISOString(),
    },
  };
}

/** OpenBao has these fields since 2.6; older versions ignore them, and have no such restriction. */
const openBaoFields = ({ openbao }: VaultACLPolicy['spec']): JsonObject => ({
  allow_slashes_in_identity_templates: openbao.allowSlashesInTemplates,
  allow_wildcards_in_identity_templates: openbao.allowWildcardsInTemplates,
});

/** Only an object whose deletion deletes the policy in Vault needs the finalizer. */
const ensureFinalizer = ({ kube }: ControllerContext, policy: VaultACLPolicy): Promise<void> =>
  policy.spec.deletionPolicy === 'Delete'
    ? kube.addFinalizer('VaultACLPolicy', policy)
    : kube.removeFinalizer('VaultACLPolicy', policy);

/** The first line that differs: a whole text could be too long for a status. */
const firstDifference = (desired: string, current: string): DocumentResult['drift'] => {
  const [desiredLines, currentLines] = [linesOf(desired), linesOf(current)];
  const at = desiredLines.findIndex((line, index) => line !== currentLines[index]);
  const line = at < 0 ? desiredLines.length : at;
  return [{ field: `policy, line ${line + 1}`, desired: shortened(desiredLines[line]), actual: shortened(currentLines[line]) }];
};

const linesOf = (text: string): readonly string[] => withoutMark(text).trim().split('\n');
const shortened = (line: string | undefined): string => (line ?? '(nothing)').slice(0, 200);

const report = (
  { report: to }: ControllerContext,
  policy: VaultACLPolicy,
  name: string,
  { outcome, drift, repaired, overwrote }: DocumentResult,
): void => {
  if (repaired.length > 0) {
    to.metrics.drift('VaultACLPolicy', 'repaired', repaired.length);
    to.emitEvent(policy, 'Warning', 'Repaired', `Drift corrected in policy ${name}: ${fieldNames(repaired)}.`);
  }
  if (overwrote.length > 0)
    to.emitEvent(
      policy,
      'Warning',
      'Overwritten',
      `The policy ${name} in Vault was different and was overwritten: ${fieldNames(overwrote)}.`,
    );
  if (outcome === 'Drifted') to.metrics.drift('VaultACLPolicy', 'reported', Math.max(1, drift.length));
  if (outcome === 'IgnoredParameters') to.metrics.drift('VaultACLPolicy', 'ignored', drift.length);
};

/**
 * Those of the paths whose first parts are a namespace of the server, where the policy would give power over the namespace. Only
 * the server has its namespaces: asking requires no right. Empty for a server without namespaces. Throws VaultError.
 */
export async function reachedNamespaces(
  endpoint: VaultEndpoint | undefined,
  { client, capabilities }: ReadyVault,
  { namespacePaths }: WritableText,
  signal: AbortSignal,
): Promise<readonly NamespacePath[]> {
  if (!capabilities.includes('Namespaces')) return [];
  const answers = new Map<string, boolean>();
  const exists = async (name: string): Promise<boolean> => {
    const answer = answers.get(name);
    if (answer !== undefined) return answer;
    const full = [endpoint?.spec.namespace ?? '', name].filter((part) => part !== '').join('/');
    // A name that cannot be sent in a header cannot be checked: it counts as a namespace, and the policy is rejected.
    const found = !SENDABLE.test(full) || (await namespaceExists(client, full, signal));
    answers.set(name, found);
    return found;
  };
  const reached: NamespacePath[] = [];
  for (const path of namespacePaths) if (await isNamespace(path.namespace, exists)) reached.push(path);
  return reached;
}

const SENDABLE = /^[!-~]+$/;

/** From the first part on: most paths begin with a mount, and below a mount there is no namespace. */
const isNamespace = async (path: string, exists: (name: string) => Promise<boolean>): Promise<boolean> => {
  const parts = path.split('/');
  for (let depth = 1; depth <= parts.length; depth += 1) if (!(await exists(parts.slice(0, depth).join('/')))) return false;
  return true;
};
