// The operations port, over plain HTTP.
import { request } from 'node:http';
import { startOperationsServer } from '../../src/http/operations.ts';
import { createMetrics } from '../../src/observe/metrics.ts';

const ask = (port: number, path: string, method = 'GET'): Promise<readonly [number, string]> =>
  new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve([response.statusCode ?? 0, text]));
    });
    call.on('error', reject).end();
  });

it('serves health, readiness with its reasons, and metrics', async () => {
  const reasons: string[] = [];
  const metrics = createMetrics({ version: '0.0.0', commit: 'test' });
  const listen = { host: '127.0.0.1', port: 0 };
  const { port, close } = await startOperationsServer({ listen, metrics, reasons: () => reasons });
  try {
    expect(await ask(port, '/readyz')).toEqual([200, 'ok\n']);
    reasons.push('the server is draining', 'no certificate has been loaded yet');
    expect(await ask(port, '/readyz')).toEqual([503, 'the server is draining\nno certificate has been loaded yet\n']);
    expect(await ask(port, '/healthz')).toEqual([200, 'ok\n']);
    const [status, text] = await ask(port, '/metrics');
    expect(status).toBe(200);
    expect(text).toContain('vault_auth_injector_build_info');
    expect((await ask(port, '/mutate', 'POST'))[0]).toBe(404);
    expect((await ask(port, '/metrics', 'POST'))[0]).toBe(405);
    expect(await ask(port, '/healthz', 'HEAD')).toEqual([200, '']);
    await expect(startOperationsServer({ listen: { ...listen, port }, metrics, reasons: () => [] })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: EADDRINUSE; another process listens on this port: stop it or choose another port`,
    );
  } finally {
    await close();
  }
});
