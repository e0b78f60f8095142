// What a test or a demonstration does with the API server of a bed: requests, kubectl, metrics, fresh namespaces.
import { execFile } from 'node:child_process';
import type { Credentials } from './credentials.ts';
import { serverEnvironment } from './environment.ts';
import { type ApiAnswer, ApiFailure, createApiClient } from './request.ts';
import { eventually } from '../support/eventually.ts';

export interface ClusterAccess {
  /** Address of the API server, without a path. */
  readonly url: string;
  /** PEM of the authority that signed the API server's certificate. */
  readonly ca: string;
  /** Path of a kubeconfig file of the cluster's administrator. */
  readonly kubeconfig: string;
  /** Runs kubectl as administrator and gives its standard output. @throws KubectlFailure when it does not exit with 0. */
  readonly kubectl: (args: readonly string[], input?: string) => Promise<string>;
  /** Sends a request as administrator and gives the parsed answer. @throws ApiFailure when the status is not 2xx. */
  readonly request: <T>(method: string, path: string, body?: unknown, contentType?: string) => Promise<T>;
  /** The same, but any status is an answer, and warnings can be seen. */
  readonly exchange: (method: string, path: string, body?: unknown, contentType?: string) => Promise<ApiAnswer>;
  /** The API server's metrics, as text. */
  readonly metrics: () => Promise<string>;
  /** Creates a namespace with a name of its own, waits until pods can be created in it, and gives the name. */
  readonly createNamespace: (metadata?: NamespaceMetadata) => Promise<string>;
}

interface NamespaceMetadata {
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** kubectl's end with another code than 0. */
class KubectlFailure extends Error {
  readonly exitCode: number;
  readonly stderr: string;

  constructor(args: readonly string[], exitCode: number, stderr: string) {
    super(`kubectl ${args.join(' ')} ended with ${exitCode}: ${stderr.trim()}`);
    this.name = 'KubectlFailure';
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

interface Place {
  readonly url: string;
  readonly credentials: Credentials;
  readonly kubeconfig: string;
  readonly kubectl: string | undefined;
  readonly home: string;
}

/** What only the bed itself uses, beside what it hands out. */
interface Internals {
  readonly createDefaultServiceAccount: (namespace: string) => Promise<void>;
  /** True when the controllers have made what pods of a namespace need. */
  readonly namespaceReady: (namespace: string) => Promise<boolean>;
  readonly close: () => void;
}

/** Access to the API server at a place; nothing is sent until something is asked. */
export function createClusterAccess({ url, credentials, kubeconfig, kubectl, home }: Place): ClusterAccess & Internals {
  const client = createApiClient(url, credentials.authority, credentials.administrator);
  let namespaces = 0;
  let withoutControllers = false;

  const request = async <T>(method: string, path: string, body?: unknown, contentType?: string): Promise<T> => {
    const answer = await client.exchange(method, path, body, contentType);
    if (answer.status >= 300) throw new ApiFailure(`${method} ${path}`, answer);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller knows what it asked for
    return JSON.parse(answer.text) as T;
  };
  const exists = async (path: string): Promise<boolean> => (await client.exchange('GET', path)).status === 200;
  const namespaceReady = async (name: string): Promise<boolean> =>
    (await exists(`/api/v1/namespaces/${name}/serviceaccounts/default`)) &&
    (await exists(`/api/v1/namespaces/${name}/configmaps/kube-root-ca.crt`));
  const createDefaultServiceAccount = async (namespace: string): Promise<void> => {
    withoutControllers = true;
    // The API server makes the namespace "default" itself, a moment after it is ready.
    await eventually(`the namespace ${namespace} exists`, () => exists(`/api/v1/namespaces/${namespace}`));
    await request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'default' } });
  };

  return {
    url,
    ca: credentials.authority,
    kubeconfig,
    request,
    createDefaultServiceAccount,
    namespaceReady,
    exchange: client.exchange,
    close: client.close,
    metrics: async () => (await client.exchange('GET', '/metrics')).text,
    kubectl: (args, input) => {
      if (!kubectl) throw new Error('this bed has no API server: ask for the part kube-apiserver');
      return runKubectl(kubectl, args, input, { ...serverEnvironment(home), KUBECONFIG: kubeconfig });
    },
    createNamespace: async (metadata = {}) => {
      namespaces += 1;
      const name = metadata.name ?? `team-${namespaces}`;
      await request('POST', '/api/v1/namespaces', { metadata: { ...metadata, name } });
      if (withoutControllers) await createDefaultServiceAccount(name);
      else await eventually(`the namespace ${name} has its service account and CA`, () => namespaceReady(name));
      return name;
    },
  };
}

function runKubectl(path: string, args: readonly string[], input: string | undefined, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(path, args, { env, timeout: 120_000, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error) reject(new KubectlFailure(args, typeof error.code === 'number' ? error.code : -1, stderr || error.message));
      else resolve(stdout);
    });
    child.stdin?.on('error', () => undefined).end(input ?? '');
  });
}
