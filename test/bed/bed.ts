// Starts, restarts and stops one bed: real servers on free ports of 127.0.0.1 with one private directory.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClusterAccess, createClusterAccess } from './cluster-access.ts';
import type { KeyPair } from '../../src/tls/issue.ts';
import { createCredentials, type Credentials, writeKubeconfig } from './credentials.ts';
import { obtain } from './obtain.ts';
import { answersOk, type Part, PARTS, type Placement, SERVICE_OF_API_SERVER, withNeeds } from './parts.ts';
import { freePorts } from './ports.ts';
import { type Progress, silentProgress } from './progress.ts';
import type { KubernetesVersion, Program } from './recipes.ts';
import { type Server, type ServerOptions, startServer, untilReady } from './server.ts';
import type { Surroundings, SurroundingsOf } from './host.ts';
import { startWatchdog } from './watchdog.ts';

export interface BedOptions {
  /** Default: the newest. */
  readonly kubernetes?: KubernetesVersion;
  readonly parts: readonly Part[];
  /** Appended to the API server's own flags; a later flag wins over an earlier one. */
  readonly apiServerFlags?: readonly string[];
  /** Runs the servers in namespaces of their own; see test/bed/node. Default: on this machine, as they are. */
  readonly surroundings?: SurroundingsOf;
  readonly progress?: Progress;
  /** Gives up the start, without a trace, when aborted. */
  readonly signal?: AbortSignal;
}

/** A development server of OpenBao or Vault. */
interface SecretServer {
  readonly address: string;
  readonly rootToken: string;
}

/** A process that a test starts beside the servers, for example a webhook. */
export interface BedProcess extends Pick<ServerOptions, 'name' | 'command' | 'arguments' | 'environment'> {
  /** The command line already leads into the bed's surroundings. */
  readonly entered?: boolean;
}

export interface Bed extends ClusterAccess {
  readonly kubernetes: KubernetesVersion;
  /** Private directory with the kubeconfig, keys, data and `log/`; gone after `stop`. */
  readonly directory: string;
  readonly credentials: Credentials;
  readonly openbao: SecretServer | undefined;
  readonly vault: SecretServer | undefined;
  /** Starts one more process that ends with this bed; its log is `log/<name>.log`. It has the servers' 127.0.0.1. */
  readonly start: (process: BedProcess) => Server;
  /** Makes a port of the servers' 127.0.0.1 answer here too, before something listens there. Only a bed with a node needs it. */
  readonly reach: (port: number) => Promise<void>;
  /** Stops a part gracefully and starts it again on its port with its data. The servers of OpenBao and Vault lose their data. */
  readonly restart: (part: Part) => Promise<void>;
  /** Stops everything and removes the directory; after a failure the logs stay and their folder is named on stderr. */
  readonly stop: (outcome?: 'passed' | 'failed') => Promise<void>;
}

/**
 * Obtains what is missing, starts the parts and waits until they are ready.
 * @throws when a program cannot be had or a part does not become ready; everything started is stopped then, logs stay.
 */
export async function startBed(options: BedOptions): Promise<Bed> {
  const kubernetes = options.kubernetes ?? '1.36';
  const parts = withNeeds(options.parts);
  const needed = [
    ...parts.map((part) => PARTS[part].program),
    ...(parts.includes('kube-apiserver') ? (['kubectl'] as const) : []),
  ];
  const programs = await obtain(needed, kubernetes, options.progress ?? silentProgress, options.signal);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(options, kubernetes, parts, programs);
    } catch (error) {
      // Between finding a free port and using it another process may take it.
      if (attempt === 3 || !String(error).includes('address already in use')) throw error;
    }
  }
}

async function start(
  options: BedOptions,
  kubernetes: KubernetesVersion,
  parts: readonly Part[],
  programs: ReadonlyMap<Program, string>,
): Promise<Bed> {
  const directory = mkdtempSync(join(tmpdir(), 'vault-auth-injector-bed-'));
  mkdirSync(join(directory, 'log'));
  const watchdog = startWatchdog(directory);
  const surroundings = await options.surroundings?.({ directory, watchdog }).catch((error: unknown) => {
    watchdog.dismiss();
    remove(directory, false);
    throw error;
  });
  const placement = await place(directory, surroundings, options.apiServerFlags ?? []);
  const { credentials, ports, rootToken } = placement;
  const url = apiUrl(ports.api);
  const kubeconfig = writeKubeconfig(join(directory, 'kubeconfig'), url, credentials.authority, credentials.administrator);
  const access = createClusterAccess({ url, credentials, kubeconfig, kubectl: programs.get('kubectl'), home: directory });
  const servers = new Map<string, Server>();

  const launch = (process: BedProcess): Server => {
    const command = process.entered ? undefined : surroundings?.command(process.command, process.arguments);
    const logFile = join(directory, 'log', `${process.name}.log`);
    const server = startServer({ ...process, ...command, home: directory, logFile, watchdog });
    servers.set(process.name, server);
    return server;
  };
  const startPart = async (part: Part): Promise<void> => {
    const definition = PARTS[part];
    const server = launch({
      name: part,
      command: programs.get(definition.program) ?? definition.program,
      arguments: definition.arguments(placement),
      environment: definition.environment?.(placement) ?? {},
    });
    await untilReady(server, 120, () => answersOk(definition.ready(placement)), options.signal);
    if (part === 'kube-controller-manager') await untilReady(server, 120, () => allReady(access), options.signal);
  };
  const stop = async (outcome: 'passed' | 'failed' = 'passed'): Promise<void> => {
    access.close();
    // What they would write at a graceful end is thrown away anyway.
    for (const server of [...servers.values()].toReversed()) await server.stop('SIGKILL');
    await surroundings?.close(outcome);
    watchdog.dismiss();
    remove(directory, outcome === 'failed');
    if (outcome === 'failed') process.stderr.write(`Logs of the test servers: ${join(directory, 'log')}\n`);
  };

  try {
    for (const port of Object.values(ports)) await surroundings?.reach(port);
    for (const part of parts) await startPart(part);
    if (parts.includes('kube-apiserver') && !parts.includes('kube-controller-manager')) {
      await access.createDefaultServiceAccount('default');
    }
  } catch (error) {
    await stop(options.signal?.aborted ? 'passed' : 'failed');
    throw error;
  }
  return Object.assign(access, {
    kubernetes,
    directory,
    credentials,
    openbao: parts.includes('openbao') ? { address: `http://127.0.0.1:${ports.openbao}`, rootToken } : undefined,
    vault: parts.includes('vault') ? { address: `http://127.0.0.1:${ports.vault}`, rootToken } : undefined,
    start: launch,
    reach: async (port: number) => surroundings?.reach(port),
    restart: async (part: Part) => {
      await servers.get(part)?.stop('SIGTERM');
      await startPart(part);
    },
    stop,
  });
}

async function place(
  directory: string,
  surroundings: Surroundings | undefined,
  apiServerFlags: readonly string[],
): Promise<Placement> {
  const [etcd = 0, etcdPeer = 0, api = 0, controllerManager = 0, scheduler = 0, openbao = 0, vault = 0] = await freePorts(7);
  const hostAddress = surroundings?.hostAddress;
  const credentials = createCredentials(directory, hostAddress === undefined ? [] : [hostAddress, SERVICE_OF_API_SERVER]);
  const kubeconfig = (name: string, client: KeyPair): string =>
    writeKubeconfig(join(directory, 'pki', name), apiUrl(api), credentials.authority, client);
  return {
    directory,
    credentials,
    ports: { etcd, etcdPeer, api, controllerManager, scheduler, openbao, vault },
    controllerManagerConfig: kubeconfig('controller-manager.conf', credentials.controllerManager),
    schedulerConfig: kubeconfig('scheduler.conf', credentials.issueClient({ commonName: 'system:kube-scheduler' })),
    rootToken: randomBytes(16).toString('hex'),
    hostAddress,
    apiServerFlags,
  };
}

function remove(directory: string, keepLogs: boolean): void {
  const names = keepLogs ? readdirSync(directory).filter((name) => name !== 'log') : [''];
  for (const name of names) rmSync(join(directory, name), { recursive: true, force: true, maxRetries: 3 });
}

/** The namespaces that every cluster has can take pods: controllers prepare them one after another. */
const allReady = async ({ namespaceReady }: Pick<ReturnType<typeof createClusterAccess>, 'namespaceReady'>): Promise<boolean> =>
  (await Promise.all(['default', 'kube-system', 'kube-public', 'kube-node-lease'].map(namespaceReady))).every(Boolean);

const apiUrl = (port: number): string => `https://127.0.0.1:${port}`;
