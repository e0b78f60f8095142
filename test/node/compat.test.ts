// Pods of profile compat on a real node: the webhook in the cluster behind its Service, a real secret server, a real agent.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BedWithNode } from '../bed/node/node.ts';
import { INSTALLATION, replicas } from './installation.ts';
import { onNode } from './on-node.ts';
import { PRODUCTS } from './secret-server.ts';
import { prepareTeam, type Team } from './team-namespace.ts';
import { podTemplate, STAY } from './workload.ts';
import { completes, readsFirstAndLater, SHOW, SOON } from './workloads.ts';

let team: Team;

const prepare = async (bed: BedWithNode): Promise<void> => {
  team = await prepareTeam(bed, ['-profile=compat', '-native-sidecars=false']);
};

onNode('pods of profile compat', { parts: ['openbao', 'vault'], images: ['openbao', 'vault', 'injector'] }, prepare, (test) => {
  for (const product of PRODUCTS) {
    test.concurrent(`with ${product}, a Deployment reads its secret at start, and a later value later`, (bed) =>
      readsFirstAndLater(bed, team, product, podTemplate(product, SHOW, { ...SOON, ...team.chosen(product) })));
  }

  for (const product of PRODUCTS) {
    test.concurrent(`with ${product} and no native sidecars, profile native has an init container and a sidecar`, async (bed) => {
      const app = `${product}-native`;
      const annotations = { ...SOON, ...team.chosen(product), 'vaultauth.dev/profile': 'native' };
      await readsFirstAndLater(bed, team, product, podTemplate(app, SHOW, annotations));
      const containers = ['get', 'pods', '-n', team.namespace, '-l', `app=${app}`, '-o'];
      expect(await bed.kubectl([...containers, 'jsonpath={.items[*].spec.containers[*].name}'])).toBe('app vault-agent');
      const restarts = 'jsonpath={.items[*].spec.initContainers[*].restartPolicy}';
      expect(await bed.kubectl([...containers, restarts])).toBe('');
    });
  }

  test.concurrent('a Job with agent-pre-populate-only completes by itself', async (bed) => {
    await team.servers.openbao.write('web/once', { password: 'for the job' });
    const script = 'grep -qx "for the job" /vault/secrets/database';
    await completes(bed, team.namespace, 'once', podTemplate('once', script, { 'agent-pre-populate-only': 'true' }));
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
      const answer = await bed.exchange('POST', `/api/v1/namespaces/${team.namespace}/pods?dryRun=All`, named);
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
