// One started server: its log file, its end, and waiting until it is ready.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverEnvironment } from './environment.ts';
import type { Watchdog } from './watchdog.ts';

export interface ServerOptions {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Home of the process; nothing of the user's is read or written. */
  readonly home: string;
  readonly logFile: string;
  readonly watchdog: Watchdog;
}

export interface Server {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** False once the process has ended, on its own or by `stop`. */
  readonly running: () => boolean;
  /** Null while the process runs, and when a signal ended it. */
  readonly exitCode: () => number | null;
  /** Sends the signal, and SIGKILL after 10 seconds; resolves when the process is gone. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** Starts a server in a session of its own, so that Ctrl-C at the terminal reaches only us and the order of the end is ours. */
export function startServer(options: ServerOptions): Server {
  const log = openSync(options.logFile, 'a', 0o600);
  const child = spawn(options.command, options.arguments, {
    cwd: options.home,
    env: { ...serverEnvironment(options.home), ...options.environment },
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.name} cannot be started: ${options.command} is not executable here`);
  options.watchdog.add(pid);
  // A test that forgot to stop its bed must still be able to end; the watchdog then ends the servers.
  child.unref();
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  child.once('exit', () => options.watchdog.remove(pid));
  return {
    name: options.name,
    pid,
    logFile: options.logFile,
    running,
    exitCode: () => child.exitCode,
    stop: (signal) => stop(child, running, signal),
  };
}

/**
 * Polls until the check says true.
 * @throws when the server ends before that or the time (seconds) is over, with the end of its log.
 */
export async function untilReady(
  server: Server,
  seconds: number,
  check: () => Promise<boolean>,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await check().catch(() => false))) {
    signal?.throwIfAborted();
    if (!server.running()) throw new Error(`${server.name} ended before it was ready:\n${endOfLog(server)}`);
    if (Date.now() > deadline) throw new Error(`${server.name} was not ready after ${seconds} s:\n${endOfLog(server)}`);
    await sleep(50);
  }
}

async function stop(child: ChildProcess, running: () => boolean, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (!running()) return;
  child.ref();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(timer);
}

const endOfLog = (server: Server): string =>
  `${readFileSync(server.logFile, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(-12)
    .map((line) => `  ${line.slice(0, 400)}`)
    .join('\n')}\n  (${server.logFile})`;
