// What kube-proxy is for two replicas: new connections go to one of the endpoints in turn, open ones stay where they are.
import { connect, createServer, type Socket } from 'node:net';
import { freePorts } from '../bed/ports.ts';

export interface Relay {
  readonly port: number;
  readonly add: (port: number) => void;
  readonly remove: (port: number) => void;
  readonly close: () => Promise<void>;
}

/** Listens on the loopback address. Without an endpoint, connections are reset. */
export async function startRelay(): Promise<Relay> {
  const [port = 0] = await freePorts(1);
  const endpoints: number[] = [];
  const open = new Set<Socket>();
  let turn = 0;
  const server = createServer((client) => {
    turn += 1;
    const endpoint = endpoints[turn % Math.max(1, endpoints.length)];
    if (endpoint === undefined) return void client.resetAndDestroy();
    const replica = connect(endpoint, '127.0.0.1');
    for (const [socket, other] of [
      [client, replica],
      [replica, client],
    ] as const) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  return {
    port,
    add: (endpoint) => void endpoints.push(endpoint),
    remove: (endpoint) => void endpoints.splice(endpoints.indexOf(endpoint), 1),
    close: () =>
      new Promise((closed) => {
        for (const socket of open) socket.destroy();
        server.close(() => closed());
      }),
  };
}
