// Readiness of the controller after its watches became stale; liveness does not depend on that.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Controller, startController } from '../../../src/controller/runtime/run.ts';
import type { KubeClient, KubeRequest } from '../../../src/kube/client.ts';
import { staleAfterMs } from '../../../src/kube/reflector.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { createControllerMetrics } from '../../../src/observe/controller-metrics.ts';
import { createLog } from '../../../src/observe/log.ts';
import { eventually } from '../../support/eventually.ts';

const TIMES = { streamSeconds: 0.02, graceMs: 10, relistMs: 60_000, firstBackoffMs: 1, maxBackoffMs: 5 };

/** An API server whose watches end in time, until it goes away. */
const apiServer = () => {
  const is = { away: false };
  const request = async ({ path, query, signal }: KubeRequest): Promise<unknown> => {
    // No process leads.
    if (is.away || path.includes('/leases')) throw new KubeError(0, 'ConnectionFailed', `${path}: no route to host`);
    if (query?.['watch'] === true) await sleep(20, undefined, { signal });
    return { metadata: { resourceVersion: '1' }, items: [] };
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it answers the requests of the test
  return { is, client: { request, close: () => undefined } as KubeClient };
};
let controller: Controller | undefined;
afterEach(() => controller?.close());

test('reports stale watches by path until the API server is back', async () => {
  const { client, is } = apiServer();
  const running = startController({
    client,
    namespace: 'system',
    serviceAccount: 'controller',
    leaseName: 'lease',
    identity: 'one',
    observeOnly: false,
    workers: 1,
    times: { resyncFactor: 1, deletionTimeoutMs: 1000 },
    reconcilers: {},
    cachesAnnotation: () => false,
    log: createLog({ level: 'error', format: 'json', sink: { write: () => undefined } }),
    metrics: createControllerMetrics({ version: '0', commit: '0' }),
    onLost: () => undefined,
    watchTimes: TIMES,
  });
  controller = running;
  const { reasons } = running;
  expect(reasons()).toHaveLength(8);
  await eventually(() => reasons().length === 0);
  is.away = true;
  await eventually(() => reasons().length === 8);
  expect(reasons()).toContainEqual(
    expect.stringMatching(
      /^no activity on the watch of \/api\/v1\/namespaces for \d+ s, serving from cache: .*no route to host$/,
    ),
  );
  is.away = false;
  await eventually(() => reasons().length === 0);
});

test('counts a watch as stale only after longer than any healthy watch lasts', () => {
  expect(staleAfterMs()).toBeGreaterThan(2 * 60_000);
  expect(staleAfterMs(TIMES)).toBeCloseTo(105);
});
