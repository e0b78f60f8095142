// Responses. An error response is one short line of text: no version, no stack, nothing of the request.
import type { IncomingMessage, ServerResponse } from 'node:http';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Writes a whole response; `close` makes it the last one of its connection. */
export function answer(response: ServerResponse, status: number, contentType: string, body: string, close: boolean): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    ...(close && { connection: 'close' }),
  });
  response.end(body);
}

export interface Refusal {
  readonly status: number;
  /** One sentence without the line feed. */
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly close?: boolean;
}

/** 503 with Retry-After: the API server tries again within the timeout of its call, most likely at another replica. */
export function busy(text: string): Refusal {
  return { status: 503, text, headers: { 'retry-after': '1' }, close: true };
}

/**
 * Refuses a request. If its body has not arrived, the connection closes after the response, and what still arrives within
 * `lingerMs` is discarded: closing at once would reset the connection before the client has read the response.
 */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal, lingerMs: number): void {
  if (response.headersSent || response.destroyed) return;
  const body = `${refusal.text}\n`;
  const isUnread = hasBody(request) && !request.complete;
  response.writeHead(refusal.status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    ...refusal.headers,
    ...((isUnread || refusal.close) && { connection: 'close' }),
  });
  if (!isUnread || request.method === 'HEAD') {
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
