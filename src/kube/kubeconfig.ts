// A connection from a kubeconfig file, client certificates and exec plugins included.
// The library that understands them is loaded only here: it costs more than all the rest of a webhook's start.
import type { Credentials, KubeConnection } from './connection.ts';

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
