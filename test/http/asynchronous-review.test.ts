// A review that needs a look-up: other reviews are answered meanwhile, and its failure is an internal error.
import type { Reply } from '../../src/admission/review.ts';
import { raw, send } from './client.ts';
import { metric, startServer, stopServers } from './fixture.ts';
import { eventually } from '../support/eventually.ts';

afterEach(stopServers);

const reply = (body: string): Reply => ({ status: 200, body, record: undefined });

it('answers other reviews while one waits', async () => {
  const released: ((late: Reply) => void)[] = [];
  const timesLeft: (number | undefined)[] = [];
  const server = await startServer({
    review: (body, timeLeftMs) => {
      timesLeft.push(timeLeftMs);
      return body.toString() === 'slow' ? new Promise((resolve) => released.push(resolve)) : reply('at once');
    },
  });
  const slow = send(server.port, 'slow', { path: '/mutate?timeout=5s' });
  while (released.length === 0) expect((await send(server.port, 'quick')).body).toBe('at once');
  released[0]?.(reply('late'));
  expect(await slow).toMatchObject({ status: 200, body: 'late' });
  expect(timesLeft.filter((milliseconds) => milliseconds !== undefined)).toEqual([expect.any(Number)]);
  expect(Math.max(...timesLeft.map((milliseconds) => milliseconds ?? 0))).toBeLessThanOrEqual(5000);
});

it('answers a failed one with 500 and no details', async () => {
  const server = await startServer({ review: () => Promise.reject(new Error('a secret')) });
  expect(await send(server.port, 'any')).toMatchObject({ status: 500, body: 'internal error\n' });
  expect(await metric(server.metrics, 'vault_auth_injector_internal_errors_total')).toBe(1);
  expect(server.lines.join('')).not.toContain('a secret');
});

it('survives a client that closed the connection', async () => {
  const released: ((late: Reply) => void)[] = [];
  let calls = 0;
  const server = await startServer({
    review: () => {
      calls += 1;
      return calls === 1 ? new Promise((resolve) => released.push(resolve)) : reply('at once');
    },
  });
  const gone = await raw(
    server.port,
    'POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\nany',
  );
  await eventually(() => released.length === 1);
  gone.socket.destroy();
  await eventually(async () => (await metric(server.metrics, 'vault_auth_injector_requests_in_flight')) === 0);
  released[0]?.(reply('late'));
  expect((await send(server.port, 'any')).body).toBe('at once');
});

it('reports the reason of another component in readiness', async () => {
  let notReady: string | undefined = 'not yet';
  const server = await startServer({ notReady: () => notReady });
  expect(server.reasons()).toEqual(['not yet']);
  notReady = undefined;
  expect(server.reasons()).toEqual([]);
});
