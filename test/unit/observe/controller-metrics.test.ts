// The metrics of the controller, as Prometheus reads them.
import { createControllerMetrics } from '../../../src/observe/controller-metrics.ts';

const lines = async (metrics: ReturnType<typeof createControllerMetrics>): Promise<readonly string[]> =>
  (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith('vault_auth_injector_'));

test('counts what happens and reads gauges when asked', async () => {
  const metrics = createControllerMetrics({ version: '1', commit: 'c' });
  let pendingDeletions = [{ backend: 'one', count: 2 }];
  metrics.watch({
    leading: () => true,
    queue: () => ({ ready: 1, waiting: 2, running: 3 }),
    objects: () => [{ kind: 'VaultAuthRole', reason: 'Ready', count: 7 }],
    pendingDeletions: () => pendingDeletions,
    resyncs: () => [{ backend: 'one', seconds: 300 }],
    freshness: () => ({ pods: { current: 3, outdated: 1 }, outdatedSince: undefined }),
    staleness: () => 4,
  });
  metrics.reconciled('VaultAuthRole', 'Ready', 0.02);
  metrics.drift('VaultAuthRole', 'repaired', 3);
  metrics.vaultRequest('main', 'read auth/role', 200, 20);
  metrics.expires('reviewer', 'one', Date.now() + 100_000);
  metrics.probe('one', 'denied');
  metrics.eventUnwritten();
  const found = await lines(metrics);
  expect(found).toEqual(
    expect.arrayContaining([
      'vault_auth_injector_leading 1',
      'vault_auth_injector_queue_items{state="waiting"} 2',
      'vault_auth_injector_objects{kind="VaultAuthRole",reason="Ready"} 7',
      'vault_auth_injector_pending_deletions{backend="one"} 2',
      'vault_auth_injector_role_resync_seconds{backend="one"} 300',
      'vault_auth_injector_controller_cache_staleness_seconds 4',
      'vault_auth_injector_rollout_pods{state="outdated"} 1',
      'vault_auth_injector_rollout_outdated_seconds 0',
      'vault_auth_injector_reconciles_total{kind="VaultAuthRole",reason="Ready"} 1',
      'vault_auth_injector_drift_total{kind="VaultAuthRole",outcome="repaired"} 3',
      'vault_auth_injector_vault_request_duration_seconds_count{endpoint="main",operation="read auth/role",status="200"} 1',
      'vault_auth_injector_probe_success{backend="one",result="denied"} 0',
      'vault_auth_injector_events_unwritten_total 1',
    ]),
  );
  const left = Number(found.find((line) => line.startsWith('vault_auth_injector_expiry_seconds{'))?.split(' ')[1]);
  expect(left).toBeGreaterThan(50);

  // The metric of a deleted object disappears.
  pendingDeletions = [];
  metrics.expires('reviewer', 'one', undefined);
  metrics.probe('one', undefined);
  expect((await lines(metrics)).filter((line) => /pending_deletions\{|expiry_seconds\{|probe_success\{/.test(line))).toEqual([]);
});
