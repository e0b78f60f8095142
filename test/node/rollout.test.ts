// on-change: rollout on a real node, with the installed webhook, real agents of OpenBao and of Vault: from the write of a secret to the app.
import { setTimeout as sleep } from 'node:timers/promises';
import { type JsonObject, textOf } from '../../src/json/json.ts';
import { applyYAML, CONTROLLER_NAMESPACE, installController, runController, untilCondition } from '../bed/controller.ts';
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { eventually } from '../support/eventually.ts';
import { prepareNative } from './native-basics.ts';
import { asking, ROLE } from './native-pods.ts';
import { onNode } from './on-node.ts';
import { PRODUCTS, type Product } from './secret-server.ts';
import type { Team } from './team-namespace.ts';
import { STAY } from './workload.ts';

let team: Team;

/** A VaultAuthRole and its backend decide which server a pod uses; the agent is the pod's choice. */
const roleOf = (product: Product): string => `native-${product}`;

/** The objects of a platform team that only looks at the mount, and the role with which the pods log in. */
const objects = (product: Product, address: string, token: string, host: string, namespace: string): string => `
apiVersion: v1
kind: Secret
metadata: { name: ${product}-token, namespace: ${CONTROLLER_NAMESPACE} }
stringData: { token: "${token}" }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultEndpoint
metadata: { name: ${product} }
spec:
  address: ${address}
  allowPlainHTTP: true
  managementPolicy: Observe
  auth: { token: { secretRef: { name: ${product}-token } } }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthBackend
metadata: { name: ${product} }
spec:
  endpointRef: { name: ${product} }
  type: kubernetes
  path: kubernetes
  clusterName: test
  probe: { enabled: false }
  kubernetes: { host: "${host}", reviewer: { mode: Local } }
  defaults: { audience: vault }
  tenancy: { roleNaming: Plain, namespaceSelector: {} }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthRole
metadata: { name: ${roleOf(product)}, namespace: ${namespace} }
spec: { backendRef: { name: ${product} }, serviceAccounts: [default] }
`;

const prepare = async (bed: BedWithNode): Promise<void> => {
  await installController(bed);
  team = await prepareNative(bed);
  const { servers, namespace } = team;
  for (const product of PRODUCTS) {
    await servers[product].request('POST', `auth/kubernetes/role/${roleOf(product)}`, { ...ROLE, token_ttl: 300 });
    await applyYAML(bed, objects(product, servers[product].address, bed[product]?.rootToken ?? '', bed.url, namespace));
  }
  await runController(bed, { flags: ['-rollouts', '-rollout-interval=1s', '-resync-factor=0.2'] });
  for (const product of PRODUCTS) await untilCondition(bed, 'VaultEndpoint', { name: product }, 'Ready=True');
};

const options = { parts: ['openbao', 'vault'], images: ['openbao', 'vault', 'injector'] } as const;

onNode('rollouts', options, prepare, (test) => {
  for (const product of PRODUCTS)
    test.concurrent(`with ${product}, a new version reaches all pods of a Deployment, one pod first`, async (bed) => {
      const { namespace, servers } = team;
      const name = `${product}-rolled`;
      await servers[product].write(`web/${name}`, { password: 'first' });
      // Pods of the same second count as older than the version: they would be restarted for it.
      await sleep(1100);
      const template = asking(name, `cat /vault/secrets/database; echo; ${STAY}`, {
        role: roleOf(product),
        'vaultauth.dev/on-change': 'rollout',
        ...(product === 'vault' ? { 'agent-image': IMAGES.vault, 'vaultauth.dev/flavour': 'vault' } : {}),
      });
      const spec = { replicas: 2, selector: { matchLabels: { app: name } }, template };
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
      await bed.request('POST', path, { metadata: { name }, spec });
      const state = async (): Promise<string> =>
        bed.kubectl([
          'get',
          'deployment',
          '-n',
          namespace,
          name,
          '-o',
          'jsonpath={.metadata.annotations.vaultauth\\.dev/rollout}',
        ]);
      const readings = async (): Promise<readonly string[]> =>
        Promise.all(
          (await bed.pods(namespace, `app=${name}`)).map(async (pod) => (await bed.logs(namespace, pod, 'app')).trim()),
        );
      await eventually('the controller follows version 1', async () => expect(await state()).toContain(':1}'), {
        seconds: 120,
        everyMs: 500,
      });
      await eventually('both read it', async () => expect(await readings()).toEqual(['first', 'first']), { everyMs: 500 });
      const begin = performance.now();
      await servers[product].write(`web/${name}`, { password: 'second' });
      await eventually('both read the new one', async () => expect(await readings()).toEqual(['second', 'second']), {
        seconds: 120,
        everyMs: 250,
      });
      const seconds = (performance.now() - begin) / 1000;
      process.stderr.write(`${product}, rollout: from the write to both pods: ${seconds.toFixed(1)} s\n`);
      await eventually('the rollout is complete', async () => expect(await state()).toMatch(/^\{"versions":\{[^}]*:2\}\}$/), {
        everyMs: 500,
      });
      const { items } = await bed.request<{ readonly items: readonly JsonObject[] }>(
        'GET',
        `/apis/events.k8s.io/v1/namespaces/${namespace}/events?fieldSelector=reason%3DRolloutStarted`,
      );
      const notes = items.map((event) => textOf(event, 'note') ?? '').filter((note) => note.includes(name));
      expect(notes).toEqual([expect.stringMatching(new RegExp(`version 2: replaces the pod ${name}-\\S+ first`))]);
    });
});
