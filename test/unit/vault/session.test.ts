// The life of a token: login, renewal, expiry and revocation.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Login, login } from '../../../src/vault/login.ts';
import { type VaultSession, vaultSession } from '../../../src/vault/session.ts';
import { clientOf, type FakeServer, fakeServer, failure, opened, type Respond } from './fake-server.ts';
import { eventually } from '../../support/eventually.ts';

interface Stage {
  readonly fake: FakeServer;
  readonly session: VaultSession;
  /** Paths since the last call, in the order of their arrival. */
  readonly paths: () => readonly string[];
  clock: number;
  /** Tokens that the server accepts. */
  readonly valid: Set<string>;
  /** Paths to which the server responds 403. */
  readonly forbidden: Set<string>;
  lease: number;
  renewedLease: number;
}

const JWT = { method: 'kubernetes', mount: 'kubernetes', role: 'app', jwt: () => Promise.resolve('a.b.c') } as const;

/** A server with tokens: enough to see when a session logs in, renews and looks up its token. */
const stage = async (how: Login = JWT): Promise<Stage> => {
  let tokens = 0;
  let reported = 0;
  const valid = new Set<string>();
  const forbidden = new Set<string>();
  const respond: Respond = ({ url, headers }) => {
    const path = url.slice('/v1/'.length);
    const token = String(headers['x-vault-token']);
    if (forbidden.has(path)) return { status: 403, body: { errors: ['permission denied'] } };
    if (path.endsWith('/login')) {
      tokens += 1;
      valid.add(`token-${tokens}`);
      return { status: 200, body: { auth: { client_token: `token-${tokens}`, lease_duration: it.lease, renewable: true } } };
    }
    if (!valid.has(token)) return { status: 403, body: { errors: ['permission denied'] } };
    if (path === 'auth/token/renew-self')
      return { status: 200, body: { auth: { client_token: token, lease_duration: it.renewedLease, renewable: true } } };
    return { status: 200, body: { data: { token, ttl: it.lease, renewable: true, policies: ['default'] } } };
  };
  const fake = await fakeServer(respond);
  const client = clientOf(fake.address);
  opened.push(fake, { stop: () => client.close() });
  const it: Stage = {
    fake,
    session: vaultSession({ client, login: how, now: () => it.clock }),
    paths: () => {
      const news = fake.seen.slice(reported).map(({ url }) => url.slice('/v1/'.length));
      reported = fake.seen.length;
      return news;
    },
    clock: 1_000_000,
    valid,
    forbidden,
    lease: 600,
    renewedLease: 600,
  };
  return it;
};

const ask = async (session: VaultSession): Promise<unknown> =>
  (await session.request({ method: 'GET', path: 'secret' })).data?.['token'];

test('the first request logs in, once for all concurrent requests', async () => {
  const it = await stage();
  expect([it.session.state(), it.session.expiresAt()]).toEqual([undefined, undefined]);
  expect(await Promise.all([ask(it.session), ask(it.session), it.session.ready()])).toEqual([
    'token-1',
    'token-1',
    expect.anything(),
  ]);
  expect(it.paths().filter((path) => path.endsWith('login'))).toHaveLength(1);
  expect(it.session.expiresAt()).toBe(1_600_000);
});

test.each([-5, 1e13, Number.MAX_VALUE])(
  'a lease of %d seconds leads to one login, and its expiry is a valid date',
  async (lease) => {
    const it = await stage();
    it.lease = lease;
    await ask(it.session);
    await ask(it.session);
    expect(it.paths().filter((path) => path.endsWith('login'))).toHaveLength(1);
    expect(() => new Date(it.session.expiresAt() ?? 0).toISOString()).not.toThrow();
  },
);

test('renews the token after two thirds of its lease, in the background', async () => {
  const it = await stage();
  await ask(it.session);
  it.clock += 399_000;
  await ask(it.session);
  expect(it.paths()).not.toContain('auth/token/renew-self');
  it.clock += 2000;
  expect(await ask(it.session)).toBe('token-1');
  await eventually(() => it.session.expiresAt() !== 1_600_000);
  expect(it.session.expiresAt()).toBe(1_401_000 + 600_000);
  expect(it.paths().toSorted()).toEqual(['auth/token/renew-self', 'secret']);
});

test('replaces a token that nears its max TTL or may not be renewed', async () => {
  const it = await stage();
  await ask(it.session);
  it.clock += 401_000;
  it.renewedLease = 100;
  await ask(it.session);
  await eventually(async () => expect(await ask(it.session)).toBe('token-2'));
  it.clock += 401_000;
  it.forbidden.add('auth/token/renew-self');
  await ask(it.session);
  await eventually(async () => expect(await ask(it.session)).toBe('token-3'));
});

test('uses the token until it expires while neither renewal nor login works', async () => {
  const it = await stage();
  await ask(it.session);
  it.forbidden.add('auth/token/renew-self').add('auth/kubernetes/login');
  it.paths();
  it.clock += 401_000;
  expect(await ask(it.session)).toBe('token-1');
  const asked: string[] = [];
  await eventually(() => {
    asked.push(...it.paths());
    return asked.includes('auth/kubernetes/login') && asked.includes('auth/token/renew-self');
  });
  await sleep(50);
  expect(await ask(it.session)).toBe('token-1');
  expect([...asked, ...it.paths()].toSorted()).toEqual(['auth/kubernetes/login', 'auth/token/renew-self', 'secret', 'secret']);
  it.clock += 199_500;
  expect(await failure(ask(it.session))).toMatchObject({ kind: 'PermissionDenied', message: expect.stringContaining('login') });
});

test('replaces a revoked token, and repeats the request once', async () => {
  const it = await stage();
  await ask(it.session);
  it.valid.clear();
  it.paths();
  expect(await Promise.all([ask(it.session), ask(it.session)])).toEqual(['token-2', 'token-2']);
  const paths = it.paths();
  expect(paths.filter((path) => path.endsWith('login'))).toHaveLength(1);
  expect(paths.filter((path) => path === 'secret')).toHaveLength(4);
});

test('does not log in again when only the path is forbidden', async () => {
  const it = await stage();
  await ask(it.session);
  it.forbidden.add('secret');
  it.paths();
  expect(await failure(ask(it.session))).toMatchObject({ kind: 'PermissionDenied' });
  expect(it.paths()).toEqual(['secret', 'auth/token/lookup-self']);
});

test('does not replace a token again and again that may not look itself up', async () => {
  const it = await stage();
  await ask(it.session);
  it.forbidden.add('secret').add('auth/token/lookup-self');
  it.paths();
  await failure(ask(it.session));
  expect(it.paths()).toContain('auth/kubernetes/login');
  await failure(ask(it.session));
  await failure(ask(it.session));
  expect(it.paths()).toEqual(['secret', 'secret']);
});

test('backs off after a failed login', async () => {
  const it = await stage();
  it.forbidden.add('auth/kubernetes/login');
  for (let round = 0; round < 5; round += 1) await failure(ask(it.session));
  expect(it.paths()).toHaveLength(1);
  it.clock += 1001;
  for (let round = 0; round < 5; round += 1) await failure(ask(it.session));
  it.clock += 1001;
  await failure(ask(it.session));
  expect(it.paths()).toHaveLength(1);
  it.clock += 1001;
  it.forbidden.clear();
  expect(await ask(it.session)).toBe('token-1');
});

test('rejects with the error of the credential’s function', async () => {
  const it = await stage({ ...JWT, jwt: () => Promise.reject(new TypeError('no secret')) });
  await expect(it.session.ready()).rejects.toThrow(TypeError);
  expect(it.paths()).toEqual([]);
});

test('looks up a given token, and never renews one without expiry', async () => {
  const it = await stage({ method: 'token', token: () => Promise.resolve('given') });
  it.valid.add('given');
  it.lease = 0;
  expect(await it.session.ready()).toEqual({
    accessor: undefined,
    policies: ['default'],
    renewable: true,
    leaseSeconds: 0,
    expiresAt: undefined,
  });
  it.clock += 1e12;
  expect(await ask(it.session)).toBe('given');
  expect(it.paths()).toEqual(['auth/token/lookup-self', 'secret']);
  it.session.close();
  expect(it.session.state()).toBeUndefined();
});

test('sends the fields of each auth method, and rejects a response without a token', async () => {
  const fake = await fakeServer(() => ({ status: 200, body: { auth: { mfa_requirement: {} } } }));
  const client = clientOf(fake.address);
  opened.push(fake, { stop: () => client.close() });
  const logins: readonly Login[] = [
    JWT,
    { ...JWT, method: 'jwt', mount: 'a/b' },
    { method: 'approle', mount: 'approle', roleId: 'r', secretId: () => Promise.resolve('s') },
    { method: 'cert', mount: 'cert', role: 'r' },
    { method: 'cert', mount: 'cert' },
  ];
  for (const how of logins)
    expect(await failure(login(client, how))).toMatchObject({ kind: 'Unreadable', message: expect.stringContaining('no token') });
  expect(fake.seen.map(({ method, url, body }) => `${method} ${url} ${body}`)).toEqual([
    'POST /v1/auth/kubernetes/login {"role":"app","jwt":"a.b.c"}',
    'POST /v1/auth/a/b/login {"role":"app","jwt":"a.b.c"}',
    'POST /v1/auth/approle/login {"role_id":"r","secret_id":"s"}',
    'POST /v1/auth/cert/login {"name":"r"}',
    'POST /v1/auth/cert/login {}',
  ]);
});
