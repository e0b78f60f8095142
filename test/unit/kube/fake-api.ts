// An HTTPS server on the loopback whose responses a test scripts, for faults that a real API server cannot be made to show.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Credentials, KubeConnection } from '../../../src/kube/kubeconfig.ts';
import { issueCa, issueLeaf } from '../../../src/tls/issue.ts';

const dates = { notBefore: new Date(Date.now() - 300_000), notAfter: new Date(Date.now() + 86_400_000) };
export const authority = issueCa({ commonName: 'fake API', ...dates });
const server = issueLeaf({
  ca: authority,
  commonName: 'fake API',
  dnsNames: ['localhost'],
  ipAddresses: ['127.0.0.1'],
  usages: ['server'],
  ...dates,
});
export const clientIdentity = issueLeaf({
  ca: authority,
  commonName: 'tester',
  dnsNames: [],
  ipAddresses: [],
  usages: ['client'],
  ...dates,
});

export interface FakeApi {
  readonly url: string;
  readonly sockets: readonly Socket[];
  connection(credentials?: Partial<Credentials>): KubeConnection;
  stop(): Promise<void>;
}

export async function fakeApi(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<FakeApi> {
  const sockets: Socket[] = [];
  const https = createServer(
    { key: server.key, cert: server.certificate, ca: authority.certificate, requestCert: true, rejectUnauthorized: false },
    answer,
  );
  https.on('secureConnection', (socket) => sockets.push(socket));
  await new Promise<void>((listening) => https.listen(0, '127.0.0.1', listening));
  const address = https.address();
  const url = `https://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const usual = {
    ca: authority.certificate,
    certificate: undefined,
    key: undefined,
    authorization: undefined,
    serverName: undefined,
    verify: true,
  };
  return {
    url,
    sockets,
    connection: (credentials) => ({
      server: url,
      namespace: undefined,
      credentials: () => Promise.resolve({ ...usual, ...credentials }),
    }),
    stop: () => {
      https.closeAllConnections();
      return new Promise((stopped) => https.close(() => stopped()));
    },
  };
}

/** The body of a request, as text. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  const body: AsyncIterable<Buffer> = request;
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
