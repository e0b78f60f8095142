import { setTimeout as sleep } from 'node:timers/promises';
import type { VaultClientOptions } from '../../../src/vault/client.ts';
import { isAbsent } from '../../../src/vault/error.ts';
import { issueAuthority, issueLeaf } from '../../../src/tls/issue.ts';
import { clientOf, type FakeServer, fakeServer, failure, LIMITS, type Respond } from './fake-server.ts';

const opened: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.stop();
});

const start = async (
  respond: Respond,
  options: Partial<VaultClientOptions> = {},
): Promise<{ readonly fake: FakeServer; readonly client: ReturnType<typeof clientOf> }> => {
  const fake = await fakeServer(respond);
  const client = clientOf(fake.address, options);
  opened.push(fake, { stop: () => client.close() });
  return { fake, client };
};

test('method, path, namespace, token and body arrive; a listing is a GET; warnings and data come back', async () => {
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

test('a path cannot climb out of what it says', async () => {
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
])('an answer %d %j to a write is %s; written: %s', async (status, body, kind, written) => {
  const { fake, client } = await start(() => ({ status, body }));
  const error = await failure(client.request({ method: 'POST', path: 'auth/x/config', body: {} }));
  expect(error).toMatchObject({ status, kind, written });
  expect(error.message).toMatch(/^POST auth\/x\/config: .+\(status \d+\)/);
  expect(error.message).not.toMatch(/[\n<]/);
  expect(fake.seen).toHaveLength(kind === 'PreconditionFailed' ? 3 : 1);
  expect(isAbsent(error)).toBe(status === 404);
});

test('a missing mount or namespace is no absent role', async () => {
  const { client } = await start(() => ({ status: 404, body: { errors: ['no handler for route "auth/x/role/y"'] } }));
  expect(isAbsent(await failure(client.request({ method: 'GET', path: 'auth/x/role/y' })))).toBe(false);
});

test('a redirect of a standby is not followed and names the other server', async () => {
  const { client } = await start(() => ({ status: 307, headers: { location: 'https://active:8200/v1/x' } }));
  expect(await failure(client.request({ method: 'GET', path: 'x' }))).toMatchObject({
    kind: 'Standby',
    message: expect.stringContaining('active:8200'),
  });
});

test('a short Retry-After is waited for, for everybody; a long one is told, and nothing is sent until then', async () => {
  let wait = '1';
  let clock = 0;
  const { fake, client } = await start(
    () => (fake.seen.length % 2 === 1 ? { status: 429, headers: { 'retry-after': wait } } : { status: 200 }),
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
  clock += 31_000;
  await client.request({ method: 'GET', path: 'd' });
  expect(fake.seen).toHaveLength(4);
});

test('reads survive a connection that is cut; a write that was sent is not repeated and says so', async () => {
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

test('while nothing gets through nobody asks twice', async () => {
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

test('an answer that is cut in the middle, or too large, is no answer', async () => {
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

test('a server that hangs is given up in time, and a caller that gives up gets the error of its own', async () => {
  const { fake, client } = await start(() => undefined);
  expect(await failure(client.request({ method: 'POST', path: 'a', body: {}, timeoutMs: 100 }))).toMatchObject({
    kind: 'Timeout',
    written: 'unknown',
  });
  const giveUp = new AbortController();
  const call = client.request({ method: 'GET', path: 'a', signal: giveUp.signal });
  while (fake.seen.length < 2) await sleep(5);
  giveUp.abort(new Error('enough'));
  await expect(call).rejects.toThrow('enough');
});

test('nobody there, and a name that nobody has', async () => {
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
  const authority = issueAuthority({ commonName: 'right', ...dates });
  const stranger = issueAuthority({ commonName: 'wrong', ...dates });
  const leaf = (usage: 'server' | 'client'): ReturnType<typeof issueLeaf> =>
    issueLeaf({
      authority,
      commonName: 'vault.example',
      dnsNames: ['vault.example'],
      ipAddresses: [],
      usages: [usage],
      ...dates,
    });
  const server = leaf('server');
  const user = leaf('client');

  test.each([
    ['another authority', { ca: stranger.certificate, serverName: 'vault.example' }, 'TLSFailed'],
    ['the authorities of Node', { serverName: 'vault.example' }, 'TLSFailed'],
    ['another name', { ca: authority.certificate }, 'TLSFailed'],
    ['no client certificate', { ca: authority.certificate, serverName: 'vault.example' }, 'TLSFailed'],
    ['a certificate that is none', { ca: authority.certificate, certificate: 'x', key: 'y' }, 'TLSFailed'],
  ])('with %s nothing is sent', async (_, tls, kind) => {
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

  test('towards a server that speaks plain HTTP, or none', async () => {
    const { fake } = await start(() => ({ status: 200 }));
    const client = clientOf(fake.address.replace('http:', 'https:'));
    opened.push({ stop: () => client.close() });
    expect(await failure(client.request({ method: 'GET', path: 'a' }))).toMatchObject({ kind: 'TLSFailed' });
  });
});

test('the rate and the number of requests under way are bounded, and their order is kept', async () => {
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

test('a waiting request can be given up, and a closed client refuses', async () => {
  const { fake, client } = await start(() => ({ status: 200 }), { limits: { ...LIMITS, requestsPerSecond: 0.01, burst: 1 } });
  await client.request({ method: 'GET', path: 'a' });
  const giveUp = new AbortController();
  const abandoned = client.request({ method: 'GET', path: 'b', signal: giveUp.signal });
  const waiting = failure(client.request({ method: 'GET', path: 'c' }));
  giveUp.abort(new Error('enough'));
  await expect(abandoned).rejects.toThrow('enough');
  client.close();
  expect((await waiting).message).toBe('GET c: not sent, the client is closed');
  expect(fake.seen).toHaveLength(1);
});

test('each answer is observed under a name without names in it', async () => {
  const told: string[] = [];
  const { client, fake } = await start((seen) => ({ status: seen.url.includes('role') ? 404 : 200 }), {
    observe: (operation, status) => told.push(`${operation} ${status}`),
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
  expect([...new Set(told)]).toEqual([
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

test('nothing secret that was sent comes back in an error', async () => {
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
      const said = `${error.message} ${error.errors.join(' ')} ${String(error.stack)} ${JSON.stringify(error)}`;
      for (const secret of [...secrets, ...jwt.split('.'), JSON.stringify(secrets[2]).slice(1, -1)])
        expect(said).not.toContain(secret);
      expect(said).toContain('[redacted]');
    }
});
