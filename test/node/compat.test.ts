// Pods of profile compat on a real node: the webhook in the cluster behind its Service, a real secret server, a real agent.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BedWithNode } from '../bed/node/node.ts';
import { IMAGES } from '../bed/node/images.ts';
import { untilInjecting } from '../bed/webhook.ts';
import { INSTALLATION, install, replicas } from './installation.ts';
import { onNode } from './on-node.ts';
import { firstWords, podTemplate, STAY } from './workload.ts';
import { type Product, PRODUCTS, type SecretServer, secretServer } from './secret-server.ts';

let namespace: string;
let servers: Readonly<Record<Product, SecretServer>>;

/** OpenBao is what the installation says; Vault is chosen by the pod. */
const chosen = (product: Product): Readonly<Record<string, string>> =>
  product === 'openbao' ? {} : { service: servers.vault.address, 'agent-image': IMAGES.vault };

const prepare = async (bed: BedWithNode): Promise<void> => {
  servers = { openbao: await secretServer(bed, 'openbao'), vault: await secretServer(bed, 'vault') };
  await install(bed, [
    `-vault-address=${servers.openbao.address}`,
    `-vault-image=${IMAGES.openbao}`,
    '-profile=compat',
    // By these a pod turns to Vault and its agent.
    '-allow=service,agent-image',
  ]);
  namespace = await bed.createNamespace();
  await untilInjecting(bed, namespace);
};

onNode('pods of profile compat', { parts: ['openbao', 'vault'], images: ['openbao', 'vault', 'injector'] }, prepare, (test) => {
  for (const product of PRODUCTS) {
    test(`with ${product}, a Deployment reads its secret at its first line, and a later value later`, async (bed) => {
      const server = servers[product];
      await server.write(`web/${product}`, { password: 'first' });
      const annotations = { 'template-static-secret-render-interval': '1s', ...chosen(product) };
      await bed.request('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, {
        metadata: { name: product },
        spec: {
          selector: { matchLabels: { app: product } },
          template: podTemplate(product, `cat /vault/secrets/database; echo; ${STAY}`, annotations),
        },
      });
      await bed.kubectl(['rollout', 'status', '-n', namespace, `deployment/${product}`, '--timeout=90s']);
      const [pod = ''] = await bed.pods(namespace, `app=${product}`);
      expect(await firstWords(bed, namespace, pod, 'app')).toBe('first\n');
      await server.write(`web/${product}`, { password: 'second' });
      let seen = '';
      for (let wait = 0; wait < 60 && seen !== 'second'; wait += 1) {
        await sleep(500);
        seen = await bed.exec(namespace, pod, 'app', ['cat', '/vault/secrets/database']);
      }
      expect(seen).toBe('second');
    });
  }

  test('a Job with agent-pre-populate-only completes by itself', async (bed) => {
    await servers.openbao.write('web/once', { password: 'for the job' });
    const script = 'grep -qx "for the job" /vault/secrets/database';
    const once = podTemplate('once', script, { 'agent-pre-populate-only': 'true' });
    await bed.request('POST', `/apis/batch/v1/namespaces/${namespace}/jobs`, {
      metadata: { name: 'once' },
      spec: {
        backoffLimit: 0,
        template: { ...once, spec: { ...once.spec, restartPolicy: 'Never' } },
      },
    });
    await bed.kubectl(['wait', '-n', namespace, 'job/once', '--for=condition=Complete', '--timeout=90s']);
  });

  test('a rolling restart of the webhook loses no pod that is created meanwhile', async (bed) => {
    const before = await replicas(bed);
    await bed.kubectl(['rollout', 'restart', '-n', INSTALLATION, `deployment/${INSTALLATION}`]);
    const answers = { injected: 0, others: new Array<string>() };
    const ended = new AbortController();
    const rollout = untilReplaced(bed, before).finally(() => ended.abort());
    // Its failure is seen below, after the loop.
    rollout.catch(() => undefined);
    for (let count = 0; !ended.signal.aborted; count += 1) {
      const pod = podTemplate('created', STAY);
      const named = { ...pod, metadata: { ...pod.metadata, name: `created-${count}` } };
      const answer = await bed.exchange('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, named);
      if (answer.status === 201 && answer.text.includes('"vault-agent-init"')) answers.injected += 1;
      else answers.others.push(`${answer.status} ${answer.text.slice(0, 300)}`);
      await sleep(20);
    }
    await rollout;
    expect(answers.others).toEqual([]);
    expect(answers.injected).toBeGreaterThan(100);
  });
});

/** Resolves when none of the pods is left and the new ones are available. */
const untilReplaced = async (bed: BedWithNode, old: readonly string[]): Promise<void> => {
  await bed.kubectl(['rollout', 'status', '-n', INSTALLATION, `deployment/${INSTALLATION}`, '--timeout=100s']);
  for (const name of old) await bed.kubectl(['wait', '-n', INSTALLATION, `pod/${name}`, '--for=delete', '--timeout=60s']);
};
