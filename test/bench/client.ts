// A load client for machines without wrk: keep-alive connections that each send the next request when the last is answered.
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';

/** What one run of load has shown; times in milliseconds. */
export interface Load {
  readonly requests: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
}

/** Words: port, file with the body, connections, seconds. Prints a Load as JSON. */
export async function runClient([port, file, connections, seconds]: readonly string[]): Promise<void> {
  const body = readFileSync(file ?? '');
  const head = `POST /mutate?timeout=5s HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), body]);
  const times: number[] = [];
  const start = performance.now();
  const until = start + Number(seconds) * 1000;
  const errors = await Promise.all(
    Array.from({ length: Number(connections) }, () => oneConnection(Number(port), request, until, times)),
  );
  const took = (performance.now() - start) / 1000;
  times.sort((left, right) => left - right);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  const load: Load = {
    requests: times.length,
    seconds: took,
    p50: at(0.5),
    p99: at(0.99),
    errors: errors.reduce((sum, count) => sum + count, 0),
  };
  process.stdout.write(JSON.stringify(load));
}

/** Resolves to the number of failures. A connection that the server ends with an answer is opened anew. */
const oneConnection = (port: number, request: Buffer, until: number, times: number[]): Promise<number> =>
  new Promise((resolve) => {
    let failures = 0;
    const open = (): void => {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
      let received = '';
      let sent = 0;
      let isLast = false;
      const next = (): void => {
        received = '';
        sent = performance.now();
        socket.write(request);
      };
      socket.setEncoding('latin1').once('secureConnect', next);
      socket.on('data', (text: string) => {
        received += text;
        const end = received.indexOf('\r\n\r\n');
        const length = Number(/content-length: (\d+)/i.exec(received.slice(0, end))?.[1] ?? Number.NaN);
        if (end < 0 || received.length < end + 4 + length) return;
        if (received.startsWith('HTTP/1.1 200 ')) times.push(performance.now() - sent);
        else failures += 1;
        isLast = /connection: close/i.test(received.slice(0, end));
        if (isLast || performance.now() >= until) socket.end();
        else next();
      });
      socket.on('error', () => (failures += 1));
      socket.on('close', () => (performance.now() < until ? open() : resolve(failures)));
    };
    open();
  });
