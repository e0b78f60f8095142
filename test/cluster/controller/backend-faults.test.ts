// A backend during faults of Vault: conditions name them, no hot loop, and recovery afterwards.
import type { JsonObject } from '../../../src/json/json.ts';
import { type Fault, FAULTS, rateLimited, type SeenRequest } from '../../bed/fault-proxy.ts';
import { untilReported } from './backend-support.ts';
import { eventually } from '../../support/eventually.ts';
import { PRODUCTS, type Stage, useStage } from './backend-stage.ts';

let stage: Stage;
const check = useStage({}, (opened) => {
  stage = opened;
});

const pushed: JsonObject = { type: 'jwt', jwt: {} };

describe.each(PRODUCTS)('%s', (product) => {
  const own = (name: string): string => `${name}-${product}`;
  const { method, path }: Record<'method' | 'path', (text: string) => (request: SeenRequest) => boolean> = {
    method: (text) => (request) => request.method === text,
    path: (text) => (request) => request.path.includes(text),
  };
  const trouble = (fault: Fault, ...when: readonly ((request: SeenRequest) => boolean)[]): (() => void) =>
    stage.server(product).proxy.inject({ fault, when: (request) => when.every((holds) => holds(request)) });

  it.each([
    ['403', 'PermissionDenied', 'False', FAULTS.forbidden],
    ['sealed', 'VaultSealed', 'Unknown', FAULTS.sealed],
    ['473', 'VaultUnavailable', 'Unknown', FAULTS.standby],
    ['503', 'VaultUnavailable', 'Unknown', FAULTS.unavailable],
    ['429', 'VaultUnavailable', 'Unknown', rateLimited(1)],
    ['a cut connection', 'VaultUnavailable', 'Unknown', { kind: 'cutBefore' }],
  ] as const)('%s is Mounted=%s (%s)', async (what, reason, state, fault) => {
    const name = await stage.declare(product, own(`trouble-${what.replaceAll(/\W/g, '')}`), pushed);
    await stage.until(name, 'Ready=True');
    const heal = trouble(fault, path('/sys/auth'));
    const { conditions } = await stage.until(name, `Mounted=${reason}`);
    expect(conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: state, reason });
    // The other conditions stay.
    expect(conditions?.find(({ type }) => type === 'Configured')?.status).toBe('True');
    heal();
    await stage.until(name, 'Ready=True');
    await stage.bed.kubectl(['delete', 'vaultauthbackend', name]);
  });

  check('repeats a write without a response at most once', async () => {
    const name = own('cut');
    const { proxy } = stage.server(product);
    proxy.inject({
      fault: { kind: 'cutAfter' },
      when: (request) => request.method === 'POST' && request.path === `/v1/sys/auth/${name}`,
      times: 1,
    });
    proxy.inject({
      fault: { kind: 'cutAfter' },
      when: (request) => request.method === 'POST' && request.path === `/v1/auth/${name}/config`,
      times: 1,
    });
    await stage.declare(product, name, pushed);
    const { mount } = await stage.until(name, 'Ready=True');
    expect(mount?.owned).toBe(true);
    expect(proxy.count('POST', new RegExp(`/v1/sys/auth/${name}$`))).toBe(1);
    expect(proxy.count('POST', new RegExp(`/v1/auth/${name}/config$`))).toBe(1);
  });

  check('reports a denied write, and retries it with back-off', async () => {
    const name = own('refused');
    const heal = trouble(FAULTS.forbidden, method('POST'), path(`/auth/${name}/config`));
    await stage.declare(product, name, pushed);
    await stage.until(name, 'Configured=PermissionDenied');
    const { proxy } = stage.server(product);
    const [before, at] = [proxy.seen.filter(path(name)).length, Date.now()];
    await eventually(() => expect(proxy.seen.filter(path(name)).length).toBeGreaterThan(before + 2));
    // A reconcile makes three requests, at most once a second.
    expect((proxy.seen.filter(path(name)).length - before) / 3).toBeLessThanOrEqual((Date.now() - at) / 1000 + 1);
    heal();
    await stage.until(name, 'Ready=True');
  });

  check('reports fields that the server does not store, and writes them once', async () => {
    const name = await stage.declare(product, own('ignored'), pushed);
    await stage.until(name, 'Ready=True');
    const { proxy, root } = stage.server(product);
    const drift = async (role: string): Promise<void> => {
      const { data = {} } = await root.request({ method: 'GET', path: `auth/${name}/config` });
      const { jwt_validation_pubkeys: keys = [], bound_issuer: issuer = '' } = data;
      const body = { jwt_validation_pubkeys: keys, bound_issuer: issuer, default_role: role };
      await root.request({ method: 'POST', path: `auth/${name}/config`, body });
    };
    const heal = trouble({ kind: 'answer', status: 204, body: '' }, method('POST'), path(`/auth/${name}/config`));
    const before = proxy.count('POST', new RegExp(`/auth/${name}/config$`));
    await drift('one');
    const status = await stage.until(name, 'Configured=IgnoredParameters');
    expect(status.drift?.map(({ field }) => field)).toEqual(['default_role']);
    const reads = proxy.count('GET', new RegExp(`/auth/${name}/config$`));
    await eventually(() => expect(proxy.count('GET', new RegExp(`/auth/${name}/config$`))).toBeGreaterThan(reads + 4));
    expect(proxy.count('POST', new RegExp(`/auth/${name}/config$`))).toBe(before + 1);
    heal();
    let count = 1;
    await untilReported(
      () => drift(`role-${(count += 1)}`),
      async () => {
        const { conditions = [] } = await stage.status(name);
        expect(conditions.find(({ type }) => type === 'Configured')?.reason).toBe('Repaired');
      },
    );
    await stage.until(name, 'Ready=True');
  });

  check('reports a fault of the probe role as NotProbed only', async () => {
    const reviewed: JsonObject = { type: 'kubernetes', kubernetes: { host: stage.bed.url, reviewer: { mode: 'Rotated' } } };
    const probe = { intervalSeconds: 10 };
    const granted = { rbac: { manageAuthDelegator: true } };
    const name = await stage.declare(product, own('probing'), { ...reviewed, ...granted, probe });
    const keys = await stage.declare(product, own('probing-keys'), { ...pushed, probe });
    for (const each of [name, keys]) await stage.until(each, 'Ready=True');
    const heal = trouble({ kind: 'answer', status: 500, body: { errors: ['internal error'] } }, path('/role/'), path('probing'));
    const { conditions = [] } = await stage.until(name, 'ReviewerHealthy=NotProbed');
    const found = Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
    expect(found).toMatchObject({ Configured: 'True InSync', ReviewerHealthy: 'Unknown NotProbed', Ready: 'Unknown NotProbed' });
    expect(conditions.find(({ type }) => type === 'Ready')?.message).toMatch(/^No probe login was possible: .*500/);
    const { conditions: ofKeys } = await stage.until(keys, 'KeysFresh=NotSynced');
    expect(ofKeys?.find(({ type }) => type === 'Configured')?.status).toBe('True');
    heal();
    for (const each of [name, keys]) await stage.until(each, 'Ready=True');
  });

  check('reports a login that hangs, and stays configured', async () => {
    const name = await stage.declare(product, own('hanging'), { ...pushed, probe: { timeoutSeconds: 1, intervalSeconds: 10 } });
    await stage.until(name, 'Ready=True');
    const heal = trouble({ kind: 'hang' }, path(`/auth/${name}/login`));
    await eventually(async () => expect((await stage.status(name)).lastProbe?.result).toBe('Failed'));
    heal();
    await eventually(async () => expect((await stage.status(name)).lastProbe?.result).toBe('Succeeded'));
  });
});
