// Events: counted, rate limited, short enough for the API, and never a reason to stop.
import type { KubeClient, KubeRequest } from '../../../src/kube/client.ts';
import { type EventRecorder, eventRecorder, type EventText } from '../../../src/kube/events.ts';

const text = (note: string): EventText => ({ type: 'Warning', reason: 'Drifted', action: 'Reconcile', note });
const role = (name: string) => ({
  apiVersion: 'vaultauth.dev/v1alpha1',
  kind: 'VaultAuthRole',
  metadata: { name, namespace: 'team', uid: `uid-${name}` },
});

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

const recording = (more: { fence?: () => void; fail?: () => void } = {}) => {
  const sent: Sent[] = [];
  const problems: string[] = [];
  const clock = { now: Date.parse('2026-01-01T00:00:00Z') };
  const client: KubeClient = {
    request: async <T>({ method, path, body }: KubeRequest): Promise<T> => {
      more.fail?.();
      sent.push({ method, path, body: body as Sent['body'] });
      return {} as T;
    },
    close: () => undefined,
  };
  const recorder: EventRecorder = eventRecorder({
    client,
    controller: 'vaultauth.dev/controller',
    instance: 'one',
    onProblem: (problem) => problems.push(problem),
    now: () => clock.now,
    ...(more.fence ? { fence: more.fence } : {}),
  });
  return { sent, problems, clock, recorder };
};
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('counts a repeated event, writes the count at most once a minute, and creates a new event after ten minutes', async () => {
  const { sent, clock, recorder } = recording();
  for (let round = 0; round < 10; round += 1) recorder.record(role('web'), text('policies differ'));
  await settled();
  expect(sent.map(({ method }) => method)).toEqual(['POST']);
  expect(sent[0]?.path).toBe('/apis/events.k8s.io/v1/namespaces/team/events');
  expect(sent[0]?.body).toMatchObject({
    note: 'policies differ',
    eventTime: '2026-01-01T00:00:00.000000Z',
    regarding: { kind: 'VaultAuthRole', name: 'web', uid: 'uid-web' },
  });
  clock.now += 61_000;
  recorder.record(role('web'), text('policies differ'));
  await settled();
  expect(sent.at(-1)).toMatchObject({
    method: 'PATCH',
    body: { series: { count: 11, lastObservedTime: '2026-01-01T00:01:01.000000Z' } },
  });
  clock.now += 700_000;
  recorder.record(role('web'), text('policies differ'));
  await settled();
  expect(sent.map(({ method }) => method)).toEqual(['POST', 'PATCH', 'POST']);
  await recorder.close();
});

test('limits the events of one object without dropping those of others', async () => {
  const { sent, clock, recorder } = recording();
  for (let round = 0; round < 200; round += 1) recorder.record(role('web'), text(`difference ${round}`));
  recorder.record(role('other'), text('difference'));
  await settled();
  expect(sent).toHaveLength(26);
  clock.now += 600_000;
  for (let round = 0; round < 200; round += 1) recorder.record(role('web'), text(`new difference ${round}`));
  await settled();
  expect(sent).toHaveLength(28);
  await recorder.close();
});

test('cuts a note to 1,024 bytes, at a character', async () => {
  const { sent, recorder } = recording();
  recorder.record(role('web'), text('ä€'.repeat(1000)));
  await settled();
  const note = String(sent[0]?.body['note']);
  expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
  expect(note).toMatch(/^[ä€]+…$/);
  await recorder.close();
});

test('reports an event that the fence rejects, and goes on with the next one', async () => {
  let refusals = 1;
  const { sent, problems, recorder } = recording({
    fence: () => {
      refusals -= 1;
      if (refusals >= 0) throw new Error('not ours');
    },
  });
  recorder.record(role('web'), text('one'));
  recorder.record(role('web'), text('two'));
  await settled();
  expect([problems, sent.length]).toEqual([['not ours'], 1]);
  await recorder.close();
  recorder.record(role('web'), text('three'));
  await settled();
  expect(sent).toHaveLength(1);
});
