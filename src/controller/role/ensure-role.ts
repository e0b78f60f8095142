// One pass over the role in Vault.
import { createHash } from 'node:crypto';
import type { JsonObject } from '../../json/json.ts';
import type { VaultAuthBackend } from '../../resources/backend.ts';
import { differences } from '../../resources/canonical.ts';
import { isObserved } from '../../resources/common-fields.ts';
import { roleDocument } from '../../resources/role-document.ts';
import type { VaultAuthRole, VaultAuthRoleStatus } from '../../resources/role.ts';
import { isRetained } from '../../resources/tenancy.ts';
import { readRole, writeRole } from '../../vault/roles.ts';
import { type DocumentResult, ignoredBefore, reconcileDocument } from '../document.ts';
import { removePendingDeletion, isPendingDeletion } from '../pending-deletions.ts';
import type { ControllerContext } from '../runtime/context.ts';
import type { ReadyVault } from '../runtime/vault-registry.ts';
import { type Programmed, programmed, programmedBy } from './conditions.ts';
import { notAdmitted } from './observed.ts';
import { isSamePlace, type RolePlace } from './vault-role-ref.ts';

export interface RoleWork {
  readonly context: ControllerContext;
  readonly backend: VaultAuthBackend;
  readonly role: VaultAuthRole;
  readonly vault: ReadyVault;
  readonly place: RolePlace;
  /** Names in Vault. */
  readonly effectivePolicies: readonly string[];
  /** It asks for more than it is admitted for. */
  readonly isReduced: boolean;
  readonly signal: AbortSignal;
}

export interface KeptRole {
  readonly finding: Programmed;
  readonly status: Partial<VaultAuthRoleStatus>;
}

/** Throws VaultError, or a KubeError when the claim cannot be written. */
export async function keepRole(work: RoleWork): Promise<KeptRole> {
  const { context, backend, role, vault, place, effectivePolicies, signal } = work;
  const before = role.status;
  const { mountPath, roleName } = place;
  const document = roleDocument({ backend, role, product: vault.product, effectivePolicies });
  const documentHash = createHash('sha256').update(JSON.stringify(document)).digest('hex');
  const isOurs = before?.vault?.owned === true && isSamePlace(before.vault, place);
  let isClaimed = isOurs;
  const observer = observerOf(work, isOurs);
  let found: JsonObject | undefined;
  if (isOurs && (observer === undefined || observer === OWN_WISH)) await holdAsNeeded(work);
  const state = await reconcileDocument<JsonObject>(
    {
      read: async () => (found = await readRole(vault.session, mountPath, roleName, signal)),
      differences: (got) => differences(document, got, backend.spec.type === 'jwt' ? 'jwtRole' : 'kubernetesRole'),
      write: () => writeRole(vault.session, mountPath, roleName, document),
      claim: async () => {
        await holdAsNeeded(work);
        await context.kube.writeStatus('VaultAuthRole', role, { ...before, vault: { ...place, owned: true } });
        isClaimed = true;
        await removePendingDeletion(context, backend, roleName);
      },
    },
    {
      isOwned: () => isOurs,
      isWritten: before?.documentHash === documentHash,
      ignored: ignoredBefore(before),
      // What an earlier object of this name has left there is taken over.
      adoption: isPendingDeletion(backend, roleName, vault.clusterID) ? 'Always' : backend.spec.adoption,
      driftPolicy: backend.spec.driftPolicy,
      observeOnly: observer !== undefined,
      fence: context.vault.fence,
    },
  );
  tell(work, state);
  const isHeld = state.outcome === 'InSync' || state.outcome === 'Repaired' || state.outcome === 'IgnoredParameters';
  const isElsewhere = role.spec.managementPolicy === 'Observe';
  const finding = found && isElsewhere ? admission(work, found) : programmedBy(state, roleName, observer ?? '');
  // Who may write roles in a namespace may name any role of the mount: what another's role says is not told to him.
  const isAnothers = state.outcome === 'NotOwned' || (isElsewhere && finding.reason === 'ObservedMismatch');
  return {
    finding,
    status: {
      vault: { ...place, owned: isClaimed },
      ...(isHeld ? { documentHash, programmed: true } : {}),
      effectivePolicies: observer === undefined ? effectivePolicies : isAnothers ? [] : policiesOf(found),
      drift: isAnothers ? state.drift.map(({ field, desired }) => ({ field, desired, actual: NOT_SHOWN })) : state.drift,
      ...(state.warnings === undefined ? {} : { warnings: state.warnings }),
      lastSyncTime: new Date(context.clock.now()).toISOString(),
    },
  };
}

const NOT_SHOWN = "(another's, not shown)";

const OWN_WISH = 'only observing';

/** Why nothing is written; undefined: it is. */
const observerOf = ({ context, backend, role, isReduced }: RoleWork, isOurs: boolean): string | undefined => {
  const endpoint = context.listers.endpoints.get(backend.spec.endpointRef.name);
  if (context.vault.observeOnly) return 'the controller only observes';
  // With Observe a tenant could else keep what a rule of the backend has taken away since.
  if (isObserved(role) && !(isOurs && isReduced)) return OWN_WISH;
  if (isObserved(backend)) return `VaultAuthBackend ${backend.metadata.name} is only observed`;
  return endpoint && isObserved(endpoint) ? `VaultEndpoint ${endpoint.metadata.name} is only observed` : undefined;
};

/** Only an object whose deletion deletes something in Vault is held back by us. */
const holdAsNeeded = ({ context, role, backend }: RoleWork): Promise<void> =>
  isRetained(role, backend)
    ? context.kube.removeFinalizer('VaultAuthRole', role)
    : context.kube.addFinalizer('VaultAuthRole', role);

/** A role that is made elsewhere need not be what we would write: what counts is whom it lets in. */
const admission = ({ context, backend, role, place }: RoleWork, got: JsonObject): Programmed => {
  const labels = context.listers.namespaces.get(role.metadata.namespace ?? '')?.labels ?? {};
  const missing = notAdmitted(backend, role, got, labels);
  return missing.length === 0
    ? programmed('True', 'Observed', `The role ${place.roleName} in Vault admits these service accounts (only observing).`)
    : programmed(
        'False',
        'ObservedMismatch',
        `The role ${place.roleName} in Vault does not admit ${missing.join(', ')} (only observing).`,
      );
};

const policiesOf = (got: JsonObject | undefined): readonly string[] => {
  const policies = got?.['token_policies'];
  const texts = Array.isArray(policies) ? policies.filter((policy) => typeof policy === 'string') : [];
  return [...new Set(texts.map((policy) => policy.slice(0, LONGEST_POLICY)))].slice(0, MOST_EFFECTIVE);
};
/** What the status takes: others may write what they like into a role that is only observed. */
const LONGEST_POLICY = 256;
const MOST_EFFECTIVE = 96;

const tell = ({ context, role, place }: RoleWork, state: DocumentResult): void => {
  if (state.repaired.length > 0) {
    context.report.metrics.drift('VaultAuthRole', 'repaired', state.repaired.length);
    context.report.emitEvent(
      role,
      'Warning',
      'Repaired',
      `The role ${place.roleName} was changed in Vault (${fieldsOf(state.repaired)}) and is as declared again.`,
    );
  }
  if (state.overwrote.length > 0)
    context.report.emitEvent(
      role,
      'Warning',
      'Overwritten',
      `The role ${place.roleName} in Vault was another: ${fieldsOf(state.overwrote)}.`,
    );
  if (state.outcome === 'Drifted') context.report.metrics.drift('VaultAuthRole', 'reported', Math.max(1, state.drift.length));
  if (state.outcome === 'IgnoredParameters') context.report.metrics.drift('VaultAuthRole', 'ignored', state.drift.length);
};

const fieldsOf = (drift: DocumentResult['drift']): string => drift.map(({ field }) => field).join(', ');
