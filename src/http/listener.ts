// What the TLS port and the operations port have in common: limits for node:http, and how to listen.
import type { Server } from 'node:http';
import { clientErrorAnswer } from './client-error.ts';
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

/** Sets what only properties can set, listens, and resolves to the port; rejects with what to do when it cannot listen. */
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
  ['EADDRINUSE', 'another process has this port: stop it or choose another port'],
  ['EACCES', 'ports below 1024 need a privilege: choose one above'],
  ['EADDRNOTAVAIL', 'this machine has no such address: leave the host out to listen on all'],
]);
