// Which path is answered by what. Express' router alone, without its application: an application gives every request and
// response another prototype, which costs about as much as reading a typical review.
import { type IncomingMessage, STATUS_CODES, type ServerResponse } from 'node:http';
import { Router } from 'express';
import { type Handler, refuse } from './answer.ts';

export interface RouterOptions {
  readonly lingerMs: number;
  readonly rejected: (status: number) => void;
}

/** A listener for a server of node:http or node:https: exact paths to handlers, 404 for the rest. */
export function createRouter(routes: ReadonlyMap<string, Handler>, options: RouterOptions): Handler {
  // The router only reads url and method of what it is given; its types ask for Express' own request and response.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const router = Router({ caseSensitive: true, strict: true }) as unknown as BareRouter;
  for (const [path, handler] of routes) router.all(path, handler);
  return (request, response) => {
    // A path in its plain writing needs no matching; the router takes a twentieth of the time of a review without annotation.
    const target = request.url ?? '';
    const query = target.indexOf('?');
    const handler = routes.get(query < 0 ? target : target.slice(0, query));
    if (handler) handler(request, response);
    else
      router(request, response, (error) => {
        // The router's only own fault is a path that cannot be decoded.
        const status = error === undefined || error === null ? 404 : error instanceof URIError ? 400 : 500;
        options.rejected(status);
        refuse(request, response, { status, text: STATUS_CODES[status] ?? 'error' }, options.lingerMs);
      });
  };
}

/** Handlers for GET and HEAD alone. */
export function getOnly(handler: Handler, lingerMs: number): Handler {
  return (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') handler(request, response);
    else refuse(request, response, { status: 405, text: 'only GET is served here', headers: ['allow', 'GET, HEAD'] }, lingerMs);
  };
}

interface BareRouter {
  all(path: string, handler: Handler): unknown;
  (request: IncomingMessage, response: ServerResponse, done: (error?: unknown) => void): void;
}
