// Stopping loses nothing: steady clients that keep connections as an API server does see no failure.
import { setTimeout as sleep } from 'node:timers/promises';
import { onStopSignals } from '../../src/http/drain.ts';
import { type Answer, goLikeAgent, raw, review, send } from './client.ts';
import { metric, startServer, stopServers } from './fixture.ts';
import { eventually } from '../support/eventually.ts';

afterEach(stopServers);

it('keeps serving while it drains (Q18), closes each connection with a response, and stops when it is idle', async () => {
  const server = await startServer({ limits: { drainMinMs: 600, drainIdleMs: 300 } });
  const agent = goLikeAgent();
  // The clients stop soon after the endpoint has gone from their view, as API servers do.
  const traffic = { stop: false };
  const answers: Answer[] = [];
  const failures: unknown[] = [];
  const clients = Array.from({ length: 8 }, async () => {
    while (!traffic.stop) {
      await send(server.port, review(), { agent }).then(
        (answer) => answers.push(answer),
        (error: unknown) => failures.push(error),
      );
      await sleep(5);
    }
  });
  await eventually(() => answers.length > 20);
  const before = answers.length;
  const drained = server.drain();
  expect(server.reasons()).toContain('the server is draining');
  await sleep(500);
  await eventually(() => answers.length > before + 20 || failures.length > 0);
  traffic.stop = true;
  await Promise.all(clients);
  const during = answers.slice(before + 8);
  await drained;
  agent.destroy();
  expect(failures).toEqual([]);
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect(during.length).toBeGreaterThan(8);
  expect(during.every(({ headers }) => headers['connection'] === 'close')).toBe(true);
  await expect(send(server.port, review())).rejects.toThrow('ECONNREFUSED');
}, 300_000);

it('waits until it is idle beyond the minimum, but not beyond the maximum', async () => {
  const server = await startServer({ limits: { drainMinMs: 50, drainIdleMs: 2000, drainMaxMs: 3000 } });
  const start = performance.now();
  const state = { drained: false };
  const drained = server.drain().then(() => (state.drained = true));
  while (!state.drained) {
    await send(server.port, review()).catch(() => undefined);
    await sleep(20);
  }
  await drained;
  const took = performance.now() - start;
  // Timers may come a little early.
  expect(took).toBeGreaterThanOrEqual(2900);
  expect(took).toBeLessThan(30_000);
});

it('finishes a review that is still arriving, and closes the connection of one that never ends', async () => {
  const server = await startServer({ limits: { drainIdleMs: 20, drainSettleMs: 3000 } });
  const head = 'POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length:';
  const finishing = await raw(server.port, `${head} ${review().length}\r\n\r\n{`);
  const endless = await raw(server.port, `${head} 1000\r\n\r\n{`);
  await eventually(async () => (await metric(server.metrics, 'vault_auth_injector_requests_in_flight')) === 2);
  const drained = server.drain();
  await sleep(100);
  finishing.socket.write(review().slice(1));
  expect(await finishing.closed).toMatch(/^HTTP\/1\.1 200 [^]*connection: close/i);
  await drained;
  expect(await endless.closed).toBe('');
});

it('drains once, however often it is called', async () => {
  const server = await startServer();
  expect(server.drain()).toBe(server.drain(true));
  await server.drain();
});

describe('signals', () => {
  it('stop gracefully first and at once the second time', async () => {
    const codes: number[] = [];
    const hurries: boolean[] = [];
    let finish: (() => void) | undefined;
    const stop = (hurry: boolean): Promise<void> => {
      hurries.push(hurry);
      return new Promise((resolve) => (finish = resolve));
    };
    let hangUps = 0;
    const forget = onStopSignals({ stop, end: (code) => void codes.push(code), hungUp: () => void (hangUps += 1) });
    process.emit('SIGHUP', 'SIGHUP');
    expect([hangUps, hurries, codes]).toEqual([1, [], []]);
    process.emit('SIGTERM', 'SIGTERM');
    expect([hurries, codes]).toEqual([[false], []]);
    process.emit('SIGTERM', 'SIGTERM');
    expect(codes).toEqual([143]);
    finish?.();
    await sleep(1);
    expect(codes).toEqual([143, 0]);
    forget();
  });
});
