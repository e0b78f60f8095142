// Certificate changes, TLS versions, and what readiness reports about them.
import { X509Certificate } from 'node:crypto';
import { connect, type ConnectionOptions } from 'node:tls';
import { goLikeAgent, review, send } from './client.ts';
import { changingCertificates, issue, metric, startServer, stopServers } from './fixture.ts';
import { eventually } from '../support/eventually.ts';

afterEach(stopServers);

interface Shake {
  readonly fingerprint: string;
  readonly protocol: string | null;
  readonly alpn: string | false | null;
}

const shake = (port: number, options: ConnectionOptions = {}): Promise<Shake> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => {
      const fingerprint = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
      resolve({ fingerprint, protocol: socket.getProtocol(), alpn: socket.alpnProtocol });
      socket.destroy();
    });
    socket.on('error', reject);
  });

const fingerprint = (pem: string): string => new X509Certificate(pem).fingerprint256;

it('changes the certificate under traffic without a failed request, also for clients that send no name', async () => {
  const server = await startServer();
  const agent = goLikeAgent();
  const traffic = { stop: false };
  const failures: unknown[] = [];
  const seen: number[] = [];
  const clients = Array.from({ length: 4 }, async (_, index) => {
    while (!traffic.stop) {
      const answer = await send(server.port, review(), index % 2 ? { agent } : {}).catch((error: unknown) => error);
      if (typeof answer === 'object' && answer && 'status' in answer) seen.push(Number(answer.status));
      else failures.push(answer);
    }
  });
  for (let round = 0; round < 5; round += 1) {
    const certificate = issue();
    server.certificates.replace(certificate);
    await eventually(async () => (await shake(server.port)).fingerprint === fingerprint(certificate.certificate));
    expect((await shake(server.port, { servername: 'localhost' })).fingerprint).toBe(fingerprint(certificate.certificate));
    expect((await shake(server.port, { servername: 'other.example' })).fingerprint).toBe(fingerprint(certificate.certificate));
  }
  traffic.stop = true;
  await Promise.all(clients);
  agent.destroy();
  expect(failures).toEqual([]);
  expect(seen.length).toBeGreaterThan(20);
  expect(new Set(seen)).toEqual(new Set([200]));
});

it('accepts HTTP/1.1 only, and TLS 1.2 or newer', async () => {
  const { port, metrics } = await startServer();
  expect(await shake(port, { ALPNProtocols: ['h2', 'http/1.1'] })).toMatchObject({ alpn: 'http/1.1', protocol: 'TLSv1.3' });
  expect(await shake(port, { maxVersion: 'TLSv1.2' })).toMatchObject({ protocol: 'TLSv1.2' });
  await expect(shake(port, { ALPNProtocols: ['h2'] })).rejects.toThrow();
  await expect(shake(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' })).rejects.toThrow();
  // A client may know of its failure before the server does.
  await eventually(async () => (await metric(metrics, 'vault_auth_injector_tls_handshake_errors_total')) === 2);
});

it('keeps version and ciphers across a change of the certificate', async () => {
  const server = await startServer({ tls: { minVersion: 'tls12', ciphers: ['ECDHE-ECDSA-AES256-GCM-SHA384'] } });
  for (let change = 0; change < 2; change += 1) {
    await expect(shake(server.port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).rejects.toThrow();
    expect(await shake(server.port, { maxVersion: 'TLSv1.2' })).toMatchObject({ protocol: 'TLSv1.2' });
    expect(await shake(server.port)).toMatchObject({ protocol: 'TLSv1.3' });
    server.certificates.replace(issue());
  }
});

it.each([
  ['tls10', 'TLSv1'],
  ['tls11', 'TLSv1.1'],
] as const)('speaks %s when the settings ask for it', async (minVersion, protocol) => {
  const { port } = await startServer({ tls: { minVersion } });
  const old = { minVersion: protocol, maxVersion: protocol, ciphers: 'ALL:@SECLEVEL=0' };
  expect(await shake(port, old)).toMatchObject({ protocol });
});

it('rejects TLS 1.2 when the minimum version is 1.3', async () => {
  const { port } = await startServer({ tls: { minVersion: 'tls13' } });
  await expect(shake(port, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
  expect(await shake(port)).toMatchObject({ protocol: 'TLSv1.3' });
});

it('reports why it is not ready: no certificate, a problem of its source, an expired certificate', async () => {
  const server = await startServer({ certificates: changingCertificates() });
  expect(server.reasons()).toEqual(['no certificate has been loaded yet']);
  await expect(shake(server.port)).rejects.toThrow();
  server.certificates.replace(issue());
  await eventually(() => server.reasons().length === 0);
  expect(server.reasons()).toEqual([]);
  expect((await send(server.port, review())).status).toBe(200);
  server.certificates.setProblem('the published CA did not sign this certificate');
  expect(server.reasons()).toEqual(['the published CA did not sign this certificate']);
  server.certificates.setProblem(undefined);
  server.certificates.replace(issue(new Date(Date.now() - 60_000)));
  expect(server.reasons()).toEqual([expect.stringMatching(/^the certificate expired at 20/)]);
});

it('reports a port that serves another certificate than the current one', async () => {
  const [served, ...later] = [issue(), issue()];
  const asked = [served];
  const server = await startServer({ certificates: { ...changingCertificates(), current: () => asked.pop() ?? later[0] } });
  expect(server.reasons()).toEqual(['the TLS port serves another certificate than the current one']);
});
