// Connections over time: kept longer than clients keep them, ended by an answer, and shed when there is too much.
import { setTimeout as sleep } from 'node:timers/promises';
import { goLikeAgent, raw, review, send, statuses } from './client.ts';
import { metric, startServer, stopServers, type TestServer } from './fixture.ts';
import { eventually } from '../support/eventually.ts';

afterEach(stopServers);

/** Waits until the server has so many requests that are not answered. */
const untilInFlight = (server: TestServer, count: number): Promise<unknown> =>
  eventually(async () => (await metric(server.metrics, 'vault_auth_injector_requests_in_flight')) === count);

const head = (length: number): string =>
  `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

it('keeps an idle connection longer than the 5 s of Node.js', async () => {
  const { port } = await startServer();
  const agent = goLikeAgent();
  expect((await send(port, review(), { agent })).reusedSocket).toBe(false);
  await sleep(6500);
  const second = await send(port, review(), { agent });
  expect([second.status, second.reusedSocket]).toEqual([200, true]);
  expect(second.headers['keep-alive']).toBe('timeout=120');
  agent.destroy();
}, 300_000);

it('closes a connection with a response after its number of requests', async () => {
  const { port } = await startServer({ limits: { connectionRequests: 10 } });
  const agent = goLikeAgent();
  const reused: boolean[] = [];
  for (let count = 0; count < 30; count += 1) {
    const answer = await send(port, review(), { agent });
    expect(answer.status).toBe(200);
    reused.push(answer.reusedSocket);
  }
  const connections = reused.filter((was) => !was).length;
  expect(connections).toBeGreaterThanOrEqual(3);
  expect(connections).toBeLessThanOrEqual(4);
  agent.destroy();
});

it('closes a connection with a response after its maximum age', async () => {
  const { port } = await startServer({ limits: { connectionAgeMs: 100 } });
  const agent = goLikeAgent();
  await send(port, review(), { agent });
  await sleep(150);
  expect((await send(port, review(), { agent })).headers['connection']).toBe('close');
  expect((await send(port, review(), { agent })).reusedSocket).toBe(false);
  agent.destroy();
});

it('answers too many requests at once with 503, so that the API server tries again', async () => {
  const server = await startServer({ limits: { maxInFlight: 2, slowRequestMs: 60_000 } });
  const waiting = await Promise.all([raw(server.port, head(10)), raw(server.port, head(10))]);
  await untilInFlight(server, 2);
  const answer = await send(server.port, review());
  expect(answer.status).toBe(503);
  expect(answer.headers).toMatchObject({ 'retry-after': '1', connection: 'close' });
  expect(await metric(server.metrics, 'vault_auth_injector_requests_shed_total{cause="in_flight"}')).toBe(1);
  expect(await metric(server.metrics, 'vault_auth_injector_requests_in_flight')).toBe(2);
  waiting[0]?.socket.write('0123456789');
  await eventually(() => statuses(waiting[0]?.received() ?? '').length > 0);
  expect(statuses(waiting[0]?.received() ?? '')).toEqual([400]);
  await untilInFlight(server, 1);
  expect((await send(server.port, review())).status).toBe(200);
  for (const { socket } of waiting) socket.destroy();
});

it('gives the slot of a slow request to a new one', async () => {
  const server = await startServer({ limits: { maxInFlight: 1, slowRequestMs: 50 } });
  const slow = await raw(server.port, `${head(10)}123`);
  await sleep(150);
  expect((await send(server.port, review())).status).toBe(200);
  expect(statuses(await slow.closed)).toEqual([503]);
  await untilInFlight(server, 0);
  expect(await metric(server.metrics, 'vault_auth_injector_requests_shed_total{cause="slow"}')).toBe(1);
});

it('bounds the memory of all unfinished bodies together', async () => {
  const server = await startServer({ limits: { maxBufferedBytes: 1000 } });
  const waiting = await raw(server.port, head(900) + 'x'.repeat(800));
  await untilInFlight(server, 1);
  expect((await send(server.port, 'x'.repeat(300))).status).toBe(503);
  expect((await send(server.port, review())).status).toBe(200);
  waiting.socket.destroy();
  await untilInFlight(server, 0);
  expect((await send(server.port, 'x'.repeat(900))).status).toBe(400);
});

it('does not review a request whose timeout has passed', async () => {
  let reviews = 0;
  const server = await startServer({
    review: () => {
      reviews += 1;
      return { status: 200, body: '{}', record: undefined };
    },
  });
  const late = await raw(server.port, head(2).replace('/mutate', '/mutate?timeout=50ms'));
  await sleep(150);
  late.socket.write('{}');
  await late.closed;
  expect(statuses(late.received())).toEqual([503]);
  expect(late.received()).toMatch(/retry-after: 1/i);
  expect(reviews).toBe(0);
});

it('drops a request whose client has closed the connection', async () => {
  const server = await startServer();
  const gone = await raw(server.port, `${head(100)}half`);
  await untilInFlight(server, 1);
  gone.socket.destroy();
  await untilInFlight(server, 0);
});

it('answers pipelined requests in order', async () => {
  const { port } = await startServer();
  const [one, two] = [review('one'), review('two')];
  const both = await raw(port, `${head(one.length)}${one}${head(two.length)}${two}`);
  await eventually(() => statuses(both.received()).length >= 2);
  expect(both.received().indexOf('"one"')).toBeLessThan(both.received().indexOf('"two"'));
  both.socket.destroy();
});
