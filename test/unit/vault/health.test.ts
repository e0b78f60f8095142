// What counts as the answer of a server that can be worked with.
import { readHealth } from '../../../src/vault/health.ts';
import { failure, start } from './fake-server.ts';

const HEALTH = { initialized: true, sealed: false, version: '2.4.0', cluster_id: 'cluster-1' };

test('a server tells its version and its cluster', async () => {
  const { client } = await start(() => ({ status: 200, body: HEALTH }));
  expect(await readHealth(client)).toMatchObject({ version: '2.4.0', clusterID: 'cluster-1', product: 'OpenBao' });
});

test.each([
  {},
  { ...HEALTH, initialized: 'yes' },
  { ...HEALTH, version: 'v'.repeat(65) },
  { ...HEALTH, cluster_id: 'c'.repeat(129) },
])('what is not so is no answer (%#)', async (body) => {
  const { client } = await start(() => ({ status: 200, body }));
  expect(await failure(readHealth(client))).toMatchObject({ kind: 'Unreadable' });
});
