// Failures of the connection: what the client retries, and what it reports.
import { issueCa, issueLeaf } from '../../../src/tls/issue.ts';
import { clientOf, fakeServer, failure, opened, start } from './fake-server.ts';
import { eventually } from '../../support/eventually.ts';

test('retries a read whose connection was cut; does not retry a write that was sent, and reports it as unknown', async () => {
  const { fake, client } = await start((seen, response) => {
    if (seen.method === 'GET' && fake.seen.length > 1) return { status: 200 };
    response.destroy();
    return undefined;
  });
  await client.request({ method: 'GET', path: 'a' });
  expect(fake.seen).toHaveLength(2);
  const error = await failure(client.request({ method: 'POST', path: 'a', body: {} }));
  expect(error).toMatchObject({ kind: 'CutOff', status: 0, written: 'unknown' });
  expect(fake.seen).toHaveLength(3);
});

test('does not retry during an outage', async () => {
  let down = true;
  const { fake, client } = await start(() => ({ status: down ? 503 : 200 }));
  const ask = (): Promise<unknown> => client.request({ method: 'GET', path: 'a' });
  await failure(ask());
  expect(fake.seen).toHaveLength(3);
  await failure(ask());
  await failure(ask());
  expect(fake.seen).toHaveLength(5);
  down = false;
  await ask();
  down = true;
  await failure(ask());
  expect(fake.seen).toHaveLength(9);
});

test('rejects a response that is cut in the middle or too large', async () => {
  const { client } = await start((seen, response) => {
    if (seen.url === '/v1/large') return { status: 200, body: { data: 'x'.repeat(1024 * 1024) } };
    if (seen.url === '/v1/large?list=true') return { status: 200, body: { data: { keys: ['x'.repeat(1024 * 1024)] } } };
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{');
    setTimeout(() => response.destroy(), 20);
    return undefined;
  });
  expect(await failure(client.request({ method: 'POST', path: 'cut', body: {} }))).toMatchObject({ kind: 'CutOff' });
  expect(await failure(client.request({ method: 'GET', path: 'large' }))).toMatchObject({ kind: 'Unreadable' });
  expect((await client.request({ method: 'LIST', path: 'large' })).data).toBeDefined();
});

test('times out when the server hangs, and rejects with the reason of the caller’s signal', async () => {
  const { fake, client } = await start(() => undefined);
  expect(await failure(client.request({ method: 'POST', path: 'a', body: {}, timeoutMs: 100 }))).toMatchObject({
    kind: 'Timeout',
    written: 'unknown',
  });
  const cancel = new AbortController();
  const call = client.request({ method: 'GET', path: 'a', signal: cancel.signal });
  await eventually(() => fake.seen.length >= 2);
  cancel.abort(new Error('cancelled'));
  await expect(call).rejects.toThrow('cancelled');
});

test('reports a refused connection and a name that does not resolve', async () => {
  const { fake, client } = await start(() => ({ status: 200 }));
  await fake.stop();
  expect(await failure(client.request({ method: 'POST', path: 'a', body: {} }))).toMatchObject({
    kind: 'ConnectionFailed',
    written: 'no',
    message: expect.stringMatching(/^POST a: cannot reach http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/),
  });
  const lost = clientOf('http://vault.invalid:8200');
  opened.push({ stop: () => lost.close() });
  expect(await failure(lost.request({ method: 'GET', path: 'a' }))).toMatchObject({ kind: 'DNSFailed', written: 'no' });
});

describe('TLS', () => {
  const dates = { notBefore: new Date(Date.now() - 300_000), notAfter: new Date(Date.now() + 86_400_000) };
  const authority = issueCa({ commonName: 'right', ...dates });
  const stranger = issueCa({ commonName: 'wrong', ...dates });
  const leaf = (usage: 'server' | 'client'): ReturnType<typeof issueLeaf> =>
    issueLeaf({
      ca: authority,
      commonName: 'vault.example',
      dnsNames: ['vault.example'],
      ipAddresses: [],
      usages: [usage],
      ...dates,
    });
  const server = leaf('server');
  const user = leaf('client');

  test.each([
    ['another CA', { ca: stranger.certificate, serverName: 'vault.example' }, 'TLSFailed'],
    ['the CA certificates of Node', { serverName: 'vault.example' }, 'TLSFailed'],
    ['another name', { ca: authority.certificate }, 'TLSFailed'],
    ['no client certificate', { ca: authority.certificate, serverName: 'vault.example' }, 'TLSFailed'],
    ['an invalid client certificate', { ca: authority.certificate, certificate: 'x', key: 'y' }, 'TLSFailed'],
  ])('sends nothing with %s', async (_, tls, kind) => {
    const fake = await fakeServer(() => ({ status: 200 }), {
      key: server.key,
      cert: server.certificate,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const client = clientOf(fake.address, { tls });
    opened.push(fake, { stop: () => client.close() });
    expect(await failure(client.request({ method: 'POST', path: 'a', body: {} }))).toMatchObject({ kind, written: 'no' });
    expect(fake.seen).toEqual([]);
    const right = clientOf(fake.address, {
      tls: { ca: authority.certificate, serverName: 'vault.example', certificate: user.certificate, key: user.key },
    });
    opened.push({ stop: () => right.close() });
    expect((await right.request({ method: 'GET', path: 'a' })).status).toBe(200);
  });

  test('fails towards a server that speaks plain HTTP', async () => {
    const { fake } = await start(() => ({ status: 200 }));
    const client = clientOf(fake.address.replace('http:', 'https:'));
    opened.push({ stop: () => client.close() });
    expect(await failure(client.request({ method: 'GET', path: 'a' }))).toMatchObject({ kind: 'TLSFailed' });
  });
});
