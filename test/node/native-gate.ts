// The start-up gate of profile native: the app finds its token and secrets at its first line, also if the agent's image has nothing
// but the agent's program.
import { IMAGES, VAULT_IN_SCRATCH } from '../bed/node/images.ts';
import { asking, createPod, eventuallyContains, ROLE } from './native-pods.ts';
import type { NodeTest } from './on-node.ts';
import { PRODUCTS, type Product } from './secret-server.ts';
import type { Team } from './team-namespace.ts';
import { firstWords, type PodTemplate, STAY } from './workload.ts';

/** The smallest memory limit that admission allows for this gate. */
const SCARCE = { 'agent-limits-mem': '40Mi' };
/** Prints the kind of the token; an app that starts too early prints an error. */
const SHOW_TOKEN = `cut -c 1-2 /vault/secrets/token; ${STAY}`;

const SCRATCH: Readonly<Record<Product, Readonly<Record<string, string>>>> = {
  openbao: { 'agent-image': IMAGES.scratchOpenbao },
  vault: { 'agent-image': IMAGES.scratchVault, 'agent-binary': VAULT_IN_SCRATCH },
};

/** A pod that requests the token, and no secret. */
const askingForToken = (app: string, annotations: Readonly<Record<string, string>>): PodTemplate => {
  const { metadata, spec } = asking(app, SHOW_TOKEN, { 'agent-inject-token': 'true', ...annotations });
  const kept = Object.entries(metadata.annotations).filter(([name]) => !/-(?:secret|template)-database$/.test(name));
  return { metadata: { ...metadata, annotations: Object.fromEntries(kept) }, spec };
};

/** Declares the tests; `teamOf` is asked when they run. */
export function nativeGate(test: NodeTest, teamOf: () => Team): void {
  for (const product of PRODUCTS) {
    test(`F9: with ${product}, an app finds its token at its first line if it requests nothing else`, async (bed) => {
      const { namespace, chosen } = teamOf();
      const name = `${product}-token`;
      await createPod(bed, namespace, name, askingForToken(name, chosen(product)));
      await bed.untilReady(namespace, name);
      expect(await firstWords(bed, namespace, name, 'app')).toMatch(/^(?:hv|s\.)\n/);
    });

    test(`with ${product}, an app finds token and secret at its first line if the agent image has nothing but the program`, async (bed) => {
      const { namespace, servers, chosen } = teamOf();
      const name = `${product}-scratch`;
      await servers[product].write(`web/${name}`, { password: 'from scratch' });
      const annotations = { ...chosen(product), ...SCRATCH[product], ...SCARCE, 'agent-inject-token': 'true' };
      const script = `cat /vault/secrets/database; echo; ${SHOW_TOKEN}`;
      await createPod(bed, namespace, name, asking(name, script, annotations));
      await bed.untilReady(namespace, name);
      expect(await firstWords(bed, namespace, name, 'app')).toMatch(/^from scratch\n(?:hv|s\.)\n/);
      for (const program of ['sh', 'ls'])
        await expect(bed.exec(namespace, name, 'vault-agent', [program])).rejects.toThrow(program);
      const restarts = 'jsonpath={.status.initContainerStatuses[0].restartCount}';
      expect(await bed.kubectl(['get', 'pod', '-n', namespace, name, '-o', restarts])).toBe('0');
    });

    test(`with ${product} and nothing but the program, kubectl describe pod names the missing file, and the pod starts once the role exists`, async (bed) => {
      const { namespace, servers, chosen } = teamOf();
      const name = `${product}-scratch-wrong`;
      await servers[product].write(`web/${name}`, { password: 'late' });
      const annotations = { ...chosen(product), ...SCRATCH[product], role: 'scratch-late' };
      await createPod(bed, namespace, name, asking(name, STAY, annotations));
      // In an event: the pod's own lines have the probe's command alone.
      await eventuallyContains('error reading file: open /vault/secrets/database: no such file', () =>
        bed.kubectl(['describe', 'pod', '-n', namespace, name]),
      );
      await eventuallyContains('invalid role name "scratch-late"', () => bed.logs(namespace, name, 'vault-agent'));
      await servers[product].request('POST', 'auth/kubernetes/role/scratch-late', ROLE);
      await bed.untilReady(namespace, name);
    });
  }
}
