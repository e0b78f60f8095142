// Clients for the server under test: one request over node:https, and raw bytes over TLS.
import { Agent, type RequestOptions, request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { trusted } from './fixture.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  readonly reusedSocket: boolean;
}

/** A pool as Go's client has one: 25 idle connections, kept for 90 s, a request never repeated. */
export function goLikeAgent(): Agent {
  return new Agent({ keepAlive: true, maxFreeSockets: 25, scheduling: 'lifo', ca: trusted });
}

export function review(uid = 'u'): string {
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { uid } });
}

export type SendOptions = Pick<RequestOptions, 'agent' | 'method' | 'path' | 'timeout'> & {
  readonly headers?: Readonly<Record<string, string>>;
};

/** Sends one request to the review path; POST of JSON by default. */
export function send(port: number, body: string | Buffer = '', options: SendOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...options.headers };
    const call = request(
      {
        host: '127.0.0.1',
        port,
        path: '/mutate',
        method: 'POST',
        ca: trusted,
        agent: false,
        timeout: 15_000,
        ...options,
        headers,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode = 0 } = response;
          resolve({
            status: statusCode,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
            reusedSocket: call.reusedSocket,
          });
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error('the client waited in vain')));
    call.on('error', reject);
    call.end(body);
  });
}

export interface RawConnection {
  readonly socket: TLSSocket;
  /** Everything received so far. */
  received(): string;
  /** Resolves when the server has closed the connection, with everything received. */
  readonly closed: Promise<string>;
}

/** Opens a TLS connection and writes the text as it is. */
export function raw(port: number, text: string): Promise<RawConnection> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      socket.write(text);
      resolve({ socket, received: () => received, closed });
    });
    const closed = new Promise<string>((resolveClosed) => socket.on('close', () => resolveClosed(received)));
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    socket.on('error', reject);
  });
}

/** Status codes of all answers in what was received. */
export function statuses(received: string): readonly number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
