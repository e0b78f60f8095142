// Conditions of a backend: ReviewerHealthy and KeysFresh from the probe, the token and the keys of the cluster.
import { generateKeyPairSync } from 'node:crypto';
import { keysFresh, keysHealth, reviewerHealth, type ReviewerObservation } from '../../../src/controller/backend/conditions.ts';
import { kidOf, readClusterKeys } from '../../../src/controller/backend/desired-config.ts';
import type { ReconcileInput } from '../../../src/controller/backend/step.ts';
import { KubeError } from '../../../src/kube/errors.ts';

const NOW = Date.parse('2026-01-02T00:00:00Z');
const at = (hours: number): string => new Date(NOW + hours * 3_600_000).toISOString();

/** The parts of a reconcile that these functions read. */
const work = (spec: object, before: object = {}, request: () => Promise<unknown> = () => Promise.resolve({})): ReconcileInput =>
  ({
    context: { clock: { now: () => NOW, resyncFactor: 1 }, kube: { client: { request }, namespace: 'ours' } },
    backend: { metadata: { name: 'main' }, spec: { rbac: {}, probe: { enabled: true }, ...spec } },
    vault: { clusterID: 'one' },
    previous: before,
    state: { missingSince: new Map() },
  }) as unknown as ReconcileInput;

const kubernetes = (mode: string, probe = true): ReconcileInput =>
  work({ type: 'kubernetes', kubernetes: { host: 'https://api', reviewer: { mode } }, probe: { enabled: probe } });
const probe = (result: 'Succeeded' | 'Denied' | 'Failed', message = 'permission denied') => ({ time: at(0), result, message });
const observation = (more: Partial<ReviewerObservation> = {}): ReviewerObservation => ({
  probe: probe('Succeeded'),
  reviewer: undefined,
  account: 'ours/reviewer',
  mayReview: undefined,
  rightsProblem: undefined,
  isReplaced: false,
  ...more,
});
const ends = (issued: number, expires: number, mode = 'SecretRef') => ({ mode, issuedAt: at(issued), expiresAt: at(expires) });

describe('reviewerHealth', () => {
  it.each<[string, ReconcileInput, Partial<ReviewerObservation>, string, string, string]>([
    ['a successful login', kubernetes('Rotated'), {}, 'True', 'ProbeSucceeded', ''],
    ['no login yet', kubernetes('Rotated'), { probe: undefined }, 'Unknown', 'NotProbed', ''],
    ['a disabled probe', kubernetes('Rotated', false), { probe: undefined }, 'True', 'NotProbed', 'probe.enabled'],
    [
      'a denied login',
      kubernetes('SecretRef'),
      { probe: probe('Denied') },
      'False',
      'ProbeDenied',
      'reviewer.secretRef has expired',
    ],
    [
      'a denied login with Local',
      kubernetes('Local'),
      { probe: probe('Denied') },
      'False',
      'ProbeDenied',
      "Vault's own service account",
    ],
    [
      'a denied login with ClientJWT',
      kubernetes('ClientJWT'),
      { probe: probe('Denied') },
      'False',
      'ProbeDenied',
      'that logs in',
    ],
    [
      'a login without a response',
      kubernetes('Rotated'),
      { probe: probe('Failed', 'timed out') },
      'False',
      'ProbeFailed',
      'timed out',
    ],
    [
      'a missing right',
      kubernetes('Rotated'),
      { probe: probe('Denied'), mayReview: false },
      'False',
      'BindingMissing',
      'ours/reviewer may not',
    ],
    [
      'rights that cannot be granted',
      kubernetes('Rotated'),
      { probe: probe('Denied'), rightsProblem: 'forbidden: x' },
      'False',
      'BindingMissing',
      'forbidden: x',
    ],
    ['rights that an operator granted', kubernetes('Rotated'), { rightsProblem: 'forbidden: x' }, 'True', 'ProbeSucceeded', ''],
    [
      'rights of other service accounts',
      kubernetes('ClientJWT'),
      { rightsProblem: 'forbidden: x' },
      'False',
      'BindingMissing',
      'forbidden: x',
    ],
    ['another token in Vault', kubernetes('SecretRef'), { isReplaced: true }, 'False', 'TokenReplaced', 'Report'],
    ['a token that expires soon', kubernetes('SecretRef'), { reviewer: ends(-9, 1) }, 'True', 'TokenExpiring', at(1)],
    ['a token with half of its lifetime', kubernetes('SecretRef'), { reviewer: ends(-5, 5) }, 'True', 'ProbeSucceeded', ''],
    ['an expired token', kubernetes('SecretRef'), { reviewer: ends(-9, -1) }, 'False', 'TokenExpiring', 'reviewer.secretRef'],
    [
      'an old token that never expires',
      kubernetes('LongLivedSecret'),
      { reviewer: { mode: 'LongLivedSecret', issuedAt: at(-48) } },
      'True',
      'ProbeSucceeded',
      '2 days old',
    ],
  ])('%s', (_, of, more, status, reason, words) => {
    const condition = reviewerHealth(of, observation(more));
    expect(condition).toMatchObject({ type: 'ReviewerHealthy', status, reason });
    expect(condition.message).toContain(words);
  });
});

describe('keysHealth', () => {
  const synced = keysFresh('True', 'Synced', 'fine');
  it.each([
    ['fetching keys oidc: get keys failed Get "https://x": connection refused', 'JWKSUnreachable'],
    ['error validating token: invalid issuer (iss) claim', 'IssuerChanged'],
    ['error validating token: no known key successfully validated the token signature', 'KeyRotationPending'],
    ['something else', 'NotSynced'],
  ])('%s', (message, reason) => {
    expect(keysHealth(synced, probe('Denied', message))).toMatchObject({ status: 'False', reason });
  });

  it('keeps a False condition, and any condition after a successful login', () => {
    const unreachable = keysFresh('False', 'JWKSUnreachable', 'x');
    expect(keysHealth(unreachable, probe('Denied'))).toBe(unreachable);
    expect(keysHealth(synced, probe('Succeeded'))).toBe(synced);
    expect(keysHealth(synced, undefined)).toBe(synced);
  });
});

const refuse = (): Promise<never> => Promise.reject(new KubeError(403, 'Forbidden', 'no'));

describe('readClusterKeys without an API server', () => {
  const pem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const push = { type: 'jwt', jwt: { issuer: 'Discover', keys: { source: 'Push' } } };
  const recorded = { mount: { owned: true, clusterID: 'one' }, issuer: 'https://api', keys: { kids: [kidOf(pem)] } };

  it('keeps the recorded keys in Vault, and no others', async () => {
    const held = { jwt_validation_pubkeys: [pem, 'foreign'], bound_issuer: 'https://foreign' };
    const keys = await readClusterKeys(work(push, recorded, refuse), held);
    expect(keys).toMatchObject({
      pems: [pem],
      issuer: 'https://api',
      isComplete: true,
      condition: { reason: 'JWKSUnreachable' },
    });
    expect(keys.condition?.message).toContain('system:service-account-issuer-discovery');
  });

  it('is incomplete if no keys were written, or in another cluster', async () => {
    const held = { jwt_validation_pubkeys: [pem] };
    expect((await readClusterKeys(work(push, {}, refuse), held)).isComplete).toBe(false);
    const elsewhere = { ...recorded, mount: { owned: true, clusterID: 'two' } };
    expect((await readClusterKeys(work(push, elsewhere, refuse), held)).isComplete).toBe(false);
  });

  it('is complete if the backend uses no keys', async () => {
    const plain = { type: 'kubernetes', kubernetes: { issuer: 'Ignore', verifyKeys: { source: 'None' } } };
    expect(await readClusterKeys(work(plain, {}, refuse), undefined)).toMatchObject({
      condition: undefined,
      pems: [],
      isComplete: true,
    });
  });
});
