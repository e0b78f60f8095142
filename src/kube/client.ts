// The client of the API server: JSON requests over one pool of connections.
import type { Agent } from 'node:http';
import { connectionPool, exchange, ExchangeError, type HttpResponse } from '../net/exchange.ts';
import { errorOfResponse, KubeError, messageOf } from './errors.ts';
import type { Credentials, KubeConnection } from './kubeconfig.ts';

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  /** Sent as JSON, which is YAML too. */
  readonly body?: unknown;
  readonly contentType?: PatchType | 'application/json';
  /** Media type of the response; default: plain JSON. */
  readonly accept?: string;
  /** For the whole exchange; default: 10 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** More bytes are a KubeError with reason TooLarge; default: 32 MiB. */
  readonly maxResponseBytes?: number;
  /** For a watch: receives each line; the response is the first that it accepts, or null when the stream ends before. */
  readonly untilLine?: (line: string) => boolean;
}

/** The type of a PATCH body. Server-side apply needs `fieldManager` in the query, and `force` to take over fields. */
type PatchType = 'application/merge-patch+json' | 'application/json-patch+json' | 'application/apply-patch+yaml';

export interface KubeClient {
  /** One call. T is the type that the caller expects of the response; it is not checked. Throws KubeError. */
  request<T>(options: KubeRequest): Promise<T>;
  /** Closes all connections, those in use too. */
  close(): void;
}

export interface ClientOptions {
  readonly connection: KubeConnection;
  /** Sent as User-Agent; audit logs show it. */
  readonly userAgent: string;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** The kubelet replaces projected tokens long before they expire; client-go also reads them once a minute. */
const CREDENTIALS_TTL_MS = 60_000;
const DEFAULT_TIMEOUT_MS = 10_000;
/** An object has at most 1.5 MiB in etcd; a page of 500 objects of the usual size fits too. */
const MAX_RESPONSE_BYTES = 32 * 1024 * 1024;

/** A client that keeps its connections. It reads its credentials again each minute and after a 401. */
export function kubeClient({ connection, userAgent, now = Date.now }: ClientOptions): KubeClient {
  let cached: { readonly at: number; readonly credentials: Promise<Credentials> } | undefined;
  let pool: { readonly identity: string; readonly agent: Agent } | undefined;
  let closed = false;

  const currentCredentials = (): Promise<Credentials> => {
    if (!cached || now() - cached.at >= CREDENTIALS_TTL_MS || now() < cached.at)
      cached = { at: now(), credentials: connection.credentials() };
    return cached.credentials;
  };
  /** Other certificates need other connections: the API server authenticates the connection, not the request. */
  const agentFor = (credentials: Credentials): Agent => {
    const { ca, certificate, key, serverName, verify } = credentials;
    const identity = JSON.stringify([ca, certificate, key, serverName, verify]);
    if (pool?.identity === identity) return pool.agent;
    pool?.agent.destroy();
    pool = { identity, agent: connectionPool(new URL(connection.server), credentials) };
    return pool.agent;
  };

  return {
    async request<T>(options: KubeRequest): Promise<T> {
      const operation = `${options.method} ${options.path}`;
      const fail = (error: unknown): never => {
        throw error instanceof KubeError ? error : unreachable(error, operation, connection.server);
      };
      if (closed) throw new KubeError(0, 'Unreachable', `${operation}: the client is closed`);
      const credentials = await currentCredentials().catch((error: unknown) => {
        cached = undefined;
        return fail(error);
      });
      const { method, body, contentType = 'application/json', timeoutMs = DEFAULT_TIMEOUT_MS, signal, untilLine } = options;
      const response = await exchange({
        url: urlOf(connection.server, options),
        method,
        agent: agentFor(credentials),
        headers: {
          accept: options.accept ?? 'application/json',
          'user-agent': userAgent,
          ...(credentials.authorization === undefined ? {} : { authorization: credentials.authorization }),
        },
        body: body === undefined ? undefined : { contentType, text: JSON.stringify(body) },
        timeoutMs,
        maxResponseBytes: options.maxResponseBytes ?? MAX_RESPONSE_BYTES,
        signal,
        untilLine,
      }).catch(fail);
      if (response.status === 401) cached = undefined;
      if (response.status < 200 || response.status > 299) throw errorOfResponse(response.status, response.body, operation);
      return parsed(response, operation);
    },
    close() {
      closed = true;
      pool?.agent.destroy();
    },
  };
}

/** A view of a client that calls `fence` before each write and rejects with what it throws. Closing it closes nothing. */
export function fencedClient(client: KubeClient, fence: () => void): KubeClient {
  return {
    request: async (options) => {
      if (options.method !== 'GET') fence();
      return client.request(options);
    },
    close: () => undefined,
  };
}

// JSON.parse yields `any`: this is the one place where a response gets the type that its caller expects.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
const parsed = <T>({ body, status }: HttpResponse, operation: string): T => {
  try {
    return JSON.parse(body);
  } catch {
    throw new KubeError(status, 'Unreadable', `${operation}: the response is not JSON`);
  }
};

const urlOf = (server: string, { path, query = {} }: KubeRequest): URL => {
  const url = new URL(`${server}${path}`);
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, String(value));
  return url;
};

const unreachable = (error: unknown, operation: string, server: string): KubeError => {
  const kind = error instanceof ExchangeError ? error.kind : undefined;
  if (kind === 'TooLarge') return new KubeError(0, kind, `${operation}: ${messageOf(error)}`);
  const reason = kind === 'Timeout' ? kind : 'Unreachable';
  return new KubeError(0, reason, `${operation}: cannot reach the API server at ${server}: ${messageOf(error)}`);
};
