// Whose token asks the API server: by mode, the service account, the Secret, and the token itself.
import { readValue } from '../../kube/secret-objects.ts';
import { requestToken } from '../../kube/tokens.ts';
import type { VaultAuthBackend } from '../../resources/backend.ts';
import type { HeldToken } from './memory.ts';
import { dropObject, makeObject, readObject, SECRETS, SERVICE_ACCOUNTS } from './own-object.ts';
import { expiryOf, issueOf } from './token-record.ts';
import type { Work } from './work.ts';

export type ReviewerToken =
  /** Nothing is stored in Vault. */
  | { readonly kind: 'none' }
  /** From a Secret: it is what it is. */
  | { readonly kind: 'known'; readonly held: HeldToken; readonly secretVersion: string }
  /** Made by us whenever it is needed; `due`: what Vault has is half through its life, or is not known to us. */
  | { readonly kind: 'made'; readonly due: boolean; readonly make: () => Promise<HeldToken> }
  | { readonly kind: 'missing'; readonly message: string };

export interface Reviewer {
  /** `namespace/name` of whose token it is, where that is known. */
  readonly serviceAccount: string | undefined;
  readonly token: ReviewerToken;
}

/** The name of the service account whose token is used where we make it; of its Secret too. */
const reviewerName = ({ backend }: Pick<Work, 'backend'>): string =>
  backend.spec.kubernetes?.reviewer.serviceAccountName ?? `vault-reviewer-${backend.metadata.name}`;

/** The Secret of the mode LongLivedSecret. */
const reviewerSecretName = (work: Pick<Work, 'backend'>): string => `${reviewerName(work)}-token`;

/** Finds the reviewer, and makes the objects that its mode needs unless we only observe. Throws a KubeError. */
export async function readReviewer(work: Work): Promise<Reviewer> {
  const { context, backend } = work;
  const { mode, vaultServiceAccount } = backend.spec.kubernetes?.reviewer ?? { mode: 'Local' };
  switch (mode) {
    case 'Local':
      return {
        serviceAccount: vaultServiceAccount && `${vaultServiceAccount.namespace}/${vaultServiceAccount.name}`,
        token: { kind: 'none' },
      };
    case 'ClientJWT':
      return { serviceAccount: undefined, token: { kind: 'none' } };
    case 'LongLivedSecret':
      return { serviceAccount: `${context.kube.namespace}/${reviewerName(work)}`, token: await longLived(work) };
    case 'Rotated':
      return { serviceAccount: `${context.kube.namespace}/${reviewerName(work)}`, token: await rotated(work) };
    case 'SecretRef':
      // Of which cluster it is, only its maker knows.
      return { serviceAccount: undefined, token: await referred(work) };
  }
}

const keepServiceAccount = async (work: Work): Promise<void> => {
  const { client, namespace } = work.context.kube;
  const name = reviewerName(work);
  // Nobody runs a pod as it, and no pod has its token mounted.
  const object = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace }, automountServiceAccountToken: false };
  await makeObject(client, { ...SERVICE_ACCOUNTS, namespace, name }, object, work.signal);
};

interface TokenSecret {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly creationTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
}

/** Whose token the cluster puts into a Secret. */
const ACCOUNT_ANNOTATION = 'kubernetes.io/service-account.name';

const longLived = async (work: Work): Promise<ReviewerToken> => {
  const { context, observe, signal } = work;
  const { client, namespace } = context.kube;
  const name = reviewerSecretName(work);
  const place = { ...SECRETS, namespace, name };
  if (!observe) await keepServiceAccount(work);
  const object = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, annotations: { [ACCOUNT_ANNOTATION]: reviewerName(work) } },
    type: 'kubernetes.io/service-account-token',
  };
  const secret = observe
    ? await readObject<TokenSecret>(client, place, signal)
    : await makeObject<TokenSecret>(client, place, object, signal);
  const owner = secret?.metadata.annotations?.[ACCOUNT_ANNOTATION];
  if (secret && owner !== reviewerName(work))
    return {
      kind: 'missing',
      message: `The Secret ${namespace}/${name} is not one of service account ${reviewerName(work)}: delete it, or give another reviewer.serviceAccountName.`,
    };
  const encoded = secret?.data?.['token'];
  if (!secret || !encoded)
    return {
      kind: 'missing',
      message: `The Secret ${namespace}/${name} has no token yet: the controller manager of the cluster fills it. If that lasts, look whether its service account exists.`,
    };
  const made = Date.parse(secret.metadata.creationTimestamp ?? '');
  return known(Buffer.from(encoded, 'base64').toString('utf8'), secret.metadata.resourceVersion, made);
};

const referred = async ({ context, backend, signal }: Work): Promise<ReviewerToken> => {
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
        message: `The reviewer's token is missing: the Secret ${namespace}/${reference.name} has nothing under ${reference.key}.`,
      }
    : known(token, reading.resourceVersion, undefined);
};

const known = (token: string, secretVersion: string, made: number | undefined): ReviewerToken => ({
  kind: 'known',
  held: { token, issuedAt: issueOf(token) ?? made, expiresAt: expiryOf(token) },
  secretVersion,
});

const rotated = async (work: Work): Promise<ReviewerToken> => {
  const { context, backend, before, memory, observe, signal } = work;
  if (!observe) await keepServiceAccount(work);
  const expirationSeconds = backend.spec.kubernetes?.reviewer.expirationSeconds ?? 86_400;
  return {
    kind: 'made',
    due: rotateAt(before.reviewer, memory.signingKey) <= context.clock.now(),
    make: async () => {
      const issuedAt = context.clock.now();
      const made = await requestToken(context.kube.client, context.kube.namespace, reviewerName(work), {
        audiences: [],
        expirationSeconds,
        signal,
      });
      return { ...made, issuedAt };
    },
  };
};

/**
 * When a token that we made is replaced, in milliseconds since 1970: half-way through what the API server granted, which may
 * be less than was asked for; at once when it signs with another key by now, for the earlier one will go. Long past when there is none.
 */
export function rotateAt(reviewer: Work['before']['reviewer'], signingKey: string | undefined): number {
  const [issued, expires] = [Date.parse(reviewer?.issuedAt ?? ''), Date.parse(reviewer?.expiresAt ?? '')];
  const isEarlierKey = signingKey !== undefined && reviewer?.keyID !== undefined && reviewer.keyID !== signingKey;
  const isOurs = reviewer?.mode === 'Rotated' && !Number.isNaN(issued) && !Number.isNaN(expires);
  return isOurs && !isEarlierKey ? (issued + expires) / 2 : 0;
}

type Ended = Pick<Work, 'context' | 'backend' | 'signal'>;

/** Takes back what an earlier mode needed, once another one is in Vault. Throws a KubeError. */
export function dropUnneeded(work: Ended): Promise<void> {
  return drop(work, [work.backend.spec.kubernetes?.reviewer.mode, ...modesOfOthers(work)]);
}

/** Takes back all that was made for the reviewer. Throws a KubeError. */
export function dropReviewer(work: Ended): Promise<void> {
  return drop(work, modesOfOthers(work));
}

type Mode = NonNullable<VaultAuthBackend['spec']['kubernetes']>['reviewer']['mode'];

const drop = async (
  {
    context: {
      kube: { client, namespace },
    },
    backend,
    signal,
  }: Ended,
  inUse: readonly (Mode | undefined)[],
): Promise<void> => {
  if (inUse.includes('LongLivedSecret')) return;
  await dropObject(client, { ...SECRETS, namespace, name: reviewerSecretName({ backend }) }, signal);
  if (!inUse.includes('Rotated'))
    await dropObject(client, { ...SERVICE_ACCOUNTS, namespace, name: reviewerName({ backend }) }, signal);
};

/** Several backends can name one service account; without it their tokens end at once. */
const modesOfOthers = ({ context, backend }: Ended): readonly (Mode | undefined)[] =>
  context.listers.backends
    .list()
    .filter(
      (other) => other.metadata.uid !== backend.metadata.uid && reviewerName({ backend: other }) === reviewerName({ backend }),
    )
    .map(({ spec }) => spec.kubernetes?.reviewer.mode);
