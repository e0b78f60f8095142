// One HTTPS request and its whole answer, bounded in time and size.
import type { IncomingMessage } from 'node:http';
import { type Agent, request } from 'node:https';
import { deadline } from '../net/deadline.ts';

export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly agent: Agent;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly contentType: string; readonly text: string } | undefined;
  /** From the first byte sent to the last received. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Ends the exchange early, with that line as the body; without such a line the body is `null`. */
  readonly untilLine: ((line: string) => boolean) | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The time was over before the answer was whole. */
export class NoAnswer extends Error {}

/** An object has at most 1.5 MiB in etcd; a page of 500 of the usual size fits too. */
const ANSWER_LIMIT = 32 * 1024 * 1024;

/** Sends one request. A GET on a kept connection that the server has just closed is sent once more. Throws what the socket throws, or NoAnswer. */
export async function exchange(options: Exchange): Promise<Answer> {
  const { signal, isOver, end } = deadline(options.timeoutMs, options.signal);
  try {
    return await once(options, signal).catch((error: unknown) => {
      if (options.method === 'GET' && error instanceof StaleConnection) return once(options, signal);
      throw error;
    });
  } catch (error) {
    if (isOver()) throw new NoAnswer(`no answer within ${options.timeoutMs} ms`, { cause: error });
    throw error;
  } finally {
    end();
  }
}

class StaleConnection extends Error {}

const once = ({ url, method, agent, headers, body, untilLine }: Exchange, signal: AbortSignal): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const length = body && { 'content-type': body.contentType, 'content-length': Buffer.byteLength(body.text) };
    const call = request(url, { method, agent, headers: { ...headers, ...length }, signal }, (response) => {
      const success = response.statusCode === 200;
      (untilLine && success ? firstLine(response, untilLine) : collect(response)).then(resolve, reject);
    });
    call.on('error', (error: NodeJS.ErrnoException) => {
      reject(call.reusedSocket && error.code === 'ECONNRESET' ? new StaleConnection(error.message) : error);
    });
    call.end(body?.text);
  });

const collect = async (response: IncomingMessage): Promise<Answer> => {
  const body: AsyncIterable<Buffer> = response;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > ANSWER_LIMIT) throw new Error(`the answer has more than ${ANSWER_LIMIT} bytes`);
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() };
};

const firstLine = async (response: IncomingMessage, accept: (line: string) => boolean): Promise<Answer> => {
  const stream: AsyncIterable<string> = response.setEncoding('utf8');
  let rest = '';
  for await (const text of stream) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    const line = lines.find(accept);
    // Leaving the loop destroys the response, and with it the connection.
    if (line !== undefined) return { status: 200, body: line };
    if (rest.length > ANSWER_LIMIT) throw new Error(`a line of the answer has more than ${ANSWER_LIMIT} bytes`);
  }
  return { status: 200, body: 'null' };
};
