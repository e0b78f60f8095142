// The controller with the reconciler of backends in this process, on a real API server, real OpenBao and Vault; between them a
// proxy that remembers each request.
import { backendReconciler } from '../../../src/controller/backend/reconcile.ts';
import type { ControllerContext, Reconcilers } from '../../../src/controller/runtime/context.ts';
import { type Controller, startController } from '../../../src/controller/runtime/run.ts';
import { kubeClient } from '../../../src/kube/client.ts';
import { kubeconfigConnection } from '../../../src/kube/kubeconfig.ts';
import { requestToken } from '../../../src/kube/tokens.ts';
import { createControllerMetrics } from '../../../src/observe/controller-metrics.ts';
import type { Log } from '../../../src/observe/log.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { VaultAuthBackendStatus } from '../../../src/resources/backend.ts';
import { API_VERSION, collectionPath, objectPath } from '../../../src/resources/kinds.ts';
import type { VaultClient } from '../../../src/vault/client.ts';
import { readHealth } from '../../../src/vault/health.ts';
import { type ProbeResult, tryLogin } from '../../../src/vault/login.ts';
import { type VaultSession, vaultSession } from '../../../src/vault/session.ts';
import { type Bed, startBed } from '../../bed/bed.ts';
import { CONTROLLER_ACCOUNT, CONTROLLER_NAMESPACE, installController } from '../../bed/controller.ts';
import { type FaultProxy, startFaultProxy } from '../../bed/fault-proxy.ts';
import type { Part } from '../../bed/parts.ts';
import { type Read, TEAM, untilCondition } from './backend-support.ts';
import { contractClient } from '../../contract/servers.ts';

export const PRODUCTS = ['openbao', 'vault'] as const;

/** A resync interval of one minute becomes 1.2 seconds. */
const FACTOR = 0.02;

interface Server {
  /** With the root token, past the proxy: its requests are not recorded. */
  readonly root: VaultSession;
  readonly client: VaultClient;
  /** The proxy before the server. */
  readonly proxy: FaultProxy;
  readonly rootToken: string;
}

export interface Stage {
  readonly bed: Bed;
  /** By the name of the endpoint: the products, and added servers. */
  readonly server: (endpoint: string) => Server;
  /** Creates an endpoint for one more server. */
  readonly addServer: (endpoint: string, address: string, rootToken: string) => Promise<void>;
  /** Creates a VaultAuthBackend for a server and returns its name. */
  readonly declare: (endpoint: string, name: string, spec: JsonObject, metadata?: JsonObject) => Promise<string>;
  /** Changes its spec. */
  readonly change: (name: string, patch: JsonObject) => Promise<void>;
  readonly status: (name: string) => Promise<VaultAuthBackendStatus>;
  /** Waits for a condition such as "Ready=True" or "Configured=Repaired" of the present generation. */
  readonly until: (name: string, expected: string, seconds?: number) => Promise<VaultAuthBackendStatus>;
  /** A token of a service account of the team. */
  readonly token: (account: string, audience?: string) => Promise<string>;
  /** Creates a role in Vault that binds a service account of the team. */
  readonly role: (endpoint: string, path: string, body: JsonObject, name?: string) => Promise<void>;
  readonly login: (endpoint: string, path: string, jwt: string, role?: string) => Promise<ProbeResult>;
  /** Sets the clock of the reconciler forward. */
  readonly pass: (milliseconds: number) => void;
  /** Everything that the controller wrote except to Vault: logs, metrics, objects, Events. */
  readonly reported: () => Promise<string>;
  /** Sets the clock back. */
  readonly rightTime: () => void;
  /** Restarts the controller, as after a crash. */
  readonly restart: (options?: Partial<StageOptions>) => Promise<void>;
  readonly stop: (outcome: 'passed' | 'failed') => Promise<void>;
}

interface StageOptions {
  readonly parts?: readonly Part[];
  readonly observeOnly?: boolean;
  readonly reconcilers?: Partial<Reconcilers>;
}

/** Declares a test with the stage; after a failure the logs of the servers are kept. */
export type StageTest = (name: string, run: () => Promise<void>, timeoutMs?: number) => void;

/** Opens the stage before the tests of a file and closes it after them. */
export function useStage(options: StageOptions, opened: (stage: Stage) => void): StageTest {
  let stage: Stage | undefined;
  let unfinished = 0;
  beforeAll(async () => {
    stage = await openStage(options);
    opened(stage);
  }, 600_000);
  afterEach(() => stage?.rightTime());
  afterAll(() => stage?.stop(unfinished > 0 ? 'failed' : 'passed'));
  return (name, run, timeoutMs) =>
    // oxlint-disable-next-line jest/valid-title, jest/expect-expect -- the title and the expectations are the caller's
    it(
      name,
      async () => {
        unfinished += 1;
        await run();
        unfinished -= 1;
      },
      timeoutMs,
    );
}

/** Starts everything; both servers are ready endpoints named by their product. */
const openStage = async (options: StageOptions): Promise<Stage> => {
  const bed = await startBed({ parts: options.parts ?? ['openbao', 'vault', 'kube-controller-manager'] });
  const closing: (() => Promise<void> | void)[] = [];
  const stop = async (outcome: 'passed' | 'failed'): Promise<void> => {
    for (const close of closing.toReversed()) await close();
    await bed.stop(outcome);
  };
  try {
    await installController(bed);
    const servers = new Map<string, Server>();
    const server = (endpoint: string): Server => {
      const found = servers.get(endpoint);
      if (!found) throw new Error(`there is no server ${endpoint}`);
      return found;
    };
    const addServer = async (endpoint: string, address: string, rootToken: string): Promise<void> => {
      const proxy = await startFaultProxy({ upstream: address });
      const client = contractClient(address);
      const root = vaultSession({ client, login: { method: 'token', token: async () => rootToken } });
      closing.push(
        () => proxy.stop(),
        () => client.close(),
      );
      servers.set(endpoint, { root, client, proxy, rootToken });
      await bed.request('POST', collectionPath('VaultEndpoint'), {
        apiVersion: API_VERSION,
        kind: 'VaultEndpoint',
        metadata: { name: endpoint },
        spec: { address: proxy.address, allowPlainHTTP: true, auth: { token: { secretRef: { name: 'token' } } } },
      });
    };
    for (const product of PRODUCTS) {
      const dev = bed[product];
      if (dev) await addServer(product, dev.address, dev.rootToken);
    }
    const connection = await kubeconfigConnection(bed.kubeconfig);
    const kube = kubeClient({ connection, userAgent: 'stage/1' });
    closing.push(() => kube.close());
    let controller: Controller | undefined;
    let ahead = 0;
    const lines: string[] = [];
    const metrics = createControllerMetrics({ version: '0', commit: '0' });
    const start = async ({ observeOnly = false, reconcilers = {} }: StageOptions): Promise<void> => {
      const client = kubeClient({ connection, userAgent: 'controller/1' });
      const reconcile = backendReconciler({ clusterCA: async () => (await connection.credentials()).ca });
      controller = startController({
        client,
        namespace: CONTROLLER_NAMESPACE,
        serviceAccount: CONTROLLER_ACCOUNT,
        leaseName: 'stage',
        identity: `stage-${closing.length}`,
        observeOnly,
        workers: 4,
        times: { resyncFactor: FACTOR, deletionTimeoutMs: 5000 },
        reconcilers: {
          VaultAuthBackend: (context, key, backend, signal) =>
            reconcile({ ...context, clock: { ...context.clock, now: () => Date.now() + ahead } }, key, backend, signal),
          VaultEndpoint: readyEndpoint(server),
          ...reconcilers,
        },
        cachesAnnotation: () => true,
        log: keepingLog(lines),
        metrics,
        onLost: () => undefined,
        // A restart of the API server lasts longer than a renew deadline.
        leaderTimes: { leaseDurationMs: 120_000, renewDeadlineMs: 100_000 },
      });
    };
    closing.push(() => controller?.close());
    await start(options);
    await bed.createNamespace({ name: TEAM });
    const read = async (name: string): Promise<Read> => bed.request('GET', objectPath('VaultAuthBackend', { name }));
    return {
      bed,
      server,
      addServer,
      stop,
      declare: async (endpoint, name, spec, metadata = {}) => {
        await bed.request('POST', collectionPath('VaultAuthBackend'), {
          apiVersion: API_VERSION,
          kind: 'VaultAuthBackend',
          metadata: { name, ...metadata },
          spec: { endpointRef: { name: endpoint }, path: name, clusterName: 'prod', resyncSeconds: 60, ...spec },
        });
        return name;
      },
      change: (name, patch) =>
        bed.request('PATCH', objectPath('VaultAuthBackend', { name }), { spec: patch }, 'application/merge-patch+json'),
      status: async (name) => (await read(name)).status ?? {},
      until: async (name, expected, seconds = 60) => untilCondition(() => read(name), name, expected, seconds),
      token: async (account, audience) => {
        await bed.exchange('POST', `/api/v1/namespaces/${TEAM}/serviceaccounts`, { metadata: { name: account } });
        const audiences = audience === undefined ? [] : [audience];
        return (await requestToken(kube, TEAM, account, { audiences, expirationSeconds: 600 })).token;
      },
      role: async (endpoint, path, body, name = 'app') => {
        await server(endpoint).root.request({ method: 'POST', path: `auth/${path}/role/${name}`, body });
      },
      login: (endpoint, path, jwt, role = 'app') => tryLogin(server(endpoint).client, path, role, jwt, 30_000),
      pass: (milliseconds) => {
        ahead += milliseconds;
      },
      reported: async () =>
        [
          ...lines,
          await metrics.registry.metrics(),
          await bed.kubectl(['get', 'vaultauthbackends,events.v1.events.k8s.io', '-A', '-o', 'json']),
        ].join('\n'),
      rightTime: () => {
        ahead = 0;
      },
      restart: async (again = {}) => {
        await controller?.close();
        await start({ ...options, ...again });
      },
    };
  } catch (error) {
    await stop('failed');
    throw error;
  }
};

/** Replaces the reconciler of endpoints: every endpoint is ready, with the root token. */
const readyEndpoint =
  (server: Stage['server']): Reconcilers['VaultEndpoint'] =>
  async (context: ControllerContext, key, endpoint) => {
    if (!endpoint) return {};
    const client = contractClient(endpoint.spec.address);
    const session = vaultSession({ client, login: { method: 'token', token: async () => server(key).rootToken } });
    const { clusterID = '', product } = await readHealth(client);
    context.vault.registry.set(key, { state: 'ready', session, client, product, clusterID, capabilities: [] });
    // Enqueues the backends by the watch mapping, as the real reconciler does.
    await context.kube.writeStatus('VaultEndpoint', endpoint, { clusterID, product });
    return {};
  };

/** A log in memory. */
const keepingLog = (lines: string[]): Log => {
  const keep = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  return { trace: keep, debug: keep, info: keep, warn: keep, error: keep };
};
