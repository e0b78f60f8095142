// Pods of profile native on a real node: the webhook in the cluster behind its Service, real secret servers, real agents.
import { openGate } from '../bed/node/gate.ts';
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { nativeBasics, prepareNative } from './native-basics.ts';
import { nativeNeighbours } from './native-neighbours.ts';
import { asking, createPod, eventuallyContains, ROLE } from './native-pods.ts';
import { nativeGate } from './native-gate.ts';
import { nativeVariants } from './native-variants.ts';
import { onNode } from './on-node.ts';
import { outage, type Seen, WATCH } from './outage.ts';
import { PRODUCTS } from './secret-server.ts';
import type { Team } from './team-namespace.ts';
import { API_TOKEN } from './token.ts';
import { tokenPolicy } from './token-policy.ts';
import { STAY } from './workload.ts';
import { SHOW, SOON } from './workloads.ts';

/** What docs/decisions/0050 promises: the waits of an agent take 3 s of it at the most. */
const RECOVERY_MS = 5000;
/** Where others have the processors, no pod may take longer; without our limit it would wait for as long again as the outage was. */
const BUSY_RECOVERY_MS = 20_000;

let team: Team;
/** Runs beside the other tests, for it takes longer than all of them. */
let afterOutage: Promise<Seen>;

const prepare = async (bed: BedWithNode): Promise<void> => {
  team = await prepareNative(bed);
  // Its tokens are lost in an outage of a minute.
  for (const product of PRODUCTS)
    await team.servers[product].request('POST', 'auth/kubernetes/role/brief', { ...ROLE, token_ttl: 15, token_max_ttl: 20 });
  afterOutage = underOutage(bed);
  // Its failure is seen by the last test.
  afterOutage.catch(() => undefined);
};

const writeOutage = async (value: string): Promise<void> => {
  for (const product of PRODUCTS) await team.servers[product].write('web/outage', { password: value });
};

/** For each product a pod whose login outlives the outage, and one whose login is lost in it. */
const underOutage = async (bed: BedWithNode): Promise<Seen> => {
  const gates = await Promise.all(PRODUCTS.map((product) => openGate(bed, bed[product]?.address ?? '')));
  const { namespace } = team;
  const pods = new Array<string>();
  await writeOutage('before the outage');
  for (const [index, product] of PRODUCTS.entries())
    for (const role of ['native', 'brief']) {
      const name = `${product}-${role}`;
      pods.push(name);
      const service = gates[index]?.address ?? '';
      const annotations = { ...team.chosen(product), service, role, ...SOON };
      await createPod(bed, namespace, name, asking('outage', WATCH, annotations));
    }
  for (const name of pods) await bed.untilReady(namespace, name);
  const gate = {
    open: async () => void (await Promise.all(gates.map(({ open }) => open()))),
    shut: async () => void (await Promise.all(gates.map(({ shut }) => shut()))),
  };
  return outage(bed, { gate, milliseconds: 75_000, namespace, pods, write: writeOutage });
};

onNode(
  'pods of profile native',
  { parts: ['openbao', 'vault'], images: ['openbao', 'vault', 'bare', 'scratchOpenbao', 'scratchVault', 'injector'] },
  prepare,
  (test) => {
    nativeBasics(test.concurrent, () => team);
    nativeVariants(test.concurrent, () => team);
    nativeNeighbours(test.concurrent, () => team);
    nativeGate(test.concurrent, () => team);
    test('pods start under Pod Security restricted, without an API token, with a read-only root, with and without a user', async (bed) => {
      await team.servers.openbao.write('web/restricted', { password: 'restricted' });
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
      await eventuallyContains('restricted\n', () => bed.logs(restricted, 'user', 'app'));
      // Its secret, and no API token.
      await eventuallyContains('restricted false\n', () => bed.logs(restricted, 'no-user', 'app'));
      expect(await bed.exec(restricted, 'no-user', 'vault-agent', ['id', '-u'])).toBe('100\n');
      expect(await bed.exec(restricted, 'user', 'vault-agent', ['id', '-u'])).toBe('12345\n');
    });

    test('every injected pod causes one call of the webhook', async (bed) => {
      const calls = async (): Promise<number> =>
        [...(await bed.metrics()).matchAll(/^apiserver_admission_webhook_request_total\{.*\.vaultauth\.dev".*\} (\d+)$/gm)]
          .map(([, count]) => Number(count))
          .reduce((sum, count) => sum + count, 0);
      const before = await calls();
      for (const name of ['one', 'two', 'three']) {
        const { metadata, spec } = asking(name, STAY);
        await bed.request('POST', `/api/v1/namespaces/${team.namespace}/pods?dryRun=All`, {
          metadata: { ...metadata, name },
          spec,
        });
      }
      expect((await calls()) - before).toBe(3);
    });

    test('an outage of 75 s makes no pod unready, and pods recover within 5 s', async () => {
      const { troubles, kept, recovery } = await afterOutage;
      expect(troubles).toEqual([]);
      expect(new Set(kept)).toEqual(new Set(['before the outage']));
      for (const [name, milliseconds] of Object.entries(recovery))
        expect([name, milliseconds < BUSY_RECOVERY_MS, milliseconds]).toEqual([name, true, milliseconds]);
      expect([recovery, Math.min(...Object.values(recovery)) < RECOVERY_MS]).toEqual([recovery, true]);
    }, 300_000);

    tokenPolicy(test, () => team);
  },
);
