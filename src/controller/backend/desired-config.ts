// What the configuration of the mount must be: issuer, public keys and CA certificates, from the spec and from the cluster.
import { createHash, createPublicKey } from 'node:crypto';
import type { JsonObject } from '../../json/json.ts';
import { isKubeError, KubeError } from '../../kube/errors.ts';
import { readIssuer, readIssuerKeys } from '../../kube/tokens.ts';
import type { VaultAuthBackendSpec, VaultAuthBackendStatus } from '../../resources/backend.ts';
import { jwtConfig, kubernetesConfig } from '../../resources/config-document.ts';
import { type AuthMount, readConfig } from '../../vault/mounts.ts';
import { type CACertificates, readClusterCA, readGivenCA } from '../ca-certificates.ts';
import { configured, keysFresh, type KeysFresh } from './conditions.ts';
import { isSameVaultCluster, type ReconcileInput, type StepResult, stepResult } from './step.ts';

export interface DesiredConfig {
  /** The document with this reviewer token in it; undefined for a document without one. */
  readonly documentWith: (token: string | undefined) => JsonObject;
  readonly keysFresh: KeysFresh | undefined;
  /** A part of the spec that this product cannot do and that is not in the document. */
  readonly unsupported: ReturnType<typeof configured> | undefined;
}

/** Key IDs that the status can hold. */
const MAX_KIDS = 32;

/** Reads issuer, keys and CA from the cluster. Without them there is no value. Throws VaultError, and a KubeError for the CA. */
export async function readDesiredConfig(
  input: ReconcileInput,
  mount: AuthMount | undefined,
  { clusterCA }: { readonly clusterCA: () => Promise<string | undefined> },
): Promise<StepResult<DesiredConfig>> {
  const { backend, vault, signal, context } = input;
  const current =
    mount && copiesClusterKeys(backend.spec) ? await readConfig(vault.session, backend.spec.path, signal) : undefined;
  const { condition, issuer, pems, plan, isComplete } = await readClusterKeys(input, current);
  const ca = await readCA(input, clusterCA);
  const reached = {
    conditions: condition ? [condition] : [],
    status: {
      ...(issuer === undefined ? {} : { issuer }),
      ...(plan ? { keys: { kids: plan.kids.slice(0, MAX_KIDS), lastSync: new Date(context.clock.now()).toISOString() } } : {}),
    } satisfies Partial<VaultAuthBackendStatus>,
  };
  const without = (problem: ReturnType<typeof configured>): StepResult<DesiredConfig> =>
    stepResult({ ...reached, conditions: [...reached.conditions, problem] });
  if (ca.state === 'problem') return without(configured('False', ca.reason, ca.message));
  if (!isComplete || pems === undefined)
    return without(configured('False', 'Pending', 'The keys or the issuer of the cluster have not been read yet.'));
  const common = { backend, ca: ca.pem, ...(issuer === undefined ? {} : { issuer }) };
  const documentWith = (reviewerToken: string | undefined): JsonObject =>
    backend.spec.type === 'jwt'
      ? jwtConfig({ ...common, keys: pems })
      : kubernetesConfig({
          ...common,
          pemKeys: pems,
          product: vault.product,
          ...(reviewerToken === undefined ? {} : { reviewerToken }),
        });
  return stepResult({ ...reached, value: { documentWith, keysFresh: condition, unsupported: unsupportedPart(input) } });
}

const readCA = async (
  { context, backend, vault, signal }: ReconcileInput,
  clusterCA: () => Promise<string | undefined>,
): Promise<CACertificates> => {
  const { kubernetes, jwt } = backend.spec;
  const none: CACertificates = { state: 'found', pem: '' };
  if (jwt) return jwt.keys.ca ? readGivenCA(context.kube, jwt.keys.ca, signal) : none;
  // In its own cluster Vault reads the CA certificates beside its own token.
  if (!kubernetes || (kubernetes.reviewer.mode === 'Local' && kubernetes.ca.source === 'FromCluster')) return none;
  return readClusterCA({ ...context.kube, clusterCA }, kubernetes.ca, vault.product, signal);
};

const unsupportedPart = ({ backend, vault }: ReconcileInput): ReturnType<typeof configured> | undefined =>
  backend.spec.aliasMetadata.fromAnnotations && vault.product === 'OpenBao'
    ? configured(
        'False',
        'UnsupportedByProduct',
        'OpenBao has no metadata from annotations (aliasMetadata.fromAnnotations); everything else is configured. The metadata service_account_namespace, _name and _uid exist without it.',
      )
    : undefined;

export interface ClusterKeys {
  /** Undefined where this backend uses neither keys nor issuer of the cluster. */
  readonly condition: KeysFresh | undefined;
  /** PEM of the keys that Vault must hold; undefined: unknown, so that nothing may be written. */
  readonly pems: readonly string[] | undefined;
  /** Of keys that follow those of the cluster. */
  readonly plan: KeyPlan | undefined;
  /** Undefined: none is needed, or none could be read. */
  readonly issuer: string | undefined;
  /** Everything that is needed was read. */
  readonly isComplete: boolean;
}

/** A key that is no longer published stays in Vault for this long. */
const RETIRED_KEY_SECONDS = 600;

/** Whether the controller copies the keys of the API server to Vault. */
export function copiesClusterKeys({ kubernetes, jwt }: VaultAuthBackendSpec): boolean {
  return kubernetes?.verifyKeys.source === 'Synced' || jwt?.keys.source === 'Push';
}

/**
 * Reads keys and issuer of the cluster as the spec requires. `current` is the configuration in Vault. A KubeError becomes a
 * condition.
 */
export async function readClusterKeys(input: ReconcileInput, current: JsonObject | undefined): Promise<ClusterKeys> {
  const { spec } = input.backend;
  const { client } = input.context.kube;
  const setting = issuerSetting(input);
  try {
    const issuer = setting === 'Discover' ? await readIssuer(client, input.signal) : setting === 'Ignore' ? undefined : setting;
    const plan = copiesClusterKeys(spec) ? await planSyncedKeys(input, current) : undefined;
    const pems = plan?.pems ?? spec.kubernetes?.verifyKeys.pemKeys ?? [];
    if (plan && pems.length === 0) return unreadableKeys(input, current, 'the API server publishes no usable key');
    return {
      condition: keysCondition(input, plan, setting === 'Discover' ? issuer : undefined),
      pems,
      plan,
      issuer,
      isComplete: true,
    };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const hint = isKubeError(error, 'Forbidden')
      ? ' The controller requires the ClusterRole system:service-account-issuer-discovery.'
      : '';
    return unreadableKeys(input, current, `${error.message}.${hint}`);
  }
}

const issuerSetting = ({ backend: { spec } }: ReconcileInput): string => spec.jwt?.issuer ?? spec.kubernetes?.issuer ?? 'Ignore';

const planSyncedKeys = async (input: ReconcileInput, current: JsonObject | undefined): Promise<KeyPlan> => {
  const { context, previous, state, signal } = input;
  const published = await readIssuerKeys(context.kube.client, signal);
  return planKeys({
    published: published.map(({ pem }) => pem),
    inVault: keysIn(current),
    recorded: isSameVaultCluster(input) ? (previous.keys?.kids ?? []) : [],
    missingSince: state.missingSince,
    now: context.clock.now(),
    keepMs: RETIRED_KEY_SECONDS * 1000 * context.clock.resyncFactor,
  });
};

/** While the API server does not answer, Vault keeps the keys that the controller wrote, and no others. */
const unreadableKeys = (input: ReconcileInput, current: JsonObject | undefined, why: string): ClusterKeys => {
  const recorded = new Set(isSameVaultCluster(input) ? input.previous.keys?.kids : []);
  const written = keysIn(current).filter((pem) => recorded.has(kidOrEmpty(pem)));
  const needsKeys = copiesClusterKeys(input.backend.spec);
  const setting = issuerSetting(input);
  const issuer = setting === 'Discover' ? input.previous.issuer : setting === 'Ignore' ? undefined : setting;
  return {
    condition: keysFresh('False', 'JWKSUnreachable', `The keys or the issuer of this cluster cannot be read: ${why}`),
    pems: needsKeys && written.length === 0 ? undefined : needsKeys ? written : [],
    plan: undefined,
    issuer,
    isComplete: (issuer !== undefined || setting === 'Ignore') && (!needsKeys || written.length > 0),
  };
};

const keysIn = (config: JsonObject | undefined): readonly string[] => {
  const keys = config?.['jwt_validation_pubkeys'] ?? config?.['pem_keys'];
  return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [];
};

const keysCondition = (
  { backend, previous, context }: ReconcileInput,
  plan: KeyPlan | undefined,
  issuer: string | undefined,
): KeysFresh | undefined => {
  if (issuer !== undefined && previous.issuer !== undefined && previous.issuer !== issuer)
    return keysFresh(
      'True',
      'IssuerChanged',
      `The issuer of this cluster changed from ${previous.issuer} to ${issuer}. Tokens of the previous issuer are rejected until they are replaced.`,
    );
  if (plan && plan.retiring.length > 0)
    return keysFresh(
      'True',
      'KeyRotationPending',
      `The API server no longer publishes ${plan.retiring.join(', ')}; kept for ${Math.round(RETIRED_KEY_SECONDS * context.clock.resyncFactor)} s, in case another API server still signs with it.`,
    );
  if (plan) return keysFresh('True', 'Synced', `Vault has the keys that the API server publishes (${plan.kids.length}).`);
  return backend.spec.type === 'jwt' ? keysFresh('True', 'Synced', 'Vault fetches the keys itself.') : undefined;
};

export interface KeyPlan {
  /** PEM, in the order of publication; retiring ones last. */
  readonly pems: readonly string[];
  /** Key IDs of all of them, in the same order. */
  readonly kids: readonly string[];
  /** No longer published, and kept for a while. */
  readonly retiring: readonly string[];
}

export interface KeySources {
  /** PEM of the keys that the API server publishes now. */
  readonly published: readonly string[];
  /** PEM of the keys that Vault has. */
  readonly inVault: readonly string[];
  /** IDs of the keys that the controller wrote last. It keeps no other key. */
  readonly recorded: readonly string[];
  /** When each retiring key was first missing (milliseconds); updated by `planKeys`. */
  readonly missingSince: Map<string, number>;
  readonly now: number;
  /** How long a key is kept after it was first missing (milliseconds). */
  readonly keepMs: number;
}

/**
 * New keys at once, old ones later: while a cluster with several API servers rotates its keys, one server publishes the new key
 * and the next one does not yet, and tokens signed with either are valid.
 */
export function planKeys({ published, inVault, recorded, missingSince, now, keepMs }: KeySources): KeyPlan {
  const current = byKid(published);
  const before = byKid(inVault);
  const written = new Set(recorded);
  for (const kid of missingSince.keys()) if (current.has(kid) || !before.has(kid)) missingSince.delete(kid);
  const kept = [...before].filter(([kid]) => {
    if (current.has(kid) || !written.has(kid)) return false;
    const since = missingSince.get(kid) ?? now;
    missingSince.set(kid, since);
    return now - since < keepMs;
  });
  const all = new Map([...current, ...kept]);
  return { pems: [...all.values()], kids: [...all.keys()], retiring: kept.map(([kid]) => kid) };
}

/**
 * The ID that Kubernetes gives a key: SHA-256 of its DER form (pkg/serviceaccount/jwt.go, keyIDFromPublicKey). Throws if it is
 * not a public key.
 */
export function kidOf(pem: string): string {
  return createHash('sha256')
    .update(createPublicKey(pem).export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

const kidOrEmpty = (pem: string): string => {
  try {
    return kidOf(pem);
  } catch {
    return '';
  }
};

/** Leaves out what is not a readable key: Vault may have a certificate, or a key type that Node.js does not support. */
const byKid = (pems: readonly string[]): Map<string, string> =>
  new Map(pems.map((pem) => [kidOrEmpty(pem), pem] as const).filter(([kid]) => kid !== ''));
