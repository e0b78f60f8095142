// What the HTTP parser or a time limit refuses before there is a request: answered with a bare status, then cut.
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

/** A listener for `clientError`: 408 for time, 431 for headers, 413 for chunk extensions, else 400. */
export function clientErrorAnswer(rejected: (status: number) => void) {
  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    // Answers are written whole, so nothing that is half out can be mixed up with this one. Who hung up is not answered.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || !socket.writable) {
      socket.destroy();
      return;
    }
    const status = STATUS_OF.get(error.code ?? '') ?? 400;
    rejected(status);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () =>
      socket.destroy(),
    );
  };
}

const STATUS_OF: ReadonlyMap<string, number> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
  ['HPE_HEADER_OVERFLOW', 431],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
]);
