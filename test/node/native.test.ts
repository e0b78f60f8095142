// Pods of profile native on a real node: the webhook in the cluster behind its Service, real secret servers, real agents.
import { openGate } from '../bed/node/gate.ts';
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { untilInjecting } from '../bed/webhook.ts';
import { install } from './installation.ts';
import { asking, AUDIENCE, createPod, eventually, ROLE } from './native-pods.ts';
import { onNode } from './on-node.ts';
import { outage, type Seen, WATCH } from './outage.ts';
import { type Product, PRODUCTS, type SecretServer, secretServer } from './secret-server.ts';
import { claimsOf, statusWith } from './token.ts';
import { firstWords, podTemplate, STAY } from './workload.ts';

const API_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount';
const SHOW = `cat /vault/secrets/database; echo; ${STAY}`;

/** What docs/decisions/0050 promises, a busy machine included: the waits of an agent take 3 s of it at the most. */
const RECOVERY_MS = 5000;

let namespace: string;
let servers: Readonly<Record<Product, SecretServer>>;
/** Runs beside the other tests, for it takes longer than all of them. */
let afterOutage: Promise<Seen>;

/** OpenBao is what the installation says; Vault is chosen by the pod. */
const chosen = (product: Product): Readonly<Record<string, string>> =>
  product === 'openbao'
    ? { role: 'native' }
    : { role: 'native', service: servers.vault.address, 'agent-image': IMAGES.vault, 'vaultauth.dev/flavour': 'vault' };

const prepare = async (bed: BedWithNode): Promise<void> => {
  servers = { openbao: await secretServer(bed, 'openbao'), vault: await secretServer(bed, 'vault') };
  for (const product of PRODUCTS) {
    const { request } = servers[product];
    await request('POST', 'auth/kubernetes/role/native', { ...ROLE, token_ttl: 300 });
    // Its tokens are lost in an outage of a minute.
    await request('POST', 'auth/kubernetes/role/brief', { ...ROLE, token_ttl: 15, token_max_ttl: 20 });
  }
  await install(bed, [
    `-vault-address=${servers.openbao.address}`,
    `-vault-image=${IMAGES.openbao}`,
    '-profile=native',
    '-flavour=openbao',
    // By these a pod turns to Vault and its agent.
    '-allow=service,agent-image',
  ]);
  namespace = await bed.createNamespace();
  await untilInjecting(bed, namespace);
  afterOutage = underOutage(bed);
  // Its failure is seen by the last test.
  afterOutage.catch(() => undefined);
};

const writeOutage = async (value: string): Promise<void> => {
  for (const product of PRODUCTS) await servers[product].write('web/outage', { password: value });
};

/** For each product a pod whose login outlives the outage, and one whose login is lost in it. */
const underOutage = async (bed: BedWithNode): Promise<Seen> => {
  const gates = await Promise.all(PRODUCTS.map((product) => openGate(bed, bed[product]?.address ?? '')));
  const pods = new Array<string>();
  await writeOutage('before the outage');
  for (const [index, product] of PRODUCTS.entries())
    for (const role of ['native', 'brief']) {
      const name = `${product}-${role}`;
      pods.push(name);
      const service = gates[index]?.address ?? '';
      const annotations = { ...chosen(product), service, role, 'template-static-secret-render-interval': '1s' };
      await createPod(bed, namespace, name, asking('outage', WATCH, annotations));
    }
  for (const name of pods) await bed.untilReady(namespace, name);
  const gate = {
    open: async () => void (await Promise.all(gates.map(({ open }) => open()))),
    shut: async () => void (await Promise.all(gates.map(({ shut }) => shut()))),
  };
  return outage(bed, { gate, milliseconds: 75_000, namespace, pods, write: writeOutage });
};

onNode('pods of profile native', { parts: ['openbao', 'vault'], images: ['openbao', 'vault', 'injector'] }, prepare, (test) => {
  for (const product of PRODUCTS) {
    test(`with ${product}, a Deployment reads its secret at its first line, and a later value later`, async (bed) => {
      const server = servers[product];
      await server.write(`web/${product}`, { password: 'first' });
      const annotations = { 'template-static-secret-render-interval': '1s', ...chosen(product) };
      await bed.request('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, {
        metadata: { name: product },
        spec: { selector: { matchLabels: { app: product } }, template: asking(product, SHOW, annotations) },
      });
      await bed.kubectl(['rollout', 'status', '-n', namespace, `deployment/${product}`, '--timeout=90s']);
      const [pod = ''] = await bed.pods(namespace, `app=${product}`);
      expect(await firstWords(bed, namespace, pod, 'app')).toBe('first\n');
      await server.write(`web/${product}`, { password: 'second' });
      await eventually('second', () => bed.exec(namespace, pod, 'app', ['cat', '/vault/secrets/database']));
      await expect(bed.exec(namespace, pod, 'app', ['touch', '/vault/secrets/database'])).rejects.toThrow('Read-only');
    });

    test(`with ${product}, a wrong role is named by kubectl describe pod, and may be made right`, async (bed) => {
      const name = `${product}-wrong`;
      const { request, write } = servers[product];
      await write(`web/${name}`, { password: 'late' });
      await createPod(bed, namespace, name, asking(name, STAY, { ...chosen(product), role: 'late' }));
      await eventually('* invalid role name "late"', () => bed.kubectl(['describe', 'pod', '-n', namespace, name]));
      await request('POST', 'auth/kubernetes/role/late', ROLE);
      await bed.untilReady(namespace, name, 30);
    });

    test(`with ${product}, an app of mode token logs in by itself`, async (bed) => {
      await servers[product].write('web/itself', { password: 'by itself' });
      const script = `
        body="{\\"role\\":\\"$VAULT_ROLE\\",\\"jwt\\":\\"$(cat "$VAULT_TOKEN_PATH")\\"}"
        token=$(wget -qO- --post-data "$body" "$VAULT_ADDR/v1/$VAULT_AUTH_MOUNT/login" | sed 's/.*"client_token":"\\([^"]*\\)".*/\\1/')
        wget -qO- --header "X-Vault-Token: $token" "$VAULT_ADDR/v1/secret/data/web/itself"; echo; ${STAY}`;
      const name = `${product}-itself`;
      const annotations = { 'agent-inject': 'true', ...chosen(product), 'vaultauth.dev/mode': 'token' };
      await createPod(bed, namespace, name, podTemplate('itself', script, annotations));
      await bed.untilReady(namespace, name);
      await eventually('"password":"by itself"', () => bed.logs(namespace, name, 'app'));
      expect(await bed.kubectl(['get', 'pod', '-n', namespace, name, '-o', 'jsonpath={..image}'])).not.toContain(IMAGES[product]);
    });
  }

  test('a Job completes by itself, and its agent too', async (bed) => {
    await servers.openbao.write('web/once', { password: 'for the job' });
    const once = asking('once', 'grep -qx "for the job" /vault/secrets/database');
    await bed.request('POST', `/apis/batch/v1/namespaces/${namespace}/jobs`, {
      metadata: { name: 'once' },
      spec: { backoffLimit: 0, template: { ...once, spec: { ...once.spec, restartPolicy: 'Never' } } },
    });
    await bed.kubectl(['wait', '-n', namespace, 'job/once', '--for=condition=Complete', '--timeout=90s']);
    const exit = 'jsonpath={.items[*].status.initContainerStatuses[*].state.terminated.exitCode}';
    expect(await bed.kubectl(['get', 'pods', '-n', namespace, '-l', 'app=once', '-o', exit])).toBe('0');
  });

  test('an init container of the pod finds the secret', async (bed) => {
    await servers.openbao.write('web/early', { password: 'for the first' });
    const script = 'grep -x "for the first" /vault/secrets/database';
    const initContainers = [{ name: 'migrate', image: IMAGES.app, command: ['sh', '-c', script] }];
    await createPod(bed, namespace, 'early', asking('early', STAY), { initContainers });
    await bed.untilReady(namespace, 'early');
    expect(await firstWords(bed, namespace, 'early', 'migrate')).toBe('for the first\n');
  });

  test('the agent has a token for Vault alone, the app keeps its own, and nobody else reads either', async (bed) => {
    await servers.openbao.write('web/tokens', { password: 'known' });
    const template = asking('tokens', STAY, { 'vaultauth.dev/token-expiration-seconds': '1200' });
    await createPod(bed, namespace, 'tokens', template, { securityContext: { runAsUser: 1000, runAsNonRoot: true } });
    await bed.untilReady(namespace, 'tokens');
    const inside = (container: string, command: string): Promise<string> =>
      bed.exec(namespace, 'tokens', container, ['sh', '-c', command]);
    const token = await inside('vault-agent', `cat ${API_TOKEN}/token`);
    const { aud, exp, iat } = claimsOf(token);
    expect({ aud, seconds: exp - iat }).toEqual({ aud: [AUDIENCE], seconds: 1200 });
    expect(await statusWith(bed, token)).toBe(401);
    expect(await statusWith(bed, await inside('app', `cat ${API_TOKEN}/token`))).toBe(200);
    expect(await inside('vault-agent', `ls ${API_TOKEN}`)).toBe('token\n');
    // What comes with the general token.
    const authorities = (container: string): Promise<string> =>
      inside(container, 'find / -path /proc -prune -o -name ca.crt -print 2>/dev/null || true');
    expect(await authorities('app')).toContain(`${API_TOKEN}/ca.crt`);
    expect(await authorities('vault-agent')).toBe('');
    for (const container of ['app', 'vault-agent'])
      expect(await inside(container, `stat -L -c '%a %u' ${API_TOKEN}/token`)).toBe('600 1000\n');
  });

  test('under Pod Security restricted, with no API token, with a read-only root, with and without a user', async (bed) => {
    await servers.openbao.write('web/restricted', { password: 'restricted' });
    const restricted = await bed.createNamespace({
      labels: { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/enforce-version': 'latest' },
    });
    const securityContext = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } };
    const pod = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
    const program = `const { existsSync, readFileSync } = require('node:fs');
      console.log(readFileSync('/vault/secrets/database', 'utf8'), existsSync('${API_TOKEN}'));
      setInterval(() => {}, 1e6);`;
    const kinds = {
      user: {
        securityContext: { ...pod, runAsUser: 12345 },
        containers: [{ name: 'app', image: IMAGES.app, command: ['sh', '-c', SHOW], securityContext }],
      },
      // The user is the image's own.
      'no-user': {
        automountServiceAccountToken: false,
        securityContext: pod,
        containers: [{ name: 'app', image: IMAGES.injector, command: ['node', '-e', program], securityContext }],
      },
    };
    for (const [name, more] of Object.entries(kinds))
      await createPod(bed, restricted, name, asking('restricted', ''), { terminationGracePeriodSeconds: 1, ...more });
    for (const name of Object.keys(kinds)) await bed.untilReady(restricted, name);
    await eventually('restricted\n', () => bed.logs(restricted, 'user', 'app'));
    // Its secret, and no API token.
    await eventually('restricted false\n', () => bed.logs(restricted, 'no-user', 'app'));
    expect(await bed.exec(restricted, 'no-user', 'vault-agent', ['id', '-u'])).toBe('100\n');
    expect(await bed.exec(restricted, 'user', 'vault-agent', ['id', '-u'])).toBe('12345\n');
  });

  test('every injected pod is one call of the webhook', async (bed) => {
    const calls = async (): Promise<number> =>
      [...(await bed.metrics()).matchAll(/^apiserver_admission_webhook_request_total\{.*\.vaultauth\.dev".*\} (\d+)$/gm)]
        .map(([, count]) => Number(count))
        .reduce((sum, count) => sum + count, 0);
    const before = await calls();
    for (const name of ['one', 'two', 'three']) {
      const { metadata, spec } = asking(name, STAY);
      await bed.request('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, { metadata: { ...metadata, name }, spec });
    }
    expect((await calls()) - before).toBe(3);
  });

  test('an outage of 75 s takes no pod out of service, and is over 5 s after', async () => {
    const { troubles, kept, recovery } = await afterOutage;
    expect(troubles).toEqual([]);
    expect(new Set(kept)).toEqual(new Set(['before the outage']));
    for (const [name, milliseconds] of Object.entries(recovery))
      expect([name, milliseconds < RECOVERY_MS, milliseconds]).toEqual([name, true, milliseconds]);
  }, 180_000);
});
