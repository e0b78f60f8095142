// One HTTP request and its whole answer, bounded in time and size; a failure says whether anything was sent.
import { type Agent, type IncomingMessage, type RequestOptions, request as requestPlain } from 'node:http';
import { type RequestOptions as SecureOptions, request as requestSecure } from 'node:https';
import { isNativeError } from 'node:util/types';
import { deadline } from '../net/deadline.ts';

export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly agent: Agent;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string | undefined;
  readonly timeoutMs: number;
  readonly answerLimit: number;
  readonly signal: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly retryAfter: string | undefined;
  readonly location: string | undefined;
}

/** No whole answer came. */
export class ExchangeFailure extends Error {
  readonly kind: 'DNSFailed' | 'TLSFailed' | 'ConnectionFailed' | 'Timeout' | 'CutOff' | 'Unreadable';
  /** False when the server cannot have read the request. */
  readonly sent: boolean;

  constructor(kind: ExchangeFailure['kind'], message: string, sent: boolean) {
    super(message);
    this.kind = kind;
    this.sent = sent;
  }
}

/** Sends one request. Throws ExchangeFailure, or the signal's reason when the caller gave up. Redirects are answers. */
export function exchange(options: Exchange): Promise<Answer> {
  const { signal, isOver, end } = deadline(options.timeoutMs, options.signal);
  return new Promise<Answer>((resolve, reject) => {
    let sent = false;
    const fail = (error: unknown): void => {
      if (options.signal?.aborted) return reject(options.signal.reason);
      if (isOver()) return reject(new ExchangeFailure('Timeout', `no answer within ${options.timeoutMs} ms`, sent));
      reject(error instanceof ExchangeFailure ? error : failureOf(error, sent));
    };
    const { url, method, agent, headers, body, answerLimit } = options;
    const length = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const secure = url.protocol === 'https:';
    const settings: RequestOptions & SecureOptions = { method, agent, headers: { ...headers, ...length }, signal };
    const answered = (response: IncomingMessage): void => void collect(response, answerLimit).then(resolve, fail);
    try {
      const call = secure ? requestSecure(url, settings, answered) : requestPlain(url, settings, answered);
      call.on('error', fail);
      call.on('socket', (socket) => {
        sent = call.reusedSocket || !socket.connecting;
        if (sent) return;
        socket.once(secure ? 'secureConnect' : 'connect', () => {
          sent = true;
        });
      });
      call.end(body);
    } catch (error) {
      // A certificate or key that cannot be read is thrown here.
      fail(error);
    }
  }).finally(end);
}

const collect = async (response: IncomingMessage, limit: number): Promise<Answer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  const stream: AsyncIterable<Buffer> = response;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limit) throw new ExchangeFailure('Unreadable', `the answer has more than ${limit} bytes`, true);
    chunks.push(chunk);
  }
  if (!response.complete) throw new ExchangeFailure('CutOff', 'the connection was cut within the answer', true);
  const { 'retry-after': retryAfter, location } = response.headers;
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), retryAfter, location };
};

const failureOf = (error: unknown, sent: boolean): ExchangeFailure => {
  const { code = '', syscall, message }: NodeJS.ErrnoException = isNativeError(error) ? error : new Error(String(error));
  const text = message === '' ? code : message;
  if (syscall === 'getaddrinfo' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new ExchangeFailure('DNSFailed', text, false);
  // A server that wants another client certificate says so after its own half of the handshake, and reads no request then.
  if (TLS_CODES.test(code)) return new ExchangeFailure('TLSFailed', text, false);
  return new ExchangeFailure(sent ? 'CutOff' : 'ConnectionFailed', text, sent);
};

/** OpenSSL's names of verification errors, and Node's own codes around TLS. */
const TLS_CODES =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH_|ERROR_IN_C|CRL_)/;
