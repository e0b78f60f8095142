// One HTTP or HTTPS request and its whole response, bounded in time and size.
import {
  type Agent,
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as httpRequest,
} from 'node:http';
import { Agent as HttpsAgent, type AgentOptions, type RequestOptions, request as httpsRequest } from 'node:https';
import { isNativeError } from 'node:util/types';
import { deadline } from './deadline.ts';

export interface ExchangeOptions {
  readonly url: URL;
  readonly method: string;
  readonly agent: Agent;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly contentType: string; readonly text: string } | undefined;
  /** For all of it: name lookup, connection, TLS handshake, request and response. */
  readonly timeoutMs: number;
  /** Of the body; with `untilLine`, of one line. */
  readonly maxResponseBytes: number;
  readonly signal: AbortSignal | undefined;
  /** Receives each line of a response with status 200; the first that it accepts ends the exchange and is the body. Without one the body is `null`. */
  readonly untilLine?: ((line: string) => boolean) | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** There was no whole response. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  readonly kind: 'DNSFailed' | 'TLSFailed' | 'ConnectionFailed' | 'Timeout' | 'CutOff' | 'TooLarge';
  /** False when the server cannot have read the request. */
  readonly sent: boolean;

  constructor(kind: ExchangeError['kind'], message: string, sent: boolean) {
    super(message);
    this.kind = kind;
    this.sent = sent;
  }
}

export interface TLSMaterial {
  /** PEM of the CA certificates to trust; undefined: those that Node trusts. */
  readonly ca?: string | undefined;
  /** PEM of the client certificate. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** The name to expect in the server's certificate where it is not the host. */
  readonly serverName?: string | undefined;
  /** False accepts any certificate; default: true. */
  readonly verify?: boolean;
}

/** A pool of connections to one server, by the protocol of its URL. */
export function connectionPool(url: URL, tls: TLSMaterial, maxSockets = Infinity): Agent {
  if (url.protocol !== 'https:') return new HttpAgent({ keepAlive: true, maxSockets });
  const options: AgentOptions = { keepAlive: true, maxSockets, rejectUnauthorized: tls.verify ?? true };
  if (tls.ca !== undefined) options.ca = tls.ca;
  if (tls.certificate !== undefined) options.cert = tls.certificate;
  if (tls.key !== undefined) options.key = tls.key;
  if (tls.serverName !== undefined) options.servername = tls.serverName;
  return new HttpsAgent(options);
}

/**
 * Sends one request; redirects are returned, not followed. Throws ExchangeError, the signal's reason when the caller aborted, or what
 * `untilLine` throws.
 * A GET on a kept connection that the server closed at that moment is sent once more: the server cannot have read it.
 */
export async function exchange(options: ExchangeOptions): Promise<HttpResponse> {
  const { signal, isOver, end } = deadline(options.timeoutMs, options.signal);
  try {
    return await send(options, signal).catch((error: unknown) => {
      if (options.method === 'GET' && error instanceof StaleConnection) return send(options, signal);
      throw error;
    });
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    if (error instanceof LineRejected) throw error.cause;
    const failure = error instanceof ExchangeError ? error : new ExchangeError('CutOff', String(error), true);
    if (isOver()) throw new ExchangeError('Timeout', `no response within ${options.timeoutMs} ms`, failure.sent);
    throw failure;
  } finally {
    end();
  }
}

/** The server closed a kept connection before it sent a response. */
class StaleConnection extends ExchangeError {}

/** `untilLine` threw its cause. */
class LineRejected extends Error {}

const send = (options: ExchangeOptions, signal: AbortSignal): Promise<HttpResponse> =>
  new Promise((resolve, reject) => {
    const { url, method, agent, headers, body, maxResponseBytes, untilLine } = options;
    let sent = false;
    const fail = (error: unknown): void =>
      reject(error instanceof ExchangeError || error instanceof LineRejected ? error : failureOf(error, sent));
    const length = body && { 'content-type': body.contentType, 'content-length': Buffer.byteLength(body.text) };
    const settings: RequestOptions = { method, agent, headers: { ...headers, ...length }, signal };
    const onResponse = (response: IncomingMessage): void => {
      const reading =
        untilLine && response.statusCode === 200
          ? firstLine(response, untilLine, maxResponseBytes)
          : wholeBody(response, maxResponseBytes);
      reading.then((text) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }), fail);
    };
    const isSecure = url.protocol === 'https:';
    try {
      const request = isSecure ? httpsRequest(url, settings, onResponse) : httpRequest(url, settings, onResponse);
      request.on('error', (error: NodeJS.ErrnoException) => {
        const isStale = request.reusedSocket && error.code === 'ECONNRESET';
        fail(isStale ? new StaleConnection('CutOff', error.message, true) : error);
      });
      request.on('socket', (socket) => {
        sent = request.reusedSocket || !socket.connecting;
        if (sent) return;
        socket.once(isSecure ? 'secureConnect' : 'connect', () => {
          sent = true;
        });
      });
      request.end(body?.text);
    } catch (error) {
      // A certificate or key that cannot be read is thrown here.
      fail(error);
    }
  });

const wholeBody = async (response: IncomingMessage, limit: number): Promise<string> => {
  const stream: AsyncIterable<Buffer> = response;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limit) throw new ExchangeError('TooLarge', `the response has more than ${limit} bytes`, true);
    chunks.push(chunk);
  }
  if (!response.complete) throw new ExchangeError('CutOff', 'the connection closed within the response', true);
  return Buffer.concat(chunks).toString();
};

const firstLine = async (response: IncomingMessage, accept: (line: string) => boolean, limit: number): Promise<string> => {
  const stream: AsyncIterable<string> = response.setEncoding('utf8');
  let rest = '';
  for await (const text of stream) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    const line = lines.find((each) => accepts(each, accept));
    // Leaving the loop destroys the response, and with it the connection.
    if (line !== undefined) return line;
    if (rest.length > limit) throw new ExchangeError('TooLarge', `a line of the response has more than ${limit} bytes`, true);
  }
  return 'null';
};

const accepts = (line: string, accept: (line: string) => boolean): boolean => {
  try {
    return accept(line);
  } catch (error) {
    throw new LineRejected('a line was rejected', { cause: error });
  }
};

const failureOf = (error: unknown, sent: boolean): ExchangeError => {
  const { code = '', syscall, message }: NodeJS.ErrnoException = isNativeError(error) ? error : new Error(String(error));
  const text = message === '' ? code : message;
  if (syscall === 'getaddrinfo' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new ExchangeError('DNSFailed', text, false);
  // A server that rejects the client certificate reports it after its own half of the handshake, and reads no request then.
  if (TLS_CODES.test(code)) return new ExchangeError('TLSFailed', text, false);
  return new ExchangeError(sent ? 'CutOff' : 'ConnectionFailed', text, sent);
};

/** OpenSSL's names of verification errors, and Node's own codes around TLS. */
const TLS_CODES =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH_|ERROR_IN_C|CRL_)/;
