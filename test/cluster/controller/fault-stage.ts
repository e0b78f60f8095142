// The controller as a process that can be killed and restarted, with a proxy before each Vault.
import { type JsonObject, objectAt, objectsOf, textOf } from '../../../src/json/json.ts';
import { collectionPath, type KindName } from '../../../src/resources/kinds.ts';
import { type Bed, startBed } from '../../bed/bed.ts';
import {
  applyYAML,
  CONTROLLER_NAMESPACE,
  type ControllerProcess,
  installController,
  readObject,
  runController,
  untilCondition,
} from '../../bed/controller.ts';
import { type FaultProxy, startFaultProxy } from '../../bed/fault-proxy.ts';
import { type ProductName, type VaultView, view } from '../seeds/stage.ts';

export interface FaultStage {
  readonly bed: Bed;
  /** A namespace whose roles are admitted. */
  readonly namespace: string;
  readonly server: (product: ProductName) => { readonly proxy: FaultProxy; readonly vault: VaultView };
  readonly controller: () => ControllerProcess;
  /** Starts another process, which leads at once: the Lease of the previous one is deleted. */
  readonly startAgain: () => Promise<void>;
  readonly declare: (kind: KindName, name: string, spec: JsonObject) => Promise<void>;
  readonly until: (kind: KindName, name: string, expected: string, seconds?: number) => Promise<JsonObject>;
  readonly read: (kind: KindName, name: string) => Promise<JsonObject>;
  readonly stop: (outcome: 'passed' | 'failed') => Promise<void>;
}

export interface FaultStageOptions {
  readonly products: readonly ProductName[];
  readonly flags: readonly string[];
}

/** Starts everything; each product is a ready VaultEndpoint of its name, with a request timeout of three seconds. */
export async function openFaultStage({ products, flags }: FaultStageOptions): Promise<FaultStage> {
  const bed = await startBed({ parts: ['kube-controller-manager', ...products] });
  const proxies: FaultProxy[] = [];
  const stop = async (outcome: 'passed' | 'failed'): Promise<void> => {
    await bed.stop(outcome);
    for (const proxy of proxies) await proxy.stop();
  };
  try {
    await installController(bed);
    const servers = new Map<ProductName, { readonly proxy: FaultProxy; readonly vault: VaultView }>();
    for (const product of products) {
      const { address = '', rootToken = '' } = bed[product] ?? {};
      const proxy = await startFaultProxy({ upstream: address });
      proxies.push(proxy);
      servers.set(product, { proxy, vault: view(address, rootToken) });
      await applyYAML(bed, endpointYAML(product, proxy.address, rootToken));
    }
    const namespace = await bed.createNamespace({ labels: { roles: 'yes' } });
    let count = 0;
    const start = (): Promise<ControllerProcess> => runController(bed, { name: `controller-${(count += 1)}`, flags });
    let controller = await start();
    const place = (kind: KindName, name: string) => (kind === 'VaultAuthRole' ? { namespace, name } : { name });
    const until: FaultStage['until'] = (kind, name, expected, seconds = 90) =>
      untilCondition(bed, kind, place(kind, name), expected, seconds);
    for (const product of products) await until('VaultEndpoint', product, 'Ready=True');
    return {
      bed,
      namespace,
      server: (product) => {
        const server = servers.get(product);
        if (!server) throw new Error(`there is no ${product} here`);
        return server;
      },
      controller: () => controller,
      startAgain: async () => {
        await controller.server.stop('SIGKILL');
        // A killed process keeps its Lease for 15 seconds.
        await bed.exchange('DELETE', `/apis/coordination.k8s.io/v1/namespaces/${CONTROLLER_NAMESPACE}/leases/${LEASE}`);
        controller = await start();
      },
      declare: async (kind, name, spec) => {
        const object = { apiVersion: 'vaultauth.dev/v1alpha1', kind, metadata: { name }, spec };
        await bed.request('POST', collectionPath(kind, kind === 'VaultAuthRole' ? namespace : undefined), object);
      },
      until,
      read: (kind, name) => readObject(bed, kind, place(kind, name)),
      stop,
    };
  } catch (error) {
    await stop('failed');
    throw error;
  }
}

/** The default of the flag -lease-name. */
const LEASE = 'vault-auth-injector-controller';

const endpointYAML = (name: string, address: string, token: string): string => `
apiVersion: v1
kind: Secret
metadata: { name: token-${name}, namespace: ${CONTROLLER_NAMESPACE} }
stringData: { token: "${token}" }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultEndpoint
metadata: { name: ${name} }
spec:
  address: ${address}
  allowPlainHTTP: true
  auth: { token: { secretRef: { name: token-${name} } } }
  limits: { requestsPerSecond: 200, burst: 200, maxInFlight: 8, timeoutSeconds: 3 }
`;

/** A backend without a probe: all its requests are for mount and configuration. */
export function backendSpec({ bed }: FaultStage, endpoint: string, path: string, spec: JsonObject = {}): JsonObject {
  return {
    endpointRef: { name: endpoint },
    path,
    clusterName: 'test',
    probe: { enabled: false },
    type: 'kubernetes',
    kubernetes: { host: bed.url, reviewer: { mode: 'ClientJWT' } },
    tenancy: { namespaceSelector: { matchLabels: { roles: 'yes' } } },
    ...spec,
  };
}

export function policySpec(endpoint: string, backend: string): JsonObject {
  return {
    endpointRef: { name: endpoint },
    policy: `path "secret/data/{{identity.entity.aliases.\${auth.${backend}.accessor}.name}}" { capabilities = ["read"] }`,
  };
}

export async function dataAt(vault: VaultView, path: string): Promise<JsonObject | undefined> {
  const { status, json } = await vault.ask('GET', path);
  return status === 200 ? (objectAt(json, 'data') ?? json) : undefined;
}

/** The accessor of a mount in Vault; undefined: there is no mount. */
export async function accessorOf(vault: VaultView, path: string): Promise<string | undefined> {
  return textOf(objectAt((await vault.ask('GET', 'sys/auth')).json, `${path}/`), 'accessor');
}

/** Type, status and reason of all conditions, in the order of types. */
export function conditionsOf(object: JsonObject): readonly string[] {
  return objectsOf(objectAt(object, 'status')?.['conditions'])
    .map((condition) => `${textOf(condition, 'type')}=${textOf(condition, 'status')} ${textOf(condition, 'reason')}`)
    .toSorted();
}
