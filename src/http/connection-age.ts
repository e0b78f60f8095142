// When a connection has lived long enough. The API server keeps using the connections it has, so a new replica gets work
// only when old connections end; `Connection: close` on an answer is the one way to end them that loses nothing.
import type { Socket } from 'node:net';

export interface AgeLimits {
  readonly connectionRequests: number;
  readonly connectionAgeMs: number;
}

/**
 * A function to call for each answer: true when it is to be the connection's last. Each connection gets limits of its
 * own, up to 20 % off, so that connections opened together do not end together.
 */
export function connectionAge(limits: AgeLimits, random: () => number = Math.random): (socket: Socket, now: number) => boolean {
  const lives = new WeakMap<Socket, { requests: number; readonly until: number }>();
  const jittered = (value: number): number => value * (1 - JITTER + 2 * JITTER * random());
  return (socket, now) => {
    let life = lives.get(socket);
    if (!life) {
      life = { requests: Math.round(jittered(limits.connectionRequests)), until: now + jittered(limits.connectionAgeMs) };
      lives.set(socket, life);
    }
    life.requests -= 1;
    return life.requests <= 0 || now >= life.until;
  };
}

const JITTER = 0.2;
