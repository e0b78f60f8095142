// Deletion of a VaultACLPolicy: never while it is in use, never a policy of another owner, and after a timeout also without
// Vault.
import { createHash } from 'node:crypto';
import { type ACLPolicyConditionUpdate, type VaultACLPolicy, vaultPolicyName } from '../../resources/acl-policy.ts';
import { isObserved } from '../../resources/common-fields.ts';
import { FINALIZER } from '../../resources/kinds.ts';
import { isMarked, policyText, withoutMark } from '../../resources/policy-text.ts';
import { deletePolicy, readPolicy } from '../../vault/policies.ts';
import type { ControllerContext, ReconcileResult } from '../runtime/context.ts';
import { reportDeletable } from '../runtime/report-status.ts';
import { vaultFailure } from '../runtime/vault-failure.ts';

/** Retry of a deletion; the last user of the policy enqueues it as well. */
const RETRY_MS = 60_000;
const MAX_USERS_NAMED = 5;

type Deletable = Extract<ACLPolicyConditionUpdate, { readonly type: 'Deletable' }>;

/** Deletes the policy in Vault if that is requested, and removes the finalizer. */
export async function deleteVaultACLPolicy(context: ControllerContext, policy: VaultACLPolicy): Promise<ReconcileResult> {
  if (!policy.metadata.finalizers?.includes(FINALIZER)) return {};
  const { status, spec } = policy;
  const ref = status?.vault;
  if (!ref || spec.deletionPolicy === 'Retain') return removeFinalizer(context, policy);
  const endpoint = context.listers.endpoints.get(ref.endpoint);
  if (!endpoint || context.vault.observeOnly || isObserved(policy, endpoint)) return removeFinalizer(context, policy);
  const users = usersOf(context, policy);
  if (users.length > 0) return wait(context, policy, 'InUse', `used by ${shortList(users)}`);
  if (ref.namespace !== endpoint.spec.namespace)
    return abandon(context, policy, `VaultEndpoint ${ref.endpoint} has another namespace now`);
  const vault = context.vault.registry.get(ref.endpoint);
  if (vault.state === 'notReady') return waitOrAbandon(context, policy, vault.message);
  if (ref.clusterID !== vault.clusterID)
    return abandon(context, policy, `VaultEndpoint ${ref.endpoint} now points to another cluster`);
  try {
    const current = await readPolicy(vault.session, ref.name);
    const otherOwner = current === undefined ? undefined : findOtherOwner(policy, current);
    if (otherOwner !== undefined) return await abandon(context, policy, otherOwner);
    context.vault.fence();
    await deletePolicy(vault.session, ref.name);
  } catch (error) {
    const failure = vaultFailure(error, `policy ${ref.name}`);
    if (!failure) throw error;
    return waitOrAbandon(context, policy, failure.message);
  }
  return removeFinalizer(context, policy);
}

/** Backends that give the policy to all their roles, and roles that request it and have it. */
const usersOf = ({ listers: { roles, backends } }: ControllerContext, policy: VaultACLPolicy): readonly string[] => {
  const { name } = policy.metadata;
  const nameInVault = vaultPolicyName(policy);
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
          (status?.effectivePolicies?.includes(nameInVault) ?? false),
      )
      .map(({ metadata }) => `VaultAuthRole ${metadata.namespace}/${metadata.name}`),
  ];
};

const shortList = (users: readonly string[]): string => {
  const more = users.length - MAX_USERS_NAMED;
  return `${users.slice(0, MAX_USERS_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
};

/**
 * Why the policy in Vault has another owner; undefined: it is this object's. The mark in its first line decides. Without a mark
 * (JSON has no comments, and an adopted policy keeps its text) it must have a text that this object has declared.
 */
const findOtherOwner = (policy: VaultACLPolicy, current: string): string | undefined => {
  if (isMarked(policy, current)) return undefined;
  if (withoutMark(current) !== current)
    return `its first line names another object (${current.split('\n', 1)[0]?.slice(0, 256)})`;
  return isDeclared(policy, current) || hashOf(current) === policy.status?.textHash
    ? undefined
    : 'it has neither the mark nor the text of this object';
};

/** With the recorded accessors: the backends may be deleted by now. */
const isDeclared = (policy: VaultACLPolicy, current: string): boolean => {
  const accessors = new Map(policy.status?.accessors?.map(({ backend, accessor }) => [backend, accessor]));
  const text = policyText(policy, (name) => accessors.get(name));
  return text.ok && withoutMark(text.text).trim() === current.trim();
};

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

const removeFinalizer = async (context: ControllerContext, policy: VaultACLPolicy): Promise<ReconcileResult> => {
  await context.kube.removeFinalizer('VaultACLPolicy', policy);
  return {};
};

const waitOrAbandon = (context: ControllerContext, policy: VaultACLPolicy, message: string): Promise<ReconcileResult> => {
  const since = Date.parse(policy.metadata.deletionTimestamp ?? '');
  return context.clock.now() - since > context.clock.deletionTimeoutMs
    ? abandon(context, policy, message)
    : wait(context, policy, 'VaultUnavailable', message);
};

/** Ends the deletion and leaves the policy in Vault as an orphan. */
const abandon = async (context: ControllerContext, policy: VaultACLPolicy, reason: string): Promise<ReconcileResult> => {
  const name = policy.status?.vault?.name ?? vaultPolicyName(policy);
  context.report.emitEvent(policy, 'Warning', 'LeftInVault', `The policy ${name} stays in Vault: ${reason}`);
  context.report.log.warn({ policy: policy.metadata.name, problem: reason }, 'policy orphaned in Vault');
  return removeFinalizer(context, policy);
};

const wait = async (
  context: ControllerContext,
  policy: VaultACLPolicy,
  reason: Deletable['reason'],
  message: string,
): Promise<ReconcileResult> => {
  await reportDeletable(context, 'VaultACLPolicy', policy, { type: 'Deletable', status: 'False', reason, message });
  return { requeueAfterMs: Math.min(RETRY_MS, context.clock.deletionTimeoutMs / 4) };
};
