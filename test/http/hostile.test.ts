// What a hostile or broken client can send. Each has a defined answer, the process lives, and others are served meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { type RawConnection, raw, review, send, statuses } from './client.ts';
import { metric, startServer, stopServers, type TestServer } from './fixture.ts';
import { realReview } from './real-review.ts';
import { eventually } from '../support/eventually.ts';

const MEBIBYTE = 1024 * 1024;
const LIMIT = 7 * MEBIBYTE;
const head = (...headers: readonly string[]): string =>
  ['POST /mutate HTTP/1.1', 'host: x', 'content-type: application/json', ...headers, '', ''].join('\r\n');
const envelope = (object: string, more = ''): string =>
  `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"${more},"request":{"uid":"u","namespace":"shop","operation":"CREATE","object":${object}}}`;
const pod = (annotations: string): string =>
  `{"metadata":{"name":"p","annotations":${annotations}},"spec":{"containers":[{"name":"c","image":"i"}]}}`;

const placesTaken = ({ metrics }: TestServer) =>
  metric(metrics, 'vault_auth_injector_requests_in_flight').then((count) => count ?? -1);

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ review: realReview({ compat: false }), logLevel: 'trace' });
});
afterAll(stopServers);
afterEach(async () => {
  const { status } = await send(server.port, envelope(pod('{}')));
  expect(status).toBe(200);
  await eventually(async () => (await placesTaken(server)) === 0);
  expect(await placesTaken(server)).toBe(0);
});

describe('bodies', () => {
  it.each([
    ['not JSON', 'not json', 400],
    ['YAML', 'apiVersion: admission.k8s.io/v1\nkind: AdmissionReview\n', 400],
    ['a truncated review', envelope(pod('{}')).slice(0, 50), 400],
    ['a JSON array', '[]', 400],
    ['a JSON text', '"text"', 400],
    ['null', 'null', 400],
    ['a zero byte', '\u0000', 400],
    ['bytes that are not UTF-8', Buffer.from([0xff, 0xfe, 0x7b, 0x7d]), 400],
    ['no request', '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}', 400],
    ['a request that is not an object', '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":7}', 400],
    ['another version', envelope(pod('{}')).replace('k8s.io/v1', 'k8s.io/v9'), 400],
    ['another kind', envelope(pod('{}')).replace('AdmissionReview', 'Pod'), 400],
    ['10,000 nested lists', '['.repeat(10_000) + ']'.repeat(10_000), 400],
    [
      '10,000 nested lists in a pod',
      envelope(`{"metadata":{"annotations":{}},"spec":${'['.repeat(10_000)}${']'.repeat(10_000)}}`),
      200,
    ],
    [
      '10,000 nested lists in an annotation',
      envelope(pod(`{"vault.hashicorp.com/agent-inject":"true","a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)),
      200,
    ],
    ['100,000 nested lists that are not closed', '['.repeat(100_000), 400],
    [
      '__proto__ everywhere',
      envelope(pod('{"__proto__":{"vault.hashicorp.com/agent-inject":"true"}}'), ',"__proto__":{"request":{}}'),
      200,
    ],
    ['a constructor and a prototype', envelope(pod('{"constructor":{"prototype":{"polluted":"yes"}}}')), 200],
    ['duplicate keys', envelope(pod('{"a":"1","a":"2"}'), ',"kind":"AdmissionReview"'), 200],
    ['lone surrogates', envelope(pod('{"vault.hashicorp.com/agent-inject":"true","vault.hashicorp.com/role":"\\ud800"}')), 200],
    [
      'numbers beyond measure',
      envelope('{"metadata":{},"spec":{"containers":[],"priority":1e999,"x":123456789012345678901234567890}}'),
      200,
    ],
    ['a pod that is null', envelope('null'), 200],
    ['a pod that is a text', envelope('"pod"'), 200],
  ])('%s', async (_what, body, status) => {
    const answer = await send(server.port, body);
    expect(answer.status).toBe(status);
    if (status === 200) expect(JSON.parse(answer.body)).toHaveProperty('response.uid', 'u');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('are rejected unread when they declare one byte more than 7 MiB', async () => {
    const connection = await raw(server.port, head(`content-length: ${LIMIT + 1}`));
    expect(statuses(await connection.closed)).toEqual([413]);
  });

  it('of one byte more than 7 MiB, sent whole, receive the response', async () => {
    expect((await send(server.port, Buffer.alloc(LIMIT + 1, 'x'))).status).toBe(413);
  });

  it('of 7 MiB are read', async () => {
    const body = envelope(pod(`{"note":"${'x'.repeat(LIMIT - envelope(pod('{"note":""}')).length)}"}`));
    expect(body).toHaveLength(LIMIT);
    expect((await send(server.port, body)).status).toBe(200);
  });

  it('of endless chunks are rejected at the limit', async () => {
    const connection = await raw(server.port, head('transfer-encoding: chunked'));
    connection.socket.on('error', () => {});
    const chunk = `10000\r\n${'x'.repeat(0x1_0000)}\r\n`;
    let sent = 0;
    const more = (): void => {
      while (!connection.socket.destroyed && sent < 2 * LIMIT) {
        sent += 0x1_0000;
        if (!connection.socket.write(chunk)) return void connection.socket.once('drain', more);
      }
    };
    more();
    expect(statuses(await connection.closed)).toEqual([413]);
  });
});

describe('framing', () => {
  const body = review();
  const attack = 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n';
  it.each([
    [
      'both length and chunks',
      `${head(`content-length: ${body.length}`, 'transfer-encoding: chunked')}0\r\n\r\n${attack}`,
      [400],
    ],
    ['two lengths', `${head('content-length: 5', 'content-length: 50')}${body}`, [400]],
    ['a list of lengths', `${head('content-length: 5, 50')}${body}`, [400]],
    ['a negative length', `${head('content-length: -1')}${body}`, [400]],
    ['a length with a sign', `${head('content-length: +5')}${body}`, [400]],
    ['chunked that is not last', `${head('transfer-encoding: chunked, identity')}0\r\n\r\n`, [400]],
    ['an unknown coding', `${head('transfer-encoding: xchunked')}0\r\n\r\n`, [400]],
    ['a chunk size that is not a number', `${head('transfer-encoding: chunked')}zz\r\n`, [400]],
    ['a header with a space before its colon', `${head('content-length : 5')}${body}`, [400]],
    ['a folded header', `${head('x-a: 1\r\n b', 'content-length: 2')}{}`, [400]],
    ['line feeds alone', 'POST /mutate HTTP/1.1\nhost: x\ncontent-length: 2\n\n{}', [400]],
    ['no host', 'POST /mutate HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}', [400]],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400]],
    ['a protocol other than HTTP', 'hello\r\n\r\n', [400]],
    ['headers beyond 16 KiB', head(`x-a: ${'x'.repeat(17_000)}`, 'content-length: 2'), [431]],
    ['a body longer than declared', `${head('content-length: 2')}{}garbage\r\n\r\n`, [400]],
  ])('%s', async (_what, text, expected) => {
    const connection = await raw(server.port, text);
    expect(statuses(await connection.closed)).toEqual(expected);
    expect(connection.received()).not.toContain('404');
  });

  it('closes connections with plain HTTP on the TLS port', async () => {
    await expect(send(server.port, '', { method: 'CONNECT' })).rejects.toThrow();
  });
});

describe('slow clients', () => {
  it('500 at once, sending headers or bodies byte by byte, delay no other client and are disconnected in time', async () => {
    const slow = await startServer({ limits: { headersMs: 1500, requestMs: 1500, slowRequestMs: 200, maxInFlight: 100 } });
    const connections: RawConnection[] = [];
    for (let index = 0; index < 500; index += 1) {
      const text = index % 2 ? head('content-length: 100000') : 'POST /mutate HTTP/1.1\r\nhost: x\r\n';
      connections.push(await raw(slow.port, text));
    }
    for (const { socket } of connections) socket.on('error', () => {});
    const drip = setInterval(() => {
      for (const { socket } of connections) if (socket.writable) socket.write(socket.bytesWritten % 2 ? 'x' : 'x-a: b\r\n');
    }, 200);
    const before = process.memoryUsage().rss;
    const others: number[] = [];
    try {
      for (let count = 0; count < 40; count += 1) {
        // As the API server does, once more after a Retry-After.
        let answer = await send(slow.port, review());
        for (let tries = 0; answer.status === 503 && tries < 100; tries += 1) {
          await sleep(100);
          answer = await send(slow.port, review());
        }
        others.push(answer.status);
      }
      const ends = await Promise.all(connections.map(({ closed }) => closed));
      const endings = new Set(ends.flatMap(statuses));
      expect([...endings].every((status) => [400, 408, 503].includes(status))).toBe(true);
    } finally {
      clearInterval(drip);
      for (const { socket } of connections) socket.destroy();
    }
    expect(new Set(others)).toEqual(new Set([200]));
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MEBIBYTE);
    await eventually(async () => (await placesTaken(slow)) === 0);
    expect(await placesTaken(slow)).toBe(0);
  }, 300_000);

  it('ten that send 6.9 MiB and stall keep no small review out, and a large one only until they count as slow', async () => {
    // Long enough that none of them is slow before all have sent what they send.
    const slowRequestMs = 8000;
    const stalled = await startServer({ limits: { slowRequestMs } });
    const start = `${head(`content-length: ${LIMIT}`)}${' '.repeat(LIMIT - 100_000)}`;
    const connections = await Promise.all(Array.from({ length: 10 }, () => raw(stalled.port, start)));
    for (const { socket } of connections) socket.on('error', () => {});
    try {
      await eventually(() => connections.every(({ socket }) => socket.writableLength === 0));
      const other = review().replace('"u"', `"${'u'.repeat(100_000)}"`);
      for (let count = 0; count < 10; count += 1) expect((await send(stalled.port, other)).status).toBe(200);
      await sleep(slowRequestMs);
      expect((await send(stalled.port, `${' '.repeat(LIMIT - 1000)}${review()}`)).status).toBe(200);
      expect(await metric(stalled.metrics, 'vault_auth_injector_requests_shed_total{cause="slow"}')).toBe(1);
    } finally {
      for (const { socket } of connections) socket.destroy();
    }
    await eventually(async () => (await placesTaken(stalled)) === 0);
    expect(await placesTaken(stalled)).toBe(0);
  });
});
