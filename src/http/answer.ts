// Answers. Refusals are one short line of text: no version, no stack, nothing of what was sent.
import type { IncomingMessage, ServerResponse } from 'node:http';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers with a whole body in one write; `close` makes this the last answer of its connection. */
export function answer(response: ServerResponse, status: number, contentType: string, body: string, close: boolean): void {
  const length = Buffer.byteLength(body);
  const headers: (string | number)[] = ['content-type', contentType, 'content-length', length];
  if (close) headers.push('connection', 'close');
  // A flat array is what Node.js writes without copying it first.
  response.writeHead(status, headers);
  // Text of ASCII alone, by its length, takes a shorter way to the socket.
  response.end(body, length === body.length ? 'latin1' : 'utf8');
}

export interface Refusal {
  readonly status: number;
  /** One sentence without the line feed. */
  readonly text: string;
  readonly headers?: readonly string[];
  readonly close?: boolean;
}

/** To be tried again: the API server does so within the timeout of its call, most likely at another replica. */
export function busy(text: string): Refusal {
  return { status: 503, text, headers: ['retry-after', '1'], close: true };
}

/**
 * Refuses a request. When its body has not arrived, the connection ends after the answer, and what still arrives within
 * `lingerMs` is thrown away: closing at once would reset the connection and the client might never see the answer.
 */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal, lingerMs: number): void {
  if (response.headersSent || response.destroyed) return;
  const body = `${refusal.text}\n`;
  const unread = hasBody(request) && !request.complete;
  const headers = ['content-type', 'text/plain; charset=utf-8', 'content-length', String(Buffer.byteLength(body))];
  headers.push(...(refusal.headers ?? []));
  if (unread || refusal.close) headers.push('connection', 'close');
  response.writeHead(refusal.status, headers);
  if (!unread || request.method === 'HEAD') {
    response.end(body);
    return;
  }
  response.write(body);
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  request.once('close', end).once('end', end).resume();
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
