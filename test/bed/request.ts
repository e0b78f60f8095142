// Requests to the API server as the cluster's administrator, over kept connections, with every field that tests check.
import { Agent, request as send } from 'node:https';
import type { KeyPair } from '../../src/tls/issue.ts';

export interface ApiAnswer {
  readonly status: number;
  /** Texts of the Warning headers, in order, without the code and quotes. */
  readonly warnings: readonly string[];
  readonly text: string;
}

export interface ApiClient {
  /** Any answer, whatever its status. Body objects are sent as JSON, text as it is. */
  readonly exchange: (method: string, path: string, body?: unknown, contentType?: string) => Promise<ApiAnswer>;
  readonly close: () => void;
}

/** An answer that was no success. */
export class ApiFailure extends Error {
  readonly status: number;
  /** `reason` of the Status object, for example "Forbidden"; empty when there is none. */
  readonly reason: string;

  constructor(call: string, answer: ApiAnswer) {
    const status = parsed(answer.text);
    super(status.message ?? `${call}: ${answer.status} ${answer.text.slice(0, 500)}`);
    this.name = 'ApiFailure';
    this.status = answer.status;
    this.reason = status.reason ?? '';
  }
}

/** A client of one API server. Each request may take a minute. */
export function createApiClient(url: string, authority: string, client: KeyPair): ApiClient {
  const agent = new Agent({ keepAlive: true, ca: authority, cert: client.certificate, key: client.key });
  const exchange = (method: string, path: string, content: Buffer | undefined, contentType: string): Promise<ApiAnswer> =>
    new Promise((resolve, reject) => {
      const headers = content && { 'Content-Type': contentType, 'Content-Length': content.length };
      const request = send(
        new URL(path, url),
        { method, agent, headers: { Accept: 'application/json', ...headers } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
          response.on('end', () => {
            const warnings = (response.headersDistinct['warning'] ?? []).map(warningText);
            resolve({ status: response.statusCode ?? 0, warnings, text: Buffer.concat(chunks).toString() });
          });
        },
      );
      request.setTimeout(60_000, () => request.destroy(new Error(`${method} ${path}: no answer within 60 s`)));
      request.on('error', (error: NodeJS.ErrnoException) => {
        // The server may close an idle connection at the moment at which it is used again (RFC 9112: then repeat the request).
        if (request.reusedSocket && error.code === 'ECONNRESET') resolve(exchange(method, path, content, contentType));
        else reject(error);
      });
      request.end(content);
    });
  return {
    exchange: (method, path, body, contentType = 'application/json') =>
      exchange(
        method,
        path,
        body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
        contentType,
      ),
    close: () => agent.destroy(),
  };
}

/** RFC 7234, section 5.5: `299 - "text"`, quotes and backslashes inside escaped. */
const warningText = (header: string): string => /^\d+ \S+ "(.*)"$/s.exec(header)?.[1]?.replaceAll(/\\(.)/gs, '$1') ?? header;

function parsed(text: string): { readonly message?: string; readonly reason?: string } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
