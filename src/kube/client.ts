// The API server, as JSON over one pool of connections.
import { Agent, type AgentOptions } from 'node:https';
import { errorOfAnswer, KubeError } from './errors.ts';
import { type Answer, exchange, NoAnswer } from './exchange.ts';
import type { Credentials, KubeConnection } from './kubeconfig.ts';

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  /** Sent as JSON, which is YAML too. */
  readonly body?: unknown;
  readonly contentType?: PatchType | 'application/json';
  /** Media type of the answer; plain JSON unless told. */
  readonly accept?: string;
  /** From the first byte sent to the last received; 10 s unless told. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** For a watch: gets each line as it comes; the answer is the first that is accepted here, or null when the stream ends before. */
  readonly untilLine?: (line: string) => boolean;
}

/** What a PATCH body is. Server-side apply needs `fieldManager` in the query, and `force` to take fields over. */
type PatchType = 'application/merge-patch+json' | 'application/json-patch+json' | 'application/apply-patch+yaml';

export interface KubeClient {
  /** One call. T is what the caller knows of the answer; it is not checked. Throws KubeError. */
  request<T>(options: KubeRequest): Promise<T>;
  /** Closes all connections, those in use too. */
  close(): void;
}

export interface ClientOptions {
  readonly connection: KubeConnection;
  /** Sent as User-Agent, seen in audit logs. */
  readonly userAgent: string;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

// Projected tokens are replaced by the kubelet long before they expire; client-go re-reads them once a minute as well.
const CREDENTIALS_FOR_MS = 60_000;
const TIMEOUT_MS = 10_000;

/** A client that keeps its connections, and re-reads its credentials each minute and after a 401. */
export function kubeClient({ connection, userAgent, now = Date.now }: ClientOptions): KubeClient {
  let known: { readonly at: number; readonly credentials: Promise<Credentials> } | undefined;
  let pool: { readonly identity: string; readonly agent: Agent } | undefined;
  let closed = false;

  const credentials = (): Promise<Credentials> => {
    if (!known || now() - known.at >= CREDENTIALS_FOR_MS || now() < known.at)
      known = { at: now(), credentials: connection.credentials() };
    return known.credentials;
  };
  const agentFor = ({ ca, certificate, key, serverName, verify }: Credentials): Agent => {
    const identity = JSON.stringify([ca, certificate, key, serverName, verify]);
    if (pool?.identity === identity) return pool.agent;
    pool?.agent.destroy();
    const options: AgentOptions = { keepAlive: true, rejectUnauthorized: verify };
    if (ca !== undefined) options.ca = ca;
    if (certificate !== undefined) options.cert = certificate;
    if (key !== undefined) options.key = key;
    if (serverName !== undefined) options.servername = serverName;
    pool = { identity, agent: new Agent(options) };
    return pool.agent;
  };

  return {
    async request<T>(options: KubeRequest): Promise<T> {
      const what = `${options.method} ${options.path}`;
      const failed = (error: unknown): never => {
        throw error instanceof KubeError ? error : unreachable(error, what, connection.server);
      };
      if (closed) throw new KubeError(0, 'Unreachable', `${what}: the client is closed`);
      const shown = await credentials().catch((error: unknown) => {
        known = undefined;
        return failed(error);
      });
      const { method, body, contentType = 'application/json', timeoutMs = TIMEOUT_MS, signal, untilLine } = options;
      const answer = await exchange({
        url: urlOf(connection.server, options),
        method,
        agent: agentFor(shown),
        headers: {
          accept: options.accept ?? 'application/json',
          'user-agent': userAgent,
          ...(shown.authorization === undefined ? {} : { authorization: shown.authorization }),
        },
        body: body === undefined ? undefined : { contentType, text: JSON.stringify(body) },
        timeoutMs,
        signal,
        untilLine,
      }).catch(failed);
      if (answer.status === 401) known = undefined;
      if (answer.status < 200 || answer.status > 299) throw errorOfAnswer(answer.status, answer.body, what);
      return parsed(answer, what);
    },
    close() {
      closed = true;
      pool?.agent.destroy();
    },
  };
}

// JSON.parse yields `any`: this is the one place where an answer gets the type that its caller expects.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
const parsed = <T>({ body, status }: Answer, what: string): T => {
  try {
    return JSON.parse(body);
  } catch {
    throw new KubeError(status, 'Unreadable', `${what}: the answer is not JSON`);
  }
};

const urlOf = (server: string, { path, query = {} }: KubeRequest): URL => {
  const url = new URL(`${server}${path}`);
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, String(value));
  return url;
};

const unreachable = (error: unknown, what: string, server: string): KubeError =>
  new KubeError(
    0,
    error instanceof NoAnswer ? 'Timeout' : 'Unreachable',
    `${what}: cannot reach the API server at ${server}: ${textOf(error)}`,
  );

const textOf = (error: unknown): string => (error instanceof Error ? error.message || error.name : String(error));

// A client that reads always and writes only while it may.
/** Asks `fence` before everything but reads; what that throws is the answer. Closing is the owner's. */
export function fencedClient(client: KubeClient, fence: () => void): KubeClient {
  return {
    request: async (options) => {
      if (options.method !== 'GET') fence();
      return client.request(options);
    },
    close: () => undefined,
  };
}
