// Opening the configuration, against an API in memory; test/cluster/helm/release.test.ts does it on a real API server.
import { setTimeout as sleep } from 'node:timers/promises';
import { RULES } from '../../../src/kube/webhook-configuration.ts';
import { openEntries } from '../../../src/tls/open-entries.ts';
import type { Repetition } from '../../../src/tls/repeat.ts';
import { eventually } from '../../support/eventually.ts';
import { CONFIGURATION, memoryApi, type MemoryApi } from './memory-api.ts';

let api: MemoryApi;
let lines: string[];
let isReady: boolean;
let opening: Repetition;
const log = {
  info: (_: object, text: string) => void lines.push(text),
  warn: (_: object, text: string) => void lines.push(text),
};
const start = (afterMs: number): void => {
  opening = openEntries({ client: api, configuration: 'demo', isReady: () => isReady, afterMs, log, everyMs: 20 });
};
const rules = (): readonly unknown[] =>
  ((api.objects.get(CONFIGURATION) as { webhooks?: readonly { rules?: unknown }[] } | undefined)?.webhooks ?? []).map(
    (entry) => entry.rules,
  );

/** Another version of the object, as an upgrade writes it. */
const edit = (webhooks: readonly object[]): void => {
  const { metadata } = api.objects.get(CONFIGURATION) ?? { metadata: { name: 'demo', resourceVersion: '1' } };
  const next = { metadata: { ...metadata, resourceVersion: `${metadata.resourceVersion}0` }, webhooks };
  api.objects.set(CONFIGURATION, next as never);
};

beforeEach(() => {
  api = memoryApi(2);
  lines = [];
  isReady = true;
});
afterEach(() => opening.close());

it('adds rules to all entries once the replica has been ready for a while', async () => {
  isReady = false;
  start(700);
  await sleep(300);
  expect(api.calls).toEqual([]);
  isReady = true;
  await sleep(400);
  expect(rules()).toEqual([undefined, undefined]);
  await eventually(() => rules().every(Boolean));
  expect(rules()).toEqual([RULES, RULES]);
  expect(lines).toEqual(['added rules: pods are sent to the webhook from now on']);
});

it('leaves rules that exist, and opens an entry that an upgrade adds', async () => {
  const own = [{ operations: ['UPDATE'] }];
  edit([{ name: 'one', clientConfig: {}, rules: own }]);
  start(0);
  await sleep(100);
  expect(rules()).toEqual([own]);
  edit([
    { name: 'one', clientConfig: {}, rules: own },
    { name: 'two', clientConfig: {} },
  ]);
  await eventually(() => rules().every(Boolean));
  expect(rules()).toEqual([own, RULES]);
});

it('reports once why it cannot, and goes on', async () => {
  api.away = true;
  start(0);
  await eventually(() => lines.length > 0);
  await sleep(600);
  expect(lines).toEqual(['cannot add rules to the webhook configuration, retrying']);
  api.away = false;
  await eventually(() => rules().every(Boolean));
});
