// The controller with the reconciler of endpoints alone, in this process, on a real API server, OpenBao and Vault; before each
// server is a proxy that records requests and injects faults.
import { startController } from '../../../src/controller/runtime/run.ts';
import { reconcileEndpoint } from '../../../src/controller/endpoint/reconcile.ts';
import { kubeClient } from '../../../src/kube/client.ts';
import { kubeconfigConnection } from '../../../src/kube/kubeconfig.ts';
import { createControllerMetrics } from '../../../src/observe/controller-metrics.ts';
import { createLog } from '../../../src/observe/log.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { VaultEndpointStatus } from '../../../src/resources/endpoint.ts';
import { API_VERSION, collectionPath, objectPath } from '../../../src/resources/kinds.ts';
import { type Bed, startBed } from '../../bed/bed.ts';
import { CONTROLLER_ACCOUNT, CONTROLLER_NAMESPACE, installController, untilCondition } from '../../bed/controller.ts';
import { type FaultProxy, startFaultProxy } from '../../bed/fault-proxy.ts';
import { vaultSession, type VaultSession } from '../../../src/vault/session.ts';
import { contractClient, type ProductName, PRODUCTS } from '../../contract/servers.ts';

/** A resync interval of half a minute becomes 1.2 seconds. */
const FACTOR = 0.04;

export interface EndpointStage {
  readonly bed: Bed;
  /** Starts a proxy before a server, with TLS of the bed's CA for 127.0.0.1. */
  readonly proxyTo: (product: ProductName) => Promise<FaultProxy>;
  /** Creates a VaultEndpoint. */
  readonly declare: (name: string, spec: JsonObject) => Promise<void>;
  readonly change: (name: string, spec: JsonObject) => Promise<void>;
  /** Creates or replaces a Secret in the controller's namespace. */
  readonly secret: (name: string, data: Readonly<Record<string, string>>) => Promise<void>;
  /** Waits for a condition such as "Ready=True" or "Reachable=Sealed". */
  readonly until: (name: string, expected: string) => Promise<VaultEndpointStatus>;
  readonly status: (name: string) => Promise<VaultEndpointStatus>;
  /** With the root token, past the proxies. */
  readonly root: (product: ProductName) => VaultSession;
  /** A valid spec with these changes. */
  readonly specOf: (proxy: FaultProxy, product: ProductName, changes?: JsonObject) => JsonObject;
  readonly messageOf: (name: string, type: string) => Promise<string>;
  /** Everything that was logged, and the metrics. */
  readonly reported: () => Promise<string>;
  readonly stop: (outcome: 'passed' | 'failed') => Promise<void>;
}

interface Read {
  readonly status?: VaultEndpointStatus;
}

/** Starts everything. */
export async function openEndpointStage(): Promise<EndpointStage> {
  const bed = await startBed({ parts: ['openbao', 'vault', 'kube-apiserver'] });
  const closing: (() => Promise<void> | void)[] = [];
  const stop = async (outcome: 'passed' | 'failed'): Promise<void> => {
    for (const close of closing.toReversed()) await close();
    await bed.stop(outcome);
  };
  try {
    await installController(bed);
    const client = kubeClient({ connection: await kubeconfigConnection(bed.kubeconfig), userAgent: 'controller/1' });
    closing.push(() => client.close());
    const lines: string[] = [];
    const metrics = createControllerMetrics({ version: '0', commit: '0' });
    const controller = startController({
      client,
      namespace: CONTROLLER_NAMESPACE,
      serviceAccount: CONTROLLER_ACCOUNT,
      leaseName: 'stage',
      identity: 'stage',
      observeOnly: false,
      workers: 8,
      times: { resyncFactor: FACTOR, deletionTimeoutMs: 5000 },
      reconcilers: { VaultEndpoint: reconcileEndpoint },
      cachesAnnotation: () => true,
      log: createLog({ level: 'trace', format: 'json', sink: { write: (line) => void lines.push(line) } }),
      metrics,
      onLost: () => undefined,
    });
    closing.push(() => controller.close());
    const roots = new Map<ProductName, VaultSession>();
    for (const product of PRODUCTS) {
      const { address = '', rootToken = '' } = bed[product] ?? {};
      const past = contractClient(address);
      closing.push(() => past.close());
      roots.set(product, vaultSession({ client: past, login: { method: 'token', token: async () => rootToken } }));
    }
    const secrets = `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/secrets`;
    const read = async (name: string): Promise<VaultEndpointStatus> =>
      (await bed.request<Read>('GET', objectPath('VaultEndpoint', { name }))).status ?? {};
    const secret = async (name: string, data: Readonly<Record<string, string>>): Promise<void> => {
      const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: data };
      await bed.request('PATCH', `${secrets}/${name}?fieldManager=test&force=true`, object, 'application/apply-patch+yaml');
    };
    for (const product of PRODUCTS) await secret(`${product}-root`, { token: `${bed[product]?.rootToken}\n` });
    return {
      bed,
      stop,
      secret,
      status: read,
      root: (product) => {
        const root = roots.get(product);
        if (!root) throw new Error(`the bed has no ${product}`);
        return root;
      },
      specOf: (proxy, product, changes = {}) => ({
        address: proxy.address,
        tls: { ca: { inline: bed.ca } },
        auth: { token: { secretRef: { name: `${product}-root` } } },
        ...changes,
      }),
      messageOf: async (name, type) => (await read(name)).conditions?.find((condition) => condition.type === type)?.message ?? '',
      proxyTo: async (product) => {
        const proxy = await startFaultProxy({
          upstream: bed[product]?.address ?? '',
          serving: bed.credentials.issueServing({ ipAddresses: ['127.0.0.1'] }),
        });
        closing.push(() => proxy.stop());
        return proxy;
      },
      declare: async (name, spec) => {
        const object = { apiVersion: API_VERSION, kind: 'VaultEndpoint', metadata: { name }, spec };
        await bed.request('POST', collectionPath('VaultEndpoint'), object);
      },
      change: (name, spec) =>
        bed.request('PATCH', objectPath('VaultEndpoint', { name }), { spec }, 'application/merge-patch+json'),
      until: async (name, expected) => {
        await untilCondition(bed, 'VaultEndpoint', { name }, expected);
        return read(name);
      },
      reported: async () => `${lines.join('')}${await metrics.registry.metrics()}`,
    };
  } catch (error) {
    await stop('failed');
    throw error;
  }
}
