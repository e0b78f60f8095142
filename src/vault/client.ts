// The client of a Vault or OpenBao server: JSON requests over one pool of connections, rate limited, with safe retries.
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type JsonObject, textsOf } from '../json/json.ts';
import { backoffMs } from '../net/backoff.ts';
import { connectionPool, exchange, ExchangeError, type TLSMaterial } from '../net/exchange.ts';
import { type Priority, rateLimiter, RateLimiterClosed, type RateLimits } from '../net/rate-limit.ts';
import { isVaultError, undefinedIfAbsent, VaultError } from './errors.ts';
import { redactor } from './redact.ts';
import { readResponse, type RequestContext, type VaultResponse } from './response.ts';

/** A request without credentials. */
export interface VaultCall {
  readonly method: 'GET' | 'LIST' | 'POST' | 'PUT' | 'DELETE';
  /** `auth/kubernetes/config`: without `v1/`, not encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
  /** For the whole exchange of one attempt; default: that of the client. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Replaces the client's namespace; empty: the root namespace. */
  readonly namespace?: string;
  /** Ignores a Retry-After pause: for paths that no quota of a server counts, such as sys/health. */
  readonly isUnlimited?: boolean;
  /** The priority when requests queue; default: `change`. */
  readonly priority?: Priority;
}

export interface VaultRequest extends VaultCall {
  readonly token?: string | undefined;
}

/** Sends requests: a client (unauthenticated), or a session (with its token). */
export interface VaultCaller {
  /** Throws VaultError unless the status is 2xx, or the reason of the signal when the caller aborted. */
  request(call: VaultCall): Promise<VaultResponse>;
}

export interface VaultClient extends VaultCaller {
  request(call: VaultRequest): Promise<VaultResponse>;
  /** Closes all connections, those in use too. */
  close(): void;
}

export type VaultTLS = Omit<TLSMaterial, 'verify'>;

export interface VaultClientOptions {
  readonly address: string;
  /** Empty: the root namespace. */
  readonly namespace: string;
  readonly tls: VaultTLS;
  readonly limits: RateLimits & { readonly timeoutMs: number };
  readonly userAgent: string;
  /** Monotonic, in milliseconds. */
  readonly now?: () => number;
  /** Called right before each write is sent, after its time in the queue; the request rejects with what it throws. */
  readonly fence?: () => void;
  /** Receives the result of each attempt; status 0: no response. */
  readonly observe?: (operation: string, status: number, milliseconds: number) => void;
}

const MAX_RESPONSE_BYTES = 1024 * 1024;
/** 10,000 names of 250 characters fit several times. */
const MAX_LIST_BYTES = 16 * 1024 * 1024;
const MAX_ATTEMPTS = 3;
/** A request waits at most this long for a Retry-After; for more it fails, and the error has the time. */
const MAX_PAUSE_MS = 2000;
const RETRY_BACKOFF = { firstMs: 300, maxMs: 1200, factor: 4 };

/** A client of one server. It retries reads, and writes that certainly were not executed. */
export function vaultClient(options: VaultClientOptions): VaultClient {
  const { address, namespace, tls, limits, userAgent, now = () => performance.now(), fence = () => undefined, observe } = options;
  const server = new URL(address);
  const agent = connectionPool(server, tls, limits.maxInFlight);
  const limiter = rateLimiter(limits, now);
  /** The server asked for a pause until then (Retry-After). */
  let pausedUntil = -Infinity;
  /** The last request failed after all its attempts: further ones are not retried, or an outage would triple the load. */
  let isDown = false;

  const attempt = async (call: VaultRequest, context: RequestContext): Promise<VaultResponse> => {
    const pause = call.isUnlimited ? 0 : pausedUntil - now();
    if (pause > MAX_PAUSE_MS) throw stillPaused(context, pause);
    if (pause > 0) await sleep(pause, undefined, { signal: call.signal });
    if (!context.isRead) fence();
    const start = now();
    const report = (status: number): void => observe?.(operationOf(call.method, call.path), status, now() - start);
    try {
      const response = await exchange({
        url: urlOf(server, call, context.operation),
        method: call.method === 'LIST' ? 'GET' : call.method,
        agent,
        headers: headersOf(call, namespace, userAgent),
        body: call.body && { contentType: 'application/json', text: JSON.stringify(call.body) },
        timeoutMs: call.timeoutMs ?? limits.timeoutMs,
        maxResponseBytes: call.method === 'LIST' ? MAX_LIST_BYTES : MAX_RESPONSE_BYTES,
        signal: call.signal,
      });
      report(response.status);
      return readResponse(response, context);
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      report(0);
      throw noResponse(error, context, server);
    }
  };

  const request = async (call: VaultRequest): Promise<VaultResponse> => {
    const isRead = call.method === 'GET' || call.method === 'LIST';
    const context: RequestContext = {
      operation: `${call.method} ${call.path}`,
      isRead,
      redact: redactor(call.token, call.body),
    };
    for (let attempts = 1; ; attempts += 1) {
      try {
        const response = await limiter.run(() => attempt(call, context), call.priority ?? 'change', call.signal);
        isDown = false;
        return response;
      } catch (error) {
        if (error instanceof RateLimiterClosed) throw clientClosed(context);
        if (!(error instanceof VaultError)) throw error;
        if (error.kind === 'RateLimited' && error.retryAfterMs) pausedUntil = Math.max(pausedUntil, now() + error.retryAfterMs);
        const isLast = attempts === MAX_ATTEMPTS || (isDown && isVaultError(error, ...OUTAGE));
        const wait = isLast ? undefined : retryWaitMs(error, attempts);
        if (wait === undefined) {
          isDown = isVaultError(error, ...OUTAGE);
          throw error;
        }
        await sleep(wait, undefined, { signal: call.signal });
      }
    }
  };

  return {
    request,
    close() {
      limiter.close();
      agent.destroy();
    },
  };
}

/** The names below a path, in the server's order; empty when there are none (a 404 of the server). Throws VaultError. */
export async function listNames(caller: VaultCaller, path: string, signal?: AbortSignal): Promise<readonly string[]> {
  const response = await caller.request({ method: 'LIST', path, signal }).catch(undefinedIfAbsent);
  return textsOf(response?.data?.['keys']);
}

const headersOf = (
  { token, namespace }: VaultRequest,
  defaultNamespace: string,
  userAgent: string,
): Readonly<Record<string, string>> => ({
  accept: 'application/json',
  'user-agent': userAgent,
  // Agents and proxies of both products may require it, against server-side request forgery.
  'x-vault-request': 'true',
  ...(token === undefined ? {} : { 'x-vault-token': token }),
  ...((namespace ?? defaultNamespace) === '' ? {} : { 'x-vault-namespace': namespace ?? defaultNamespace }),
});

/** LIST is sent as GET with `list=true`, which both products accept: proxies and Node's own HTTP parser do not know the method. */
const urlOf = (server: URL, { method, path, query = {} }: VaultCall, operation: string): URL => {
  const segments = path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    throw new VaultError(`${operation}: invalid path: a segment is empty, "." or ".."`, {
      status: 0,
      kind: 'BadRequest',
      written: 'no',
    });
  const url = new URL(server);
  url.pathname = `${server.pathname.replace(/\/$/, '')}/v1/${segments.map(encodeURIComponent).join('/')}`;
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  if (method === 'LIST') url.searchParams.set('list', 'true');
  return url;
};

/** The errors while a server restarts, or of a connection that it has closed. */
const OUTAGE = ['ConnectionFailed', 'CutOff', 'Unavailable'] as const;

/** Milliseconds until the next attempt; undefined: none, because the write may have happened or the error will stay. */
const retryWaitMs = (error: VaultError, attempts: number): number | undefined => {
  if (error.written === 'unknown') return undefined;
  // A server checks quotas before it executes a request. Without a Retry-After the back-off of the work queue is the better one.
  if (error.kind === 'RateLimited')
    return error.retryAfterMs !== undefined && error.retryAfterMs <= MAX_PAUSE_MS ? error.retryAfterMs : undefined;
  return isVaultError(error, 'PreconditionFailed', ...OUTAGE) ? backoffMs(attempts, RETRY_BACKOFF) : undefined;
};

const noResponse = ({ kind, message, sent }: ExchangeError, context: RequestContext, server: URL): VaultError =>
  new VaultError(`${context.operation}: ${SENTENCES[kind]} ${server.origin}: ${context.redact(message)}`, {
    status: 0,
    kind: kind === 'TooLarge' ? 'Unreadable' : kind,
    written: context.isRead || !sent ? 'no' : 'unknown',
  });

const SENTENCES: Readonly<Record<ExchangeError['kind'], string>> = {
  DNSFailed: 'cannot resolve',
  TLSFailed: 'no trusted TLS connection to',
  ConnectionFailed: 'cannot reach',
  Timeout: 'timeout of',
  CutOff: 'lost the connection to',
  TooLarge: 'cannot read the response of',
};

const stillPaused = ({ operation }: RequestContext, pause: number): VaultError =>
  new VaultError(`${operation}: not sent: the server asked for no requests for another ${Math.ceil(pause / 1000)} s`, {
    status: 429,
    kind: 'RateLimited',
    retryAfterMs: Math.ceil(pause),
    written: 'no',
  });

const clientClosed = ({ operation }: RequestContext): VaultError =>
  new VaultError(`${operation}: not sent, the client is closed`, { status: 0, kind: 'ConnectionFailed', written: 'no' });

/**
 * The name of a request in metrics, for example `write auth role`: without the names of mounts, roles and policies, which would
 * make one time series each.
 */
const operationOf = (method: string, path: string): string => {
  if (/^auth\/.+\/login$/.test(path)) return 'login';
  const verb = VERBS[method] ?? 'write';
  if (path.startsWith('auth/token/')) return `${verb} token`;
  if (/^auth\/.+\/config$/.test(path)) return `${verb} auth config`;
  if (/^auth\/.+\/role(?:\/[^/]+)?$/.test(path)) return `${verb} auth role`;
  if (path.startsWith('sys/policies/acl')) return `${verb} policy`;
  if (path.endsWith('/tune')) return `${verb} tune`;
  if (path.startsWith('sys/auth')) return `${verb} mount`;
  if (path.includes('/metadata/')) return `${verb} secret metadata`;
  return path.startsWith('sys/health') ? 'read health' : `${verb} other`;
};

const VERBS: Readonly<Record<string, string>> = { GET: 'read', LIST: 'list', DELETE: 'delete' };
