// Faults of a server and errors in a VaultEndpoint: each has its reason, costs few requests, and recovers.
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../../src/json/json.ts';
import { type Fault, type FaultProxy, FAULTS, rateLimited } from '../../bed/fault-proxy.ts';
import { type EndpointStage, openEndpointStage } from './endpoint-stage.ts';

let stage: EndpointStage;
let failed = true;

beforeAll(async () => {
  stage = await openEndpointStage();
  failed = false;
}, 600_000);
afterAll(() => stage?.stop(failed ? 'failed' : 'passed'));

/** A test that keeps the logs after a failure. */
const check = (name: string, run: () => Promise<void>): void =>
  // oxlint-disable-next-line jest/valid-title -- the title is the caller's
  test(name, async () => {
    try {
      await run();
    } catch (error) {
      failed = true;
      throw error;
    }
  });

const answers = (status: number, body: unknown): Fault => ({ kind: 'answer', status, body });
const health = (changes: object): Fault =>
  answers(200, { initialized: true, sealed: false, standby: false, version: '1', cluster_id: 'c', ...changes });

const FAULTY: readonly (readonly [what: string, fault: Fault, expected: string])[] = [
  ['server that answers 503 without errors', FAULTS.unavailable, 'Reachable=ServerError'],
  ['server that hangs', { kind: 'hang' }, 'Reachable=Timeout'],
  ['closed connection', { kind: 'cutBefore' }, 'Reachable=ConnectionFailed'],
  ['performance standby', FAULTS.standby, 'Reachable=Standby'],
  [
    'standby that redirects to the active server',
    { kind: 'answer', status: 307, headers: { location: 'https://other/' } },
    'Reachable=Standby',
  ],
  ['standby for disaster recovery', health({ replication_dr_mode: 'secondary' }), 'Reachable=Standby'],
  ['uninitialized server', health({ initialized: false, sealed: true }), 'Reachable=Uninitialized'],
  ['sealed server', health({ sealed: true }), 'Reachable=Sealed'],
  ['rate limit', rateLimited(3), 'Reachable=RateLimited'],
  ['another-program', answers(200, '<html>'), 'Reachable=ServerError'],
  ['forbidden login', FAULTS.forbidden, 'Reachable=ServerError'],
];

/** All in parallel: each mostly waits. */
const goThrough = async ([what, fault, expected]: (typeof FAULTY)[number]): Promise<void> => {
  const name = what.replaceAll(/[^a-z0-9]/g, '-');
  const proxy = await stage.proxyTo('openbao');
  await stage.declare(name, stage.specOf(proxy, 'openbao', { limits: { timeoutSeconds: 1 } }));
  await stage.until(name, 'Ready=True');
  proxy.inject({ fault });
  const { clusterID } = await stage.until(name, expected);
  expect(clusterID).toEqual(expect.any(String));
  await stage.until(name, 'Ready=False');
  await stage.until(name, 'Authenticated=Unknown');
  proxy.forget();
  const since = Date.now();
  await sleep(5000);
  expect(proxy.seen.length).toBeLessThanOrEqual((Date.now() - since) / 1000 + 1);
  proxy.heal();
  proxy.dropConnections();
  proxy.forget();
  await stage.until(name, 'Ready=True');
  expect(proxy.count('GET', /lookup-self$/)).toBe(0);
};

describe('server', () => {
  const runs = new Map<string, Promise<unknown>>();
  beforeAll(() => {
    for (const row of FAULTY)
      runs.set(
        row[0],
        goThrough(row).catch((error: unknown) => error),
      );
  });
  test.each(FAULTY)(
    '%s: %j is %s, costs few requests, and recovers without another login',
    async (what) => {
      const outcome = await runs.get(what);
      failed ||= outcome !== undefined;
      expect(outcome).toBeUndefined();
    },
    300_000,
  );
});

describe('spec', () => {
  const wrong: readonly (readonly [string, (proxy: FaultProxy) => JsonObject, string])[] = [
    [
      'authority',
      () => ({ tls: { ca: { inline: stage.bed.credentials.issueServing({ dnsNames: ['x'] }).certificate } } }),
      'Reachable=TLSFailed',
    ],
    ['system-trust', () => ({ tls: {} }), 'Reachable=TLSFailed'],
    ['name', () => ({ tls: { ca: { inline: stage.bed.ca }, serverName: 'vault.example' } }), 'Reachable=TLSFailed'],
    ['authority-secret', () => ({ tls: { ca: { secretRef: { name: 'nowhere' } } } }), 'Reachable=CAMissing'],
    ['authority-text', () => ({ tls: { ca: { inline: '-----BEGIN nothing' } } }), 'Reachable=CAMissing'],
    ['host', () => ({ address: 'https://vault.invalid' }), 'Reachable=DNSFailed'],
    ['port', () => ({ address: 'https://127.0.0.1:1' }), 'Reachable=ConnectionFailed'],
    ['token', () => ({ auth: { token: { secretRef: { name: 'wrong', key: 'token' } } } }), 'Authenticated=LoginDenied'],
    ['key', () => ({ auth: { token: { secretRef: { name: 'wrong', key: 'none' } } } }), 'Authenticated=CredentialMissing'],
    ['account', () => ({ auth: { jwt: { role: 'r', serviceAccountName: 'missing' } } }), 'Authenticated=CredentialMissing'],
    [
      'certificate',
      () => ({ tls: { ca: { inline: stage.bed.ca }, clientCert: { secretRef: { name: 'nowhere' } } } }),
      'Authenticated=CredentialMissing',
    ],
  ];
  for (const [what, changes, expected] of wrong)
    check(`a wrong ${what} is ${expected}`, async () => {
      const proxy = await stage.proxyTo('openbao');
      await stage.secret('wrong', { token: 'hvs.canary-wrong-token' });
      await stage.declare(`wrong-${what}`, stage.specOf(proxy, 'openbao', changes(proxy)));
      await stage.until(`wrong-${what}`, expected);
      await stage.until(`wrong-${what}`, 'Ready=False');
    });

  check('reports a token that is not renewed', async () => {
    const { auth } = await stage.root('openbao').request({
      method: 'POST',
      path: 'auth/token/create',
      body: { ttl: '3600s', renewable: false, policies: ['default'] },
    });
    await stage.secret('ending', { token: auth?.['client_token'] as string });
    const proxy = await stage.proxyTo('openbao');
    await stage.declare('ending', stage.specOf(proxy, 'openbao', { auth: { token: { secretRef: { name: 'ending' } } } }));
    await stage.until('ending', 'Authenticated=TokenExpiring');
    await stage.until('ending', 'Ready=True');
  });
});
