// Rollouts after changes of secrets on a real API server, its controllers, and OpenBao.
import { explain } from '../../../src/cli/explain.ts';
import { type JsonObject, objectAt, textOf } from '../../../src/json/json.ts';
import { ROLLOUT_ANNOTATION, SECRET_VERSIONS_ANNOTATION } from '../../../src/resources/kinds.ts';
import { CONTROLLER_ACCOUNT, CONTROLLER_NAMESPACE } from '../../bed/controller.ts';
import { userOf } from '../../bed/rights.ts';
import { eventually } from '../../support/eventually.ts';
import { runCommand } from '../../unit/cli/run-command.ts';
import { CANARY, isReady, openRolloutStage, type RolloutStage, templateOf, type Workloads } from './rollout-stage.ts';

/** Rollouts that may start in a minute. */
const RATE = 240;

let stage: RolloutStage;
let namespace: string;
let outcome: 'passed' | 'failed' = 'failed';
beforeAll(async () => {
  stage = await openRolloutStage('openbao', [`-rollout-rate=${RATE}`]);
  namespace = await stage.bed.createNamespace();
}, 600_000);
afterAll(() => stage?.stop(outcome));

const stateOf = (workload: JsonObject): JsonObject => {
  const text = textOf(objectAt(objectAt(workload, 'metadata'), 'annotations'), ROLLOUT_ANNOTATION);
  return text === undefined ? {} : (JSON.parse(text) as JsonObject);
};
const state = async (kind: Workloads, name: string): Promise<JsonObject> => stateOf(await stage.read(kind, namespace, name));
const versions = (secret: string, version: number): JsonObject => ({ [`main/secret/data/${secret}`]: version });
const untilVersion = (kind: Workloads, name: string, secret: string, version: number): Promise<unknown> => {
  let seen: JsonObject = {};
  return eventually(
    `${name} has version ${version}`,
    async () => {
      seen = await state(kind, name);
      expect(seen).toEqual({ versions: versions(secret, version) });
    },
    { everyMs: 200, seconds: 90, state: () => `${JSON.stringify(seen)}\n${stage.log().split('\n').slice(-15).join('\n')}` },
  );
};
const nameOf = (pod: JsonObject): string => textOf(objectAt(pod, 'metadata'), 'name') ?? '';
const names = async (workload: string): Promise<readonly string[]> => (await stage.pods(namespace, workload)).map(nameOf).sort();

it('restarts a Deployment when its secret has a new version, one pod first', async () => {
  await stage.write('web');
  await stage.create('deployments', { namespace, name: 'web', secrets: ['web'] });
  await untilVersion('deployments', 'web', 'web', 1);
  const before = await stage.read('deployments', namespace, 'web');
  const old = await names('web');
  // The replacement of the first pod is not ready yet.
  stage.becomesReady((pod) => old.includes(nameOf(pod)));
  await stage.write('web');
  await eventually('one pod is replaced', async () => {
    const now = await stage.pods(namespace, 'web');
    expect(
      now
        .filter(isReady)
        .map(nameOf)
        .filter((name) => old.includes(name)),
    ).toHaveLength(2);
    expect(now).toHaveLength(3);
  });
  expect(templateOf(await stage.read('deployments', namespace, 'web'))).toEqual(templateOf(before));
  await eventually('the metrics count each pod once', async () => {
    const counts = [
      ...(await stage.metrics()).matchAll(/^vault_auth_injector_rollout_pods\{state="(?:current|outdated)"\} (\d+)$/gm),
    ];
    expect(counts.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(3);
  });
  // The webhook warns pods whose endpoint says otherwise.
  const endpoint = await stage.bed.request<JsonObject>('GET', '/apis/vaultauth.dev/v1alpha1/vaultendpoints/main');
  expect(objectAt(endpoint, 'status')?.['rollouts']).toBe(true);
  stage.becomesReady(() => true);
  await untilVersion('deployments', 'web', 'web', 2);
  const after = await stage.read('deployments', namespace, 'web');
  expect(templateOf(after).spec).toEqual(templateOf(before).spec);
  expect(JSON.parse(textOf(templateOf(after).annotations, SECRET_VERSIONS_ANNOTATION) ?? '')).toEqual(versions('web', 2));
  expect((await names('web')).filter((name) => old.includes(name))).toEqual([]);
  expect(await stage.events(namespace, 'web', 'RolloutStarted')).toEqual([
    expect.stringMatching(/^New secret\/data\/web version 2: replaces the pod web-\S+ first\.$/),
  ]);
  expect(await stage.events(namespace, 'web', 'RolloutComplete')).toHaveLength(1);
}, 200_000);

it('stops after the first pod when it does not become ready, and goes on when the secret is mended', async () => {
  await stage.write('bad');
  await stage.create('deployments', { namespace, name: 'bad', secrets: ['bad'] });
  await untilVersion('deployments', 'bad', 'bad', 1);
  const [old, before] = [await names('bad'), await stage.read('deployments', namespace, 'bad')];
  stage.becomesReady((pod) => !nameOf(pod).startsWith('bad-'));
  await stage.write('bad');
  await eventually('an Event reports it', async () => {
    expect(await stage.events(namespace, 'bad', 'RolloutStopped')).toEqual([
      expect.stringMatching(
        /^New secret\/data\/bad version 2: stopped after the first pod, since its replacement bad-\S+ is not/,
      ),
    ]);
  });
  expect(
    (await stage.pods(namespace, 'bad'))
      .filter(isReady)
      .map(nameOf)
      .every((name) => old.includes(name)),
  ).toBe(true);
  expect((await stage.pods(namespace, 'bad')).filter(isReady)).toHaveLength(2);
  expect(templateOf(await stage.read('deployments', namespace, 'bad'))).toEqual(templateOf(before));
  // A pod of the bad version stays as it is; one that starts with the mended secret becomes ready.
  const broken = await names('bad');
  stage.becomesReady((pod) => !broken.includes(nameOf(pod)) || old.includes(nameOf(pod)));
  await stage.write('bad');
  await untilVersion('deployments', 'bad', 'bad', 3);
  expect((await names('bad')).filter((name) => broken.includes(name))).toEqual([]);
}, 200_000);

it('replaces the last pod of a StatefulSet first, and leaves pods below the partition alone', async () => {
  stage.becomesReady(() => true);
  await stage.write('db');
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 1 } };
  await stage.create('statefulsets', { namespace, name: 'db', secrets: ['db'], spec: { updateStrategy } });
  await untilVersion('statefulsets', 'db', 'db', 1);
  const uid = async (): Promise<readonly unknown[]> =>
    (await stage.pods(namespace, 'db'))
      .toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))
      .map((pod) => objectAt(pod, 'metadata')?.['uid']);
  const before = await uid();
  await stage.write('db');
  await untilVersion('statefulsets', 'db', 'db', 2);
  const after = await uid();
  expect(after.map((each, index) => each === before[index])).toEqual([true, false, false]);
  expect(await stage.events(namespace, 'db', 'RolloutStarted')).toEqual([expect.stringContaining('replaces the pod db-2 first')]);
}, 200_000);

it('replaces one pod of a DaemonSet first', async () => {
  for (const name of ['node-a', 'node-b'])
    await stage.bed.request('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name } });
  await stage.write('log');
  await stage.create('daemonsets', { namespace, name: 'log', secrets: ['log'], replicas: 2 });
  await untilVersion('daemonsets', 'log', 'log', 1);
  const before = await names('log');
  await stage.write('log');
  await untilVersion('daemonsets', 'log', 'log', 2);
  expect((await names('log')).filter((name) => before.includes(name))).toEqual([]);
  expect(await stage.events(namespace, 'log', 'RolloutStarted')).toEqual([
    expect.stringMatching(/replaces the pod log-\S+ first/),
  ]);
}, 200_000);

it('explains with which versions a pod was started', async () => {
  const [name = ''] = await names('web');
  const { code, out } = await runCommand(explain, ['pod', `${namespace}/${name}`, `-kubeconfig=${stage.bed.kubeconfig}`]);
  expect([code, out]).toEqual([0, expect.stringMatching(/secret\/data\/web: version 2 or later, since 20\d\d-/)]);
}, 200_000);

it('leaves OnDelete to the owner, and waits for a paused Deployment', async () => {
  await stage.write('hold');
  await stage.create('statefulsets', {
    namespace,
    name: 'manual',
    secrets: ['hold'],
    spec: { updateStrategy: { type: 'OnDelete' } },
  });
  await stage.create('deployments', { namespace, name: 'paused', secrets: ['hold'] });
  await untilVersion('statefulsets', 'manual', 'hold', 1);
  await untilVersion('deployments', 'paused', 'hold', 1);
  await stage.patch('deployments', namespace, 'paused', { spec: { paused: true } });
  const before = [await names('manual'), await names('paused')];
  await stage.write('hold');
  await untilVersion('statefulsets', 'manual', 'hold', 2);
  await eventually('it waits', async () => (await stage.events(namespace, 'paused', 'RolloutPaused')).length > 0);
  expect([await names('manual'), await names('paused')]).toEqual(before);
  expect(await stage.events(namespace, 'manual', 'RolloutLeftToOwner')).toHaveLength(1);
  await stage.patch('deployments', namespace, 'paused', { spec: { paused: false } });
  await untilVersion('deployments', 'paused', 'hold', 2);
}, 200_000);

it('waits for the PodDisruptionBudget', async () => {
  await stage.write('budget');
  await stage.create('deployments', { namespace, name: 'budget', secrets: ['budget'] });
  await untilVersion('deployments', 'budget', 'budget', 1);
  const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
  const spec = { minAvailable: 3, selector: { matchLabels: { app: 'budget' } } };
  await stage.bed.request('POST', path, { metadata: { name: 'budget' }, spec });
  await eventually('the budget is in force', async () => {
    const budget = await stage.bed.request<JsonObject>('GET', `${path}/budget`);
    expect(objectAt(budget, 'status')).toMatchObject({ currentHealthy: 3, disruptionsAllowed: 0 });
  });
  const before = await names('budget');
  await stage.write('budget');
  await eventually('it is blocked', async () => (await stage.events(namespace, 'budget', 'RolloutBlocked')).length > 0);
  expect(await names('budget')).toEqual(before);
  await stage.bed.request('DELETE', `${path}/budget`);
  await untilVersion('deployments', 'budget', 'budget', 2);
}, 200_000);

it('reports a secret that has no version, and one whose metadata it must not read', async () => {
  await stage.vault.ask('POST', 'sys/mounts/old', { type: 'kv', options: { version: '1' } });
  const rule = 'path "old/x" { capabilities = ["read"] }';
  const policies = await stage.vault.ask('GET', 'sys/policies/acl/vault-auth-injector');
  const policy = `${textOf(objectAt(policies.json, 'data'), 'policy')}\n${rule}`;
  await stage.vault.ask('POST', 'sys/policies/acl/vault-auth-injector', { policy });
  await stage.vault.ask('POST', 'sys/mounts/other', { type: 'kv', options: { version: '2' } });
  await stage.write('mixed');
  await stage.create('deployments', { namespace, name: 'mixed', secrets: ['mixed'], replicas: 1 });
  await untilVersion('deployments', 'mixed', 'mixed', 1);
  const annotation = JSON.stringify({ endpoint: 'main', paths: ['other/data/web', 'old/x'] });
  await stage.patch('deployments', namespace, 'mixed', {
    spec: { template: { metadata: { annotations: { 'vaultauth.dev/on-change-secrets': annotation } } } },
  });
  await eventually('it is reported', async () => {
    expect(await stage.events(namespace, 'mixed', 'SecretVersionUnreadable')).toEqual([
      expect.stringContaining('A change of other/data/web causes no rollout: Vault denies the controller'),
    ]);
    expect(await stage.events(namespace, 'mixed', 'SecretWithoutVersion')).toEqual([
      'A change of old/x causes no rollout: old/ is KV version 1, which has no versions.',
    ]);
  });
}, 200_000);

it('needs no other rights, and can change nothing else of a workload', async () => {
  const refusals = stage
    .log()
    .split('\n')
    .filter((line) => /forbidden|cannot (?:get|list|watch|create|patch|update|delete)/i.test(line));
  expect(refusals).toEqual([]);
  const as = `--as=${userOf(CONTROLLER_NAMESPACE, CONTROLLER_ACCOUNT)}`;
  const change = (patch: JsonObject): Promise<string> =>
    stage.bed.kubectl([as, '-n', namespace, 'patch', 'deployment', 'web', '--type=merge', '-p', JSON.stringify(patch)]);
  const container = { name: 'web', image: 'registry.example/evil:1' };
  await expect(change({ spec: { template: { spec: { containers: [container] } } } })).rejects.toThrow(/must not change the pods/);
  await expect(
    change({ spec: { template: { metadata: { annotations: { 'vault.hashicorp.com/role': 'x' } } } } }),
  ).rejects.toThrow(/may change only vaultauth\.dev\/secret-versions/);
  await expect(change({ spec: { replicas: 9 } })).rejects.toThrow(/must not change how a workload is scaled/);
  for (const words of [
    ['get', 'secrets', `-n=${namespace}`],
    ['delete', 'pods', `-n=${namespace}`],
    ['create', 'deployments.apps', `-n=${namespace}`],
    ['patch', 'replicasets.apps', `-n=${namespace}`],
  ])
    await expect(stage.bed.kubectl(['auth', 'can-i', ...words, as])).rejects.toThrow();
}, 200_000);

it('keeps 200 workloads with one secret within the rate, and reads its version once in an interval', async () => {
  const many = Array.from({ length: 200 }, (_, index) => `many-${index}`);
  await stage.write('shared');
  for (const name of many) await stage.create('deployments', { namespace, name, secrets: ['shared'], replicas: 1 });
  for (const name of many) await untilVersion('deployments', name, 'shared', 1);
  const started = async (): Promise<number> => {
    const counts = [...(await stage.metrics()).matchAll(/^vault_auth_injector_rollouts_total\{.*outcome="started".*\} (\d+)$/gm)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  };
  const reads = async (): Promise<number> => {
    const pattern =
      /^vault_auth_injector_vault_request_duration_seconds_count\{.*operation="read secret metadata".*status="200".*\} (\d+)$/m;
    return Number(pattern.exec(await stage.metrics())?.[1] ?? 0);
  };
  const [first, readsBefore, begin] = [await started(), await reads(), performance.now()];
  await stage.write('shared');
  let count = 0;
  await eventually(
    'all have started',
    async () => {
      count = (await started()) - first;
      const seconds = (performance.now() - begin) / 1000;
      // One may start at once, and the clocks of the processes differ a little.
      if (count > (seconds * RATE) / 60 + 2) throw new Error(`${count} rollouts in ${seconds} s`);
      return count === 200;
    },
    { seconds: 200, everyMs: 500, state: () => String(count) },
  );
  const seconds = (performance.now() - begin) / 1000;
  expect(seconds).toBeGreaterThan((0.95 * 200 * 60) / RATE);
  // Seven secrets are in use by now, each read about once a second.
  expect((await reads()) - readsBefore).toBeLessThan(seconds * 1.3 * 8);
  await untilVersion('deployments', 'many-199', 'shared', 2);
  outcome = 'passed';
}, 600_000);

it('writes no value of a secret anywhere', async () => {
  const events = await stage.bed.kubectl(['get', 'events.events.k8s.io,deployments,statefulsets,pods', '-A', '-o', 'json']);
  expect(`${events}${stage.log()}${await stage.metrics()}`).not.toContain(CANARY);
});
