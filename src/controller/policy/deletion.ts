// The end of a VaultACLPolicy: nothing that is in use is taken away, nothing of anybody else's, and it never waits for ever.
import { type ACLPolicyConditionUpdate, type VaultACLPolicy, vaultPolicyName } from '../../resources/acl-policy.ts';
import { isObserved } from '../../resources/common-fields.ts';
import { mergeConditions } from '../../resources/condition.ts';
import { FINALIZER } from '../../resources/kinds.ts';
import { deletePolicy, readPolicy } from '../../vault/policies.ts';
import type { ControllerContext } from '../runtime/context.ts';
import { vaultFailure } from '../runtime/vault-failure.ts';
import { strangerOf } from './ownership.ts';

/** How often it is looked whether the policy is still used; whoever stops using it tells us too. */
const AGAIN_MS = 60_000;

type Deletable = Extract<ACLPolicyConditionUpdate, { readonly type: 'Deletable' }>;

/** Deletes the policy in Vault where that is wanted, and lets the object go. */
export async function removePolicy(
  context: ControllerContext,
  policy: VaultACLPolicy,
): Promise<{ readonly requeueAfterMs?: number }> {
  if (!policy.metadata.finalizers?.includes(FINALIZER)) return {};
  const { status, spec } = policy;
  const kept = status?.vault;
  if (!kept || spec.deletionPolicy === 'Retain') return letGo(context, policy);
  const endpoint = context.listers.endpoints.get(kept.endpoint);
  if (!endpoint || context.vault.observeOnly || isObserved(policy, endpoint)) return letGo(context, policy);
  const users = usersOf(context, policy);
  if (users.length > 0)
    return wait(
      context,
      policy,
      'InUse',
      `used by ${users.slice(0, 5).join(', ')}${users.length > 5 ? ` and ${users.length - 5} more` : ''}`,
    );
  if (kept.namespace !== endpoint.spec.namespace)
    return leave(
      context,
      policy,
      `VaultEndpoint ${kept.endpoint} has another namespace now; the policy ${kept.name} was not deleted`,
    );
  const vault = context.vault.registry.get(kept.endpoint);
  if (vault.state === 'notReady') return waitOrLeave(context, policy, vault.message);
  if (kept.clusterID !== vault.clusterID)
    return leave(
      context,
      policy,
      `VaultEndpoint ${kept.endpoint} leads to another cluster now; the policy ${kept.name} was not deleted`,
    );
  try {
    const got = await readPolicy(vault.session, kept.name);
    const stranger = got === undefined ? undefined : strangerOf(policy, got);
    if (stranger !== undefined) return await leave(context, policy, `the policy ${kept.name} was not deleted: ${stranger}`);
    context.vault.fence();
    await deletePolicy(vault.session, kept.name);
  } catch (error) {
    const failure = vaultFailure(error, `policy ${kept.name}`);
    if (!failure) throw error;
    return waitOrLeave(context, policy, failure.message);
  }
  return letGo(context, policy);
}

/** Who names it: roles that ask for it, backends that give it to all. */
const usersOf = ({ listers: { roles, backends } }: ControllerContext, policy: VaultACLPolicy): readonly string[] => {
  const { name } = policy.metadata;
  const inVault = vaultPolicyName(policy);
  return [
    ...backends
      .list()
      .filter(({ spec }) => spec.endpointRef.name === policy.spec.endpointRef.name && spec.tenancy.defaultPolicies.includes(name))
      .map(({ metadata }) => `VaultAuthBackend ${metadata.name}`),
    ...roles
      .list()
      .filter(
        ({ metadata, spec, status }) =>
          metadata.deletionTimestamp === undefined &&
          spec.policies?.includes(name) === true &&
          (status?.effectivePolicies?.includes(inVault) ?? false),
      )
      .map(({ metadata }) => `VaultAuthRole ${metadata.namespace}/${metadata.name}`),
  ];
};

/** Waits for Vault, but not longer than deletions may take: then the policy stays, and an Event says so. */
const waitOrLeave = (
  context: ControllerContext,
  policy: VaultACLPolicy,
  message: string,
): Promise<{ readonly requeueAfterMs?: number }> => {
  const since = Date.parse(policy.metadata.deletionTimestamp ?? '');
  if (context.clock.now() - since > context.clock.deletionTimeoutMs)
    return leave(context, policy, `the policy ${vaultPolicyName(policy)} stays in Vault: ${message}`);
  return wait(context, policy, 'VaultUnavailable', message);
};

const leave = async (
  context: ControllerContext,
  policy: VaultACLPolicy,
  message: string,
): Promise<{ readonly requeueAfterMs?: number }> => {
  context.report.emitEvent(policy, 'Warning', 'LeftInVault', message);
  context.report.log.warn({ policy: policy.metadata.name, problem: message }, 'a policy stays in Vault');
  return letGo(context, policy);
};

const letGo = async (context: ControllerContext, policy: VaultACLPolicy): Promise<{ readonly requeueAfterMs?: number }> => {
  await context.kube.removeFinalizer('VaultACLPolicy', policy);
  return {};
};

const wait = async (
  context: ControllerContext,
  policy: VaultACLPolicy,
  reason: Deletable['reason'],
  message: string,
): Promise<{ readonly requeueAfterMs: number }> => {
  const { generation } = policy.metadata;
  const before = policy.status?.conditions ?? [];
  const others = before.filter(({ type }) => type !== 'Deletable');
  const finding: Deletable = { type: 'Deletable', status: 'False', reason, message };
  const conditions = mergeConditions(before, [...others, finding], generation, new Date(context.clock.now()).toISOString());
  await context.kube.writeStatus('VaultACLPolicy', policy, { ...policy.status, conditions });
  return { requeueAfterMs: Math.min(AGAIN_MS, context.clock.deletionTimeoutMs / 4) };
};
