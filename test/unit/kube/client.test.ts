import { type KubeClient, kubeClient } from '../../../src/kube/client.ts';
import type { KubeConnection } from '../../../src/kube/kubeconfig.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { bodyOf, type FakeApi, fakeApi } from './fake-api.ts';

const opened: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.stop();
});

const api = async (answer: Parameters<typeof fakeApi>[0]): Promise<FakeApi> => {
  const fake = await fakeApi(answer);
  opened.push(fake);
  return fake;
};
const clientOf = (connection: KubeConnection, now?: () => number): KubeClient => {
  const client = kubeClient({ connection, userAgent: 'tester/1', ...(now ? { now } : {}) });
  opened.push({ stop: () => client.close() });
  return client;
};
const failure = (promise: Promise<unknown>): Promise<KubeError> =>
  promise.then(
    () => Promise.reject(new Error('it succeeded')),
    (error: unknown) => (error instanceof KubeError ? error : Promise.reject(error)),
  );

test('sends method, path, query, headers and body, over one connection', async () => {
  const seen: string[] = [];
  const fake = await api((request, response) => {
    void respond();
    async function respond(): Promise<void> {
      const body = await bodyOf(request);
      const { authorization, 'content-type': type = '', 'user-agent': agent } = request.headers;
      seen.push(`${request.method} ${request.url} ${authorization} ${agent} ${type} ${body}`);
      response.end('{"answer": 42}');
    }
  });
  const client = clientOf(fake.connection({ authorization: 'Bearer abc' }));
  expect(
    await client.request<{ answer: number }>({ method: 'GET', path: '/api/v1/pods', query: { limit: 5, watch: false } }),
  ).toEqual({ answer: 42 });
  const apply = {
    method: 'PATCH',
    path: '/x',
    contentType: 'application/apply-patch+yaml',
    query: { fieldManager: 'me', force: true },
    body: { ä: 1 },
  } as const;
  await client.request(apply);
  expect(seen).toEqual([
    'GET /api/v1/pods?limit=5&watch=false Bearer abc tester/1  ',
    'PATCH /x?fieldManager=me&force=true Bearer abc tester/1 application/apply-patch+yaml {"ä":1}',
  ]);
  expect(fake.sockets).toHaveLength(1);
});

test('an error has the status, reason and message of the API server, and never quotes another body', async () => {
  const fake = await api((request, response) => {
    response.statusCode = request.url === '/html' ? 502 : 403;
    response.end(
      request.url === '/html' ? '<html>secret</html>' : '{"kind":"Status","reason":"Forbidden","message":"secrets is forbidden"}',
    );
  });
  const client = clientOf(fake.connection());
  expect(await failure(client.request({ method: 'GET', path: '/x' }))).toMatchObject({
    status: 403,
    reason: 'Forbidden',
    message: 'GET /x: secrets is forbidden',
  });
  expect(await failure(client.request({ method: 'GET', path: '/html' }))).toMatchObject({
    status: 502,
    reason: 'Status502',
    message: 'GET /html: the API server returned status 502',
  });
});

test('a missing server, a hanging server and an endless response fail in bounded time and memory', async () => {
  const fake = await api((request, response) => {
    if (request.url === '/half') response.write('{"a":');
    if (request.url !== '/endless') return;
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(1 << 20, 32)));
    };
    response.on('drain', more);
    more();
  });
  const client = clientOf(fake.connection());
  for (const path of ['/silent', '/half']) {
    expect(await failure(client.request({ method: 'POST', path, timeoutMs: 100 }))).toMatchObject({
      status: 0,
      reason: 'Timeout',
    });
  }
  expect((await failure(client.request({ method: 'GET', path: '/endless' }))).message).toContain('more than 33554432 bytes');
  const stop = AbortSignal.timeout(50);
  expect(await failure(client.request({ method: 'GET', path: '/silent', signal: stop }))).toMatchObject({
    reason: 'Unreachable',
  });
  await fake.stop();
  const gone = await failure(clientOf(fake.connection()).request({ method: 'GET', path: '/x' }));
  expect(gone).toMatchObject({ status: 0, reason: 'Unreachable' });
  expect(gone.message).toMatch(/^GET \/x: cannot reach the API server at https:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/);
});

test('retries a GET on a kept connection that the server has closed, but not a POST', async () => {
  const answered = new Set<unknown>();
  const fake = await api((request, response) => {
    // Resets the second request of each connection, as a server does that closes an idle connection at that moment.
    if (answered.has(request.socket)) request.socket.destroy();
    else response.end('{}');
    answered.add(request.socket);
  });
  const client = clientOf(fake.connection());
  for (let call = 0; call < 3; call++) expect(await client.request({ method: 'GET', path: '/' })).toEqual({});
  expect(fake.sockets).toHaveLength(3);
  expect(await failure(client.request({ method: 'POST', path: '/' }))).toMatchObject({ reason: 'Unreachable' });
});

test('reads the credentials again after a minute, after a 401, and after a failure to read them', async () => {
  const tokens = ['one', 'two', 'three', 'five'];
  let now = 0;
  const shown: unknown[] = [];
  const fake = await api((request, response) => {
    shown.push(request.headers.authorization);
    response.statusCode = shown.length === 3 ? 401 : 200;
    response.end('{}');
  });
  const usual = fake.connection();
  const credentials: KubeConnection['credentials'] = async () => {
    const authorization = tokens.shift();
    if (authorization === 'three') throw new Error('the token file is being replaced');
    return { ...(await usual.credentials()), authorization };
  };
  const client = clientOf({ ...usual, credentials }, () => now);
  const get = (): Promise<unknown> => client.request({ method: 'GET', path: '/' });
  await get();
  now = 59_000;
  await get();
  now = 60_000;
  expect(await failure(get())).toMatchObject({ status: 401 });
  expect((await failure(get())).message).toContain('the token file is being replaced');
  await get();
  expect(shown).toEqual(['one', 'one', 'two', 'five']);
});
