// Brings one VaultACLPolicy and the policy in Vault together.
import {
  type ACLPolicyConditionUpdate,
  type VaultACLPolicy,
  type VaultACLPolicyStatus,
  vaultPolicyName,
} from '../../resources/acl-policy.ts';
import { mergeConditions, readyCondition } from '../../resources/condition.ts';
import { namespaceDenial, type PolicyText, policyText } from '../../resources/policy-text.ts';
import { isOlder } from '../../resources/role-name.ts';
import { isVaultError } from '../../vault/errors.ts';
import { type ControllerContext, type Reconcile, resyncAfterMs } from '../runtime/context.ts';
import { vaultFailure } from '../runtime/vault-failure.ts';
import { isSameServer } from '../runtime/vault-registry.ts';
import type { ReadyVault } from '../runtime/vault-registry.ts';
import { removePolicy } from './deletion.ts';
import { keepPolicy, type KeptPolicy } from './ensure-policy.ts';
import { reachedNamespaces } from './namespaces.ts';

/** As often as a backend looks when nothing else is said. */
const RESYNC_SECONDS = 300;

type Status = VaultACLPolicyStatus;

/** What one pass found, and what of it the status remembers. */
interface Outcome {
  readonly findings: readonly ACLPolicyConditionUpdate[];
  readonly status: Partial<Status>;
  /** Vault asked us to wait; or it has to be tried again, and the queue says when. */
  readonly again?: { readonly requeueAfterMs: number | undefined };
}

/** The reconciler. Throws what was not the fault of the object or of Vault. */
export const reconcilePolicy: Reconcile<VaultACLPolicy> = async (context, _key, policy, signal) => {
  if (!policy) return {};
  if (policy.metadata.deletionTimestamp !== undefined) return removePolicy(context, policy);
  const { findings, status, again } = await look(context, policy, signal);
  const time = new Date(context.clock.now()).toISOString();
  const { generation } = policy.metadata;
  await context.kube.writeStatus('VaultACLPolicy', policy, {
    ...policy.status,
    drift: [],
    ...status,
    observedGeneration: generation,
    conditions: mergeConditions(policy.status?.conditions ?? [], [...findings, readyCondition(findings)], generation, time),
  });
  if (!again) return { requeueAfterMs: resyncAfterMs(context.clock, RESYNC_SECONDS) };
  if (again.requeueAfterMs !== undefined) return { requeueAfterMs: again.requeueAfterMs };
  throw new Error(findings.find((finding) => finding.status !== 'True')?.message ?? 'Vault could not be asked');
};

const look = async (context: ControllerContext, policy: VaultACLPolicy, signal: AbortSignal): Promise<Outcome> => {
  const { name } = policy.spec.endpointRef;
  if (!context.listers.endpoints.get(name))
    return {
      findings: [accepted('EndpointNotFound', `there is no VaultEndpoint ${name}`), waiting('The policy is not accepted.')],
      status: {},
    };
  const holder = holderOf(context, policy);
  if (holder !== undefined)
    return {
      findings: [
        accepted(
          'NameTaken',
          `VaultACLPolicy ${holder} has the name ${vaultPolicyName(policy)} in Vault already; set another spec.vaultName in a new object`,
        ),
        waiting('The policy is not accepted.'),
      ],
      status: {},
    };
  const text = policyText(policy, accessors(context, policy));
  if (!text.ok)
    return {
      findings: [accepted(text.reason, text.message), waiting('The policy is not accepted; what Vault has of it stays.')],
      status: {},
    };
  const vault = context.vault.registry.get(name);
  if (vault.state === 'notReady')
    return {
      findings: [writable(text), programmed('False', 'EndpointNotReady', `VaultEndpoint ${name}: ${vault.message}`)],
      status: {},
    };
  return program(context, policy, text, vault, signal);
};

const program = async (
  context: ControllerContext,
  policy: VaultACLPolicy,
  text: Extract<PolicyText, { ok: true }>,
  vault: ReadyVault,
  signal: AbortSignal,
): Promise<Outcome> => {
  try {
    const reached = await reachedNamespaces(context.listers.endpoints.get(policy.spec.endpointRef.name), vault, text, signal);
    if (reached.length > 0)
      return {
        findings: [
          accepted('PrivilegedPath', namespaceDenial(reached)),
          waiting('The policy is not accepted; what Vault has of it stays.'),
        ],
        status: {},
      };
    const kept = await keepPolicy({ context, policy, text, vault, signal });
    return { findings: [writable(text), findingOf(kept)], status: kept.status };
  } catch (error) {
    const failure = vaultFailure(error, `policy ${vaultPolicyName(policy)}`);
    if (!failure) throw error;
    // What the server refuses to read as a policy stays refused until somebody changes it.
    const isFinal = isVaultError(error, 'BadRequest');
    return {
      findings: [
        isFinal ? accepted('InvalidPolicy', failure.message) : writable(text),
        programmed(
          failure.reason === 'WriteFailed' || failure.reason === 'PermissionDenied' ? 'False' : 'Unknown',
          failure.reason,
          failure.message,
        ),
      ],
      status: { drift: policy.status?.drift ?? [] },
      ...(isFinal ? {} : { again: { requeueAfterMs: failure.retryAfterMs } }),
    };
  }
};

/** Accessors of backends on the same server; another server's would match nothing. */
const accessors =
  ({ listers: { backends } }: ControllerContext, policy: VaultACLPolicy) =>
  (name: string): string | undefined => {
    const backend = backends.get(name);
    return backend?.spec.endpointRef.name === policy.spec.endpointRef.name ? backend.status?.mount?.accessor : undefined;
  };

/** Who has the name in Vault keeps it, and before anybody has it the older one gets it. */
const holderOf = (context: ControllerContext, policy: VaultACLPolicy): string | undefined =>
  context.listers.policies
    .list()
    .find(
      (other) =>
        other.metadata.uid !== policy.metadata.uid &&
        vaultPolicyName(other) === vaultPolicyName(policy) &&
        isSameServer(context, policy.spec.endpointRef.name, other.spec.endpointRef.name) &&
        (hasIt(other) === hasIt(policy) ? isOlder(other, policy) : hasIt(other)),
    )?.metadata.name;

const hasIt = ({ status }: VaultACLPolicy): boolean => status?.vault !== undefined;

const findingOf = ({ state, name }: KeptPolicy): ACLPolicyConditionUpdate => {
  const fields = state.drift.map(({ field }) => field).join(', ');
  switch (state.outcome) {
    case 'InSync':
      return programmed('True', 'InSync', `Vault has the policy ${name} as declared.`);
    case 'Repaired':
      return programmed(
        'True',
        'Repaired',
        `The policy ${name} was changed in Vault (${state.repaired.map(({ field }) => field).join(', ')}) and is as declared again.`,
      );
    case 'Observed':
      return programmed('True', 'Observed', `Vault has the policy ${name} as declared (only observing).`);
    case 'Absent':
      return programmed('False', 'PolicyMissing', `Vault has no policy ${name} (only observing).`);
    case 'ObservedMismatch':
      return programmed('False', 'ObservedMismatch', `The policy ${name} differs: see status.drift (only observing).`);
    case 'NotOwned':
      return programmed(
        'False',
        'NotOwned',
        `Vault has another policy ${name}: see status.drift. Choose another name, or set spec.adoption to Always to overwrite it.`,
      );
    case 'Drifted':
      return programmed(
        'False',
        'Drifted',
        `The policy ${name} was changed in Vault: ${fields || 'it is gone'}. driftPolicy Report leaves it so.`,
      );
    case 'IgnoredParameters':
      return programmed('False', 'IgnoredParameters', `Vault does not keep the policy ${name} as it was written: ${fields}.`);
  }
};

type Accepted = Extract<ACLPolicyConditionUpdate, { readonly type: 'Accepted' }>;
type Programmed = Extract<ACLPolicyConditionUpdate, { readonly type: 'Programmed' }>;

const accepted = (reason: Accepted['reason'], message: string): Accepted => ({
  type: 'Accepted',
  status: 'False',
  reason,
  message,
});
/** With what is risky in it. */
const writable = ({ warnings }: Extract<PolicyText, { ok: true }>): Accepted => ({
  type: 'Accepted',
  status: 'True',
  reason: 'Accepted',
  message: ['The policy can be written.', ...warnings.map((warning) => `Warning: ${warning}.`)].join(' '),
});
const programmed = (status: Programmed['status'], reason: Programmed['reason'], message: string): Programmed => ({
  type: 'Programmed',
  status,
  reason,
  message,
});
const waiting = (message: string): Programmed => programmed('False', 'Pending', message);
