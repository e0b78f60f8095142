// Free TCP ports on the loopback address.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { workerNumber } from './environment.ts';

/**
 * Below those that a system gives by itself to processes that connect or listen on port 0 (32768 and up on Linux): between finding a port
 * and using it no other process takes one of these by chance. Above those of a node (10250 and near it), below those of Services (30000 and up).
 */
const FIRST = 11_000;
const LAST = 29_999;
/** Tests run in several processes at a time, and each has every eighth port for itself. */
const PROCESSES = 8;

const given = new Set<number>();

/** Ports that were free a moment ago, all different, and none twice in a process. Another process may still take one: the caller must notice. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = FIRST + PROCESSES * randomInt(Math.floor((LAST - FIRST) / PROCESSES)) + (workerNumber() % PROCESSES);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
