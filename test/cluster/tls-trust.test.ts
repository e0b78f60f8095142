// Self-managed TLS on a real API server over time: restarts, rotations, upgrades, lost rights and a lost Secret never cost trust.
import { setTimeout as sleep } from 'node:timers/promises';
import { kubeClient } from '../../src/kube/client.ts';
import { readWebhookConfiguration, untilChanged } from '../../src/kube/webhook-configuration.ts';
import { OWNER_LABEL } from '../../src/tls/ca-store.ts';
import { caPolicy } from '../../src/tls/lifetimes.ts';
import {
  CONFIGURATIONS,
  ANONYMOUS,
  cluster,
  useCluster,
  afterwards,
  connect,
  install,
  live,
  bundles,
  secretPath,
  secret,
  decoded,
  certificatesIn,
  keeper,
  until,
  ready,
  revoke,
  atRest,
  isSignedBy,
} from './ca-stage.ts';

useCluster();

test('its damaged Secret is replaced at the start, and restored from memory later', async () => {
  await install('a.vaultauth.dev');
  const labels = { [OWNER_LABEL.name]: OWNER_LABEL.value };
  await cluster.bed.request('POST', `/api/v1/namespaces/${cluster.namespace}/secrets`, {
    metadata: { name: 'ca', labels },
    stringData: { 'ca.crt': 'garbage' },
  });
  const source = keeper();
  await ready(source);
  const first = decoded((await secret()).data['ca.crt']);
  expect(isSignedBy(source, first)).toBe(true);
  const spoilt = { data: { 'ca.key': Buffer.from('garbage').toString('base64') } };
  await cluster.bed.request('PATCH', secretPath(), spoilt, 'application/merge-patch+json');
  await until('it is restored', async () => decoded((await secret()).data['ca.key']).startsWith('-----BEGIN'));
  expect(decoded((await secret()).data['ca.crt'])).toBe(first);
});

test('deleting the Secret rotates the CA without an untrusted moment', async () => {
  await install('a.vaultauth.dev', 'b.vaultauth.dev');
  const policy = { ...caPolicy(365 * 86_400_000, 5000), settleMs: 1000 };
  const sources = [1, 2, 3].map(() => keeper({ policy, everyMs: 500 }));
  await ready(...sources);
  const old = decoded((await secret()).data['ca.crt']);
  await cluster.bed.request('DELETE', secretPath());
  const bundleSizes = new Set<number>();
  await until('the new CA signs alone', async () => {
    const published = certificatesIn(decoded((await bundles())[0]));
    bundleSizes.add(published.length);
    expect(sources.every((source) => published.some((ca) => isSignedBy(source, ca)))).toBe(true);
    expect(sources.map((source) => source.problem())).toEqual([undefined, undefined, undefined]);
    return published.length === 1 && published[0] !== old;
  });
  expect([...bundleSizes].toSorted((a, b) => a - b)).toEqual([1, 2]);
  expect(cluster.lines.filter((line) => line.includes('switched to the next CA'))).toHaveLength(1);
});

test('a change of the webhook configuration is observed at once', async () => {
  await install('a.vaultauth.dev');
  const client = connect();
  const read = await readWebhookConfiguration(client, cluster.configuration);
  const started = Date.now();
  let heard = false;
  const listen = async (): Promise<void> => {
    await untilChanged(
      client,
      { name: cluster.configuration, resourceVersion: read?.resourceVersion },
      60,
      AbortSignal.timeout(60_000),
    );
    heard = true;
  };
  const waiting = listen();
  await sleep(300);
  expect(heard).toBe(false);
  await cluster.bed.request(
    'PATCH',
    `${CONFIGURATIONS}/${cluster.configuration}`,
    { metadata: { labels: { a: 'b' } } },
    'application/merge-patch+json',
  );
  await waiting;
  expect(Date.now() - started).toBeLessThan(30_000);
  await untilChanged(client, { name: 'absent', resourceVersion: undefined }, 1, AbortSignal.timeout(60_000));
});

describe('without the right to Secrets, as the chart has it for one replica', () => {
  beforeEach(() => revoke('rolebindings'));

  test('keeps the CA in memory, and all replicas of a rollout stay trusted', async () => {
    await install('a.vaultauth.dev', 'b.vaultauth.dev');
    const sources = [1, 2, 3].map(() => keeper({ everyMs: 500 }));
    await ready(...sources);
    await until('three CAs everywhere', async () =>
      (await bundles()).every((bundle) => certificatesIn(decoded(bundle)).length === 3),
    );
    expect(sources.map((source) => source.problem())).toEqual([undefined, undefined, undefined]);
    expect(cluster.lines.filter((line) => line.startsWith('access to the CA Secret denied'))).toHaveLength(3);
    // They have come to rest: none undoes what another does.
    await atRest(1500, async () => (await live()).metadata.resourceVersion);
    // The Role is granted: all converge to one Secret, and each stays trusted meanwhile.
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: `vault-agent-injector-${cluster.count}` };
    const subjects = [{ kind: 'ServiceAccount', name: 'vault-agent-injector', namespace: cluster.namespace }];
    await cluster.bed.request('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${cluster.namespace}/rolebindings`, {
      metadata: { name: 'later' },
      roleRef,
      subjects,
    });
    await until('one signs for all', async () => {
      expect(sources.map((source) => source.problem())).toEqual([undefined, undefined, undefined]);
      const answer = await cluster.bed.exchange('GET', secretPath());
      if (answer.status !== 200) return false;
      const ca = decoded((await secret()).data['ca.crt']);
      return sources.every((source) => isSignedBy(source, ca));
    });
  });
});

test('a CA that was trusted before the start stays trusted for a while, so that an upgrade loses no review', async () => {
  await install('vault.hashicorp.com');
  const path = `${CONFIGURATIONS}/${cluster.configuration}`;
  const add = [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: Buffer.from(cluster.bed.ca).toString('base64') }];
  await cluster.bed.request('PATCH', path, add, 'application/json-patch+json');
  let now = Date.now();
  const source = keeper({ graceMs: 60_000, now: () => now });
  await ready(source);
  expect(certificatesIn(decoded((await bundles())[0])).length).toBe(2);
  now += 60_000;
  await until('it is dropped', async () => certificatesIn(decoded((await bundles())[0])).length === 1);
  expect(source.problem()).toBeUndefined();
});

test('while the API server is away, a new replica serves nothing, and a running one keeps serving', async () => {
  await install('a.vaultauth.dev');
  const early = keeper();
  await ready(early);
  const served = early.current();
  const away = kubeClient({
    connection: {
      server: 'https://127.0.0.1:1',
      namespace: cluster.namespace,
      credentials: () => Promise.resolve(ANONYMOUS),
    },
    userAgent: 'tester',
  });
  afterwards(() => away.close());
  const late = keeper({ client: away });
  await until('it is reported', () => late.problem()?.includes('ECONNREFUSED') === true);
  expect(late.current()).toBeUndefined();
  await cluster.bed.restart('kube-apiserver');
  expect(early.current()).toBe(served);
  expect(early.problem()).toBeUndefined();
}, 300_000);
