// The same pods of profile native on the oldest Kubernetes that is supported, kubelet included, with injection on for the whole
// cluster: and what starts when every replica of the webhook is gone.
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import { untilInjecting } from '../bed/webhook.ts';
import { INSTALLATION, replicas, untilServing } from './installation.ts';
import { nativeBasics, prepareNative } from './native-basics.ts';
import { asking } from './native-pods.ts';
import { onNode } from './on-node.ts';
import type { Team } from './team-namespace.ts';
import { STAY } from './workload.ts';
import { eventually } from '../support/eventually.ts';

const kubernetes = KUBERNETES_VERSIONS.at(-1) ?? '1.34';
let team: Team;

const prepare = async (bed: BedWithNode): Promise<void> => {
  team = await prepareNative(bed, 'variants/cluster-wide');
};

const scale = (bed: BedWithNode, count: number): Promise<string> =>
  bed.kubectl(['scale', '-n', INSTALLATION, `deployment/${INSTALLATION}`, `--replicas=${count}`]);

onNode(
  `pods of profile native on Kubernetes ${kubernetes}`,
  { kubernetes, parts: ['openbao', 'vault'], images: ['openbao', 'vault', 'injector'] },
  prepare,
  (test) => {
    nativeBasics(test.concurrent, () => team);

    test('a pod whose containers a change of its secret would restart is denied, with the version and the remedies', async (bed) => {
      const { metadata, spec } = asking('restarted', STAY, { 'vaultauth.dev/on-change': 'restart' });
      const { status, text } = await bed.exchange('POST', `/api/v1/namespaces/${team.namespace}/pods?dryRun=All`, {
        metadata: { ...metadata, name: 'restarted' },
        spec,
      });
      expect([status, text]).toEqual([403, expect.stringContaining(`this cluster has v${kubernetes}.`)]);
      expect(text).toContain('set it to rollout');
    });

    test('kubectl apply prints why a pod with variables from secrets is denied, and both remedies', async (bed) => {
      const { namespace } = team;
      const apply = (annotations: Readonly<Record<string, string>>): Promise<string> => {
        const { metadata, spec } = asking('variables', STAY, annotations);
        const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: 'variables' }, spec };
        const apply = ['apply', '--dry-run=server', '-n', namespace, '-f', '-'];
        return bed.kubectl(apply, JSON.stringify(pod)).catch((error: unknown) => String(error));
      };
      const variable = { 'vaultauth.dev/env-DB_PASSWORD': 'secret/data/web/variables#password' };
      const denied = await apply(variable);
      expect(denied).toContain('vaultauth.dev/env-DB_PASSWORD: the cluster cannot read environment variables from files');
      expect(denied).toContain(`it is v${kubernetes}.`);
      expect(denied).toContain('this needs Kubernetes 1.35: render a file with ');
      expect(denied).toContain(', or upgrade the cluster to Kubernetes 1.35');
      // The first one: the pod has a file already.
      expect(await apply({ 'agent-inject-format-database': 'dotenv' })).toContain('pod/variables created');
    });

    test('without any replica, all pods start except those that ask, and the replicas come back', async (bed) => {
      const { namespace } = team;
      const before = await replicas(bed);
      await scale(bed, 0);
      await bed.kubectl(['delete', 'pod', '-n', INSTALLATION, '--grace-period=0', '--force', ...before]);
      const containers = [{ name: 'app', image: IMAGES.app, command: ['sh', '-c', STAY] }];
      const create = (path: string, pod: object): Promise<{ readonly status: number; readonly text: string }> =>
        bed.exchange('POST', `/api/v1/namespaces/${path}`, pod);
      const refused = async (): Promise<boolean> => {
        const { metadata, spec } = asking('asks', STAY);
        const { status, text } = await create(`${namespace}/pods?dryRun=All`, { metadata: { ...metadata, name: 'asks' }, spec });
        return status === 500 && text.includes('annotation.vaultauth.dev');
      };
      await eventually('pods that ask are refused', refused);
      for (const where of ['kube-system', namespace]) {
        const { status, text } = await create(`${where}/pods`, { metadata: { name: 'silent' }, spec: { containers } });
        expect([where, status, status === 201 ? '' : text]).toEqual([where, 201, '']);
      }
      for (const where of ['kube-system', namespace]) await bed.untilReady(where, 'silent');
      // Their namespace is ours.
      await scale(bed, 2);
      await untilServing(bed);
      await untilInjecting(bed, namespace);
    });
  },
);
