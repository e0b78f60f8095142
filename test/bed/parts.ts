// The servers of a bed: command lines, and when each counts as ready.
import { request as sendPlain } from 'node:http';
import { request as sendSecure } from 'node:https';
import { join } from 'node:path';
import type { Credentials } from './credentials.ts';
import type { Program } from './recipes.ts';

/** `kube-controller-manager` and `kube-scheduler` need `kube-apiserver`, and that needs `etcd`; a bed brings them along. */
export type Part = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'openbao' | 'vault';
type Port = 'etcd' | 'etcdPeer' | 'api' | 'controllerManager' | 'scheduler' | 'openbao' | 'vault';

/** What a part's command line is made of. */
export interface Placement {
  /** Private state directory of the bed. */
  readonly directory: string;
  readonly credentials: Credentials;
  readonly ports: Readonly<Record<Port, number>>;
  /** Kubeconfig files. */
  readonly controllerManagerConfig: string;
  readonly schedulerConfig: string;
  /** Root token of OpenBao and of Vault. */
  readonly rootToken: string;
  /** Address at which pods of a node reach the servers, beside 127.0.0.1; undefined in a bed without a node. */
  readonly hostAddress: string | undefined;
  readonly apiServerFlags: readonly string[];
}

export interface PartDefinition {
  readonly program: Program;
  readonly arguments: (placement: Placement) => readonly string[];
  readonly environment?: (placement: Placement) => Readonly<Record<string, string>>;
  /** Address that answers 200 as soon as the part works. */
  readonly ready: (placement: Placement) => string;
}

/** Addresses of Services; the first is that of the API server. */
const SERVICE_RANGE = '10.96.0.0/16';
export const SERVICE_OF_API_SERVER = '10.96.0.1';

/** Every part, in the order of starting. */
export const PARTS: Readonly<Record<Part, PartDefinition>> = {
  etcd: { program: 'etcd', arguments: etcdArguments, ready: ({ ports }) => `http://127.0.0.1:${ports.etcd}/health` },
  'kube-apiserver': {
    program: 'kube-apiserver',
    arguments: apiServerArguments,
    ready: ({ ports }) => `https://127.0.0.1:${ports.api}/readyz`,
  },
  'kube-controller-manager': {
    program: 'kube-controller-manager',
    arguments: controllerManagerArguments,
    ready: ({ ports }) => `https://127.0.0.1:${ports.controllerManager}/healthz`,
  },
  'kube-scheduler': {
    program: 'kube-scheduler',
    arguments: schedulerArguments,
    ready: ({ ports }) => `https://127.0.0.1:${ports.scheduler}/readyz`,
  },
  openbao: {
    program: 'bao',
    arguments: (placement) => developmentServer(placement, placement.ports.openbao),
    // In the environment, since `ps` shows arguments to everybody.
    environment: ({ rootToken }) => ({ BAO_DEV_ROOT_TOKEN_ID: rootToken }),
    ready: ({ ports }) => `http://127.0.0.1:${ports.openbao}/v1/sys/health`,
  },
  vault: {
    program: 'vault',
    arguments: (placement) => developmentServer(placement, placement.ports.vault),
    environment: ({ rootToken }) => ({ VAULT_DEV_ROOT_TOKEN_ID: rootToken }),
    ready: ({ ports }) => `http://127.0.0.1:${ports.vault}/v1/sys/health`,
  },
};

/** The parts that are asked for and those that they need, in the order of starting. */
export function withNeeds(parts: readonly Part[]): readonly Part[] {
  const controllers = parts.includes('kube-controller-manager');
  const scheduler = parts.includes('kube-scheduler');
  const api = controllers || scheduler || parts.includes('kube-apiserver');
  return [
    ...(api || parts.includes('etcd') ? (['etcd'] as const) : []),
    ...(api ? (['kube-apiserver'] as const) : []),
    ...(controllers ? (['kube-controller-manager'] as const) : []),
    ...(scheduler ? (['kube-scheduler'] as const) : []),
    ...(parts.includes('vault') ? (['vault'] as const) : []),
    ...(parts.includes('openbao') ? (['openbao'] as const) : []),
  ];
}

/** True when a GET answers 200. HTTPS certificates are not looked at: this only asks whether the server is up. */
export function answersOk(url: string): Promise<boolean> {
  const options = { timeout: 2000, agent: false, rejectUnauthorized: false } as const;
  return new Promise((resolve) => {
    const request = (url.startsWith('https:') ? sendSecure : sendPlain)(url, options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request
      .on('timeout', () => request.destroy())
      .on('error', () => resolve(false))
      .end();
  });
}

function etcdArguments({ directory, ports }: Placement): readonly string[] {
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return [
    '--name=bed',
    `--data-dir=${join(directory, 'etcd')}`,
    '--log-level=warn',
    // The data live as long as the bed: syncing them to disk would only cost time.
    '--unsafe-no-fsync',
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=bed=${peer}`,
  ];
}

function apiServerArguments({ directory, credentials, ports, hostAddress, apiServerFlags }: Placement): readonly string[] {
  const url = `https://127.0.0.1:${ports.api}`;
  return [
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    `--bind-address=${hostAddress === undefined ? '127.0.0.1' : '0.0.0.0'}`,
    `--advertise-address=${hostAddress ?? '127.0.0.1'}`,
    `--secure-port=${ports.api}`,
    // A loopback address is no legal endpoint of the Service "kubernetes".
    `--endpoint-reconciler-type=${hostAddress === undefined ? 'none' : 'lease'}`,
    `--tls-cert-file=${credentials.serverCertificateFile}`,
    `--tls-private-key-file=${credentials.serverKeyFile}`,
    `--cert-dir=${join(directory, 'pki')}`,
    `--client-ca-file=${credentials.authorityFile}`,
    `--kubelet-client-certificate=${credentials.kubeletClientCertificateFile}`,
    `--kubelet-client-key=${credentials.kubeletClientKeyFile}`,
    '--authorization-mode=Node,RBAC',
    `--service-account-issuer=${url}`,
    `--service-account-jwks-uri=${url}/openid/v1/jwks`,
    `--service-account-key-file=${credentials.serviceAccountPublicKeyFile}`,
    `--service-account-signing-key-file=${credentials.serviceAccountKeyFile}`,
    `--service-cluster-ip-range=${SERVICE_RANGE}`,
    '--allow-privileged=true',
    '--profiling=false',
    // Without this the API server dials the cluster address of a webhook's Service on this host, and the default route
    // would carry that out of the machine.
    '--enable-aggregator-routing=true',
    ...apiServerFlags,
  ];
}

function controllerManagerArguments({ directory, credentials, ports, controllerManagerConfig }: Placement): readonly string[] {
  return [
    `--kubeconfig=${controllerManagerConfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${ports.controllerManager}`,
    `--cert-dir=${join(directory, 'pki', 'controller-manager')}`,
    '--leader-elect=false',
    '--profiling=false',
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${credentials.serviceAccountKeyFile}`,
    `--root-ca-file=${credentials.authorityFile}`,
    '--allocate-node-cidrs=false',
    // With its default of 20 requests a second it needs five seconds to make its own service accounts.
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ];
}

function schedulerArguments({ directory, ports, schedulerConfig }: Placement): readonly string[] {
  return [
    `--kubeconfig=${schedulerConfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${ports.scheduler}`,
    `--cert-dir=${join(directory, 'pki', 'scheduler')}`,
    '--leader-elect=false',
    '--profiling=false',
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ];
}

/** OpenBao and Vault take the same words. Beyond 127.0.0.1 they listen only where no route leads out. */
function developmentServer({ hostAddress }: Placement, port: number): readonly string[] {
  const address = hostAddress === undefined ? '127.0.0.1' : '0.0.0.0';
  return ['server', '-dev', `-dev-listen-address=${address}:${port}`, '-dev-no-store-token'];
}
