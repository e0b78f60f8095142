// The address of the API server and the credentials for it: the service account of the pod, or kubeconfig files.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TLSMaterial } from '../net/exchange.ts';
import { messageOf } from './errors.ts';

export interface Credentials extends TLSMaterial {
  /** The whole Authorization header. */
  readonly authorization: string | undefined;
}

export interface KubeConnection {
  /** `https://host:port`, perhaps with a path, without a slash at the end. */
  readonly server: string;
  /** The namespace of the service account or of the context; undefined where there is none. */
  readonly namespace: string | undefined;
  /** May read files or run an exec plugin; the client caches the result for a minute. */
  credentials(): Promise<Credentials>;
}

/** Where the kubelet mounts the service account of a pod. */
const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InCluster {
  /** KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, as the kubelet sets them. */
  readonly host: string;
  readonly port: string;
  /** Holds `token`, `ca.crt` and `namespace`. */
  readonly folder?: string;
}

/**
 * The connection of a pod. Read by hand: the Kubernetes client library would double the memory and the start-up time of the
 * webhook. Throws when the files of the service account are missing, with the pod field that mounts them.
 */
export async function inClusterConnection({ host, port, folder = SERVICE_ACCOUNT_FOLDER }: InCluster): Promise<KubeConnection> {
  const read = async (file: string): Promise<string> => (await readFile(join(folder, file), 'utf8')).trim();
  const credentials = async (): Promise<Credentials> => {
    // In sequence, so that of two missing files the error always names the same one.
    const token = await read('token');
    const ca = await read('ca.crt');
    return { ca, authorization: `Bearer ${token}` };
  };
  await credentials().catch((error: unknown) => {
    throw new Error(
      `no service account for the API server (set automountServiceAccountToken: true, or give a kubeconfig): ${messageOf(error)}`,
    );
  });
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: await read('namespace').catch(() => undefined),
    credentials,
  };
}

/**
 * The connection of the current context, or of the named one, of one kubeconfig file or several merged ones, of which the first
 * wins. Client certificates, exec plugins and auth providers are the library's work, which is loaded only here.
 * Throws, with the name of the file, when a file cannot be read or the context does not exist.
 */
export async function kubeconfigConnection(files: string | readonly string[], context?: string): Promise<KubeConnection> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const [file = '', ...others] = typeof files === 'string' ? [files] : files;
  load(config, file);
  for (const other of others) {
    const more = new KubeConfig();
    load(more, other);
    config.mergeConfig(more, config.getCurrentContext() !== '');
  }
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (!cluster)
    throw new Error(`the kubeconfig ${file} has no cluster for the context ${JSON.stringify(config.getCurrentContext())}`);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    credentials: async () => {
      const options: Parameters<typeof config.applyToHTTPSOptions>[0] = {};
      await config.applyToHTTPSOptions(options);
      return credentialsOf(options, !cluster.skipTLSVerify);
    },
  };
}

const load = (config: { readonly loadFromFile: (file: string) => void }, file: string): void => {
  try {
    config.loadFromFile(file);
  } catch (error) {
    throw new Error(`cannot read the kubeconfig ${file}: ${messageOf(error)}`, { cause: error });
  }
};

/** What the library sets in the options of `https.request`. */
interface HttpsOptions {
  readonly ca?: unknown;
  readonly cert?: unknown;
  readonly key?: unknown;
  readonly servername?: unknown;
  readonly auth?: unknown;
  readonly headers?: unknown;
}

const credentialsOf = (options: HttpsOptions, verify: boolean): Credentials => ({
  ca: textOf(options.ca),
  certificate: textOf(options.cert),
  key: textOf(options.key),
  authorization: authorizationOf(options),
  serverName: textOf(options.servername),
  verify,
});

const authorizationOf = ({ headers, auth }: HttpsOptions): string | undefined => {
  if (typeof auth === 'string') return `Basic ${Buffer.from(auth).toString('base64')}`;
  const header =
    typeof headers === 'object' && headers !== null && 'Authorization' in headers ? headers.Authorization : undefined;
  return typeof header === 'string' ? header : undefined;
};

const textOf = (value: unknown): string | undefined => {
  if (Buffer.isBuffer(value)) return value.toString();
  return typeof value === 'string' && value !== '' ? value : undefined;
};
