// The token reviewer: the service account whose token Vault uses to create TokenReviews, with its Secret, its rights and the
// token itself.
import { createHash, randomBytes } from 'node:crypto';
import { isObject, type JsonObject } from '../../json/json.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeError } from '../../kube/errors.ts';
import { readValue } from '../../kube/secret-objects.ts';
import { requestToken } from '../../kube/tokens.ts';
import { type VaultAuthBackend, type VaultAuthBackendStatus, isClientJWT } from '../../resources/backend.ts';
import { type VaultAuthRole, serviceAccountsOf } from '../../resources/role.ts';
import { isAdmitted } from '../../resources/tenancy.ts';
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  createObject,
  deleteManagedObject,
  ensureObject,
  readObject,
  SECRETS,
  SERVICE_ACCOUNTS,
} from '../managed-objects.ts';
import { configured, reviewerHealthy } from './conditions.ts';
import { type ReconcileInput, type StepResult, stepResult, type ReviewerJWT } from './step.ts';

export type ReviewerToken =
  /** Nothing is stored in Vault. */
  | { readonly kind: 'none' }
  /** From a Secret. */
  | { readonly kind: 'stored'; readonly token: ReviewerJWT; readonly secretVersion: string }
  /** By a TokenRequest. `isDue`: the token in Vault has passed half of its lifetime, or is unknown. */
  | { readonly kind: 'requested'; readonly isDue: boolean; readonly request: () => Promise<ReviewerJWT> }
  | { readonly kind: 'missing'; readonly message: string };

export interface Reviewer {
  /** `namespace/name` of the service account that the token is of, where that is known. */
  readonly serviceAccount: string | undefined;
  readonly token: ReviewerToken;
  /** Why the rights of `rbac.manageAuthDelegator` could not be granted. */
  readonly rightsProblem: string | undefined;
}

type Parts = Omit<Reviewer, 'rightsProblem'>;
type Mode = NonNullable<VaultAuthBackend['spec']['kubernetes']>['reviewer']['mode'];
type Cleanup = Pick<ReconcileInput, 'context' | 'backend' | 'signal'>;

/**
 * Creates what the reviewer's mode needs, and reads its token; without a token there is no value. Throws a KubeError (no
 * answer).
 */
export async function ensureReviewer(input: ReconcileInput): Promise<StepResult<Reviewer>> {
  const { backend, observeOnly } = input;
  if (backend.spec.type !== 'kubernetes')
    return stepResult({ value: { serviceAccount: undefined, token: { kind: 'none' }, rightsProblem: undefined } });
  try {
    const reviewer = await readReviewer(input);
    const rightsProblem = observeOnly ? undefined : await grantRights(input, reviewer.serviceAccount);
    return reviewer.token.kind === 'missing' && !observeOnly
      ? missingReviewer(input, reviewer.token.message)
      : stepResult({ value: { ...reviewer, rightsProblem } });
  } catch (error) {
    if (!isRejection(error)) throw error;
    return missingReviewer(input, `The reviewer's objects cannot be written: ${error.message}`);
  }
}

/** The API server rejected the request; that it does not answer is not a fault of this object. */
const isRejection = (error: unknown): error is KubeError =>
  error instanceof KubeError && error.status >= 400 && error.status < 500;

const missingReviewer = ({ backend, previous }: ReconcileInput, message: string): StepResult<Reviewer> =>
  stepResult({
    conditions: [
      configured(
        previous.configHash === undefined ? 'False' : 'Unknown',
        'Pending',
        "The configuration requires the reviewer's token.",
      ),
      reviewerHealthy('False', 'TokenMissing', message),
    ],
    isWaiting: backend.spec.kubernetes?.reviewer.mode === 'LongLivedSecret',
  });

/** The name of the service account that the controller creates. */
const reviewerName = ({ backend }: Pick<ReconcileInput, 'backend'>): string =>
  backend.spec.kubernetes?.reviewer.serviceAccountName ?? `vault-reviewer-${backend.metadata.name}`;

/** The Secret of the mode LongLivedSecret. */
const reviewerSecretName = (input: Pick<ReconcileInput, 'backend'>): string => `${reviewerName(input)}-token`;

const readReviewer = async (input: ReconcileInput): Promise<Parts> => {
  const { namespace } = input.context.kube;
  const { mode, vaultServiceAccount } = input.backend.spec.kubernetes?.reviewer ?? { mode: 'Local' };
  switch (mode) {
    case 'Local':
      return {
        serviceAccount: vaultServiceAccount && `${vaultServiceAccount.namespace}/${vaultServiceAccount.name}`,
        token: { kind: 'none' },
      };
    case 'ClientJWT':
      return { serviceAccount: undefined, token: { kind: 'none' } };
    case 'LongLivedSecret':
      return { serviceAccount: `${namespace}/${reviewerName(input)}`, token: await longLivedToken(input) };
    case 'Rotated':
      return { serviceAccount: `${namespace}/${reviewerName(input)}`, token: await rotatedToken(input) };
    case 'SecretRef':
      // The token may be of another cluster's service account.
      return { serviceAccount: undefined, token: await referencedToken(input) };
  }
};

const ensureServiceAccount = async (input: ReconcileInput): Promise<void> => {
  const { client, namespace } = input.context.kube;
  const name = reviewerName(input);
  // No pod runs as it: a pod that did would hold the right to create TokenReviews.
  const object = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace }, automountServiceAccountToken: false };
  await createObject(client, { ...SERVICE_ACCOUNTS, namespace, name }, object, input.signal);
};

interface TokenSecret {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly creationTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
}

/** The annotation by which the controller manager knows whose token belongs into a Secret. */
const ACCOUNT_ANNOTATION = 'kubernetes.io/service-account.name';

const longLivedToken = async (input: ReconcileInput): Promise<ReviewerToken> => {
  const { context, observeOnly, signal } = input;
  const { client, namespace } = context.kube;
  const name = reviewerSecretName(input);
  const ref = { ...SECRETS, namespace, name };
  if (!observeOnly) await ensureServiceAccount(input);
  const object = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, annotations: { [ACCOUNT_ANNOTATION]: reviewerName(input) } },
    type: 'kubernetes.io/service-account-token',
  };
  const secret = observeOnly
    ? await readObject<TokenSecret>(client, ref, signal)
    : await createObject<TokenSecret>(client, ref, object, signal);
  const owner = secret?.metadata.annotations?.[ACCOUNT_ANNOTATION];
  if (secret && owner !== reviewerName(input))
    return {
      kind: 'missing',
      message: `The Secret ${namespace}/${name} does not belong to the service account ${reviewerName(input)}: delete it, or set another reviewer.serviceAccountName.`,
    };
  const encoded = secret?.data?.['token'];
  if (!secret || !encoded)
    return {
      kind: 'missing',
      message: `The Secret ${namespace}/${name} has no token yet: the controller manager of the cluster writes it. If that lasts, check whether its service account exists.`,
    };
  const created = Date.parse(secret.metadata.creationTimestamp ?? '');
  return storedToken(Buffer.from(encoded, 'base64').toString('utf8'), secret.metadata.resourceVersion, created);
};

const referencedToken = async ({ context, backend, signal }: ReconcileInput): Promise<ReviewerToken> => {
  const { client, namespace } = context.kube;
  const reference = backend.spec.kubernetes?.reviewer.secretRef;
  if (!reference) return { kind: 'missing', message: 'reviewer.secretRef is not set.' };
  const reading = await readValue(client, { kind: 'Secret', namespace, ...reference }, signal);
  if (reading.state !== 'found')
    return {
      kind: 'missing',
      message: `The reviewer's token is missing: ${reading.message}. Put a token there that may create TokenReviews.`,
    };
  const token = reading.text.trim();
  return token === ''
    ? {
        kind: 'missing',
        message: `The reviewer's token is missing: the key ${reference.key} of the Secret ${namespace}/${reference.name} is empty.`,
      }
    : storedToken(token, reading.resourceVersion, undefined);
};

const storedToken = (token: string, secretVersion: string, created: number | undefined): ReviewerToken => ({
  kind: 'stored',
  token: { token, issuedAt: issuedAtOf(token) ?? created, expiresAt: expiresAtOf(token) },
  secretVersion,
});

const rotatedToken = async (input: ReconcileInput): Promise<ReviewerToken> => {
  const { context, backend, previous, state, observeOnly, signal } = input;
  const { client, namespace } = context.kube;
  if (!observeOnly) await ensureServiceAccount(input);
  const expirationSeconds = backend.spec.kubernetes?.reviewer.expirationSeconds ?? 86_400;
  return {
    kind: 'requested',
    isDue: rotateAt(previous.reviewer, state.signingKey) <= context.clock.now(),
    request: async () => {
      const issuedAt = context.clock.now();
      const token = await requestToken(client, namespace, reviewerName(input), { audiences: [], expirationSeconds, signal });
      return { ...token, issuedAt };
    },
  };
};

/**
 * When a requested token is replaced, in milliseconds since 1970: half-way through the lifetime that the API server granted,
 * which may be less than requested; at once if the API server has rotated its signing key since. 0 if there is none.
 */
export function rotateAt(reviewer: VaultAuthBackendStatus['reviewer'], signingKey: string | undefined): number {
  const [issued, expires] = [Date.parse(reviewer?.issuedAt ?? ''), Date.parse(reviewer?.expiresAt ?? '')];
  const isEarlierKey = signingKey !== undefined && reviewer?.keyID !== undefined && reviewer.keyID !== signingKey;
  const isRequested = reviewer?.mode === 'Rotated' && !Number.isNaN(issued) && !Number.isNaN(expires);
  return isRequested && !isEarlierKey ? (issued + expires) / 2 : 0;
}

/** Deletes what an earlier mode needed, after the configuration of the current one is in Vault. Throws a KubeError. */
export async function deleteUnneededObjects(input: ReconcileInput): Promise<StepResult<never>> {
  const { backend, observeOnly } = input;
  if (!observeOnly && backend.spec.type === 'kubernetes')
    await deleteObjects(input, [backend.spec.kubernetes?.reviewer.mode, ...modesOfOthers(input)]);
  return stepResult({});
}

/** Deletes everything that was created for the reviewer, and its rights. Throws a KubeError. */
export async function deleteReviewer(input: Cleanup): Promise<void> {
  await revokeRights(input);
  await deleteObjects(input, modesOfOthers(input));
}

const deleteObjects = async (input: Cleanup, inUse: readonly (Mode | undefined)[]): Promise<void> => {
  const { client, namespace } = input.context.kube;
  if (inUse.includes('LongLivedSecret')) return;
  await deleteManagedObject(client, { ...SECRETS, namespace, name: reviewerSecretName(input) }, input.signal);
  if (!inUse.includes('Rotated'))
    await deleteManagedObject(client, { ...SERVICE_ACCOUNTS, namespace, name: reviewerName(input) }, input.signal);
};

/** Several backends can use one service account: deleting it would invalidate their tokens at once. */
const modesOfOthers = ({ context, backend }: Cleanup): readonly (Mode | undefined)[] =>
  context.listers.backends
    .list()
    .filter(
      (other) => other.metadata.uid !== backend.metadata.uid && reviewerName({ backend: other }) === reviewerName({ backend }),
    )
    .map(({ spec }) => spec.kubernetes?.reviewer.mode);

type Right = 'token-review' | 'alias-metadata';

/** Names of cluster-scoped objects of a backend; the name of a backend contains no colon. */
const rightsName = ({ backend }: Pick<ReconcileInput, 'backend'>, right: Right): string =>
  `vault-auth-injector:${backend.metadata.name}:${right}`;

/** Why the rights cannot be granted; undefined: they are. A rejection does not end the run: an operator may have granted them. */
const grantRights = async (input: ReconcileInput, reviewer: string | undefined): Promise<string | undefined> => {
  try {
    await ensureRights(input, reviewer);
    return undefined;
  } catch (error) {
    if (!isRejection(error)) throw error;
    return error.message;
  }
};

/**
 * Grants, or revokes, what `rbac.manageAuthDelegator` asks for: to create TokenReviews, and to read service accounts whose
 * annotations become alias metadata. Throws a KubeError.
 */
export async function ensureRights(input: ReconcileInput, reviewer: string | undefined): Promise<void> {
  const { context, backend, signal } = input;
  const subjects = backend.spec.rbac.manageAuthDelegator ? subjectsOf(input, reviewer) : [];
  await ensureBinding(input, 'token-review', 'system:auth-delegator', subjects);
  const name = rightsName(input, 'alias-metadata');
  const readers = backend.spec.aliasMetadata.fromAnnotations ? subjects : [];
  if (readers.length > 0)
    await ensureObject(
      context.kube.client,
      { ...CLUSTER_ROLES, name },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name },
        rules: [{ apiGroups: [''], resources: ['serviceaccounts'], verbs: ['get'] }],
      },
      signal,
    );
  await ensureBinding(input, 'alias-metadata', name, readers);
  if (readers.length === 0) await deleteManagedObject(context.kube.client, { ...CLUSTER_ROLES, name }, signal);
}

const revokeRights = async (input: Cleanup): Promise<void> => {
  const { client } = input.context.kube;
  for (const right of ['token-review', 'alias-metadata'] as const)
    await deleteManagedObject(client, { ...CLUSTER_ROLE_BINDINGS, name: rightsName(input, right) }, input.signal);
  await deleteManagedObject(client, { ...CLUSTER_ROLES, name: rightsName(input, 'alias-metadata') }, input.signal);
};

/** Whether the service account `namespace/name` may create TokenReviews; undefined if the controller may not ask. */
export async function mayReviewTokens(client: KubeClient, account: string, signal?: AbortSignal): Promise<boolean | undefined> {
  const [namespace = '', name = ''] = account.split('/');
  try {
    const { status } = await client.request<{ status: { allowed: boolean } }>({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: `system:serviceaccount:${namespace}:${name}`,
          groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
          resourceAttributes: { group: 'authentication.k8s.io', resource: 'tokenreviews', verb: 'create' },
        },
      },
      signal,
    });
    return status.allowed;
  } catch {
    return undefined;
  }
}

interface Subject {
  readonly kind: 'ServiceAccount';
  readonly namespace: string;
  readonly name: string;
}

const ensureBinding = async (
  input: ReconcileInput,
  right: Right,
  clusterRole: string,
  subjects: readonly Subject[],
): Promise<void> => {
  const { client } = input.context.kube;
  const name = rightsName(input, right);
  const ref = { ...CLUSTER_ROLE_BINDINGS, name };
  if (subjects.length === 0) return deleteManagedObject(client, ref, input.signal);
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: clusterRole },
    subjects,
  };
  await ensureObject(client, ref, binding, input.signal);
};

const subjectsOf = (input: ReconcileInput, reviewer: string | undefined): readonly Subject[] => {
  const accounts = isClientJWT(input.backend.spec) ? clientAccounts(input) : reviewer === undefined ? [] : [reviewer];
  return [...new Set(accounts)].toSorted().map((account) => {
    const [namespace = '', name = ''] = account.split('/');
    return { kind: 'ServiceAccount', namespace, name };
  });
};

/** With ClientJWT each login reviews its own token: service accounts of roles, and the controller's own for the probe. */
const clientAccounts = ({ context, backend }: ReconcileInput): readonly string[] => [
  ...context.listers.roles
    .list()
    .filter((role) => isUsable(role, backend.metadata.name))
    .flatMap((role) => serviceAccountsOf(role).map((name) => `${role.metadata.namespace ?? ''}/${name}`)),
  ...(backend.spec.probe.enabled ? [`${context.kube.namespace}/${context.kube.serviceAccount}`] : []),
];

/**
 * Roles that are in Vault and admitted, be it with fewer policies than they request. A role that is not ready at present, for
 * example while Vault is sealed, keeps its right: otherwise running pods would lose their logins.
 */
const isUsable = ({ metadata, status }: VaultAuthRole, backend: string): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.vault?.backend === backend &&
  status.programmed === true &&
  isAdmitted(status.conditions);

/**
 * A salted hash of a token for the status, `<salt>:<hash>` in hexadecimal: it shows whether Vault has this token, and nothing
 * else.
 */
export function hashOfToken(token: string, salt: string = randomBytes(8).toString('hex')): string {
  return `${salt}:${createHash('sha256').update(`${salt}:${token}`).digest('hex').slice(0, HASH_LENGTH)}`;
}

/** Half of a SHA-256: a signed token cannot be guessed, and a short text is easier to compare by eye. */
const HASH_LENGTH = 32;

/** Whether the hash is one of this token. */
export function isHashOfToken(hash: string, token: string): boolean {
  return hash === hashOfToken(token, hash.split(':')[0]);
}

/**
 * The claim `exp` in milliseconds since 1970; undefined if the token is not a JWT or never expires. Does not verify the
 * signature.
 */
export function expiresAtOf(token: string): number | undefined {
  return timeOf(token, 'exp');
}

/** The claim `iat` in milliseconds since 1970. */
export function issuedAtOf(token: string): number | undefined {
  return timeOf(token, 'iat');
}

/** The ID of the key that signed a JWT, from its header. */
export function keyIDOf(token: string): string | undefined {
  const kid = partOf(token, 0)?.['kid'];
  return typeof kid === 'string' && kid !== '' ? kid : undefined;
}

const timeOf = (token: string, claim: 'exp' | 'iat'): number | undefined => {
  const time = partOf(token, 1)?.[claim];
  return typeof time === 'number' && Number.isFinite(time) ? time * 1000 : undefined;
};

/** The header (0) or the claims (1) of a JWT. */
const partOf = (token: string, index: 0 | 1): JsonObject | undefined => {
  const part = token.split('.')[index];
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
};
