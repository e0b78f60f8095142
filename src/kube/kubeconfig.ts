// A connection from a kubeconfig file, client certificates and exec plugins included.
// The library that understands them is loaded only here: it costs more than all the rest of a webhook's start.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Reads a kubeconfig file, or several as one, of which earlier ones win, and takes its current context, or the named one.
 * Throws, naming the file, when it cannot be read or has no such context.
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
    throw new Error(`cannot read the kubeconfig ${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
};

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

// Where the API server is and how we show who we are: the pod's own service account, or a kubeconfig file.
export interface Credentials {
  /** PEM of the authorities to trust; undefined: those that Node trusts. */
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** The whole Authorization header. */
  readonly authorization: string | undefined;
  /** The name to expect in the server's certificate where it is not the host. */
  readonly serverName: string | undefined;
  readonly verify: boolean;
}

export interface KubeConnection {
  /** `https://host:port`, perhaps with a path, without a slash at the end. */
  readonly server: string;
  /** The namespace that belongs to these credentials, where they say so. */
  readonly namespace: string | undefined;
  /** May read files or run a program; the client keeps the answer for a minute. */
  credentials(): Promise<Credentials>;
}

/** Where the kubelet puts the service account of a pod. */
const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InCluster {
  /** KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, as the kubelet sets them. */
  readonly host: string;
  readonly port: string;
  /** Holds `token`, `ca.crt` and `namespace`. */
  readonly folder?: string;
}

/** The connection of a pod. Throws when the service account's files are not there, saying what a pod needs for them. */
export async function inClusterConnection({ host, port, folder = SERVICE_ACCOUNT_FOLDER }: InCluster): Promise<KubeConnection> {
  const read = async (file: string): Promise<string> => (await readFile(join(folder, file), 'utf8')).trim();
  const credentials = async (): Promise<Credentials> => {
    // One after the other, so that of two missing files the same one is always named.
    const token = await read('token');
    const ca = await read('ca.crt');
    return { ca, certificate: undefined, key: undefined, authorization: `Bearer ${token}`, serverName: undefined, verify: true };
  };
  await credentials().catch((error: unknown) => {
    throw new Error(
      `no service account to talk to the API server with (automountServiceAccountToken: true, or a kubeconfig): ${messageOf(error)}`,
    );
  });
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: await read('namespace').catch(() => undefined),
    credentials,
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
