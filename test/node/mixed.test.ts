// A cluster that is being upgraded: the API server is of the newest Kubernetes, the kubelet of the oldest that is supported. It accepts
// variables from files and restarts of all containers; the kubelet knows neither.
import type { BedWithNode } from '../bed/node/node.ts';
import { NODE_NAME } from '../bed/node/services.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import { eventually } from '../support/eventually.ts';
import { prepareNative } from './native-basics.ts';
import { asking, eventuallyContains } from './native-pods.ts';
import { onNode } from './on-node.ts';
import type { Team } from './team-namespace.ts';
import { firstWords, type PodTemplate, STAY } from './workload.ts';
import { SOON } from './workloads.ts';

const [newest] = KUBERNETES_VERSIONS;
const oldest = KUBERNETES_VERSIONS.at(-1) ?? '1.34';
const RESTART = { ...SOON, 'vaultauth.dev/on-change': 'restart', 'vaultauth.dev/on-change-delay': '0s' };
let team: Team;

const prepare = async (bed: BedWithNode): Promise<void> => {
  team = await prepareNative(bed);
};

/** Creates the pod and gives the warnings that kubectl would print. */
const create = async (bed: BedWithNode, name: string, { metadata, spec }: PodTemplate): Promise<string> => {
  const path = `/api/v1/namespaces/${team.namespace}/pods`;
  const { status, text, warnings } = await bed.exchange('POST', path, { metadata: { ...metadata, name }, spec });
  expect([status, status === 201 ? '' : text]).toEqual([201, '']);
  return warnings.join('\n');
};

interface Restarts {
  readonly status: {
    readonly containerStatuses: readonly { readonly restartCount: number }[];
    readonly initContainerStatuses: readonly { readonly restartCount: number }[];
  };
}

onNode(
  `a node of Kubernetes ${oldest} in a cluster of ${newest}`,
  {
    kubernetes: newest,
    nodeKubernetes: oldest,
    parts: ['openbao', 'vault'],
    images: ['openbao', 'vault', 'injector'],
  },
  prepare,
  (test) => {
    test.concurrent('a pod with variables from secrets is created with a warning that names the node, which leaves them empty', async (bed) => {
      const { namespace, servers } = team;
      await servers.openbao.write('web/variables', { password: 'v0' });
      const variable = { 'vaultauth.dev/env-PASSWORD': 'secret/data/web/variables#password' };
      const warnings = await create(bed, 'variables', asking('variables', `echo "[$PASSWORD]"; ${STAY}`, variable));
      expect(warnings).toMatch(
        new RegExp(`env-PASSWORD: the kubelet of node "node" is v${oldest}\\.\\d+: it leaves such variables empty`),
      );
      expect(await firstWords(bed, namespace, 'variables', 'app')).toBe('[]\n');
    });

    test.concurrent('a pod with on-change restart is created with such a warning, and is not placed on the node', async (bed) => {
      const { namespace } = team;
      const warnings = await create(bed, 'pending', asking('pending', STAY, RESTART));
      expect(warnings).toMatch(
        new RegExp(
          `on-change: the kubelet of node "node" is v${oldest}\\.\\d+, and restart needs Kubernetes ${newest}: the scheduler`,
        ),
      );
      const describe = (): Promise<string> => bed.kubectl(['describe', 'pod', '-n', namespace, 'pending']);
      await eventuallyContains("1 node(s) didn't match Pod's required features", describe);
    });

    test.concurrent('where nodeName places such a pod on the node, a change restarts the agent alone', async (bed) => {
      const { namespace, servers } = team;
      await servers.openbao.write('web/placed', { password: 'v0' });
      const { metadata, spec } = asking('placed', `cat /vault/secrets/database; echo; ${STAY}`, RESTART);
      await create(bed, 'placed', { metadata, spec: { ...spec, nodeName: NODE_NAME } });
      await bed.untilReady(namespace, 'placed');
      await servers.openbao.write('web/placed', { password: 'v1' });
      const restarts = async (): Promise<readonly (number | undefined)[]> => {
        const { status } = await bed.request<Restarts>('GET', `/api/v1/namespaces/${namespace}/pods/placed`);
        return [status.initContainerStatuses[0]?.restartCount, status.containerStatuses[0]?.restartCount];
      };
      await eventually(async () => expect(await restarts()).toEqual([1, 0]), { seconds: 90, everyMs: 500 });
      const file = (): Promise<string> => bed.exec(namespace, 'placed', 'app', ['cat', '/vault/secrets/database']);
      await eventually(async () => expect(await file()).toBe('v1'), { seconds: 90, everyMs: 500 });
      expect([await bed.logs(namespace, 'placed', 'app'), await restarts()]).toEqual(['v0\n', [1, 0]]);
    });
  },
);
