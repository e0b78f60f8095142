// What the TLS port and the operations port share: limits for node:http, listening, and errors and age of connections.
import { type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ServerLimits } from './limits.ts';

export interface ListenAddress {
  /** Every address when absent. */
  readonly host?: string | undefined;
  /** 0 for any free one. */
  readonly port: number;
}

/** Options for creating a server of node:http or node:https. */
export function httpOptions(limits: ServerLimits) {
  return {
    keepAliveTimeout: limits.keepAliveMs,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: limits.checkIntervalMs,
    maxHeaderSize: limits.maxHeaderBytes,
  };
}

/** Sets the limits that are properties of a server, listens, and resolves to the port. Rejects with a remedy in the message. */
export async function listen(
  server: Server,
  address: ListenAddress,
  limits: ServerLimits,
  rejected: (status: number) => void,
): Promise<number> {
  server.maxHeadersCount = limits.maxHeaders;
  server.maxConnections = limits.maxConnections;
  server.on('clientError', clientErrorAnswer(rejected));
  await new Promise<void>((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException): void => reject(new Error(refusalText(address, error.code ?? error.message)));
    server.once('error', refused).listen({ port: address.port, host: address.host }, () => {
      server.off('error', refused);
      resolve();
    });
  });
  const bound = server.address();
  return typeof bound === 'object' && bound ? bound.port : address.port;
}

const refusalText = ({ host, port }: ListenAddress, code: string): string =>
  `cannot listen on ${host ?? ''}:${port}: ${code}; ${REMEDIES.get(code) ?? 'choose another address'}`;

const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'another process listens on this port: stop it or choose another port'],
  ['EACCES', 'ports below 1024 require the capability NET_BIND_SERVICE: choose a higher port'],
  ['EADDRNOTAVAIL', 'this host has no such address: omit the host to listen on all addresses'],
]);

/**
 * A listener for `clientError`, which the HTTP parser and its timeouts emit before there is a request: answers 408 for a
 * timeout, 431 for headers, 413 for chunk extensions, otherwise 400, and closes the connection.
 */
const clientErrorAnswer =
  (rejected: (status: number) => void) =>
  (error: NodeJS.ErrnoException, socket: Socket): void => {
    // Responses are written whole, so this one cannot end up inside another. A client that closed the connection gets none.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || !socket.writable) {
      socket.destroy();
      return;
    }
    const status = STATUS_OF.get(error.code ?? '') ?? 400;
    rejected(status);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () =>
      socket.destroy(),
    );
  };

const STATUS_OF: ReadonlyMap<string, number> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
  ['HPE_HEADER_OVERFLOW', 431],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
]);

export interface AgeLimits {
  readonly connectionRequests: number;
  readonly connectionAgeMs: number;
}

/**
 * Returns a function to call for each response: true when it must be the last one of its connection. An API server keeps
 * its connections, so a new replica receives reviews only when old connections end; `Connection: close` on a response ends
 * them without losing one. The limits vary by up to 20 % per connection, so that connections opened together end apart.
 */
export function connectionAge(limits: AgeLimits, random: () => number = Math.random): (socket: Socket, now: number) => boolean {
  const lives = new WeakMap<Socket, { requests: number; readonly until: number }>();
  const jittered = (value: number): number => value * (1 - JITTER + 2 * JITTER * random());
  return (socket, now) => {
    let life = lives.get(socket);
    if (!life) {
      life = { requests: Math.round(jittered(limits.connectionRequests)), until: now + jittered(limits.connectionAgeMs) };
      lives.set(socket, life);
    }
    life.requests -= 1;
    return life.requests <= 0 || now >= life.until;
  };
}

const JITTER = 0.2;
