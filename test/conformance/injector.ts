// `agent-inject` as a process, started as vault-k8s would be, and questions to it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueCa, issueLeaf } from '../../src/tls/issue.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { freePorts } from '../bed/ports.ts';
import { startServer, type Server } from '../bed/server.ts';
import { startWatchdog } from '../bed/watchdog.ts';
import type { Answer } from './compare.ts';
import type { Profile, requestOf } from './recorded.ts';
import { eventually } from '../support/eventually.ts';

export interface Injector {
  readonly post: (question: ReturnType<typeof requestOf>) => Promise<Answer>;
  /** True when it took connections before it ended or before the time was over. */
  readonly serving: boolean;
  readonly running: () => boolean;
  readonly exitCode: () => number | null;
}

export interface Laboratory {
  readonly start: (profile: Profile, timeoutMs: number) => Promise<Injector>;
  readonly stop: () => Promise<void>;
}

const DAY_MS = 86_400_000;

/** A directory with certificates, and everything started in it ends with it. */
export function laboratory(): Laboratory {
  const directory = mkdtempSync(join(tmpdir(), 'conformance-'));
  const watchdog = startWatchdog(directory);
  const servers: Server[] = [];
  const dates = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
  const authority = issueCa({ commonName: 'conformance', ...dates });
  const leaf = issueLeaf({
    ca: authority,
    commonName: 'localhost',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
    ...dates,
  });
  const [certificate, key] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
  writeFileSync(certificate, leaf.certificate);
  writeFileSync(key, leaf.key, { mode: 0o600 });

  return {
    async start({ flags, env }, timeoutMs) {
      const [port = 0] = await freePorts(1);
      const server = startServer({
        name: 'agent-inject',
        command: process.execPath,
        arguments: [
          join(repositoryDirectory(), 'dist', 'vault-auth-injector.js'),
          'agent-inject',
          `-listen=127.0.0.1:${port}`,
          `-tls-cert-file=${certificate}`,
          `-tls-key-file=${key}`,
          ...flags,
        ],
        environment: env,
        home: directory,
        logFile: join(directory, `${servers.length}.log`),
        watchdog,
      });
      servers.push(server);
      const listens = async (): Promise<boolean> => !server.running() || takesConnections(port);
      await eventually(listens, { seconds: timeoutMs / 1000 }).catch(() => undefined);
      const serving = server.running() && (await takesConnections(port));
      return {
        serving,
        running: server.running,
        exitCode: server.exitCode,
        post: (question) => post(port, authority.certificate, question),
      };
    },
    async stop() {
      await Promise.all(servers.map((server) => server.stop('SIGKILL')));
      watchdog.dismiss();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const takesConnections = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', () => resolve(false)).once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

const post = (port: number, ca: string, { method, path, headers, body }: ReturnType<typeof requestOf>): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, ca, agent: false, timeout: 10_000 }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer within 10 s')));
    sent.on('error', reject);
    sent.end(body === '' ? undefined : body);
  });
