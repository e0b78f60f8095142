// Environment variables and versions of Kubernetes: the table of nodes of a real API server, and what an API server does with fileKeyRef.
import { watchOldNodes, type OldNodeList } from '../../src/cluster/old-nodes.ts';
import { kubeClient, type KubeClient } from '../../src/kube/client.ts';
import { kubeconfigConnection } from '../../src/kube/kubeconfig.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import { eventually } from '../support/eventually.ts';

describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  let client: KubeClient;
  let nodes: OldNodeList | undefined;
  let failed = true;

  beforeAll(async () => {
    bed = await startBed({ parts: ['kube-apiserver'], kubernetes });
    client = kubeClient({ connection: await kubeconfigConnection(bed.kubeconfig), userAgent: 'test/1' });
    failed = false;
  }, 600_000);
  afterAll(async () => {
    await nodes?.close();
    client?.close();
    await bed?.stop(failed ? 'failed' : 'passed');
  });

  const node = async (name: string, kubeletVersion: string): Promise<void> => {
    await bed.request('POST', '/api/v1/nodes', { metadata: { name } });
    const patch = { status: { nodeInfo: { kubeletVersion } } };
    await client.request({
      method: 'PATCH',
      path: `/api/v1/nodes/${name}/status`,
      body: patch,
      contentType: 'application/merge-patch+json',
    });
  };

  it('finds nodes whose kubelet is older than variables from files or than restarts of containers, and that they are gone', async () => {
    await node('new', 'v1.36.3');
    await node('old', 'v1.34.4-eks-1');
    await node('older', 'v1.33.0');
    await node('previous', 'v1.35.2');
    nodes = watchOldNodes(client, { info: () => undefined }, 100);
    await eventually(() =>
      expect(nodes?.current()).toEqual({
        envFiles: { name: 'old', version: 'v1.34.4-eks-1', count: 2 },
        containerRestarts: { name: 'old', version: 'v1.34.4-eks-1', count: 3 },
      }),
    );
    for (const name of ['old', 'older']) await bed.request('DELETE', `/api/v1/nodes/${name}`);
    await eventually(() =>
      expect(nodes?.current()).toEqual({ containerRestarts: { name: 'previous', version: 'v1.35.2', count: 1 } }),
    );
    await bed.request('DELETE', '/api/v1/nodes/previous');
    await eventually(() => expect(nodes?.current()).toBeUndefined());
  });

  it('accepts a pod with fileKeyRef, or rejects it, but never drops the variable', async () => {
    const valueFrom = { fileKeyRef: { volumeName: 'v', path: 'env', key: 'A' } };
    const pod = {
      metadata: { name: 'variables', namespace: 'default' },
      spec: {
        automountServiceAccountToken: false,
        containers: [{ name: 'app', image: 'app', env: [{ name: 'A', valueFrom }] }],
        volumes: [{ name: 'v', emptyDir: {} }],
      },
    };
    await bed.exchange('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
    const { status } = await bed.exchange('POST', '/api/v1/namespaces/default/pods', pod);
    expect(status).toBe(Number(kubernetes.split('.')[1]) >= 35 ? 201 : 422);
  });
});
