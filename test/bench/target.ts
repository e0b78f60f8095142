// One server under load, a process of its own on the first core; what it takes is read from /proc.
import { spawn } from 'node:child_process';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { cpuMsOf, rssMiBOf } from './process.ts';

export interface TargetSpec {
  readonly name: string;
  /** The command line for a port. */
  readonly command: (port: number) => readonly string[];
}

export interface Target {
  readonly name: string;
  readonly port: number;
  /** From the start of the process to the first answered review. */
  readonly startMs: number;
  cpuMs(): number;
  rssMiB(): number;
  stop(): Promise<void>;
}

const SERVER_CORE = '0';
const START_LIMIT_MS = 20_000;

/** Starts a server and waits for its first answer to `body`; nothing of it is left when that fails. */
export async function startTarget({ name, command }: TargetSpec, body: string): Promise<Target> {
  const port = await freePort();
  const start = performance.now();
  const child = spawn('taskset', ['-c', SERVER_CORE, ...command(port)], { stdio: ['ignore', 'ignore', 'inherit'] });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
    process.off('exit', kill);
  };
  while ((await answerOf(port, body)).status !== 200) {
    if (child.exitCode !== null || performance.now() - start > START_LIMIT_MS) {
      await stop();
      throw new Error(`${name} did not answer a review within ${START_LIMIT_MS / 1000} s of its start`);
    }
    await sleep(2);
  }
  return {
    name,
    port,
    startMs: performance.now() - start,
    cpuMs: () => cpuMsOf(child.pid),
    rssMiB: () => rssMiBOf(child.pid),
    stop,
  };
}

/** KiB that each of `count` idle connections costs the server. */
export async function idleConnectionKiB(target: Target, count: number): Promise<number> {
  const before = target.rssMiB();
  const sockets: TLSSocket[] = [];
  while (sockets.length < count) sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => open(target.port)))));
  await sleep(800);
  const after = target.rssMiB();
  for (const socket of sockets) socket.destroy();
  return ((after - before) * 1024) / sockets.length;
}

const open = (port: number): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => resolve(socket));
    socket.on('error', reject);
  });

export interface Answer {
  /** 0 when the server cannot be reached. */
  readonly status: number;
  readonly body: string;
}

/** Sends one review over a connection of its own. */
export function answerOf(port: number, review: string): Promise<Answer> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(review) };
    const options = {
      host: '127.0.0.1',
      port,
      path: '/mutate',
      method: 'POST',
      rejectUnauthorized: false,
      agent: false,
      headers,
      timeout: 2000,
    };
    const call = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve({ status: 0, body: '' }));
    call.end(review);
  });
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
