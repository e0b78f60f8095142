// A Vault or OpenBao server, as JSON over one pool of connections, within limits of rate and number.
import { Agent as PlainAgent } from 'node:http';
import { Agent as SecureAgent, type AgentOptions } from 'node:https';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../json/json.ts';
import { gate, GateClosed, type Lane, type Limits } from '../net/rate-limit.ts';
import { isVaultError, VaultError, isAbsent } from './errors.ts';
import { exchange, ExchangeFailure } from './exchange.ts';
import { redactor } from './redact.ts';
import { type Asked, readResponse, type VaultResponse } from './response.ts';

/** A request without credentials. */
export interface VaultCall {
  readonly method: 'GET' | 'LIST' | 'POST' | 'PUT' | 'DELETE';
  /** `auth/kubernetes/config`: without `v1/`, not encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
  /** For one attempt, from the first byte sent to the last received. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** In place of the client's namespace; empty: none. */
  readonly namespace?: string;
  /** Sent also during a pause that the server asked for: for what no limit of a server counts, such as sys/health. */
  readonly isUnlimited?: boolean;
  /** What goes first when many wait; `change` unless told. */
  readonly lane?: Lane;
}

export interface VaultRequest extends VaultCall {
  readonly token?: string | undefined;
}

/** Something that sends requests: a client (as nobody), or a session (as who logged in). */
export interface VaultCaller {
  /** Throws VaultError for every answer that is no success; a caller that gives up gets the error of its signal. */
  request(call: VaultCall): Promise<VaultResponse>;
}

export interface VaultClient extends VaultCaller {
  request(call: VaultRequest): Promise<VaultResponse>;
  /** Closes all connections, those in use too. */
  close(): void;
}

export interface VaultTLS {
  /** PEM; undefined: the authorities that Node trusts. */
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** The name to expect in the server's certificate where it is not the host. */
  readonly serverName?: string | undefined;
}

export interface VaultClientOptions {
  readonly address: string;
  /** Empty: the root namespace. */
  readonly namespace: string;
  readonly tls: VaultTLS;
  readonly limits: Limits & { readonly timeoutMs: number };
  readonly userAgent: string;
  /** Monotonic, in milliseconds. */
  readonly now?: () => number;
  /** Called right before each request that is no read is sent, however long it waited for its turn; what it throws is the answer. */
  readonly fence?: () => void;
  /** Told of each answer; status 0 when there was none. */
  readonly observe?: (operation: string, status: number, milliseconds: number) => void;
}

const ANSWER_LIMIT = 1024 * 1024;
/** 10,000 names of 250 characters fit several times. */
const LIST_LIMIT = 16 * 1024 * 1024;
const ATTEMPTS = 3;
/** Longer than this nobody is kept waiting: then the error says when to come again. */
const LONGEST_PAUSE_MS = 2000;

/** A client of one server. It retries what cannot have happened or may happen twice: reads, and requests that were never sent or never served. */
export function vaultClient(options: VaultClientOptions): VaultClient {
  const { address, namespace, tls, limits, userAgent, now = () => performance.now(), fence = () => undefined, observe } = options;
  const base = new URL(address);
  const agent =
    base.protocol === 'https:' ? new SecureAgent(agentOptions(tls, limits)) : new PlainAgent(agentOptions({}, limits));
  const passage = gate(limits, now);
  // The server asked for a pause until then.
  let pausedUntil = -Infinity;
  // Nothing got through of late: then nobody asks twice, and those who come again do so in their own time.
  let isDown = false;

  const attempt = async (call: VaultRequest, asked: Asked): Promise<VaultResponse> => {
    const pause = call.isUnlimited ? 0 : pausedUntil - now();
    if (pause > LONGEST_PAUSE_MS) throw stillPaused(asked, pause);
    if (pause > 0) await sleep(pause, undefined, { signal: call.signal });
    if (!asked.isRead) fence();
    const start = now();
    const report = (status: number): void => observe?.(operationOf(call.method, call.path), status, now() - start);
    try {
      const answer = await exchange({
        url: urlOf(base, call, asked.what),
        method: call.method === 'LIST' ? 'GET' : call.method,
        agent,
        headers: headersOf(call, namespace, userAgent),
        body: call.body && JSON.stringify(call.body),
        timeoutMs: call.timeoutMs ?? limits.timeoutMs,
        answerLimit: call.method === 'LIST' ? LIST_LIMIT : ANSWER_LIMIT,
        signal: call.signal,
      });
      report(answer.status);
      return readResponse(answer, asked);
    } catch (error) {
      if (!(error instanceof ExchangeFailure)) throw error;
      report(0);
      throw unanswered(error, asked, address);
    }
  };

  const request = async (call: VaultRequest): Promise<VaultResponse> => {
    const isRead = call.method === 'GET' || call.method === 'LIST';
    const asked: Asked = { what: `${call.method} ${call.path}`, isRead, redact: redactor(call.token, call.body) };
    for (let count = 1; ; count += 1) {
      try {
        const answer = await passage.pass(() => attempt(call, asked), call.lane ?? 'change', call.signal);
        isDown = false;
        return answer;
      } catch (error) {
        if (error instanceof GateClosed) throw closed(asked);
        if (!(error instanceof VaultError)) throw error;
        if (error.kind === 'RateLimited' && error.retryAfterMs) pausedUntil = Math.max(pausedUntil, now() + error.retryAfterMs);
        const isLast = count === ATTEMPTS || (isDown && isVaultError(error, ...DOWN));
        const wait = isLast ? undefined : waitBeforeRetry(error, count);
        if (wait === undefined) {
          isDown = isVaultError(error, ...DOWN);
          throw error;
        }
        await sleep(wait, undefined, { signal: call.signal });
      }
    }
  };

  return {
    request,
    close() {
      passage.close();
      agent.destroy();
    },
  };
}

const agentOptions = ({ ca, certificate, key, serverName }: VaultTLS, { maxInFlight }: Limits): AgentOptions => {
  const options: AgentOptions = { keepAlive: true, maxSockets: maxInFlight };
  if (ca !== undefined) options.ca = ca;
  if (certificate !== undefined) options.cert = certificate;
  if (key !== undefined) options.key = key;
  if (serverName !== undefined) options.servername = serverName;
  return options;
};

const headersOf = ({ token, namespace }: VaultRequest, usual: string, userAgent: string): Readonly<Record<string, string>> => ({
  accept: 'application/json',
  'user-agent': userAgent,
  // Agents and proxies of both products ask for it, against requests that a browser was talked into.
  'x-vault-request': 'true',
  ...(token === undefined ? {} : { 'x-vault-token': token }),
  ...((namespace ?? usual) === '' ? {} : { 'x-vault-namespace': namespace ?? usual }),
});

/** A listing is sent as GET with `list=true`, which both products take and every proxy understands. */
const urlOf = (base: URL, { method, path, query = {} }: VaultCall, what: string): URL => {
  const segments = path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    throw new VaultError(`${what}: this path has an empty segment or one of dots only`, {
      status: 0,
      kind: 'BadRequest',
      written: 'no',
    });
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/$/, '')}/v1/${segments.map(encodeURIComponent).join('/')}`;
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  if (method === 'LIST') url.searchParams.set('list', 'true');
  return url;
};

/** What a server says, or does not say, while it is restarted or a connection was too old. */
const DOWN = ['ConnectionFailed', 'CutOff', 'Unavailable'] as const;

/** Milliseconds until the next attempt, or undefined when there shall be none. With jitter, so that many do not come at once. */
const waitBeforeRetry = (error: VaultError, count: number): number | undefined => {
  if (error.written === 'unknown') return undefined;
  // Quotas are looked at before anything is done. Without a time to wait the caller's own back-off is the better one.
  if (error.kind === 'RateLimited')
    return error.retryAfterMs !== undefined && error.retryAfterMs <= LONGEST_PAUSE_MS ? error.retryAfterMs : undefined;
  return isVaultError(error, 'PreconditionFailed', ...DOWN) ? 50 * 4 ** count * (0.5 + Math.random()) : undefined;
};

const unanswered = ({ kind, message, sent }: ExchangeFailure, { what, isRead, redact }: Asked, address: string): VaultError =>
  new VaultError(`${what}: ${SENTENCES[kind]} ${new URL(address).origin}: ${redact(message)}`, {
    status: 0,
    kind,
    written: isRead || !sent ? 'no' : 'unknown',
  });

const SENTENCES: Readonly<Record<ExchangeFailure['kind'], string>> = {
  DNSFailed: 'cannot find',
  TLSFailed: 'no trusted connection to',
  ConnectionFailed: 'cannot reach',
  Timeout: 'waited in vain for',
  CutOff: 'lost the connection to',
  Unreadable: 'cannot read the answer of',
};

const stillPaused = ({ what }: Asked, pause: number): VaultError =>
  new VaultError(`${what}: not sent, the server asked for a pause of another ${Math.ceil(pause / 1000)} s`, {
    status: 429,
    kind: 'RateLimited',
    retryAfterMs: Math.ceil(pause),
    written: 'no',
  });

const closed = ({ what }: Asked): VaultError =>
  new VaultError(`${what}: not sent, the client is closed`, { status: 0, kind: 'ConnectionFailed', written: 'no' });

// Names of requests for metrics: few, whatever names of mounts, roles and policies there are.
/** For example `write auth role`, `login`, `read sys/health`: what a path is about, without the names in it. */
function operationOf(method: string, path: string): string {
  if (/^auth\/.+\/login$/.test(path)) return 'login';
  const verb = VERBS[method] ?? 'write';
  if (path.startsWith('auth/token/')) return `${verb} token`;
  if (/^auth\/.+\/config$/.test(path)) return `${verb} auth config`;
  if (/^auth\/.+\/role(?:\/[^/]+)?$/.test(path)) return `${verb} auth role`;
  if (path.startsWith('sys/policies/acl')) return `${verb} policy`;
  if (path.endsWith('/tune')) return `${verb} tune`;
  if (path.startsWith('sys/auth')) return `${verb} mount`;
  return path.startsWith('sys/health') ? 'read health' : `${verb} other`;
}

const VERBS: Readonly<Record<string, string>> = { GET: 'read', LIST: 'list', DELETE: 'delete' };

// Names below a path.
/** The names, in the server's order; an empty folder is a 404 there. Throws VaultError. */
export async function listNames(caller: VaultCaller, path: string, signal?: AbortSignal): Promise<readonly string[]> {
  try {
    const { data } = await caller.request({ method: 'LIST', path, signal });
    const names = data?.['keys'];
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
