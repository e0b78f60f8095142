// Reading and writing objects of a real API server: whole objects in memory, apply, status, finalizers, events, tokens, keys, values.
import { createPublicKey, verify } from 'node:crypto';
import { applyObject, applyStatus, deleteObject, FIELD_MANAGER, patchFinalizers } from '../../src/kube/apply.ts';
import { type KubeClient, kubeClient } from '../../src/kube/client.ts';
import { eventRecorder } from '../../src/kube/events.ts';
import { type KubeObject, startInformer, withoutManagedFields, type Informer } from '../../src/kube/informer.ts';
import { kubeconfigConnection } from '../../src/kube/kubeconfig.ts';
import { readValue } from '../../src/kube/secret-objects.ts';
import { readIssuer, readIssuerKeys, requestToken } from '../../src/kube/tokens.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import { eventually } from '../support/eventually.ts';

interface Budget extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly finalizers?: readonly string[] };
  readonly spec: { readonly maxUnavailable: number };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly reason: string }[] };
}

// A kind with a status that no controller of this bed writes.
const BUDGETS = { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets' };
const budget = (name: string, maxUnavailable: number) => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name, namespace: 'default', labels: { team: 'blue' } },
  spec: { maxUnavailable },
});
const of = (kind: 'Secret' | 'ConfigMap', name: string, key: string) => ({ kind, namespace: 'default', name, key });
const place = (name: string) => ({ ...BUDGETS, namespace: 'default', name });

const decoded = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString());

describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  let client: KubeClient;
  let store: Informer<Budget, Budget>;
  let failed = true;
  const changes: string[] = [];

  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-apiserver'] });
    client = kubeClient({ connection: await kubeconfigConnection(bed.kubeconfig), userAgent: 'tester/1' });
    store = startInformer<Budget, Budget>({
      client,
      path: '/apis/policy/v1/poddisruptionbudgets',
      labelSelector: 'team=blue',
      transform: withoutManagedFields,
      onChange: (key, before, after) =>
        changes.push(`${key} ${before?.spec.maxUnavailable ?? '-'}>${after?.spec.maxUnavailable ?? '-'}`),
      onProblem: () => undefined,
      times: { streamSeconds: 2 },
    });
    await eventually(() => store.synced());
  }, 600_000);
  afterAll(async () => {
    await store?.close();
    client?.close();
    await bed?.stop(failed ? 'failed' : 'passed');
  });

  it('caches a whole applied object, and a written one before its watch event', async () => {
    const made = await applyObject<Budget>(client, place('web'), budget('web', 1), { force: true });
    await eventually(() => store.get('default/web') !== undefined);
    const answer = await applyStatus<Budget>(
      client,
      place('web'),
      { ...budget('web', 1), metadata: { name: 'web', namespace: 'default', uid: made.metadata.uid } },
      {
        disruptionsAllowed: 0,
        currentHealthy: 0,
        desiredHealthy: 0,
        expectedPods: 0,
        conditions: [{ type: 'Ready', status: 'True', reason: 'Ours', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
      },
    );
    store.recordWrite(answer);
    expect(store.get('default/web')?.status?.conditions?.[0]?.reason).toBe('Ours');
    const replaced = await applyObject<Budget>(client, place('web'), budget('web', 2));
    store.recordWrite(replaced);
    store.recordWrite(answer);
    expect(store.get('default/web')?.spec.maxUnavailable).toBe(2);
    // Spec and status have owners of the same name, and applying one leaves the other as it is.
    expect(store.get('default/web')?.status?.conditions?.[0]?.reason).toBe('Ours');
    const { metadata } = await bed.request<{ metadata: { managedFields: { manager: string; subresource?: string }[] } }>(
      'GET',
      '/apis/policy/v1/namespaces/default/poddisruptionbudgets/web',
    );
    expect(metadata.managedFields.map(({ manager, subresource }) => [manager, subresource])).toEqual([
      [FIELD_MANAGER, undefined],
      [FIELD_MANAGER, 'status'],
    ]);
    expect(JSON.stringify(store.list())).not.toContain('managedFields');
  });

  it('writes no status of a deleted object, or of its successor of the same name', async () => {
    const status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
    const other = { ...budget('web', 1), metadata: { name: 'web', namespace: 'default', uid: 'another' } };
    await expect(applyStatus(client, place('web'), other, status)).rejects.toMatchObject({ reason: 'Invalid' });
    await expect(applyStatus(client, place('none'), budget('none', 1), status)).rejects.toMatchObject({ reason: 'NotFound' });
  });

  it('keeps an object until its last finalizer is removed, and changes finalizers only at the version that was read', async () => {
    const read = await applyObject<Budget>(client, place('held'), budget('held', 1));
    const held = await patchFinalizers<Budget>(client, place('held'), read.metadata, ['vaultauth.dev/role']);
    expect(held?.metadata.finalizers).toEqual(['vaultauth.dev/role']);
    await expect(patchFinalizers(client, place('held'), read.metadata, [])).rejects.toMatchObject({ reason: 'Conflict' });
    await expect(deleteObject(client, place('held'), { uid: 'another' })).rejects.toMatchObject({ reason: 'Conflict' });
    expect(await deleteObject(client, place('held'), { uid: read.metadata.uid })).toBe(true);
    await eventually(() => store.get('default/held')?.metadata.finalizers !== undefined);
    await eventually(() => 'deletionTimestamp' in (store.get('default/held')?.metadata ?? {}));
    await patchFinalizers(client, place('held'), store.get('default/held')?.metadata ?? {}, []);
    await eventually(() => store.get('default/held') === undefined);
    expect(await patchFinalizers(client, place('held'), read.metadata, [])).toBeUndefined();
    expect(await deleteObject(client, place('held'))).toBe(false);
    expect(changes.findLast((line) => line.startsWith('default/held'))).toBe('default/held 1>-');
  });

  it('attaches Events to their object and counts repetitions', async () => {
    const problems: string[] = [];
    const clock = { now: Date.now() };
    const recorder = eventRecorder({
      client,
      controller: 'vaultauth.dev/controller',
      instance: 'one',
      onProblem: (problem) => problems.push(problem),
      now: () => clock.now,
    });
    const subject = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: store.get('default/web')?.metadata ?? { name: '' },
    };
    const text = { type: 'Warning', reason: 'Drifted', action: 'Reconcile', note: 'policies differ' } as const;
    recorder.record(subject, text);
    recorder.record(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default', uid: 'x' } },
      { ...text, note: 'of the cluster' },
    );
    clock.now += 61_000;
    recorder.record(subject, text);
    const events = async () =>
      (
        await bed.request<{ items: { note: string; series?: { count: number }; regarding: { name: string } }[] }>(
          'GET',
          '/apis/events.k8s.io/v1/namespaces/default/events',
        )
      ).items;
    let found = await events();
    const isComplete = (): boolean =>
      found.some(({ series }) => series !== undefined) && found.some(({ note }) => note === 'of the cluster');
    await eventually('both Events are written', async () => {
      found = await events();
      return isComplete();
    });
    await recorder.close();
    expect(problems).toEqual([]);
    expect(found.filter(({ note }) => note === 'policies differ')).toMatchObject([
      { series: { count: 2 }, regarding: { name: 'web' } },
    ]);
    expect(found.some(({ note }) => note === 'of the cluster')).toBe(true);
    expect(await bed.kubectl(['events', '-n', 'default'])).toContain('policies differ');
  });

  it('requests a token that is signed with a published key and names its issuer', async () => {
    const before = Date.now();
    const { token, expiresAt } = await requestToken(client, 'default', 'default', {
      audiences: ['vault'],
      expirationSeconds: 600,
    });
    expect(expiresAt - before).toBeGreaterThan(590_000);
    const [head = '', body = '', signature = ''] = token.split('.');
    expect(decoded(body)).toMatchObject({ iss: await readIssuer(client), aud: ['vault'] });
    const keys = await readIssuerKeys(client);
    const key = keys.find(({ kid }) => kid === decoded(head)['kid']);
    expect(key?.pem).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
    const isRight = verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      createPublicKey(key?.pem ?? ''),
      Buffer.from(signature, 'base64url'),
    );
    expect(isRight).toBe(true);
    await expect(requestToken(client, 'default', 'absent', { audiences: [], expirationSeconds: 600 })).rejects.toMatchObject({
      reason: 'NotFound',
    });
  });

  it('reads values of Secrets and ConfigMaps, and reports a missing key without listing the others', async () => {
    const core = '/api/v1/namespaces/default';
    await bed.request('POST', `${core}/secrets`, { metadata: { name: 'reviewer' }, stringData: { token: 'canary-ä' } });
    await bed.request('POST', `${core}/configmaps`, {
      metadata: { name: 'authority' },
      data: { 'ca.crt': 'PEM' },
      binaryData: { raw: 'UEVN' },
    });
    expect(await readValue(client, of('Secret', 'reviewer', 'token'))).toMatchObject({ state: 'found', text: 'canary-ä' });
    expect(await readValue(client, of('ConfigMap', 'authority', 'ca.crt'))).toMatchObject({ state: 'found', text: 'PEM' });
    expect(await readValue(client, of('ConfigMap', 'authority', 'raw'))).toMatchObject({ state: 'found', text: 'PEM' });
    expect(await readValue(client, of('Secret', 'reviewer', 'jwt'))).toEqual({
      state: 'noKey',
      message: 'the Secret default/reviewer has no key "jwt": it has token',
    });
    expect(await readValue(client, of('Secret', 'none', 'jwt'))).toEqual({
      state: 'noObject',
      message: 'there is no Secret default/none',
    });
  });

  it('resumes its watches after a restart of the API server', async () => {
    await bed.restart('kube-apiserver');
    await bed.request(
      'PATCH',
      '/apis/policy/v1/namespaces/default/poddisruptionbudgets/web',
      { spec: { maxUnavailable: 5 } },
      'application/merge-patch+json',
    );
    await eventually(() => store.get('default/web')?.spec.maxUnavailable === 5);
    expect(changes.at(-1)).toBe('default/web 2>5');
    failed = false;
  }, 300_000);
});
