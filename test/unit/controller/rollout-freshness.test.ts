// The age of secrets that pods were started with.
import { freshnessOf } from '../../../src/controller/rollout/freshness.ts';
import type { RolloutPod } from '../../../src/controller/rollout/pods.ts';
import type { SecretVersion } from '../../../src/controller/rollout/versions.ts';

const pod = (uid: string, createdAt: number, secrets: readonly string[], isDeleting = false): RolloutPod => ({
  uid,
  workload: 'Deployment/shop/web',
  secrets,
  createdAt,
  isDeleting,
});

const known = (createdAt: number, isDeleted = false): SecretVersion => ({ kind: 'known', version: 2, createdAt, isDeleted });

const freshness = (pods: readonly RolloutPod[], versions: Readonly<Record<string, SecretVersion>>) =>
  freshnessOf(
    {
      ofWorkload: () => pods,
      ofSecret: (secret) => pods.filter(({ secrets }) => secrets.includes(secret)),
      workloads: () => [],
      secrets: () => [...new Set(pods.flatMap(({ secrets }) => secrets))],
    },
    { get: (secret) => versions[secret] },
  );

test('counts each pod once, and names the oldest version that one of them lacks', () => {
  const pods = [pod('old', 10_000, ['a', 'b']), pod('older', 5_000, ['b', 'c']), pod('new', 40_000, ['a', 'b'])];
  expect(freshness(pods, { a: known(30_000), b: known(20_000), c: { kind: 'unreadable', reason: 'x' } })).toEqual({
    pods: { current: 1, outdated: 2, unknown: 0 },
    outdatedSince: 20_000,
  });
});

test('a pod that was created in the second of the version has it', () => {
  expect(
    freshness([pod('web', 10_000, ['a'])], { a: { ...known(10_000), createdAt: 10_900 } as SecretVersion }).pods.current,
  ).toBe(1);
});

test('a version that is deleted, and a pod that is being deleted, make nothing outdated', () => {
  const pods = [pod('web', 10_000, ['a']), pod('gone', 1_000, ['b'], true)];
  expect(freshness(pods, { a: known(30_000, true), b: known(20_000) })).toEqual({
    pods: { current: 1, outdated: 0, unknown: 0 },
    outdatedSince: undefined,
  });
});

test('a secret without a version, or not read yet, makes its pods unknown', () => {
  const pods = [pod('one', 10_000, ['a']), pod('two', 10_000, ['b']), pod('three', 10_000, ['c'])];
  expect(freshness(pods, { a: { kind: 'unversioned', reason: 'x' }, c: known(5_000) }).pods).toEqual({
    current: 1,
    outdated: 0,
    unknown: 2,
  });
});
