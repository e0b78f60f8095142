// Stands between a client and a real server: forwards requests, records them, and injects faults on request.
import {
  type ClientRequest,
  createServer as createPlain,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestPlain,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecure, request as requestSecure } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { KeyPair } from '../../src/tls/issue.ts';

export interface FaultProxyOptions {
  /** Address of the real server. */
  readonly upstream: string;
  /** PEM: the CA of the server behind it. */
  readonly upstreamAuthority?: string;
  /** Speaks TLS to clients with this certificate; plain HTTP when left out. */
  readonly serving?: KeyPair;
}

export type Fault =
  /** Answers itself; the server sees nothing. A text body is sent as it is, anything else as JSON. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: unknown;
    }
  /** Never answers, and the server sees nothing. */
  | { readonly kind: 'hang' }
  /** Cuts the connection; the server sees nothing. */
  | { readonly kind: 'cutBefore' }
  /** The server does what it is asked; the connection is cut before the client hears of it. */
  | { readonly kind: 'cutAfter' }
  /** Hands the request on after this time. */
  | { readonly kind: 'delay'; readonly milliseconds: number };

export interface Injection {
  readonly fault: Fault;
  /** Which requests; all when left out. */
  readonly when?: (request: SeenRequest) => boolean;
  /** How many requests; all that come when left out. */
  readonly times?: number;
}

export interface SeenRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** What was done to it; undefined: handed on. */
  readonly fault: Fault['kind'] | undefined;
}

export interface FaultProxy {
  readonly address: string;
  /** All requests since the start, or since `forget`, in order. */
  readonly seen: readonly SeenRequest[];
  /** How many requests there were with this method and a path that matches. */
  count(method: string, path: RegExp): number;
  forget(): void;
  /** Adds a fault; gives what takes it away again. The first that fits a request is done. */
  inject(injection: Injection): () => void;
  /** Takes all faults away. Requests that hang go on hanging. */
  heal(): void;
  /** Cuts all connections of clients, and those that are kept to the server. */
  dropConnections(): void;
  stop(): Promise<void>;
}

/** Error bodies of a server in trouble, as both products return them. */
export const FAULTS = {
  forbidden: { kind: 'answer', status: 403, body: { errors: ['permission denied'] } },
  standby: { kind: 'answer', status: 473 },
  sealed: { kind: 'answer', status: 503, body: { errors: ['Vault is sealed'] } },
  unavailable: { kind: 'answer', status: 503, body: 'no healthy upstream' },
} as const satisfies Readonly<Record<string, Fault>>;

/** A 429 with a Retry-After of so many seconds. */
export function rateLimited(seconds: number): Fault {
  return {
    kind: 'answer',
    status: 429,
    headers: { 'retry-after': String(seconds) },
    body: { errors: ['request path "x": rate limit quota exceeded'] },
  };
}

/** Starts a proxy on a free port of 127.0.0.1 without faults. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const seen: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const upstreamCalls = new Set<ClientRequest>();
  let injections: { readonly injection: Injection; left: number }[] = [];

  const faultFor = (request: SeenRequest): Fault | undefined => {
    const found = injections.find(({ injection, left }) => left > 0 && (injection.when?.(request) ?? true));
    if (!found) return undefined;
    found.left -= 1;
    return found.injection.fault;
  };
  const handOn = (request: SeenRequest, response: ServerResponse, cut: boolean): void => {
    const call = forward(options, request, (answer) => {
      if (cut) {
        answer.resume();
        answer.once('end', () => response.destroy());
        return;
      }
      // How long connections are kept is between each two.
      const { connection: _, 'keep-alive': __, ...kept } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, kept);
      answer.pipe(response);
    });
    upstreamCalls.add(call);
    call.once('close', () => upstreamCalls.delete(call));
    call.on('error', () => response.destroy());
  };
  const listener = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await textOf(incoming);
    const { method = '', url: path = '', headers } = incoming;
    const bare = { method, path, headers, body, at: Date.now(), fault: undefined };
    const fault = faultFor(bare);
    const request: SeenRequest = { ...bare, fault: fault?.kind };
    seen.push(request);
    switch (fault?.kind) {
      case 'hang':
        return;
      case 'cutBefore':
        response.destroy();
        return;
      case 'answer':
        response.writeHead(fault.status, fault.headers);
        response.end(typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body ?? {}));
        return;
      case 'delay':
        setTimeout(() => handOn(request, response, false), fault.milliseconds);
        return;
      case 'cutAfter':
      case undefined:
        handOn(request, response, fault !== undefined);
    }
  };
  const handle = (incoming: IncomingMessage, response: ServerResponse): void =>
    void listener(incoming, response).catch(() => response.destroy());
  const { serving } = options;
  const server = serving ? createSecure({ key: serving.key, cert: serving.certificate }, handle) : createPlain(handle);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo;
  const dropConnections = (): void => {
    for (const call of upstreamCalls) call.destroy();
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `${serving ? 'https' : 'http'}://127.0.0.1:${port}`,
    seen,
    count: (method, path) => seen.filter((request) => request.method === method && path.test(request.path)).length,
    forget: () => void seen.splice(0),
    inject: (injection) => {
      const entry = { injection, left: injection.times ?? Infinity };
      injections.push(entry);
      return () => {
        injections = injections.filter((other) => other !== entry);
      };
    },
    heal: () => {
      injections = [];
    },
    dropConnections,
    stop: () => {
      dropConnections();
      return new Promise((stopped) => server.close(() => stopped()));
    },
  };
}

/** Each request goes over a connection of its own: what the proxy keeps would hide what the client loses. */
function forward(
  { upstream, upstreamAuthority }: FaultProxyOptions,
  { method, path, headers, body }: SeenRequest,
  answered: (answer: IncomingMessage) => void,
): ClientRequest {
  const url = new URL(path, upstream);
  const shared = { method, headers: { ...headers, host: url.host, connection: 'close' }, agent: false };
  const call =
    url.protocol === 'https:'
      ? requestSecure(url, { ...shared, ...(upstreamAuthority && { ca: upstreamAuthority }) }, answered)
      : requestPlain(url, shared, answered);
  call.end(body);
  return call;
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  const stream: AsyncIterable<Buffer> = incoming;
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
