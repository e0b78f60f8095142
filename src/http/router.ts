// Which handler serves which path: Express' Router on a server of node:http or node:https. The application of Express is left
// out, since it sets another prototype on every request and response (docs/decisions/0002).
import { type IncomingMessage, STATUS_CODES, type ServerResponse } from 'node:http';
import { Router } from 'express';
import { type Handler, refuse } from './answer.ts';

export interface RouterOptions {
  readonly lingerMs: number;
  readonly rejected: (status: number) => void;
}

/** A request listener: exact paths to handlers, otherwise 404. */
export function createRouter(routes: ReadonlyMap<string, Handler>, options: RouterOptions): Handler {
  // The types of a router ask for Express' own request and response, of which it reads url and method alone.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const router = Router({ caseSensitive: true, strict: true }) as unknown as BareRouter;
  for (const [path, handler] of routes) router.all(path, handler);
  return (request, response) =>
    router(request, response, (error) => {
      // A path that cannot be decoded is a URIError.
      const status = error === undefined || error === null ? 404 : error instanceof URIError ? 400 : 500;
      options.rejected(status);
      refuse(request, response, { status, text: STATUS_CODES[status] ?? 'error' }, options.lingerMs);
    });
}

/** A handler for GET and HEAD alone; other methods get 405. */
export function getOnly(handler: Handler, lingerMs: number): Handler {
  return (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') handler(request, response);
    else refuse(request, response, { status: 405, text: 'only GET is served here', headers: { allow: 'GET, HEAD' } }, lingerMs);
  };
}

interface BareRouter {
  all(path: string, handler: Handler): unknown;
  (request: IncomingMessage, response: ServerResponse, done: (error?: unknown) => void): void;
}
