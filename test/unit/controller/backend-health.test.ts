// What a login, a token and the API server's answers mean for the conditions of a backend.
import { generateKeyPairSync } from 'node:crypto';
import { keysFresh, keysHealth, reviewerHealth, type ReviewerObservation } from '../../../src/controller/backend/conditions.ts';
import { kidOf, readClusterKeys } from '../../../src/controller/backend/desired-config.ts';
import type { ReconcileInput } from '../../../src/controller/backend/step.ts';
import { KubeError } from '../../../src/kube/errors.ts';

const NOW = Date.parse('2026-01-02T00:00:00Z');
const at = (hours: number): string => new Date(NOW + hours * 3_600_000).toISOString();

/** Of a backend as much as these functions look at. */
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
    ['a login', kubernetes('Rotated'), {}, 'True', 'ProbeSucceeded', ''],
    ['no login yet', kubernetes('Rotated'), { probe: undefined }, 'Unknown', 'NotProbed', ''],
    ['logins that are switched off', kubernetes('Rotated', false), { probe: undefined }, 'True', 'NotProbed', 'probe.enabled'],
    ['a refusal', kubernetes('SecretRef'), { probe: probe('Denied') }, 'False', 'ProbeDenied', 'reviewer.secretRef has expired'],
    ['a refusal, Local', kubernetes('Local'), { probe: probe('Denied') }, 'False', 'ProbeDenied', "Vault's own service account"],
    ['a refusal, ClientJWT', kubernetes('ClientJWT'), { probe: probe('Denied') }, 'False', 'ProbeDenied', 'that logs in'],
    ['no answer', kubernetes('Rotated'), { probe: probe('Failed', 'timed out') }, 'False', 'ProbeFailed', 'timed out'],
    [
      'a missing right',
      kubernetes('Rotated'),
      { probe: probe('Denied'), mayReview: false },
      'False',
      'BindingMissing',
      'ours/reviewer may not',
    ],
    [
      'rights that cannot be given',
      kubernetes('Rotated'),
      { probe: probe('Denied'), rightsProblem: 'forbidden: x' },
      'False',
      'BindingMissing',
      'forbidden: x',
    ],
    ['rights that somebody else gave', kubernetes('Rotated'), { rightsProblem: 'forbidden: x' }, 'True', 'ProbeSucceeded', ''],
    [
      'rights of others who log in',
      kubernetes('ClientJWT'),
      { rightsProblem: 'forbidden: x' },
      'False',
      'BindingMissing',
      'forbidden: x',
    ],
    ['another token in Vault', kubernetes('SecretRef'), { isReplaced: true }, 'False', 'TokenReplaced', 'Report'],
    ['a token that ends soon', kubernetes('SecretRef'), { reviewer: ends(-9, 1) }, 'True', 'TokenExpiring', at(1)],
    ['a token with half of its life', kubernetes('SecretRef'), { reviewer: ends(-5, 5) }, 'True', 'ProbeSucceeded', ''],
    [
      'a token that has ended',
      kubernetes('SecretRef'),
      { reviewer: ends(-9, -1) },
      'False',
      'TokenExpiring',
      'reviewer.secretRef',
    ],
    [
      'an old token without end',
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

  it('leaves what is known better, and what a login proves', () => {
    const unreachable = keysFresh('False', 'JWKSUnreachable', 'x');
    expect(keysHealth(unreachable, probe('Denied'))).toBe(unreachable);
    expect(keysHealth(synced, probe('Succeeded'))).toBe(synced);
    expect(keysHealth(synced, undefined)).toBe(synced);
  });
});

const refuse = (): Promise<never> => Promise.reject(new KubeError(403, 'Forbidden', 'no'));

describe('keys of a cluster that cannot be asked', () => {
  const pem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const push = { type: 'jwt', jwt: { issuer: 'Discover', keys: { source: 'Push' } } };
  const recorded = { mount: { owned: true, clusterID: 'one' }, issuer: 'https://api', keys: { kids: [kidOf(pem)] } };

  it('are those that Vault has from us, and none of anybody else', async () => {
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

  it('are unknown where we have not written any, or in another Vault', async () => {
    const held = { jwt_validation_pubkeys: [pem] };
    expect((await readClusterKeys(work(push, {}, refuse), held)).isComplete).toBe(false);
    const elsewhere = { ...recorded, mount: { owned: true, clusterID: 'two' } };
    expect((await readClusterKeys(work(push, elsewhere, refuse), held)).isComplete).toBe(false);
  });

  it('do not matter where none are needed', async () => {
    const plain = { type: 'kubernetes', kubernetes: { issuer: 'Ignore', verifyKeys: { source: 'None' } } };
    expect(await readClusterKeys(work(plain, {}, refuse), undefined)).toMatchObject({
      condition: undefined,
      pems: [],
      isComplete: true,
    });
  });
});
