// A server on the loopback whose responses a test scripts, for faults that real servers cannot be made to show.
import { createServer as createPlain, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecure, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type VaultClient, vaultClient, type VaultClientOptions } from '../../../src/vault/client.ts';
import { VaultError } from '../../../src/vault/errors.ts';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface FakeServer {
  readonly address: string;
  readonly seen: readonly Seen[];
  stop(): Promise<void>;
}

/** Returns a status and JSON, or undefined: then it has handled the response itself, or the request hangs. */
export type Respond = (
  seen: Seen,
  response: ServerResponse,
) => { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } | undefined;

export async function fakeServer(respond: Respond, tls?: ServerOptions): Promise<FakeServer> {
  const seen: Seen[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    const stream: AsyncIterable<Buffer> = request;
    for await (const chunk of stream) chunks.push(chunk);
    const { method = '', url = '', headers } = request;
    const one: Seen = { method, url, headers, body: Buffer.concat(chunks).toString() };
    seen.push(one);
    const answer = respond(one, response);
    if (!answer) return;
    response.writeHead(answer.status, answer.headers);
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {}));
  };
  const listener: RequestListener = (request, response) => void handle(request, response).catch(() => response.destroy());
  const server = tls ? createSecure(tls, listener) : createPlain(listener);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo;
  return {
    address: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    seen,
    stop: () => {
      server.closeAllConnections();
      return new Promise((stopped) => server.close(() => stopped()));
    },
  };
}

export const LIMITS = { requestsPerSecond: 1000, burst: 1000, maxInFlight: 8, timeoutMs: 5000 };

export function clientOf(address: string, options: Partial<VaultClientOptions> = {}): VaultClient {
  return vaultClient({ address, namespace: '', tls: {}, limits: LIMITS, userAgent: 'tester/1', ...options });
}

/** The VaultError of a promise that must reject with one. */
export function failure(promise: Promise<unknown>): Promise<VaultError> {
  return promise.then(
    () => Promise.reject(new Error('it succeeded')),
    (error: unknown) => (error instanceof VaultError ? error : Promise.reject(error)),
  );
}

/** Servers and clients to stop after each test. */
export const opened: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.stop();
});

/** A server for one test, and a client of it. */
export async function start(
  respond: Respond,
  options: Partial<VaultClientOptions> = {},
): Promise<{ readonly fake: FakeServer; readonly client: VaultClient }> {
  const fake = await fakeServer(respond);
  const client = clientOf(fake.address, options);
  opened.push(fake, { stop: () => client.close() });
  return { fake, client };
}
