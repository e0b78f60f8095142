// on-change: rollout on a real node, with the installed webhook, a real agent and OpenBao: from the write of a secret to the app.
import type { JsonObject } from '../../src/json/json.ts';
import { applyYAML, CONTROLLER_NAMESPACE, installController, runController, untilCondition } from '../bed/controller.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { eventually } from '../support/eventually.ts';
import { prepareNative } from './native-basics.ts';
import { asking } from './native-pods.ts';
import { onNode } from './on-node.ts';
import type { Team } from './team-namespace.ts';
import { STAY } from './workload.ts';

let team: Team;

/** The objects of a platform team that only looks at the mount, and the role with which the pods log in. */
const objects = (address: string, token: string, host: string, namespace: string): string => `
apiVersion: v1
kind: Secret
metadata: { name: endpoint-token, namespace: ${CONTROLLER_NAMESPACE} }
stringData: { token: "${token}" }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultEndpoint
metadata: { name: main }
spec:
  address: ${address}
  allowPlainHTTP: true
  managementPolicy: Observe
  auth: { token: { secretRef: { name: endpoint-token } } }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthBackend
metadata: { name: main }
spec:
  endpointRef: { name: main }
  isDefault: true
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
metadata: { name: native, namespace: ${namespace} }
spec: { backendRef: { name: main }, serviceAccounts: [default] }
`;

const prepare = async (bed: BedWithNode): Promise<void> => {
  await installController(bed);
  team = await prepareNative(bed);
  const { servers, namespace } = team;
  await applyYAML(bed, objects(servers.openbao.address, bed.openbao?.rootToken ?? '', bed.url, namespace));
  await runController(bed, { flags: ['-rollouts', '-rollout-interval=1s', '-resync-factor=0.2'] });
  await untilCondition(bed, 'VaultEndpoint', { name: 'main' }, 'Ready=True');
};

onNode('rollouts', { parts: ['openbao', 'vault'], images: ['openbao', 'vault', 'injector'] }, prepare, (test) => {
  test('a new version reaches all pods of a Deployment, one pod first', async (bed) => {
    const { namespace, servers } = team;
    const name = 'rolled';
    await servers.openbao.write(`web/${name}`, { password: 'first' });
    const template = asking(name, `cat /vault/secrets/database; echo; ${STAY}`, { 'vaultauth.dev/on-change': 'rollout' });
    const spec = { replicas: 2, selector: { matchLabels: { app: name } }, template };
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    await bed.request('POST', path, { metadata: { name }, spec });
    const state = async (): Promise<string> =>
      bed.kubectl(['get', 'deployment', '-n', namespace, name, '-o', 'jsonpath={.metadata.annotations.vaultauth\\.dev/rollout}']);
    const readings = async (): Promise<readonly string[]> =>
      Promise.all((await bed.pods(namespace, `app=${name}`)).map(async (pod) => (await bed.logs(namespace, pod, 'app')).trim()));
    await eventually('the controller follows version 1', async () => expect(await state()).toContain(':1}'), {
      seconds: 120,
      everyMs: 500,
    });
    await eventually('both read it', async () => expect(await readings()).toEqual(['first', 'first']), { everyMs: 500 });
    const begin = performance.now();
    await servers.openbao.write(`web/${name}`, { password: 'second' });
    await eventually('both read the new one', async () => expect(await readings()).toEqual(['second', 'second']), {
      seconds: 120,
      everyMs: 250,
    });
    const seconds = (performance.now() - begin) / 1000;
    process.stderr.write(`from the write to both pods: ${seconds.toFixed(1)} s\n`);
    await eventually('the rollout is complete', async () => expect(await state()).toMatch(/^\{"versions":\{[^}]*:2\}\}$/), {
      everyMs: 500,
    });
    const { items } = await bed.request<{ readonly items: readonly JsonObject[] }>(
      'GET',
      `/apis/events.k8s.io/v1/namespaces/${namespace}/events?fieldSelector=reason%3DRolloutStarted`,
    );
    expect(items.map(({ note }) => note)).toEqual([expect.stringMatching(/replaces the pod rolled-\S+ first/)]);
  });
});
