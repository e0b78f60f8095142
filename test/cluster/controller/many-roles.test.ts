// D4 and D5: a namespace with a thousand roles, or thousands beyond its quota, delays no other namespace and blocks no loop.
import { collectionPath, objectPath } from '../../../src/resources/kinds.ts';
import { untilCondition } from '../../bed/controller.ts';
import { eventually } from '../../support/eventually.ts';
import { setStage, type Stage } from '../seeds/stage.ts';
import { backend, change, declare } from './role-stage.ts';

let stage: Stage | undefined;
const here = (): Stage => {
  if (!stage) throw new Error('the cluster did not start');
  return stage;
};

beforeAll(async () => {
  stage = await setStage('openbao', { isAdministrator: true });
  await backend(stage, 'wide', { tenancy: { limits: { maxRolesPerNamespace: 10_000 } } });
  await backend(stage, 'narrow', { tenancy: { limits: { maxRolesPerNamespace: 10 } } });
  for (const name of ['wide', 'narrow']) await untilCondition(stage.bed, 'VaultAuthBackend', { name }, 'Mounted=True');
}, 600_000);
afterAll(() => stage?.stop());

const AT_ONCE = 20;
/** Calls `run` for each number below `count`, some at once. */
const forEach = async (count: number, run: (index: number) => Promise<unknown>): Promise<void> => {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await run(next - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
};

/** Milliseconds until a new role of another namespace is in Vault. */
const timeOfOther = async (backendName: string): Promise<number> => {
  const namespace = await here().bed.createNamespace({ labels: { roles: 'yes' } });
  const began = performance.now();
  await declare(here(), namespace, 'app', { backendRef: { name: backendName } });
  const path = `auth/${backendName}/role/test.${namespace}.app`;
  await eventually('the role is in Vault', async () => (await here().vault.ask('GET', path)).status === 200, {
    seconds: 60,
    everyMs: 20,
  });
  return performance.now() - began;
};

/** Before namespaces took turns: 93 s. */
const MAX_DELAY_MS = 10_000;

it('a thousand observed roles of one namespace, and changes of their labels, delay no role of another one', async () => {
  const namespace = await here().bed.createNamespace({ labels: { roles: 'yes' } });
  const spec = { backendRef: { name: 'wide' }, managementPolicy: 'Observe' };
  // The default limits: a thousand reads take 100 s.
  const limits = { requestsPerSecond: 10, burst: 20, maxInFlight: 4 };
  const path = objectPath('VaultEndpoint', { name: 'main' });
  await here().bed.request('PATCH', path, { spec: { limits } }, 'application/merge-patch+json');
  await forEach(1000, (index) => declare(here(), namespace, `observed-${index}`, spec));
  expect(await timeOfOther('wide')).toBeLessThan(MAX_DELAY_MS);
  const relabelled = forEach(1000, (index) =>
    change(
      here(),
      'VaultAuthRole',
      { namespace, name: `observed-${index}` },
      { metadata: { labels: { number: String(index) } } },
    ),
  );
  expect(await timeOfOther('wide')).toBeLessThan(MAX_DELAY_MS);
  await relabelled;
  const wide = { limits: { requestsPerSecond: 200, burst: 200, maxInFlight: 8 } };
  await here().bed.request('PATCH', path, { spec: wide }, 'application/merge-patch+json');
}, 180_000);

it('deleting thousands of roles beyond the quota blocks neither the loop nor others', async () => {
  const { bed, controller } = here();
  const namespace = await bed.createNamespace({ labels: { roles: 'yes' } });
  await forEach(2000, (index) => declare(here(), namespace, `role-${index}`, { backendRef: { name: 'narrow' } }));
  await eventually(
    'the status counts the refused roles',
    async () => {
      const { status } = await bed.request<{ status?: { roles?: { refused?: number } } }>(
        'GET',
        objectPath('VaultAuthBackend', { name: 'narrow' }),
      );
      return status?.roles?.refused === 1990;
    },
    { seconds: 120, everyMs: 500 },
  );
  let slowest = 0;
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      const asked = performance.now();
      await fetch(`${controller.operations}/metrics`);
      slowest = Math.max(slowest, performance.now() - asked);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  await bed.request('DELETE', collectionPath('VaultAuthRole', namespace));
  expect(await timeOfOther('narrow')).toBeLessThan(MAX_DELAY_MS);
  const left = async (): Promise<number> =>
    (await bed.request<{ items: unknown[] }>('GET', collectionPath('VaultAuthRole', namespace))).items.length;
  await eventually('all are gone', async () => (await left()) === 0, { seconds: 120, everyMs: 500 });
  over.abort();
  await watching;
  // The Lease is renewed every two seconds, and lasts twelve.
  expect(slowest).toBeLessThan(5000);
}, 300_000);
