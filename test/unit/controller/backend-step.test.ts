// How the results of the steps of a backend's reconcile become one result, also after a failed step.
import { attempt } from '../../../src/controller/backend/attempt.ts';
import { configured, keysFresh, mounted } from '../../../src/controller/backend/conditions.ts';
import { combine, stepResult } from '../../../src/controller/backend/step.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { VaultAuthBackend, VaultAuthBackendStatus } from '../../../src/resources/backend.ts';
import { VaultError, type VaultErrorKind } from '../../../src/vault/errors.ts';
import { backend, ready } from '../../support/objects.ts';

const isMounted = mounted('True', 'Mounted', 'it is mounted');
const inSync = configured('True', 'InSync', 'as declared');
const drift = [{ field: 'mount', desired: 'jwt', actual: 'absent' }];
const previous: VaultAuthBackendStatus = {
  issuer: 'https://previous',
  configHash: 'hash',
  drift,
  conditions: [
    ...ready('True'),
    { ...keysFresh('True', 'Synced', 'previous keys'), observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' },
  ],
};
const failure = { isFinal: false, retryAfterMs: 5000 };

describe('combine', () => {
  it('replaces a condition of an earlier step in its place, and merges the status', () => {
    const notOwned = mounted('False', 'NotOwned', 'of another object');
    const steps = [
      stepResult({ conditions: [isMounted], status: { issuer: 'https://now' } }),
      stepResult({ conditions: [inSync, notOwned] }),
    ];
    expect(combine(previous, steps)).toEqual({
      conditions: [notOwned, inSync],
      status: { issuer: 'https://now', configHash: 'hash', drift: [], conditions: previous.conditions },
      failure: undefined,
      isWaiting: false,
    });
  });

  it('forgets fields of the previous status that no longer hold', () => {
    expect(combine(previous, [stepResult({ forget: ['configHash'] })]).status).not.toHaveProperty('configHash');
  });

  it('keeps what was reached before a failure, and the previous status of everything else', () => {
    const failed = configured('Unknown', 'VaultSealed', 'sealed');
    const result = combine(previous, [
      stepResult({ conditions: [isMounted, inSync], status: { issuer: 'https://now' } }),
      stepResult({ conditions: [failed], failure }),
    ]);
    expect(result.conditions.map(({ type, message }) => `${type}: ${message}`)).toEqual([
      'Mounted: it is mounted',
      'Configured: sealed',
      'KeysFresh: previous keys',
    ]);
    expect(result).toMatchObject({ failure, status: { issuer: 'https://now', drift } });
  });
});

const vaultError = (kind: VaultErrorKind): VaultError => new VaultError('no', { status: 400, kind, written: 'no' });

describe('attempt', () => {
  const object: VaultAuthBackend = backend('main');

  it.each([
    ['a denied request', vaultError('PermissionDenied'), 'False', 'PermissionDenied'],
    ['a sealed server', vaultError('Sealed'), 'Unknown', 'VaultSealed'],
    ['an API server that does not answer', new KubeError(0, 'Unreachable', 'no'), 'Unknown', 'WriteFailed'],
  ])('reports %s as a failed step', async (_, error, status, reason) => {
    const result = await attempt('Configured', { backend: object }, () => Promise.reject(error));
    expect(result).toMatchObject({ conditions: [{ type: 'Configured', status, reason }], value: undefined });
    expect(result.failure).toEqual({ isFinal: false, retryAfterMs: undefined });
  });

  it('throws an error of the program itself', async () => {
    const fault = new TypeError('undefined is not a function');
    await expect(attempt('Mounted', { backend: object }, () => Promise.reject(fault))).rejects.toBe(fault);
  });
});
