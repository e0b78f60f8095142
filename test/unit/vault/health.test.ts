// The response of sys/health.
import { readHealth } from '../../../src/vault/health.ts';
import { failure, start } from './fake-server.ts';

const HEALTH = { initialized: true, sealed: false, version: '2.4.0', cluster_id: 'cluster-1' };

test('returns version and cluster ID', async () => {
  const { client } = await start(() => ({ status: 200, body: HEALTH }));
  expect(await readHealth(client)).toMatchObject({ version: '2.4.0', clusterID: 'cluster-1', product: 'OpenBao' });
});

test.each([
  {},
  { ...HEALTH, initialized: 'yes' },
  { ...HEALTH, version: 'v'.repeat(65) },
  { ...HEALTH, cluster_id: 'c'.repeat(129) },
])('rejects a response of another server (%#)', async (body) => {
  const { client } = await start(() => ({ status: 200, body }));
  expect(await failure(readHealth(client))).toMatchObject({ kind: 'Unreadable' });
});
