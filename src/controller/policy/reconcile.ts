// Reconciles one VaultACLPolicy: the policy of its name in Vault.
import {
  type ACLPolicyConditionUpdate,
  type VaultACLPolicy,
  type VaultACLPolicyStatus,
  vaultPolicyName,
} from '../../resources/acl-policy.ts';
import { namespaceDenial, type PolicyText, policyText } from '../../resources/policy-text.ts';
import { takesPrecedence } from '../../resources/role-name.ts';
import { isVaultError } from '../../vault/errors.ts';
import { type ControllerContext, type ReconcileResult, resyncAfterMs } from '../runtime/context.ts';
import { type ObjectResult, reportStatus, retryAfter } from '../runtime/report-status.ts';
import { vaultFailure } from '../runtime/vault-failure.ts';
import { isSameServer, type ReadyVault, type VaultState } from '../runtime/vault-registry.ts';
import { type Accepted, accepted, programmed, programmedBy, rejected } from './conditions.ts';
import { deleteVaultACLPolicy } from './deletion.ts';
import { ensurePolicy, reachedNamespaces } from './ensure-policy.ts';

type PolicyResult = ObjectResult<ACLPolicyConditionUpdate, VaultACLPolicyStatus>;

/** The default of a backend's resyncSeconds. */
const RESYNC_SECONDS = 300;

/** The reconciler. Throws what is neither Vault's answer nor a fault of the object. */
export async function reconcilePolicy(
  context: ControllerContext,
  _key: string,
  policy: VaultACLPolicy | undefined,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  if (!policy) return {};
  if (policy.metadata.deletionTimestamp !== undefined) return deleteVaultACLPolicy(context, policy);
  const plan = planPolicy(gather(context, policy));
  const result = plan.action === 'none' ? resultOf(context, policy, plan.conditions) : await act(context, policy, plan, signal);
  return reportStatus(context, 'VaultACLPolicy', policy, result);
}

interface Observed {
  readonly policy: VaultACLPolicy;
  readonly hasEndpoint: boolean;
  /** The name of another VaultACLPolicy that has the name in Vault. */
  readonly nameHolder: string | undefined;
  readonly text: PolicyText;
  readonly vault: VaultState;
}

/** Endpoint, text and name conflicts, from the caches. */
const gather = (context: ControllerContext, policy: VaultACLPolicy): Observed => {
  const { name } = policy.spec.endpointRef;
  return {
    policy,
    hasEndpoint: context.listers.endpoints.get(name) !== undefined,
    nameHolder: findNameHolder(context, policy),
    text: policyText(policy, accessorOf(context, policy)),
    vault: context.vault.registry.get(name),
  };
};

type WritableText = Extract<PolicyText, { readonly ok: true }>;

type PolicyPlan =
  | { readonly action: 'none'; readonly conditions: readonly ACLPolicyConditionUpdate[] }
  | { readonly action: 'ensure'; readonly text: WritableText; readonly vault: ReadyVault };

/** Whether the policy may be written. */
const planPolicy = ({ policy, hasEndpoint, nameHolder, text, vault }: Observed): PolicyPlan => {
  const { name } = policy.spec.endpointRef;
  if (!hasEndpoint) return reject(rejected('EndpointNotFound', `there is no VaultEndpoint ${name}`));
  if (nameHolder !== undefined)
    return reject(
      rejected(
        'NameTaken',
        `VaultACLPolicy ${nameHolder} already has the name ${vaultPolicyName(policy)} in Vault; set another spec.vaultName in a new object`,
      ),
    );
  if (!text.ok) return reject(rejected(text.reason, text.message), NOT_ACCEPTED_KEPT);
  if (vault.state === 'notReady')
    return {
      action: 'none',
      conditions: [accepted(text), programmed('False', 'EndpointNotReady', `VaultEndpoint ${name}: ${vault.message}`)],
    };
  return { action: 'ensure', text, vault };
};

const reject = (condition: Accepted, pending = 'The policy is not accepted.'): PolicyPlan => ({
  action: 'none',
  conditions: [condition, programmed('False', 'Pending', pending)],
});

const NOT_ACCEPTED_KEPT = 'The policy is not accepted; its last accepted text stays in Vault.';

/** Makes Vault match. An error of Vault becomes a condition. */
const act = async (
  context: ControllerContext,
  policy: VaultACLPolicy,
  { text, vault }: Extract<PolicyPlan, { readonly action: 'ensure' }>,
  signal: AbortSignal,
): Promise<PolicyResult> => {
  const name = vaultPolicyName(policy);
  try {
    const endpoint = context.listers.endpoints.get(policy.spec.endpointRef.name);
    const reached = await reachedNamespaces(endpoint, vault, text, signal);
    if (reached.length > 0)
      return resultOf(context, policy, [
        rejected('PrivilegedPath', namespaceDenial(reached)),
        programmed('False', 'Pending', NOT_ACCEPTED_KEPT),
      ]);
    const { document, status } = await ensurePolicy({ context, policy, text, vault, signal });
    return resultOf(context, policy, [accepted(text), programmedBy(document, name)], status);
  } catch (error) {
    const failure = vaultFailure(error, `policy ${name}`);
    if (!failure) throw error;
    // Vault rejects the text of the policy: a retry without a change would be rejected again.
    const isRejected = isVaultError(error, 'BadRequest');
    const isDenied = failure.reason === 'WriteFailed' || failure.reason === 'PermissionDenied';
    const result = resultOf(
      context,
      policy,
      [
        isRejected ? rejected('InvalidPolicy', failure.message) : accepted(text),
        programmed(isDenied ? 'False' : 'Unknown', failure.reason, failure.message),
      ],
      { drift: policy.status?.drift ?? [] },
    );
    return isRejected ? result : { ...result, next: retryAfter(failure.retryAfterMs) };
  }
};

const resultOf = (
  { clock }: ControllerContext,
  policy: VaultACLPolicy,
  conditions: readonly ACLPolicyConditionUpdate[],
  status: VaultACLPolicyStatus = {},
): PolicyResult => ({
  conditions,
  status: { ...policy.status, drift: [], ...status },
  next: { afterMs: resyncAfterMs(clock, RESYNC_SECONDS) },
});

/** Accessors of backends with the same endpoint: in a template, the accessor of another server would match nothing. */
const accessorOf =
  ({ listers: { backends } }: ControllerContext, policy: VaultACLPolicy) =>
  (name: string): string | undefined => {
    const backend = backends.get(name);
    return backend?.spec.endpointRef.name === policy.spec.endpointRef.name ? backend.status?.mount?.accessor : undefined;
  };

/** The policy that has the name in Vault keeps it; before any has it, the oldest wins. */
const findNameHolder = (context: ControllerContext, policy: VaultACLPolicy): string | undefined =>
  context.listers.policies
    .list()
    .find(
      (other) =>
        other.metadata.uid !== policy.metadata.uid &&
        vaultPolicyName(other) === vaultPolicyName(policy) &&
        isSameServer(context, policy.spec.endpointRef.name, other.spec.endpointRef.name) &&
        (hasName(other) === hasName(policy) ? takesPrecedence(other, policy) : hasName(other)),
    )?.metadata.name;

const hasName = ({ status }: VaultACLPolicy): boolean => status?.vault !== undefined;
