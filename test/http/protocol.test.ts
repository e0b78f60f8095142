// What the TLS port answers to requests of every kind, with a stub review.
import { review, send } from './client.ts';
import { startServer, stopServers, type TestServer } from './fixture.ts';

afterAll(stopServers);

describe('the review path', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ limits: { maxBodyBytes: 1000 } });
  });

  it('answers a review with JSON (Q34), without caching headers and without headers that identify the server', async () => {
    const answer = await send(server.port, review('a-uid'), { path: '/mutate?timeout=5s' });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toEqual({ response: { uid: 'a-uid', allowed: true } });
    expect(answer.headers['content-type']).toBe('application/json');
    for (const name of ['etag', 'x-powered-by', 'server', 'last-modified']) expect(answer.headers).not.toHaveProperty(name);
  });

  it.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON', 'application/json;q=1;x=y'])(
    'takes content type %s (Q15)',
    async (type) => {
      expect((await send(server.port, review(), { headers: { 'content-type': type } })).status).toBe(200);
    },
  );

  it.each([
    ['another content type', 415, { headers: { 'content-type': 'application/yaml' } }, review()],
    ['a content type that only starts alike', 415, { headers: { 'content-type': 'application/json-patch+json' } }, review()],
    ['GET', 405, { method: 'GET' }, ''],
    ['HEAD', 405, { method: 'HEAD' }, ''],
    ['PUT', 405, { method: 'PUT' }, review()],
    ['OPTIONS', 405, { method: 'OPTIONS' }, ''],
    ['another path', 404, { path: '/nowhere' }, review()],
    ['a path below', 404, { path: '/mutate/more' }, review()],
    ['a slash more', 404, { path: '/mutate/' }, review()],
    ['another case', 404, { path: '/MUTATE' }, review()],
    ['a path that cannot be decoded', 404, { path: '/%E0%A4%A' }, review()],
    ['health and metrics, which have their own port', 404, { path: '/metrics', method: 'GET' }, ''],
    ['no body', 400, {}, ''],
    ['a declared body that is too large', 413, {}, 'x'.repeat(1001)],
    ['what the review rejects', 400, {}, '{}'],
  ])('refuses %s with %i', async (_what, status, options, body) => {
    const answer = await send(server.port, body, options);
    expect(answer.status).toBe(status);
    expect(answer.body.length).toBeLessThan(100);
    expect(answer.body.trimEnd()).not.toContain('\n');
    expect(answer.body).not.toMatch(/node|express|v?\d+\.\d+\.\d+|at .*\.ts/i);
    if (status === 405) expect(answer.headers).toHaveProperty('allow', 'POST');
  });

  it('accepts a body of exactly the limit', async () => {
    const body = review('u'.repeat(1000 - review('').length));
    expect(body).toHaveLength(1000);
    expect((await send(server.port, body)).status).toBe(200);
  });

  it('counts and logs a rejection without its content', async () => {
    await send(server.port, '{"secret":"canary"}');
    expect(await server.metrics.registry.metrics()).toMatch(/requests_rejected_total\{status="400"\} [1-9]/);
    expect(server.lines.join('')).toContain('"status":400');
    expect(server.lines.join('')).not.toContain('canary');
  });

  it('answers 500 without details when the review throws, and keeps serving', async () => {
    const broken = await startServer({
      review: () => {
        throw new Error('canary of the request');
      },
    });
    const answer = await send(broken.port, review());
    expect([answer.status, answer.body]).toEqual([500, 'internal error\n']);
    const log = broken.lines.join('');
    expect(log).toContain('protocol.test.ts');
    expect(log).not.toContain('canary');
    expect(await broken.metrics.registry.metrics()).toContain('vault_auth_injector_internal_errors_total 1');
    expect((await send(broken.port, review())).status).toBe(500);
  });
});

describe('the review path behind agent-inject', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ compat: { telemetryPath: '/telemetry' } });
  });

  it.each([
    ['PUT of a review', 200, { method: 'PUT' }, review()],
    ['GET without a body', 400, { method: 'GET' }, ''],
    ['another content type', 400, { headers: { 'content-type': 'text/plain' } }, review()],
    ['a charset', 200, { headers: { 'content-type': 'application/json; charset=utf-8' } }, review()],
    ['readiness', 204, { method: 'GET', path: '/health/ready' }, ''],
    ['another path', 404, { path: '/nowhere' }, review()],
  ])('answers %s with %i', async (_what, status, options, body) => {
    expect((await send(server.port, body, options)).status).toBe(status);
  });

  it('serves the metrics of vault-k8s on the telemetry path', async () => {
    await send(server.port, review());
    const { status, body, headers } = await send(server.port, '', { method: 'GET', path: '/telemetry' });
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^text\/plain/);
    expect(body).toMatch(
      /vault_agent_injector_injections_by_namespace_total\{namespace="shop",injection_type="init_and_sidecar"\} \d/,
    );
    expect(body).toMatch(/vault_agent_injector_request_processing_duration_ms_count [1-9]/);
    expect(body).toContain('vault_agent_injector_request_queue_length 0');
  });
});
