// Requests and errors of the client, against a scripted server.
import { isAbsent } from '../../../src/vault/errors.ts';
import { readHealth } from '../../../src/vault/health.ts';
import { login, lookUpSelf, renewSelf } from '../../../src/vault/login.ts';
import { failure, LIMITS, start } from './fake-server.ts';

test('sends method, path, namespace, token and body, a listing as GET, and returns warnings and data', async () => {
  const { fake, client } = await start(() => ({ status: 200, body: { data: { a: 1 }, warnings: ['so\n so'], auth: null } }), {
    namespace: 'team',
  });
  const answer = await client.request({ method: 'POST', path: 'auth/a b/role/x?y', token: 't', body: { ä: 1 } });
  expect(answer).toEqual({ status: 200, data: { a: 1 }, auth: undefined, warnings: ['so so'], raw: expect.anything() });
  await client.request({ method: 'LIST', path: 'auth/k8s/role', namespace: '' });
  expect(fake.seen.map(({ method, url, body }) => [method, url, body])).toEqual([
    ['POST', '/v1/auth/a%20b/role/x%3Fy', '{"ä":1}'],
    ['GET', '/v1/auth/k8s/role?list=true', ''],
  ]);
  expect(fake.seen.map(({ headers }) => [headers['x-vault-token'], headers['x-vault-namespace'], headers['user-agent']])).toEqual(
    [
      ['t', 'team', 'tester/1'],
      [undefined, undefined, 'tester/1'],
    ],
  );
});

test('rejects paths with empty or dot segments', async () => {
  const { fake, client } = await start(() => ({ status: 200 }));
  for (const path of ['auth/../sys/seal', 'auth//x', 'auth/./x', 'auth/x/'])
    expect(await failure(client.request({ method: 'GET', path }))).toMatchObject({ kind: 'BadRequest', status: 0 });
  expect(fake.seen).toEqual([]);
});

test.each([
  [400, { errors: ['no host provided'] }, 'BadRequest', 'no'],
  [403, { errors: ['1 error occurred:\n\t* permission denied\n\n'] }, 'PermissionDenied', 'no'],
  [404, { errors: [] }, 'NotFound', 'no'],
  [405, { errors: ['unsupported operation'] }, 'MethodNotAllowed', 'no'],
  [412, {}, 'PreconditionFailed', 'no'],
  [413, {}, 'BadRequest', 'no'],
  [429, {}, 'RateLimited', 'no'],
  [472, {}, 'DisasterRecoveryStandby', 'no'],
  [473, {}, 'PerformanceStandby', 'no'],
  [500, { errors: ['internal error'] }, 'ServerError', 'unknown'],
  [501, {}, 'Uninitialized', 'no'],
  [502, '<html>', 'Unavailable', 'unknown'],
  [503, { errors: ['Vault is sealed'] }, 'Sealed', 'no'],
  [503, { initialized: true, sealed: true }, 'Sealed', 'no'],
  [503, 'upstream unavailable', 'Unavailable', 'unknown'],
  [200, '<html>log in to the network</html>', 'Unreadable', 'unknown'],
])('a response %d %j to a write is %s; written: %s', async (status, body, kind, written) => {
  const { fake, client } = await start(() => ({ status, body }));
  const error = await failure(client.request({ method: 'POST', path: 'auth/x/config', body: {} }));
  expect(error).toMatchObject({ status, kind, written });
  expect(error.message).toMatch(/^POST auth\/x\/config: .+\(status \d+\)/);
  expect(error.message).not.toMatch(/[\n<]/);
  expect(fake.seen).toHaveLength(kind === 'PreconditionFailed' ? 3 : 1);
  expect(isAbsent(error)).toBe(status === 404);
});

test('does not take a missing mount or namespace for an absent role', async () => {
  const { client } = await start(() => ({ status: 404, body: { errors: ['no handler for route "auth/x/role/y"'] } }));
  expect(isAbsent(await failure(client.request({ method: 'GET', path: 'auth/x/role/y' })))).toBe(false);
});

test('checks the fence after the queue: rejects writes, allows reads', async () => {
  let isLost = false;
  const { fake, client } = await start(() => ({ status: 200 }), {
    limits: { ...LIMITS, requestsPerSecond: 50, burst: 1 },
    fence: () => {
      if (isLost) throw new Error('lost');
    },
  });
  await client.request({ method: 'POST', path: 'a', body: {} });
  const waiting = [client.request({ method: 'POST', path: 'b', body: {} }), client.request({ method: 'DELETE', path: 'c' })];
  isLost = true;
  expect(await Promise.allSettled(waiting)).toEqual(waiting.map(() => ({ status: 'rejected', reason: new Error('lost') })));
  await client.request({ method: 'GET', path: 'd' });
  expect(fake.seen.map(({ url }) => url)).toEqual(['/v1/a', '/v1/d']);
});

test('does not follow a redirect of a standby, and names the active server', async () => {
  const { client } = await start(() => ({ status: 307, headers: { location: 'https://active:8200/v1/x' } }));
  expect(await failure(client.request({ method: 'GET', path: 'x' }))).toMatchObject({
    kind: 'Standby',
    message: expect.stringContaining('active:8200'),
  });
});

test('waits for a short Retry-After with all requests; fails with a long one, and sends nothing until then', async () => {
  let wait = '1';
  let clock = 0;
  const { fake, client } = await start(
    () => ([1, 3].includes(fake.seen.length) ? { status: 429, headers: { 'retry-after': wait } } : { status: 200 }),
    { now: () => clock + performance.now() },
  );
  await client.request({ method: 'POST', path: 'a', body: {} });
  expect(fake.seen).toHaveLength(2);
  wait = '30';
  expect(await failure(client.request({ method: 'GET', path: 'b' }))).toMatchObject({
    kind: 'RateLimited',
    retryAfterMs: 30_000,
  });
  const held = await failure(client.request({ method: 'GET', path: 'c' }));
  expect(held.kind).toBe('RateLimited');
  expect(held.retryAfterMs).toBeGreaterThan(20_000);
  expect(fake.seen).toHaveLength(3);
  await client.request({ method: 'GET', path: 'd', isUnlimited: true });
  expect(fake.seen).toHaveLength(4);
  clock += 31_000;
  await client.request({ method: 'GET', path: 'e' });
  expect(fake.seen).toHaveLength(5);
});

test('bounds the rate and the number of requests in flight, and keeps their order', async () => {
  let most = 0;
  let open = 0;
  const { fake, client } = await start(
    (_, response) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        response.end('{}');
      }, 10);
      return undefined;
    },
    { limits: { ...LIMITS, requestsPerSecond: 20, burst: 5, maxInFlight: 2 } },
  );
  const began = performance.now();
  await Promise.all(Array.from({ length: 11 }, (_, index) => client.request({ method: 'GET', path: `r${index}` })));
  expect(performance.now() - began).toBeGreaterThan(290);
  expect(most).toBe(2);
  expect(fake.seen.map(({ url }) => Number(url.slice(5))).toSorted((one, other) => one - other)).toEqual([
    ...Array.from({ length: 11 }).keys(),
  ]);
});

test('sends logins and health checks before changes, and changes before resyncs', async () => {
  const { fake, client } = await start(
    ({ url }) => ({
      status: 200,
      body: { initialized: true, auth: { client_token: 't' }, data: { ttl: 1 }, version: url.slice(-1) },
    }),
    { limits: { ...LIMITS, requestsPerSecond: 50, burst: 1, maxInFlight: 1 } },
  );
  await Promise.all([
    ...['a', 'b', 'c'].map((path) => client.request({ method: 'GET', path, priority: 'resync' })),
    client.request({ method: 'POST', path: 'd', body: {} }),
    client.request({ method: 'GET', path: 'd' }),
    login(client, { method: 'approle', mount: 'x', roleId: 'r', secretId: () => Promise.resolve('s') }),
    lookUpSelf(client, 't'),
    renewSelf(client, 't'),
    readHealth(client),
  ]);
  const [, ...order] = fake.seen.map(({ url }) => url.replace(/\?.*/, '').slice('/v1/'.length));
  expect(order.slice(0, 4).toSorted()).toEqual(['auth/token/lookup-self', 'auth/token/renew-self', 'auth/x/login', 'sys/health']);
  expect(order.slice(4)).toEqual(['d', 'd', 'b', 'c']);
});

test('a queued request can be aborted, and a closed client rejects', async () => {
  const { fake, client } = await start(() => ({ status: 200 }), { limits: { ...LIMITS, requestsPerSecond: 0.01, burst: 1 } });
  await client.request({ method: 'GET', path: 'a' });
  const cancel = new AbortController();
  const abandoned = client.request({ method: 'GET', path: 'b', signal: cancel.signal });
  const waiting = failure(client.request({ method: 'GET', path: 'c' }));
  cancel.abort(new Error('cancelled'));
  await expect(abandoned).rejects.toThrow('cancelled');
  client.close();
  expect((await waiting).message).toBe('GET c: not sent, the client is closed');
  expect(fake.seen).toHaveLength(1);
});

test('observes each response under an operation without names of mounts, roles and policies', async () => {
  const observed: string[] = [];
  const { client, fake } = await start((seen) => ({ status: seen.url.includes('role') ? 404 : 200 }), {
    observe: (operation, status) => observed.push(`${operation} ${status}`),
  });
  const quiet = (method: 'GET' | 'LIST' | 'POST' | 'DELETE', path: string): Promise<unknown> =>
    client.request({ method, path, body: {} }).catch(() => undefined);
  await quiet('POST', 'auth/a/b/login');
  await quiet('LIST', 'auth/a/b/role');
  await quiet('DELETE', 'auth/a/b/role/c');
  await quiet('GET', 'auth/a/config');
  await quiet('GET', 'auth/token/lookup-self');
  await quiet('POST', 'sys/policies/acl/x');
  await quiet('POST', 'sys/mounts/auth/a/tune');
  await quiet('GET', 'sys/auth');
  await quiet('GET', 'sys/health');
  await quiet('GET', 'sys/internal/ui/mounts');
  await fake.stop();
  await quiet('POST', 'sys/auth/x');
  expect([...new Set(observed)]).toEqual([
    'login 200',
    'list auth role 404',
    'delete auth role 404',
    'read auth config 200',
    'read token 200',
    'write policy 200',
    'write tune 200',
    'read mount 200',
    'read health 200',
    'read other 200',
    'write mount 0',
  ]);
});

test('an error quotes no secret of its request', async () => {
  const jwt = `${'a'.repeat(40)}.${'b'.repeat(40)}.${'c'.repeat(40)}`;
  const secrets = ['hvs.canary-token', jwt, 'canary "secret" id', 'canary-reviewer', 'canary-client-secret'];
  const { client } = await start((seen) => ({
    status: seen.url.endsWith('login') ? 400 : 403,
    body: { errors: [`cannot use ${seen.headers['x-vault-token'] as string}`, seen.body, seen.body.split('.')[1]] },
  }));
  const bodies = [
    { role: 'app', jwt },
    { role_id: 'app', secret_id: secrets[2] as string },
    { token_reviewer_jwt: 'canary-reviewer', oidc_client_secret: 'canary-client-secret', provider_config: { jwt } },
  ];
  for (const path of ['auth/x/login', 'auth/x/config'])
    for (const body of bodies) {
      const error = await failure(client.request({ method: 'POST', path, body, token: 'hvs.canary-token' }));
      const text = `${error.message} ${error.errors.join(' ')} ${String(error.stack)} ${JSON.stringify(error)}`;
      for (const secret of [...secrets, ...jwt.split('.'), JSON.stringify(secrets[2]).slice(1, -1)])
        expect(text).not.toContain(secret);
      expect(text).toContain('[redacted]');
    }
});
