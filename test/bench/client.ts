// A load client for machines without wrk: keep-alive connections that each send the next request when the last is answered.
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { podReview } from './workloads.ts';

/** What one run of load has shown; times in milliseconds. */
export interface Load {
  readonly requests: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
}

/** Words: file of templates, file of their order, port, connections, seconds, first lap. Prints a Load as JSON. */
export async function runClient([templateFile = '', orderFile = '', ...numbers]: readonly string[]): Promise<void> {
  const [port = 0, connections = 1, seconds = 1, firstLap = 0] = numbers.map(Number);
  const next = requests(lines(templateFile), lines(orderFile).map(Number), firstLap);
  const times: number[] = [];
  const start = performance.now();
  const until = start + seconds * 1000;
  const errors = await Promise.all(Array.from({ length: connections }, () => oneConnection(port, next, until, times)));
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

const lines = (file: string): readonly string[] => readFileSync(file, 'utf8').trimEnd().split('\n');

/** The requests of all connections, pod after pod; `order` counts lines from 1. */
const requests = (templates: readonly string[], order: readonly number[], firstLap: number): (() => string) => {
  let count = 0;
  return () => {
    const template = templates[(order[count % order.length] ?? 1) - 1] ?? '';
    const lap = firstLap + Math.floor(count / order.length);
    count += 1;
    const body = podReview(template, count, lap);
    return `POST /mutate?timeout=5s HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  };
};

/** Resolves to the number of failures. A connection that the server closes with an answer is opened again. */
const oneConnection = (port: number, nextRequest: () => string, until: number, times: number[]): Promise<number> =>
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
        socket.write(nextRequest());
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
