// Ports of 127.0.0.1 out here that lead to the same ports of 127.0.0.1 in the namespaces of a node.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { repositoryDirectory, serverEnvironment } from '../environment.ts';
import type { Surroundings } from '../host.ts';
import type { Watchdog } from '../watchdog.ts';

interface RelayOptions {
  readonly command: Surroundings['command'];
  readonly directory: string;
  readonly watchdog: Watchdog;
}

export interface Relay {
  /** @throws when the port is not free out here. */
  readonly reach: (port: number) => Promise<void>;
  readonly close: () => void;
}

/** Starts the process that carries the connections of one node; it ends with us. */
export function startRelay({ command, directory, watchdog }: RelayOptions): Relay {
  const script = join(repositoryDirectory(), 'test', 'bed', 'node', 'relay.mjs');
  const entered = command(process.execPath, [script]);
  const log = openSync(join(directory, 'log', 'relay.log'), 'a', 0o600);
  const child = spawn(entered.command, entered.arguments, {
    cwd: directory,
    env: serverEnvironment(directory),
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error(`the relay cannot be started: ${entered.command} is not executable here`);
  watchdog.add(pid);
  child.once('exit', () => watchdog.remove(pid));
  child.unref();
  child.channel?.unref();
  return {
    reach: async (port) => {
      const server = await listening(port);
      try {
        await handOver(child, port, server);
      } finally {
        server.close();
      }
    },
    close: () => void child.kill('SIGKILL'),
  };
}

const listening = (port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });

function handOver(child: ChildProcess, port: number, server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('the relay into the namespaces of the node has ended'));
    const answer = (message: unknown): void => {
      if (typeof message !== 'object' || message === null || !('port' in message) || message.port !== port) return;
      child.off('message', answer).off('exit', ended);
      child.channel?.unref();
      resolve();
    };
    child.channel?.ref();
    child.on('message', answer).once('exit', ended);
    child.send({ port }, server, (error) => error && reject(error));
  });
}
