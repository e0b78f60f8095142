// The priority of a run's Vault requests: resync until it writes.
import type { ControllerContext } from '../../../src/controller/runtime/context.ts';
import { dispatcher } from '../../../src/controller/runtime/dispatch.ts';
import type { Cause } from '../../../src/controller/runtime/queue-lanes.ts';
import type { Informers } from '../../../src/controller/runtime/informers.ts';
import { vaultRegistry } from '../../../src/controller/runtime/vault-registry.ts';
import type { VaultResponse } from '../../../src/vault/response.ts';
import type { VaultCall } from '../../../src/vault/client.ts';

const ANSWER: VaultResponse = { status: 200, data: undefined, auth: undefined, warnings: [], raw: {} };

/** Runs a reconciler that reads, writes and reads again; returns the requests with their priorities. */
const asked = async (...causes: readonly Cause[]): Promise<readonly string[]> => {
  const seen: string[] = [];
  const request = (call: VaultCall): Promise<VaultResponse> => {
    seen.push(`${call.method} ${call.path} ${call.priority ?? '-'}`);
    return Promise.resolve(ANSWER);
  };
  const registry = vaultRegistry();
  registry.set('main', {
    state: 'ready',
    session: {
      request,
      ready: () => Promise.reject(new Error('not asked')),
      expiresAt: () => undefined,
      state: () => undefined,
      close: () => undefined,
    },
    client: { request, close: () => undefined },
    product: 'OpenBao',
    clusterID: 'c',
    capabilities: [],
  });
  const run = dispatcher(
    {
      VaultAuthRole: async ({ vault: { registry: vaults } }) => {
        const [first, again, none] = [vaults.get('main'), vaults.get('main'), vaults.get('other')];
        expect(none).toMatchObject({ state: 'notReady', reason: 'EndpointNotFound' });
        if (first.state !== 'ready' || again.state !== 'ready') throw new Error('it is ready');
        await first.session.request({ method: 'GET', path: 'a' });
        await first.client.request({ method: 'LIST', path: 'b' });
        await first.client.request({ method: 'GET', path: 'c', priority: 'system' });
        await first.session.request({ method: 'POST', path: 'd', body: {} });
        await again.session.request({ method: 'GET', path: 'd' });
        return {};
      },
    },
    { vault: { registry } } as unknown as ControllerContext,
    { objects: { VaultAuthRole: { get: () => undefined } } } as unknown as Informers,
  );
  for (const cause of causes) await run('VaultAuthRole/a/1', new AbortController().signal, cause);
  return seen;
};

test('sends the requests of a resync with low priority until its first write, and again in the next run', async () => {
  const resync = ['GET a resync', 'LIST b resync', 'GET c system', 'POST d -', 'GET d -'];
  expect(await asked('resync', 'resync')).toEqual([...resync, ...resync]);
});

test('sends no request of a change with low priority', async () => {
  expect(await asked('change')).toEqual(['GET a -', 'LIST b -', 'GET c system', 'POST d -', 'GET d -']);
});
