// The metrics: names and labels are an interface, vault-k8s' ones exactly as it has them.
import { createCompatMetrics } from '../../src/observe/compat-metrics.ts';
import { createMetrics } from '../../src/observe/metrics.ts';

const scrape = async (metrics: ReturnType<typeof createMetrics>): Promise<readonly string[]> =>
  (await metrics.registry.metrics()).split('\n');

describe('metrics', () => {
  const metrics = createMetrics({ version: '1.2.3', commit: 'abc' });

  it('counts reviews by decision and reason, with duration from 0.1 ms to 5 s, and size', async () => {
    metrics.reviewed('injected', 'annotation', 0.0002, 10_000);
    metrics.reviewed('injected', 'annotation', 0.004, 10_000);
    metrics.reviewed('denied', 'annotation', 9, 10_000);
    const lines = await scrape(metrics);
    expect(lines).toContain('vault_auth_injector_reviews_total{decision="injected",reason="annotation"} 2');
    expect(lines).toContain('vault_auth_injector_reviews_total{decision="denied",reason="annotation"} 1');
    expect(lines).toContain('vault_auth_injector_review_duration_seconds_bucket{le="0.0001"} 0');
    expect(lines).toContain('vault_auth_injector_review_duration_seconds_bucket{le="0.00025"} 1');
    expect(lines).toContain('vault_auth_injector_review_duration_seconds_bucket{le="5"} 2');
    expect(lines).toContain('vault_auth_injector_request_body_bytes_bucket{le="16384"} 3');
  });

  it('counts requests that were not answered with a review (Q40)', async () => {
    metrics.shed('in_flight');
    metrics.rejected(413);
    metrics.failed();
    metrics.tlsHandshakeFailed();
    const lines = await scrape(metrics);
    expect(lines).toContain('vault_auth_injector_requests_shed_total{cause="in_flight"} 1');
    expect(lines).toContain('vault_auth_injector_requests_rejected_total{status="413"} 1');
    expect(lines).toContain('vault_auth_injector_internal_errors_total 1');
    expect(lines).toContain('vault_auth_injector_tls_handshake_errors_total 1');
  });

  it('reads gauges at the scrape and omits those without a value', async () => {
    expect((await scrape(metrics)).some((line) => line.startsWith('vault_auth_injector_certificate_expiry_seconds '))).toBe(
      false,
    );
    metrics.watch({ inFlight: () => 7, draining: () => true });
    metrics.watch({ certificateEnd: () => new Date(Date.now() + 3_600_000), tlsProblem: () => 'the CA is not published' });
    const lines = await scrape(metrics);
    expect(lines).toContain('vault_auth_injector_requests_in_flight 7');
    expect(lines).toContain('vault_auth_injector_draining 1');
    expect(lines).toContain('vault_auth_injector_tls_problem 1');
    expect(Number(/_certificate_expiry_seconds (\d\S+)/.exec(lines.join('\n'))?.[1])).toBeCloseTo(3600, -2);
    expect(lines).toContain(`vault_auth_injector_build_info{version="1.2.3",commit="abc",node="${process.version}"} 1`);
    expect(lines.some((line) => line.startsWith('process_cpu_seconds_total '))).toBe(true);
  });

  it('has the metrics of vault-k8s', async () => {
    const compat = createCompatMetrics(metrics.registry, () => 3);
    compat.processed(7);
    compat.injected('shop', 'init_and_sidecar');
    compat.denied('shop');
    const lines = await scrape(metrics);
    expect(lines).toContain('# TYPE vault_agent_injector_request_queue_length gauge');
    expect(lines).toContain('vault_agent_injector_request_queue_length 3');
    const bounds = lines.flatMap(
      (line) => /^vault_agent_injector_request_processing_duration_ms_bucket\{le="(.+)"\}/.exec(line)?.[1] ?? [],
    );
    expect(bounds).toEqual('5 10 25 50 75 100 250 500 1000 2500 5000 7500 10000 +Inf'.split(' '));
    expect(lines).toContain(
      'vault_agent_injector_injections_by_namespace_total{namespace="shop",injection_type="init_and_sidecar"} 1',
    );
    expect(lines).toContain('vault_agent_injector_failed_injections_by_namespace_total{namespace="shop"} 1');
  });

  it('counts a real namespace after any number of invented ones, with bounded memory', async () => {
    const own = createMetrics({ version: '1', commit: 'c' });
    const compat = createCompatMetrics(own.registry, () => 0);
    compat.injected('idle', 'init_only');
    for (let index = 0; index < 12_000; index += 1) {
      compat.injected('busy', 'init_only');
      compat.denied(`invented-${index}`);
    }
    compat.injected('new', 'sidecar_only');
    compat.injected('new', 'sidecar_only');
    compat.denied('x'.repeat(64));
    compat.denied('No\nName');
    const lines = await scrape(own);
    const name = 'vault_agent_injector_injections_by_namespace_total';
    expect(lines).toContain(`${name}{namespace="new",injection_type="sidecar_only"} 2`);
    expect(lines).toContain(`${name}{namespace="busy",injection_type="init_only"} 12000`);
    expect(lines.some((line) => line.includes('"idle"'))).toBe(false);
    expect(lines).toContain('vault_agent_injector_failed_injections_by_namespace_total{namespace="_other"} 2');
    expect(lines.filter((line) => line.includes('{namespace=')).length).toBeLessThanOrEqual(10_000);
    expect(await scrape(own)).toContain(`${name}{namespace="new",injection_type="sidecar_only"} 2`);
  });
});
