// A process with the runtime of the controller that writes to a ConfigMap of its name five times a second while it leads, with
// only the fence before each write, as reconcilers write to Vault.
import { setTimeout as sleep } from 'node:timers/promises';
import { startController } from '../../../src/controller/runtime/run.ts';
import { kubeClient } from '../../../src/kube/client.ts';
import { kubeconfigConnection } from '../../../src/kube/kubeconfig.ts';
import { createControllerMetrics } from '../../../src/observe/controller-metrics.ts';

const [kubeconfig = '', namespace = '', identity = ''] = process.argv.slice(2);
const client = kubeClient({ connection: await kubeconfigConnection(kubeconfig), userAgent: identity });
const say = (fields: object, message: string): void => void process.stdout.write(`${JSON.stringify({ ...fields, message })}\n`);
let count = 0;

startController({
  client,
  namespace,
  serviceAccount: 'default',
  leaseName: 'leader-test',
  identity,
  observeOnly: false,
  workers: 2,
  times: { resyncFactor: 1, deletionTimeoutMs: 1000 },
  reconcilers: {
    VaultEndpoint: async ({ vault }, _key, _object, signal) => {
      while (!signal.aborted) {
        vault.fence();
        count += 1;
        await client.request({
          method: 'PATCH',
          path: `/api/v1/namespaces/${namespace}/configmaps/${identity}`,
          query: { fieldManager: identity, force: true },
          contentType: 'application/apply-patch+yaml',
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: identity }, data: { count: String(count) } },
        });
        await sleep(200);
      }
      return {};
    },
  },
  cachesAnnotation: () => false,
  log: { trace: say, debug: say, info: say, warn: say, error: say },
  metrics: createControllerMetrics({ version: 'test', commit: 'test' }),
  onLost: (reason) => {
    say({ reason }, 'lost');
    process.exit(3);
  },
});
