// The issuer and the public keys of this cluster, as Vault is to know them; and how fresh they are.
import { isKubeError, KubeError } from '../../kube/errors.ts';
import { readIssuer, readIssuerKeys } from '../../kube/tokens.ts';
import type { JsonObject } from '../../json/json.ts';
import type { BackendConditionUpdate, VaultAuthBackendSpec } from '../../resources/backend.ts';
import { kidOf, type KeyPlan, planKeys } from './signing-keys.ts';
import { isRecordedHere, type Work } from './work.ts';

export type KeysFinding = Extract<BackendConditionUpdate, { readonly type: 'KeysFresh' }>;

export interface ClusterKeys {
  /** Undefined where this backend has nothing to do with keys and issuers. */
  readonly finding: KeysFinding | undefined;
  /** PEM of the keys that Vault must hold; undefined: that is not known, so that nothing may be written. */
  readonly pems: readonly string[] | undefined;
  /** Of keys that are kept in step with the cluster. */
  readonly plan: KeyPlan | undefined;
  /** Undefined: none is needed, or none is known. */
  readonly issuer: string | undefined;
  /** What was needed and could not be had. */
  readonly isKnown: boolean;
}

/** How long a key that is no longer published stays, in seconds. */
const KEEP_RETIRED_SECONDS = 600;

/** Whether keys are read from the API server and written to Vault. */
export function isSynced({ kubernetes, jwt }: VaultAuthBackendSpec): boolean {
  return kubernetes?.verifyKeys.source === 'Synced' || jwt?.keys.source === 'Push';
}

/** Reads what is needed of the cluster. `held` is the configuration that Vault has. Throws only what is no answer of the API server. */
export async function readClusterKeys(work: Work, held: JsonObject | undefined): Promise<ClusterKeys> {
  const { kubernetes } = work.backend.spec;
  const wanted = wantedIssuer(work);
  try {
    const issuer =
      wanted === 'Discover' ? await readIssuer(work.context.kube.client, work.signal) : wanted === 'Ignore' ? undefined : wanted;
    const plan = isSynced(work.backend.spec) ? await plannedKeys(work, held) : undefined;
    const pems = plan?.pems ?? kubernetes?.verifyKeys.pemKeys ?? [];
    if (plan && pems.length === 0) return unknown(work, held, 'the API server publishes no key that can be used');
    return { finding: fresh(work, plan, wanted === 'Discover' ? issuer : undefined), pems, plan, issuer, isKnown: true };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const hint = isKubeError(error, 'Forbidden')
      ? ' The controller needs the ClusterRole system:service-account-issuer-discovery.'
      : '';
    return unknown(work, held, `${error.message}.${hint}`);
  }
}

const wantedIssuer = ({ backend: { spec } }: Work): string => spec.jwt?.issuer ?? spec.kubernetes?.issuer ?? 'Ignore';

const plannedKeys = async (work: Work, held: JsonObject | undefined): Promise<KeyPlan> => {
  const { context, before, memory } = work;
  const published = await readIssuerKeys(context.kube.client, work.signal);
  return planKeys({
    published: published.map(({ pem }) => pem),
    held: heldKeys(held),
    recorded: isRecordedHere(work) ? (before.keys?.kids ?? []) : [],
    missedSince: memory.missedSince,
    now: context.clock.now(),
    keepMs: KEEP_RETIRED_SECONDS * 1000 * context.clock.resyncFactor,
  });
};

/** With the API server away Vault keeps what we gave it; nothing else of it is trusted. */
const unknown = (work: Work, held: JsonObject | undefined, why: string): ClusterKeys => {
  const recorded = new Set(isRecordedHere(work) ? work.before.keys?.kids : []);
  const ours = heldKeys(held).filter((pem) => recorded.has(kidOrNothing(pem)));
  const needsKeys = isSynced(work.backend.spec);
  const wanted = wantedIssuer(work);
  const issuer = wanted === 'Discover' ? work.before.issuer : wanted === 'Ignore' ? undefined : wanted;
  return {
    finding: keysFresh('False', 'JWKSUnreachable', `The keys or the issuer of this cluster cannot be read: ${why}`),
    pems: needsKeys && ours.length === 0 ? undefined : needsKeys ? ours : [],
    plan: undefined,
    issuer,
    isKnown: (issuer !== undefined || wanted === 'Ignore') && (!needsKeys || ours.length > 0),
  };
};

const heldKeys = (held: JsonObject | undefined): readonly string[] => {
  const keys = held?.['jwt_validation_pubkeys'] ?? held?.['pem_keys'];
  return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [];
};

const kidOrNothing = (pem: string): string => {
  try {
    return kidOf(pem);
  } catch {
    return '';
  }
};

const fresh = (
  { backend, before, context }: Work,
  plan: KeyPlan | undefined,
  issuer: string | undefined,
): KeysFinding | undefined => {
  if (issuer !== undefined && before.issuer !== undefined && before.issuer !== issuer)
    return keysFresh(
      'True',
      'IssuerChanged',
      `The issuer of this cluster is now ${issuer}, it was ${before.issuer}. Tokens of the earlier one are refused until they are replaced.`,
    );
  if (plan && plan.retiring.length > 0)
    return keysFresh(
      'True',
      'KeyRotationPending',
      `The API server no longer publishes ${plan.retiring.join(', ')}; kept for ${Math.round(KEEP_RETIRED_SECONDS * context.clock.resyncFactor)} s, in case another API server still signs with it.`,
    );
  if (plan) return keysFresh('True', 'Synced', `Vault has the keys that the API server publishes (${plan.kids.length}).`);
  return backend.spec.type === 'jwt' ? keysFresh('True', 'Synced', 'Vault fetches the keys itself.') : undefined;
};

export function keysFresh(status: KeysFinding['status'], reason: KeysFinding['reason'], message: string): KeysFinding {
  return {
    type: 'KeysFresh',
    status,
    reason,
    message,
  };
}
