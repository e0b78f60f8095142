// Rotation of the reviewer token: before it expires, reverted if logins fail, and requested again after a loss.
import type { JsonObject } from '../../../src/json/json.ts';
import { CONTROLLER_NAMESPACE } from '../../bed/controller.ts';
import { FAULTS } from '../../bed/fault-proxy.ts';
import { roleOf, writes } from './backend-support.ts';
import { eventually } from '../../support/eventually.ts';
import { useStage, PRODUCTS, type Stage } from './backend-stage.ts';

let stage: Stage;
const check = useStage({}, (opened) => {
  stage = opened;
});

const HOUR = 3_600_000;
const ROTATED = { mode: 'Rotated' };
const withReviewer = (reviewer: JsonObject): JsonObject => ({
  type: 'kubernetes',
  kubernetes: { host: stage.bed.url, reviewer },
  rbac: { manageAuthDelegator: true },
});
const productOf = (name: string): string => name.split('-').at(-1) ?? '';
const configWrites = (name: string): number =>
  stage.server(productOf(name)).proxy.count('POST', new RegExp(`/auth/${name}/config$`));
const hashOf = async (name: string): Promise<string> => (await stage.status(name)).reviewer?.tokenHash ?? '';

check(
  'replaces the token half-way through its lifetime, without a failed login',
  async () => {
    const names = await Promise.all(
      PRODUCTS.map((product) => stage.declare(product, `stream-${product}`, withReviewer(ROTATED))),
    );
    const hashes = new Map<string, Set<string>>(names.map((name) => [name, new Set()]));
    const failed: string[] = [];
    let logins = 0;
    const stream = { isOver: false };
    const follow = async (name: string): Promise<void> => {
      const audience = `vault://prod/${name}`;
      await stage.until(name, 'Ready=True');
      await stage.role(productOf(name), name, roleOf('app', audience));
      const token = await stage.token('app', audience);
      while (!stream.isOver) {
        const login = await stage.login(productOf(name), name, token);
        logins += 1;
        if (login.outcome === 'failed') failed.push(login.error.message);
        hashes.get(name)?.add(await hashOf(name));
      }
    };
    const streams = names.map(follow);
    const haveSeen = (count: number): Promise<void> =>
      eventually(() => {
        for (const name of names) expect(hashes.get(name)?.size).toBe(count);
      });
    for (let rotation = 1; rotation <= 3; rotation += 1) {
      await haveSeen(rotation);
      // The API server grants a day; the clock of the reconciler is set forward.
      stage.pass(rotation === 1 ? 13 * HOUR : 19 * HOUR - 13 * HOUR);
    }
    await haveSeen(4);
    stream.isOver = true;
    await Promise.all(streams);
    expect(failed).toEqual([]);
    expect(logins).toBeGreaterThan(20);
    expect(names.map(configWrites)).toEqual([4, 4]);
  },
  300_000,
);

describe.each(PRODUCTS)('%s', (product) => {
  check('writes nothing after a restart', async () => {
    const name = await stage.declare(product, `restarted-${product}`, withReviewer(ROTATED));
    const before = await stage.until(name, 'Ready=True');
    const server = stage.server(product);
    await stage.restart();
    server.proxy.forget();
    await eventually(() => expect(server.proxy.count('GET', new RegExp(`/auth/${name}/config$`))).toBeGreaterThan(2));
    expect(writes(server)).toEqual([]);
    expect((await stage.status(name)).reviewer).toEqual(before.reviewer);
  });

  check('reports differences in observe mode, and writes nothing', async () => {
    const name = await stage.declare(product, `looked-at-${product}`, withReviewer(ROTATED));
    await stage.until(name, 'Ready=True');
    const server = stage.server(product);
    await stage.restart({ observeOnly: true });
    server.proxy.forget();
    const theirs = { kubernetes_host: 'https://theirs', disable_local_ca_jwt: true, kubernetes_ca_cert: stage.bed.ca };
    await server.root.request({ method: 'POST', path: `auth/${name}/config`, body: theirs });
    const { drift } = await stage.until(name, 'Configured=ObservedMismatch');
    expect(drift?.map(({ field }) => field)).toEqual(['kubernetes_host', 'token_reviewer_jwt']);
    expect(writes(server)).toEqual([]);
    await stage.restart();
    await stage.until(name, 'Configured=Repaired');
    await stage.until(name, 'Ready=True');
  });

  check('reverts a new token with which no login works', async () => {
    const name = await stage.declare(product, `taken-back-${product}`, withReviewer(ROTATED));
    await stage.until(name, 'Ready=True');
    const first = await hashOf(name);
    const { proxy } = stage.server(product);
    const login = new RegExp(`/auth/${name}/login$`);
    // After the write of the new token, the logins of one reconcile fail.
    let written = configWrites(name);
    proxy.inject({ fault: FAULTS.forbidden, when: ({ path }) => login.test(path) && configWrites(name) === written + 1 });
    stage.pass(13 * HOUR);
    await eventually(() => expect(configWrites(name)).toBeGreaterThan(written + 1));
    written = -1;
    await eventually(async () => {
      const events = await stage.bed.kubectl(['get', 'events', '-A', '-o', 'json']);
      expect(events).toContain('ReviewerTakenBack');
    });
    proxy.heal();
    await stage.until(name, 'Ready=True');
    await eventually(async () => expect(await hashOf(name)).not.toBe(first));
  });

  check(
    'creates a deleted service account again, and writes its new token',
    async () => {
      const name = await stage.declare(product, `revoked-${product}`, withReviewer(ROTATED));
      await stage.until(name, 'Ready=True');
      const first = await hashOf(name);
      const path = `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/serviceaccounts/vault-reviewer-${name}`;
      await stage.bed.request('DELETE', path);
      // The API server caches a token review for ten seconds.
      await eventually(async () => expect(await hashOf(name)).not.toBe(first), { seconds: 40 });
      const { drift } = await stage.until(name, 'Configured=Repaired');
      expect(drift?.map(({ field }) => field)).toEqual(['token_reviewer_jwt']);
      await stage.until(name, 'Ready=True');
      expect((await stage.bed.exchange('GET', path)).status).toBe(200);
    },
    300_000,
  );

  check('reports a token in a Secret that expires soon, and one that has expired', async () => {
    const name = `ending-${product}`;
    const token = await stage.token('ending');
    await stage.bed.exchange('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'ending' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'team-a', name: 'ending' }],
    });
    await stage.bed.request('POST', `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/secrets`, {
      metadata: { name },
      stringData: { token },
    });
    await stage.declare(product, name, withReviewer({ mode: 'SecretRef', secretRef: { name } }));
    await stage.until(name, 'ReviewerHealthy=ProbeSucceeded');
    const ends = Date.parse((await stage.status(name)).reviewer?.expiresAt ?? '');
    stage.pass(ends - Date.now() - 60_000);
    const near = await stage.until(name, 'ReviewerHealthy=TokenExpiring');
    expect(near.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
    stage.pass(120_000);
    await stage.until(name, 'Ready=TokenExpiring');
  });
});

// After all other tests.
describe('secrets', () => {
  check('shows no token that was sent to Vault', async () => {
    const bodies = PRODUCTS.flatMap((product) => stage.server(product).proxy.seen.map(({ body }) => body)).join('\n');
    const signatures = new Set([...bodies.matchAll(/"ey[\w-]+\.[\w-]+\.([\w-]{40,})"/g)].map(([, signature]) => signature ?? ''));
    expect(signatures.size).toBeGreaterThan(10);
    const reported = await stage.reported();
    expect(reported).toContain('ReviewerReplaced');
    expect([...signatures].filter((signature) => reported.includes(signature))).toEqual([]);
  });
});
