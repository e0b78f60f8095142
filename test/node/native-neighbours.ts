// Pods of profile native whose other containers matter: the proxy of a mesh, containers with users of their own, copied mounts.
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { asking, createPod, eventuallyContains } from './native-pods.ts';
import type { NodeTest } from './on-node.ts';
import { PRODUCTS } from './secret-server.ts';
import type { Team } from './team-namespace.ts';
import { firstWords, STAY } from './workload.ts';
import { SHOW } from './workloads.ts';

/** Where the stand-in of a proxy listens: an agent with this address has no network until the proxy runs. */
const PROXY_PORT = 15_001;

/** Forwards connections to a server, from two seconds after its start. */
const forwarder = (address: string): string => {
  const { hostname, port } = new URL(address);
  return `const { connect, createServer } = require('node:net');
  setTimeout(() => createServer((near) => {
    const far = connect(${port}, '${hostname}');
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  }).listen(${PROXY_PORT}, '127.0.0.1'), 2000);
  process.on('SIGTERM', () => process.exit());`;
};

/** Init containers as Istio adds them where its CNI plugin redirects the traffic of pods. */
const meshContainers = (address: string): readonly object[] => [
  { name: 'istio-validation', image: IMAGES.app, command: ['true'] },
  {
    name: 'istio-proxy',
    image: IMAGES.injector,
    command: ['node', '-e', forwarder(address)],
    restartPolicy: 'Always',
    startupProbe: {
      exec: {
        command: [
          'node',
          '-e',
          `require('node:net').connect(${PROXY_PORT}).on('error', () => process.exit(1)).on('connect', () => process.exit(0))`,
        ],
      },
      periodSeconds: 1,
      timeoutSeconds: 5,
      failureThreshold: 60,
    },
  },
];

interface PodStatus {
  readonly status: {
    readonly initContainerStatuses: readonly { readonly name: string; readonly started?: boolean; readonly state: object }[];
  };
}

const stateOf = async (bed: BedWithNode, namespace: string, pod: string, container: string): Promise<object | undefined> => {
  const { status } = await bed.request<PodStatus>('GET', `/api/v1/namespaces/${namespace}/pods/${pod}`);
  return status.initContainerStatuses.find(({ name }) => name === container)?.state;
};

const container = (name: string, user: number, script: string): object => ({
  name,
  image: IMAGES.app,
  command: ['sh', '-c', script],
  securityContext: { runAsUser: user },
});

const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } });

/** Declares the tests; `teamOf` is asked when they run. */
export function nativeNeighbours(test: NodeTest, teamOf: () => Team): void {
  for (const product of PRODUCTS) {
    test(`with ${product}, an agent starts after the proxy of a mesh that carries its traffic`, async (bed) => {
      const { namespace, servers, chosen } = teamOf();
      const name = `${product}-mesh`;
      await servers[product].write(`web/${name}`, { password: 'through the proxy' });
      const annotations = { ...chosen(product), service: `http://127.0.0.1:${PROXY_PORT}` };
      const migrate = { name: 'migrate', image: IMAGES.app, command: ['sh', '-c', 'cat /vault/secrets/database'] };
      await createPod(bed, namespace, name, asking(name, SHOW, annotations), {
        initContainers: [...meshContainers(servers[product].address), migrate],
      });
      await bed.untilReady(namespace, name);
      expect(await firstWords(bed, namespace, name, 'migrate')).toBe('through the proxy');
      expect(await firstWords(bed, namespace, name, 'app')).toBe('through the proxy\n');
      const order = 'jsonpath={.spec.initContainers[*].name}';
      expect(await bed.kubectl(['get', 'pod', '-n', namespace, name, '-o', order])).toBe(
        'istio-validation istio-proxy vault-agent migrate',
      );
    });

    test(`with ${product}, an agent before that proxy never starts, and the proxy waits for it`, async (bed) => {
      const { namespace, servers, chosen } = teamOf();
      const name = `${product}-mesh-first`;
      await servers[product].write(`web/${name}`, { password: 'never read' });
      const annotations = { ...chosen(product), service: `http://127.0.0.1:${PROXY_PORT}`, 'agent-init-first': 'true' };
      await createPod(bed, namespace, name, asking(name, SHOW, annotations), {
        initContainers: meshContainers(servers[product].address),
      });
      await eventuallyContains('connection refused', () => bed.kubectl(['describe', 'pod', '-n', namespace, name]));
      // After ten other failures: for longer than the pod of the test before takes to start.
      await eventuallyContains('(combined from similar events)', () => bed.kubectl(['describe', 'pod', '-n', namespace, name]));
      expect(await stateOf(bed, namespace, name, 'vault-agent')).toHaveProperty('running');
      expect(await stateOf(bed, namespace, name, 'istio-proxy')).toHaveProperty('waiting');
      await bed.kubectl(['delete', 'pod', '-n', namespace, name, '--wait=false']);
    });
  }

  test('a file of mode 0400 is for the user of the container that gets the secrets', async (bed) => {
    const { namespace, servers } = teamOf();
    await servers.openbao.write('web/reader', { password: 'for user 1000' });
    const annotations = { 'agent-inject-containers': 'app', 'agent-inject-perms-database': '0400' };
    await createPod(bed, namespace, 'reader', asking('reader', STAY, annotations), {
      containers: [container('wait', 8737, STAY), container('app', 1000, SHOW)],
    });
    await bed.untilReady(namespace, 'reader');
    expect(await firstWords(bed, namespace, 'reader', 'app')).toBe('for user 1000\n');
    expect(await bed.exec(namespace, 'reader', 'app', ['stat', '-c', '%a %u', '/vault/secrets/database'])).toBe('400 1000\n');
  });

  test('an agent has the mounts of a container whose subPathExpr names variables', async (bed) => {
    const { namespace, servers } = teamOf();
    await servers.openbao.write('web/copied', { password: 'beside the logs' });
    const app = {
      name: 'app',
      image: IMAGES.app,
      command: ['sh', '-c', SHOW],
      env: [field('ME', 'metadata.name'), field('TIER', "metadata.labels['app']"), { name: 'FOLDER', value: '$(TIER)/logs' }],
      volumeMounts: [
        { name: 'logs', mountPath: '/var/log/app', subPathExpr: '$(ME)' },
        { name: 'logs', mountPath: '/var/log/all' },
        { name: 'logs', mountPath: '/var/log/tier', subPathExpr: '$(FOLDER)' },
      ],
    };
    await createPod(bed, namespace, 'copied', asking('copied', SHOW, { 'agent-copy-volume-mounts': 'app' }), {
      containers: [app],
      volumes: [{ name: 'logs', emptyDir: {} }],
    });
    await bed.untilReady(namespace, 'copied');
    expect(await firstWords(bed, namespace, 'copied', 'app')).toBe('beside the logs\n');
    for (const one of ['app', 'vault-agent'])
      expect(await bed.exec(namespace, 'copied', one, ['sh', '-c', 'cd /var/log/all; ls -d copied copied/logs'])).toBe(
        'copied\ncopied/logs\n',
      );
    await bed.exec(namespace, 'copied', 'app', ['sh', '-c', 'echo seen >/var/log/tier/line']);
    expect(await bed.exec(namespace, 'copied', 'vault-agent', ['cat', '/var/log/tier/line'])).toBe('seen\n');
  });

  test('an agent starts although the container whose mounts it copies has a read-only volume above its own', async (bed) => {
    const { namespace, servers } = teamOf();
    await servers.openbao.write('web/above', { password: 'below the home' });
    const app = {
      name: 'app',
      image: IMAGES.app,
      command: ['sh', '-c', SHOW],
      volumeMounts: [{ name: 'homes', mountPath: '/home', readOnly: true }],
    };
    await createPod(bed, namespace, 'above', asking('above', SHOW, { 'agent-copy-volume-mounts': 'app' }), {
      containers: [app],
      volumes: [{ name: 'homes', hostPath: { path: '/usr/share', type: 'Directory' } }],
    });
    await bed.untilReady(namespace, 'above');
    expect(await firstWords(bed, namespace, 'above', 'app')).toBe('below the home\n');
  });
}
